"""What an administrator types in."""

import pytest

from plugin.domain.contracts import FieldKind
from plugin.hosts.connectwise_automate.fields import FIELDS, GUIDE
from plugin.hosts.connectwise_automate.host import ConnectWiseAutomate

GOOD = {"server": "x", "user": "u", "password": "p", "client_id": "c"}


def test_the_form_has_what_the_connection_needs() -> None:
    names = [field.name for field in FIELDS]
    assert len(set(names)) == len(names)
    assert [field.name for field in FIELDS if field.required] == list(GOOD)
    secrets = [field.name for field in FIELDS if field.secret]
    assert secrets == ["password", "passcode", "webhook_secret"]
    assert [field.name for field in FIELDS if field.generated] == ["webhook_secret"]
    assert FIELDS[0].kind is FieldKind.ADDRESS
    assert all(not field.required for field in FIELDS if field.advanced)


def test_the_guide_has_both_recipes() -> None:
    assert any("Read-only (recommended)" in step for step in GUIDE)
    assert any("With actions" in step for step in GUIDE)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"bridge_computers": "1, x"}, "bridge_computers"),
        ({"admin_server_computers": "1;2"}, "admin_server_computers"),
        ({"bridge_clients": "0"}, "bridge_clients"),
        ({"webhook_blocked_computers": "-1"}, "webhook_blocked_computers"),
        ({"bridge_group": "both ' and \""}, "bridge_group"),
        ({"admin_server_group": "line\nbreak"}, "admin_server_group"),
        ({"bridge_field": "Bridge"}, "bridge_clients"),
        ({"passcode": "secret!"}, "passcode"),
        ({"webhook_secret": "short"}, "webhook_secret"),
        ({"webhook_secret": "with spaces in it, long enough"}, "webhook_secret"),
    ],
)
def test_a_bad_value_is_named(settings: dict[str, str], field: str) -> None:
    (problem,) = ConnectWiseAutomate.validate({**GOOD, **settings})
    assert problem.field == field
    assert problem.message


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bridge_computers": "1, 23,", "bridge_clients": "4"},
        {"bridge_group": "Bob's bridges", "admin_server_group": 'the "servers"'},
        {"bridge_field": "Bridge", "bridge_clients": "1"},
        {"passcode": "123456", "webhook_secret": "x" * 24},
        {"passcode": "JBSW Y3DP EHPK 3PXP"},
    ],
)
def test_a_good_form_has_no_problem(settings: dict[str, str]) -> None:
    assert ConnectWiseAutomate.validate({**GOOD, **settings}) == ()
