import pytest

from plugin.domain.contracts import FieldKind
from plugin.vendors.eset.protect import EsetProtect
from tests.vendors.eset.house import CONSOLE

CLOUD = {
    "name": "Our clients",
    "type": "cloud",
    "region": "eu",
    "email": "api@bridgehead.example",
    "password": "x",
}
ON_PREM = {"name": "Our clients", **CONSOLE}


def faults(**changes: str) -> list[str]:
    return [fault.field for fault in EsetProtect.validate({**CLOUD, **changes})]


def console_faults(**changes: str) -> list[str]:
    return [fault.field for fault in EsetProtect.validate({**ON_PREM, **changes})]


def test_a_form_filled_in_rightly_has_no_faults() -> None:
    assert faults() == console_faults() == []
    assert faults(msp_email="a@b.example", msp_password="y", customer_pairs="g=c") == []


def test_the_fields_are_named_as_esets_manual_names_them() -> None:
    labels = {field.name: field.label for field in EsetProtect.fields}
    assert labels["type"] == "PROTECT Connection Type"
    assert labels["region"] == "ESET PROTECT Server Region"
    assert (labels["email"], labels["password"]) == ("Email", "Password")
    regions = next(field for field in EsetProtect.fields if field.name == "region").choices
    assert [(each.value, each.label) for each in regions] == [
        ("eu", "Europe"),
        ("de", "Germany"),
        ("us", "United States"),
        ("ca", "Canada"),
        ("jpn", "Japan"),
    ]


def test_names_are_unique_passwords_are_secret_and_the_second_slot_is_optional() -> None:
    names = [field.name for field in EsetProtect.fields]
    assert len(names) == len(set(names))
    assert {field.name for field in EsetProtect.fields if field.secret} == {
        "password",
        "msp_password",
    }
    slot = [field for field in EsetProtect.fields if field.slot == "msp"]
    assert [field.required for field in slot] == [False, False, False]
    kinds = {field.name: field.kind for field in EsetProtect.fields}
    assert kinds["certificate"] is FieldKind.CERTIFICATE


@pytest.mark.parametrize("name", ["Our clients", "A1", "x", "North 2 East"])
def test_letters_digits_and_single_spaces_make_a_name(name: str) -> None:
    assert faults(name=name) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        " a",
        "a ",
        "a  b",
        "protect.example.com",
        "a-b",
        "a_b",
        "Zürich",
        "a\nb",
        "a\n",
        "localhost",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    assert faults(name=name) == ["name"]


@pytest.mark.parametrize("name", ["protect", "PROTECT"])
def test_the_servers_host_name_is_no_name(name: str) -> None:
    assert console_faults(name=name) == ["name"]
    assert faults(name=name) == []


def test_a_form_without_a_name_is_judged_without_it() -> None:
    assert EsetProtect.validate({k: v for k, v in CLOUD.items() if k != "name"}) == ()


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"region": ""}, ["region"]),
        ({"region": "uk"}, ["region"]),
        ({"email": "api"}, ["email"]),
        ({"email": "a b@c.example"}, ["email"]),
        ({"server": "https://protect.example"}, ["server"]),
        ({"certificate": "-----BEGIN CERTIFICATE-----"}, ["certificate"]),
        ({"msp_email": "a@b.example"}, ["msp_password"]),
        ({"msp_password": "y"}, ["msp_email"]),
        ({"customer_pairs": "nonsense"}, ["customer_pairs"]),
    ],
)
def test_faults_of_a_cloud_form_name_their_field(
    changes: dict[str, str], fields: list[str]
) -> None:
    assert faults(**changes) == fields


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"server": ""}, ["server"]),
        ({"server": "protect.example:9443"}, ["server"]),
        ({"server": "https://[bad"}, ["server"]),
        ({"email": "Administrator"}, ["email"]),
    ],
)
def test_faults_of_a_console_form_name_their_field(
    changes: dict[str, str], fields: list[str]
) -> None:
    assert console_faults(**changes) == fields


def test_the_guide_names_the_portals_and_the_switch() -> None:
    whole = " ".join(EsetProtect.guide)
    for word in (
        "MSP Administrator",
        "Business Account",
        "PROTECT Hub",
        "Integrations",
        "invitation",
    ):
        assert word in whole
    assert "read-only" in EsetProtect.notice
