"""The form: the five values that Tigerpaw needs, and what cannot be right."""

import pytest

from plugin.hosts.tigerpaw.host import Tigerpaw


def test_exactly_five_values_are_needed() -> None:
    needed = {field.name for field in Tigerpaw.fields if field.required}
    assert needed == {"server", "public_key", "private_key", "soap_user", "soap_password"}
    assert {field.name for field in Tigerpaw.fields if field.secret} == {
        "private_key",
        "soap_password",
    }
    assert all(field.advanced for field in Tigerpaw.fields if not field.required)


def test_the_defaults_are_right_and_charges_are_off() -> None:
    usual = {field.name: field.default for field in Tigerpaw.fields if field.default}
    assert Tigerpaw.validate(usual) == ()
    assert "charges_confirmed" not in usual


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("wsdl", "ftp://x.example/a"),
        ("wsdl", "/etc/passwd"),
        ("soap_endpoint", "http://x.example/a"),
        ("charges_template", "<a>"),
        ("charges_success_path", "//*"),
        ("charges_detail_path", "a b"),
    ],
)
def test_what_cannot_be_right_is_named(name: str, value: str) -> None:
    assert [error.field for error in Tigerpaw.validate({name: value})] == [name]
