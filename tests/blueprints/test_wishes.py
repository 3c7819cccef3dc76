"""Actions on many devices from the pages and the API: chosen, confirmed, done once, followed."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from plugin.services import accounts
from plugin.services.access import Role
from plugin.store.actions import Action, ActionWish
from plugin.store.base import db, writing
from plugin.store.integrations import CompanyMapping
from plugin.store.journal import AuditEntry
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow
from plugin.store.people import User
from tests.blueprints.pages.office import Office, Visitor, open_office

ESET = "eset_protect"
API = "/api/v1/action-wishes"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation with ESET's devices."""
    with open_office(tmp_path_factory.mktemp("wishes")) as office:
        office.house.sync(office.house.integrate(vendor=ESET).vendor)
        yield office


@pytest.fixture(autouse=True)
def _end_what_lives(office: Office) -> Iterator[None]:
    yield
    finish(office)


def finish(office: Office) -> None:
    office.fresh()
    office.house.work_all()
    for _ in range(3):
        office.house.clock.forward(30)
        office.house.emulators[ESET].clock.offset += timedelta(seconds=30)
        office.house.work_all()
    office.fresh()


def mapping() -> CompanyMapping:
    return db.session.scalars(select(CompanyMapping).order_by(CompanyMapping.id)).all()[0]


def workspace(*, mine: bool = True) -> WorkspaceRow:
    rows = db.session.scalars(select(WorkspaceRow).where(WorkspaceRow.devices > 1)).all()
    return next(each for each in rows if (each.workspace_id == mapping().workspace_id) is mine)


def company() -> CompanyRow:
    wanted = CompanyRow.company_id == mapping().company_id
    return db.session.scalars(select(CompanyRow).where(wanted)).one()


def numbers(row: WorkspaceRow, most: int = 2) -> list[int]:
    query = select(DeviceRow.id).where(DeviceRow.workspace_id == row.workspace_id)
    return list(db.session.scalars(query.order_by(DeviceRow.id).limit(most)))


