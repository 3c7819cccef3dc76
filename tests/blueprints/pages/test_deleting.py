"""What a host still has of a deleted connection is shown, and tried again by page and by API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.services import access, connections
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from tests.blueprints.pages.office import Office, open_office
from tests.house import HOST

NOT_REMOVED = "Not yet removed at the host"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as opened:
        yield opened


def refused_farewell(office: Office) -> Connection:
    """Delete a connection whose host refuses to let go of us, then let the host mend."""
    house = office.house
    made = house.connect(HOST, "To be left")
    house.work_all()
    house.emulators[HOST].faults.add("401", times=10_000)
    connections.delete(house.runtime, "tester", made)
    house.work_all()
    house.emulators[HOST].faults.clear()
    assert house.emulators[HOST].state()["callbacks"] != []
    return made


def test_the_page_tries_again_and_the_remark_goes(office: Office) -> None:
    made = refused_farewell(office)
    assert NOT_REMOVED in office.administrator.read("/connections")
    way = f"/connections/{made.id}/leave"
    assert office.technician.post(way).status_code == 403
    assert office.administrator.post(way, follow_redirects=True).status_code == 200
    office.fresh()
    office.house.work_all()
    assert office.house.emulators[HOST].state()["callbacks"] == []
    assert NOT_REMOVED not in office.administrator.read("/connections")
    assert office.administrator.post("/connections/99999/leave").status_code == 404


def test_the_interface_tries_again_and_says_what_is_left(office: Office) -> None:
    made = refused_farewell(office)
    visitor, deleted = office.stranger(), "/api/v1/connections/deleted"
    token = access.create_token(office.house.runtime, "tester", "script", Role.ADMINISTRATOR)
    bearer = {"Authorization": f"Bearer {token}"}
    (listed,) = visitor.get(deleted, headers=bearer).json["items"]  # type: ignore[index]
    assert listed["not_left"]
    again = f"/api/v1/connections/{made.id}/leave"
    assert visitor.client.post(again, headers=bearer).status_code == 202
    office.fresh()
    office.house.work_all()
    (listed,) = visitor.get(deleted, headers=bearer).json["items"]  # type: ignore[index]
    assert listed["not_left"] == ""
    assert office.house.emulators[HOST].state()["callbacks"] == []
    nobody = visitor.client.post("/api/v1/connections/99999/leave", headers=bearer)
    assert nobody.status_code == 404


def test_a_check_that_stops_early_claims_nothing_of_rights(office: Office) -> None:
    made = office.house.connect(HOST)
    office.house.emulators[HOST].faults.add("401", times=10_000)
    shown = office.administrator.post(f"/connections/{made.id}/check", follow_redirects=True).text
    assert "No right could be tried" in shown
    assert "None was found missing." not in shown
    assert "Without it:</span> PSA calls nobody" in shown


def test_an_edit_keeps_the_private_address_that_was_allowed(office: Office) -> None:
    made = office.house.connect(HOST)
    with writing():
        made.allow_private = True
    number, form = made.id, {"name": "Renamed", "version": str(made.version), "anyway": "1"}
    saved = {name: str(value) for name, value in made.settings.items()}
    answer = office.administrator.post(f"/connections/{number}/edit", saved | form)
    assert answer.status_code in {200, 303}, answer.text
    office.fresh()
    kept = db.session.get_one(Connection, number)
    assert (kept.name, kept.allow_private) == ("Renamed", True)
