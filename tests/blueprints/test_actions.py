"""Actions from a device's page and the API: asked for, confirmed, and shown to their end."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.services.access import Role
from plugin.store.actions import Action
from plugin.store.base import db
from plugin.store.journal import AuditEntry
from tests.blueprints.pages.office import Office, open_office

ESET = "eset_protect"
DEVICE, API = "/devices/1", "/api/v1/devices/1/actions"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation with ESET's devices."""
    folder: Path = tmp_path_factory.mktemp("actions")
    with open_office(folder) as office:
        office.house.integrate(vendor=ESET)
        yield office


@pytest.fixture(autouse=True)
def _end_what_lives(office: Office) -> Iterator[None]:
    yield
    finish(office)


def finish(office: Office) -> None:
    """Let time pass until the vendor has told every end."""
    office.fresh()
    office.house.work_all()
    office.house.clock.forward(30)
    office.house.emulators[ESET].clock.offset += timedelta(seconds=30)
    office.house.work_all()
    office.fresh()


def all_actions(office: Office) -> list[Action]:
    office.fresh()
    return list(db.session.scalars(select(Action).order_by(Action.id)))


def actions_card(page: str) -> str:
    return page.partition(">Actions</h2>")[2].partition("</section>")[0]


def test_a_technician_asks_confirms_and_sees_the_outcome(office: Office) -> None:
    shown = office.technician.read(DEVICE)
    assert f"{DEVICE}/actions/scan" in actions_card(shown)
    assert f"{DEVICE}/actions/update" not in shown
    before = len(all_actions(office))
    question = office.technician.read(f"{DEVICE}/actions/isolate")
    assert "loses every network connection" in question
    assert len(all_actions(office)) == before
    answer = office.technician.post(f"{DEVICE}/actions/scan")
    assert (answer.status_code, answer.location) == (303, DEVICE)
    shown = office.technician.read(DEVICE)
    assert "Asked for." in shown
    assert "Waiting" in actions_card(shown)
    finish(office)
    card = actions_card(office.viewer.read(DEVICE))
    assert "Done" in card
    assert "technician@example.com" in card
    query = select(AuditEntry.action, AuditEntry.actor).order_by(AuditEntry.id.desc())
    found = db.session.execute(query.where(AuditEntry.action.like("action.%"))).all()
    newest = [tuple(each) for each in found[:2]]
    assert newest == [("action.end", "Bridgehead"), ("action.ask", "technician@example.com")]


def test_a_second_wish_is_told_that_the_first_is_under_way(office: Office) -> None:
    office.technician.post(f"{DEVICE}/actions/scan")
    before = len(all_actions(office))
    office.technician.post(f"{DEVICE}/actions/scan")
    assert "under way on the device already" in office.technician.read(DEVICE)
    assert len(all_actions(office)) == before


def test_a_viewer_sees_no_buttons_and_may_not_ask(office: Office) -> None:
    before = len(all_actions(office))
    assert f"{DEVICE}/actions/" not in office.viewer.read(DEVICE)
    assert office.viewer.get(f"{DEVICE}/actions/scan").status_code == 403
    assert office.viewer.post(f"{DEVICE}/actions/scan").status_code == 403
    headers = {"X-CSRF-Token": office.viewer.token}
    answer = office.viewer.client.post(API, json={"action": "scan"}, headers=headers)
    assert answer.status_code == 403
    assert len(all_actions(office)) == before


@pytest.mark.parametrize("path", ["/devices/1/actions/nonsense", "/devices/999/actions/scan"])
def test_what_is_not_there_cannot_be_asked_for(office: Office, path: str) -> None:
    assert office.technician.get(path).status_code == 404
    assert office.technician.post(path).status_code == 404


def test_the_api_asks_and_follows(office: Office) -> None:
    visitor = office.visitor(Role.TECHNICIAN)
    headers = {"X-CSRF-Token": visitor.token}
    told = visitor.client.get(API).json
    assert told is not None
    assert "scan" in told["offered"]
    assert "update" not in told["offered"]
    made = visitor.client.post(API, json={"action": "restart"}, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json is not None
    assert (made.json["action"], made.json["state"]) == ("restart", "waiting")
    again = visitor.client.post(API, json={"action": "restart"}, headers=headers)
    assert again.status_code == 422
    assert "under way" in again.text
    finish(office)
    path = f"/api/v1/actions/{made.json['id']}"
    ended = office.viewer.client.get(path).json
    assert ended is not None
    assert (ended["state"], ended["asked_by"]) == ("done", "technician@example.com")
    assert ended["ended_at"]
    newest = visitor.client.get(API).json
    assert newest is not None
    assert newest["actions"][0] == ended
    for wrong in ({"action": "explode"}, {"action": "update"}, {}):
        refused = visitor.client.post(API, json=wrong, headers=headers)
        assert refused.status_code == 422
        assert "action" in refused.text