def number_of(table: type[Action | ActionWish]) -> int:
    office_rows = db.session.scalar(select(func.count()).select_from(table))
    db.session.rollback()
    return office_rows or 0


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of the form that asks for it."""
    form = page.partition('action="/actions"')[2].partition("</form>")[0]
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: value for name, value in found if name != "csrf_token"}


def limited(office: Office) -> Visitor:
    """Return a technician who may see the first mapped company alone."""
    key = "limited"
    if key not in office.visitors:
        office.visitors[key] = office.newcomer(Role.TECHNICIAN, "limited@example.com")
        with writing() as session:
            user = session.scalars(select(User).where(User.email == "limited@example.com")).one()
            user.companies = accounts.stored(frozenset({(mapping().host_id, mapping().company_id)}))
    return office.visitors[key]


def test_ticked_devices_are_confirmed_and_followed(office: Office) -> None:
    shown = office.technician.read("/devices")
    assert 'name="device"' in shown
    ids = numbers(workspace())
    query = "&".join(f"device={each}" for each in ids)
    choice = html.unescape(office.technician.read(f"/actions/new?{query}"))
    assert "Restart" in choice
    assert "Update databases" not in choice
    question = office.technician.read(f"/actions/new?{query}&kind=restart")
    assert "Restart on 2 devices?" in question
    assert "2 devices on Test eset protect" in question
    assert "work that was not saved there is lost" in question
    before = number_of(Action)
    answer = office.technician.post("/actions", hidden(question))
    assert answer.status_code == 303
    assert number_of(Action) == before + 2
    place = answer.location
    shown = office.technician.read(place)
    assert "2 picked devices" in shown
    assert "hx-get" in shown
    finish(office)
    shown = office.viewer.read(place)
    assert "hx-get" not in shown.partition('id="progress"')[2].partition("</section>")[0]
    assert "2 of 2 (100 %)" in shown
    assert "HX-Request" in office.viewer.get(f"{place}/progress").headers["Vary"]
    assert place in office.viewer.read("/actions")
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "action.ask_many")
    ).all()[-1]
    assert entry.actor == "technician@example.com"


def test_a_double_click_does_it_once(office: Office) -> None:
    form = hidden(office.technician.read(f"/actions/new?workspace={workspace().id}&kind=scan"))
    before = number_of(ActionWish)
    places = {office.technician.post("/actions", form).location for _ in range(3)}
    assert len(places) == 1
    assert number_of(ActionWish) == before + 1


def test_what_changed_meanwhile_is_asked_once_more(office: Office) -> None:
    form = hidden(office.technician.read(f"/actions/new?workspace={workspace().id}&kind=restart"))
    before = number_of(ActionWish)
    for change in ({"seal": "0" * 32}, {"token": ""}):
        answer = office.technician.post("/actions", form | change)
        assert answer.status_code == 409
        assert "has changed meanwhile" in answer.text
    assert number_of(ActionWish) == before


def test_a_client_is_reached_from_its_page(office: Office) -> None:
    link = f"/actions/new?company={company().id}"
    page = f"/records/{company().host_id}?screen=company&record={company().company_id}"
    assert link in office.technician.read(page)
    assert link not in office.viewer.read(page)
    shown = office.technician.read(f"{link}&kind=scan")
    assert "one task of the vendor" in html.unescape(shown)
    answer = office.technician.post("/actions", hidden(shown))
    assert answer.status_code == 303
    assert company().name in html.unescape(office.technician.read(answer.location))


def test_what_is_left_out_says_why(office: Office) -> None:
    ids = numbers(workspace())
    with writing() as session:
        session.get_one(DeviceRow, ids[0]).gone_at = office.house.runtime.now()
    shown = office.technician.read(f"/actions/new?device={ids[0]},{ids[1]}&kind=scan")
    assert "The vendor no longer reports it" in shown
    assert "Start scan on 1 device?" in shown
    shown = office.technician.read(f"/actions/new?device={ids[0]},{ids[1]}&kind=update")
    assert "This cannot be done on any of them" in shown
    assert hidden(shown) == {}
    with writing() as session:
        session.get_one(DeviceRow, ids[0]).gone_at = None


def test_nothing_ticked_is_told(office: Office) -> None:
    answer = office.technician.get("/actions/new")
    assert (answer.status_code, answer.location) == (302, "/devices") or answer.status_code == 303
    assert "Nothing was ticked" in office.technician.read("/devices")


@pytest.mark.parametrize(
    "query", ["device=99999&kind=scan", "workspace=999", "company=999", "device=1&kind=explode"]
)
def test_what_is_not_there_cannot_be_asked_for(office: Office, query: str) -> None:
    assert office.technician.get(f"/actions/new?{query}").status_code == 404
    form = dict(each.split("=") for each in query.split("&"))
    assert office.technician.post("/actions", form).status_code == 404
    assert office.technician.get("/actions/999").status_code == 404


def test_a_viewer_may_look_and_not_ask(office: Office) -> None:
    before = number_of(ActionWish)
    assert 'name="device"' not in office.viewer.read("/devices")
    assert office.viewer.get("/actions/new?device=1").status_code == 403
    assert office.viewer.post("/actions", {"device": "1", "kind": "scan"}).status_code == 403
    assert number_of(ActionWish) == before


def test_a_limited_person_reaches_his_own_companies_alone(office: Office) -> None:
    visitor, ours, theirs = limited(office), workspace(), workspace(mine=False)
    mine, not_mine = numbers(ours)[0], numbers(theirs)[0]
    for query in (f"workspace={theirs.id}", f"device={not_mine}", f"device={mine},{not_mine}"):
        assert visitor.get(f"/actions/new?{query}&kind=scan").status_code == 404
    form = hidden(office.technician.read(f"/actions/new?workspace={theirs.id}&kind=scan"))
    assert visitor.post("/actions", form).status_code == 404
    place = office.technician.post("/actions", form).location
    assert visitor.get(place).status_code == 404
    own = hidden(visitor.read(f"/actions/new?device={mine}&kind=scan"))
    answer = visitor.post("/actions", own)
    assert answer.status_code == 303
    assert "1 picked device" in visitor.read(answer.location)


def call(visitor: Visitor, path: str, wish: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = visitor.client.post(path, json=wish, headers={"X-CSRF-Token": visitor.token})
    assert isinstance(answer.json, dict)
    return answer.status_code, answer.json


def test_the_api_plans_asks_once_and_follows(office: Office) -> None:
    target = {"action": "restart", "workspace": workspace().id}
    before = number_of(ActionWish)
    status, plan = call(office.technician, f"{API}/plan", target)
    assert (status, plan["devices"], plan["too_many"]) == (200, workspace().devices, False)
    assert number_of(ActionWish) == before
    wish = {**target, "key": "of-my-own-making", "seal": plan["seal"]}
    status, made = call(office.technician, API, wish)
    assert status == 201, made
    assert (made["tasks"], made["state"], len(made["actions"])) == (
        plan["devices"],
        "waiting",
        plan["devices"],
    )
    assert call(office.technician, API, wish)[1]["id"] == made["id"]
    assert number_of(ActionWish) == before + 1
    finish(office)
    told = office.viewer.client.get(f"{API}/{made['id']}").json
    assert told is not None
    assert (told["state"], told["counts"]["done"]) == ("done", plan["devices"])
    listed = office.viewer.client.get(f"{API}?action=restart").json
    assert listed is not None
    assert listed["items"][0]["id"] == made["id"]


def test_the_api_refuses_what_makes_no_sense(office: Office) -> None:
    device = numbers(workspace())[0]
    for wrong in (
        {"action": "scan"},
        {"action": "scan", "devices": []},
        {"action": "scan", "devices": [device], "workspace": 1},
        {"action": "update", "devices": [device]},
        {"action": "scan", "devices": [device], "seal": "another"},
    ):
        assert call(office.technician, API, wrong)[0] == 422, wrong
    assert call(office.technician, API, {"action": "scan", "devices": [99_999]})[0] == 404
    theirs = {"action": "scan", "workspace": workspace(mine=False).id}
    assert call(limited(office), f"{API}/plan", theirs)[0] == 404
    assert call(limited(office), API, theirs)[0] == 404
    assert office.viewer.client.get(f"{API}/999").status_code == 404
