"""The guided set-up, step by step: from an empty dashboard to the first dry run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from plugin.services import accepting, access, connections, guided, integrations, suggesting
from plugin.services.access import Role
from plugin.store.base import db
from plugin.store.integrations import Connection, Integration
from plugin.store.work import TicketEntry
from tests.blueprints.pages.office import Office, open_office

VENDOR, HOST = "kaspersky_cloud", "connectwise_psa"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as opened:
        yield opened


def connect(office: Office, kind: str) -> str:
    """Add a connection that works; return its number as a form sends it."""
    made = office.house.connect(kind)
    connections.check(office.house.runtime, made)
    office.house.sync(made)
    return str(made.id)


def take(office: Office, step: str, form: dict[str, object] | None = None) -> TestResponse:
    return office.administrator.post(f"/setup/{step}", form or {})


def where(office: Office) -> str:
    """Return the step that somebody who comes back is led to."""
    return str(office.administrator.get("/setup").location)


def registered(office: Office) -> str:
    """Return the address of a user that the vendor knows."""
    emulator = office.house.emulators[VENDOR]
    return str(emulator.connection_settings()["user"])


def test_the_whole_set_up_is_walked_left_and_resumed(office: Office) -> None:
    visitor = office.administrator
    assert "Start Guided Setup" in visitor.read("/")
    assert visitor.post("/setup").location == "/setup"
    assert where(office) == "/setup/environment"
    assert "production</strong> servers" in visitor.read("/setup/environment")
    take(office, "environment")
    assert where(office) == "/setup/vendor"
    assert "None is connected yet" in visitor.read("/setup/vendor")
    number = connect(office, VENDOR)
    assert "Go on with Guided Setup" in visitor.read(f"/connections/{number}?saved=added")
    assert "The guided set-up is not finished" in visitor.read("/")
    take(office, "vendor", {"vendor": number})
    assert where(office) == "/setup/workspaces"
    ids = re.findall(r'name="workspace" value="([^"]+)"', visitor.read("/setup/workspaces"))
    assert len(ids) == 3
    take(office, "workspaces", {"workspace": ids[:2]})
    assert where(office) == "/setup/administrators"
    refused = take(office, "administrators", {"administrators": "nobody@else.example;No\n;;"})
    assert refused.status_code == 422
    assert "Line 1: nobody@else.example is not registered" in refused.text
    take(office, "administrators", {"administrators": f"{registered(office)};Ann"})
    assert where(office) == "/setup/host"
    take(office, "host", {"host": connect(office, HOST)})
    assert where(office) == "/setup/mapping"
    office.house.work_all()
    made = db.session.scalars(select(Integration)).one()
    assert len(made.links) == 2
    assert [each.alias for each in made.administrators] == ["Ann"]
    suggesting.refresh(office.house.runtime, made)
    assert accepting.accept(office.house.runtime, "tester", made).mapped == 2
    assert where(office) == "/setup/dry-run"
    office.fresh()
    shown = visitor.read("/setup/dry-run")
    assert "Nothing was written." in shown
    assert "2, 2 of them mapped" in shown
    assert db.session.scalar(select(func.count(TicketEntry.id))) == 0
    db.session.rollback()
    assert take(office, "dry-run").location == "/integrations"
    assert "is not finished" not in visitor.read("/")


def test_a_dry_run_counts_tickets_as_if_every_rule_were_on_and_writes_none(office: Office) -> None:
    made = office.house.integrate()
    for rule in list(made.rules):
        integrations.set_rule(office.house.runtime, "t", made, rule, enabled=False, fields={})
    office.house.happen("detection")
    office.house.sync(made.vendor)
    found = guided.dry_run(office.house.runtime, made)
    assert found.tickets >= 1
    assert (found.workspaces, found.mapped) == (3, 3)
    assert found.devices > 0
    assert office.house.entries() == []


@pytest.mark.parametrize(
    ("step", "form", "says"),
    [
        ("vendor", {"vendor": "99"}, "Choose a vendor connection."),
        ("workspaces", {}, "Choose at least one."),
        ("host", {"host": "x"}, "Choose a host connection."),
        ("mapping", {}, "Connect the host first."),
        ("dry-run", {}, "Connect the host first."),
    ],
)
def test_a_step_out_of_turn_says_what_is_missing(
    office: Office, step: str, form: dict[str, object], says: str
) -> None:
    answer = take(office, step, form)
    assert (answer.status_code, says in answer.text) == (422, True)


def test_a_connection_whose_check_failed_is_not_taken(office: Office) -> None:
    made = office.house.connect(VENDOR)
    answer = take(office, "vendor", {"vendor": str(made.id)})
    assert answer.status_code == 422
    assert "has not gone through yet" in answer.text


def test_a_vendor_that_is_deleted_meanwhile_is_asked_for_again(office: Office) -> None:
    office.administrator.post("/setup")
    take(office, "environment")
    number = connect(office, VENDOR)
    take(office, "vendor", {"vendor": number})
    row = db.session.get_one(Connection, int(number))
    connections.delete(office.house.runtime, "tester", row)
    assert where(office) == "/setup/vendor"


def test_administrators_are_a_step_only_where_the_vendor_has_them(office: Office) -> None:
    office.administrator.post("/setup")
    take(office, "vendor", {"vendor": connect(office, "kaspersky_ksc")})
    assert office.administrator.get("/setup/administrators").status_code == 404
    assert office.administrator.get("/setup/nonsense").status_code == 404


def test_only_an_administrator_may(office: Office) -> None:
    assert office.technician.get("/setup/vendor").status_code == 403
    assert office.technician.post("/setup").status_code == 403


def test_the_api_takes_the_same_steps(office: Office) -> None:
    runtime = office.house.runtime
    token = access.create_token(runtime, "tester", "setup", Role.ADMINISTRATOR)
    client, head = office.app.test_client(), {"Authorization": f"Bearer {token}"}
    path = "/api/v1/setup"
    assert client.post(path, json={}, headers=head).json["current"] == "environment"  # type: ignore[index]
    number = int(connect(office, VENDOR))
    for wish in ({"step": "environment"}, {"step": "vendor", "connection_id": number}):
        answer = client.put(path, json=wish, headers=head)
        assert answer.status_code == 200, answer.text
    assert (answer.json or {})["current"] == "workspaces"
    wish = {"step": "administrators", "administrators": "nobody@else.example"}
    answer = client.put(path, json=wish, headers=head)
    assert (answer.status_code, "Line 1" in answer.text) == (422, True)


def test_what_was_connected_by_other_ways_is_not_asked_for_again(office: Office) -> None:
    office.house.integrate()
    office.fresh()
    steps = office.administrator.read("/setup/dry-run")
    states = dict(re.findall(r'href="/setup/([a-z-]+)"[^>]*>[^<]*</a>.*?(done|to do)<', steps))
    assert states.pop("dry-run") == "to do"
    assert set(states.values()) == {"done"}
    assert where(office) == "/setup/dry-run"
    take(office, "dry-run")
    office.administrator.post("/setup", {"anew": "1"})
    assert where(office) == "/setup/environment"
