"""Connections: added, changed, checked, removed; their secrets go in and never come out."""

from typing import Any

import pytest

from plugin.domain.errors import RefusedError
from plugin.services.access import Role
from plugin.services.connections import HIDDEN
from plugin.store.base import db
from plugin.store.integrations import Connection
from tests.blueprints.api.rooms import CANARY, Rooms, Shield
from tests.blueprints.api.test_faults import problem

SETTINGS = {"email": "ann@example.com", "region": "us", "password": CANARY}
NEW: dict[str, Any] = {"kind": "shield", "name": "Second", "settings": SETTINGS}


def opened(rooms: Rooms, number: int) -> dict[str, str]:
    with rooms.app.app_context():
        return rooms.runtime.opened(db.session.get_one(Connection, number))


def test_a_connection_is_made_and_told_without_its_secrets(rooms: Rooms) -> None:
    answer = rooms.ask("POST", "connections", json=NEW)
    assert answer.status_code == 201, answer.text
    told = answer.json
    assert told is not None
    assert (told["side"], told["state"], told["active"]) == ("vendor", "new", True)
    assert told["settings"] == {"email": "ann@example.com", "region": "us"}
    assert CANARY not in answer.text
    assert opened(rooms, told["id"])["password"] == CANARY
    assert rooms.get("connections", side="vendor")["total"] == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "nothing"}, "kind"),
        ({"name": " "}, "name"),
        ({"name": "shield"}, "name"),
        ({"settings": {**SETTINGS, "email": "x"}}, "settings.email"),
        ({"settings": {**SETTINGS, "region": "mars"}}, "settings.region"),
        ({"settings": {}}, "settings.email"),
        ({"settings": {"email": 7}}, "settings.email"),
        ({"origin_override": "http://127.0.0.1:1"}, "origin_override"),
    ],
)
def test_a_connection_against_the_rules_is_refused_at_its_field(
    rooms: Rooms, change: dict[str, Any], field: str
) -> None:
    told = problem(rooms.ask("POST", "connections", json=NEW | change), 422)
    assert field in told["errors"]
    assert rooms.get("connections")["total"] == 2


def test_a_setting_that_the_kind_does_not_have_is_refused(rooms: Rooms) -> None:
    change = {"settings": {**SETTINGS, "colour": "red"}}
    told = problem(rooms.ask("POST", "connections", json=NEW | change), 422)
    assert list(told["errors"]) == ["settings.colour"]


def test_a_change_keeps_what_is_left_out_and_the_secret(rooms: Rooms) -> None:
    version = rooms.get("connections/2")["version"]
    change = {"version": version, "settings": {"region": "us"}}
    told = rooms.ask("PATCH", "connections/2", json=change).json
    assert told is not None
    assert told["settings"] == {"email": "msp@example.com", "region": "us"}
    assert told["version"] > version
    assert opened(rooms, 2)["password"] == CANARY


def test_a_secret_is_replaced_by_giving_another(rooms: Rooms) -> None:
    for given in ("another", HIDDEN, ""):
        version = rooms.get("connections/2")["version"]
        change = {"version": version, "settings": {"password": given}}
        answer = rooms.ask("PATCH", "connections/2", json=change)
        assert answer.status_code == 200
        assert "another" not in answer.text
        assert opened(rooms, 2)["password"] == "another"


def test_the_second_of_two_editors_is_told(rooms: Rooms) -> None:
    seen = {"version": rooms.get("connections/2")["version"]}
    assert rooms.ask("PATCH", "connections/2", json=seen | {"name": "A"}).status_code == 200
    told = problem(rooms.ask("PATCH", "connections/2", json=seen | {"name": "B"}), 409)
    assert "version" in told["errors"]
    assert rooms.get("connections/2")["name"] == "A"


def test_a_change_without_a_version_or_without_a_change_is_refused(rooms: Rooms) -> None:
    told = problem(rooms.ask("PATCH", "connections/2", json={"name": "A"}), 422)
    assert list(told["errors"]) == ["version"]
    problem(rooms.ask("PATCH", "connections/2", json={"version": 1}), 422)


def test_a_deletion_takes_with_it_what_was_told_before(rooms: Rooms) -> None:
    goes = rooms.get("connections/2")["goes_with"]
    assert (goes["integrations"], goes["rules"], goes["open tickets"]) == (1, 3, 1)
    assert rooms.ask("DELETE", "connections/2").status_code == 204
    problem(rooms.ask("GET", "connections/2"), 404)
    problem(rooms.ask("DELETE", "connections/2"), 404)
    assert rooms.get("integrations")["total"] == 0


def test_the_check_climbs_the_ladder_and_names_cause_and_cure(rooms: Rooms) -> None:
    good = rooms.ask("POST", "connections/2/check").json
    assert good == {
        "state": "working",
        "problem": "",
        "steps": [
            {"name": "Sign in", "outcome": "ok", "seen": "signed in", "cause": "", "cure": ""}
        ],
        "rights": [],
    }
    Shield.trouble.append(RefusedError("Shield", "wrong password"))
    bad = rooms.ask("POST", "connections/2/check", Role.TECHNICIAN).json
    assert bad is not None
    assert (bad["state"], bad["problem"]) == ("attention", "Sign in: wrong password")
    assert bad["steps"][0]["cause"]
    assert bad["steps"][0]["cure"]
    assert rooms.get("connections/2")["check_result"] == bad["steps"]


def test_the_webhook_address_and_settings_are_for_administrators(rooms: Rooms) -> None:
    told = rooms.get("connections/1")
    assert told["webhook_url"].startswith("http://127.0.0.1:8480/webhooks/")
    assert rooms.get("connections/2")["webhook_url"] is None
    for path in ("connections/1", "connections"):
        seen = rooms.get(path, Role.APPROVER)
        one = seen["items"][0] if path == "connections" else seen
        assert (one["webhook_url"], one["settings"]) == (None, None)


def test_a_deletion_is_listed_and_taken_back(rooms: Rooms) -> None:
    name = rooms.get("connections/2")["name"]
    rooms.ask("DELETE", "connections/2")
    listed = rooms.get("connections/deleted")
    assert [each["name"] for each in listed["items"]] == [name]
    back = rooms.ask("POST", "connections/2/undo")
    assert (back.status_code, (back.json or {})["name"]) == (200, name)
    assert rooms.get("integrations")["total"] == 1
    problem(rooms.ask("POST", "connections/2/undo"), 404)


def test_a_copy_of_everything_holds_no_secret(rooms: Rooms) -> None:
    told = rooms.ask("POST", "connections/2/export")
    assert told.status_code == 200
    assert CANARY not in told.text
    assert (told.json or {})["connection"]["id"] == 2
    assert rooms.get("connections/1/registered")["problem"] == ""
    assert rooms.ask("POST", "connections/2/export", Role.APPROVER).status_code == 403


def test_a_secret_that_does_not_work_replaces_none(rooms: Rooms) -> None:
    Shield.trouble.append(RefusedError("Shield", "wrong password"))
    version = rooms.get("connections/2")["version"]
    change = {"version": version, "settings": {"password": "another"}}
    told = problem(rooms.ask("PATCH", "connections/2", json=change), 422)
    assert "the old one stays in use" in told["errors"]["settings.password"][0]
    assert "another" not in str(told)
    assert opened(rooms, 2)["password"] == CANARY
