"""A removed integration administrator: no page and no answer of the API shows its workspaces."""

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, update

from plugin.domain.notice_texts import Told
from plugin.domain.notices import NoticeKind
from plugin.services import access, administrators, connections, integrations, notices
from plugin.services.access import Role
from plugin.services.bridges import leases, registry
from plugin.services.journal import audit
from plugin.services.lists import scope_of
from plugin.store.base import db, writing
from plugin.store.integrations import Integration, WorkspaceLink
from plugin.store.journal import TicketLog
from plugin.store.mirror import DetectionRow, DeviceRow, LicenceRow, WorkspaceRow
from plugin.store.notices import Mail
from plugin.store.work import Delivery, SyncRun, TicketEntry
from tests.blueprints.pages.office import Office, Visitor, open_office
from tests.blueprints.test_matrix import ask, guarded

BEN, SECRET = "Ben@msp.example", "canary-7c"
LISTS = ("devices", "detections", "tickets", "ticket-log", "workspaces", "runs")
TOLD = ("notifications", "notifications/mails", "audit", "deliveries")
OPEN = "open-to-ben"


@dataclass
class Ground:
    """Two integrations; Ben's rights on the first were withdrawn, and all of it bears a mark."""

    office: Office
    ben: Visitor
    numbers: dict[str, str]

    @property
    def anna(self) -> Visitor:
        return self.office.administrator


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with open_office(tmp_path_factory.mktemp("withdrawn")) as office:
        first = office.house.integrate()
        _second(office, first)
        for _ in range(3):
            office.house.happen("detection")
        for connection in connections.living(office.house.runtime):
            office.house.sync(connection)
        _mark(first)
        _tell(office, first)
        ben = office.newcomer(Role.ADMINISTRATOR, BEN)
        with writing() as session:
            administrators.withdraw(office.house.runtime, session, "anna", first, [BEN.casefold()])
        yield Ground(office, ben, _numbers(first))


def _second(office: Office, first: Integration) -> None:
    house = office.house
    vendor = house.connect("eset_protect")
    made = integrations.create(house.runtime, "tester", first.host, vendor, "Second")
    house.work_all()
    query = select(WorkspaceRow.workspace_id).where(WorkspaceRow.vendor_id == vendor.id)
    integrations.choose_workspaces(house.runtime, "tester", made, list(db.session.scalars(query)))
    house.work_all()


def _mark(first: Integration) -> None:
    """Let every row of the first integration's workspaces bear the secret."""
    marks: list[tuple[Any, Any, dict[str, str]]] = [
        (WorkspaceRow, WorkspaceRow.vendor_id, {"name": SECRET}),
        (DeviceRow, DeviceRow.vendor_id, {"name": SECRET, "user": SECRET}),
        (DetectionRow, DetectionRow.vendor_id, {"title": SECRET, "device_name": SECRET}),
        (LicenceRow, LicenceRow.vendor_id, {"product": SECRET}),
        (TicketEntry, TicketEntry.vendor_id, {"summary": SECRET}),
    ]
    with writing() as session:
        for table, column, values in marks:
            session.execute(update(table).where(column == first.vendor_id).values(**values))
        mine = SyncRun.connection_id == first.vendor_id, SyncRun.scope != ""
        session.execute(update(SyncRun).where(*mine).values(scope_name=SECRET))
        log = TicketLog.integration_id == first.id
        session.execute(update(TicketLog).where(log).values(device_name=SECRET, reason=SECRET))


def _tell(office: Office, first: Integration) -> None:
    """Let notices, e-mails, the audit log and a received call speak of those workspaces."""
    runtime = office.house.runtime
    told = Told(NoticeKind.LICENCE_EXPIRING, f"Plus of {SECRET} has expired", SECRET)
    with writing() as session:
        notices.tell(runtime, session, told, to=["clerk@msp.example"])
        audit(runtime, session, "anna", "action.ask", f"pc of {SECRET}", after={"client": SECRET})
        audit(runtime, session, "anna", "integration.rename", first.name, after=SECRET)
        audit(runtime, session, "anna", "integration.rename", "Second", after=OPEN)
        session.add(
            Delivery(
                connection_id=first.host_id,
                received_at=runtime.now(),
                digest="0" * 64,
                body=json.dumps({"name": SECRET}).encode(),
                event_kind="ticket",
                entity_id=SECRET,
                reason=SECRET,
            )
        )


def _numbers(first: Integration) -> dict[str, str]:
    def one(table: Any, column: Any) -> str:  # noqa: ANN401 - any table of ours
        return str(db.session.scalar(select(table.id).where(column == first.vendor_id).limit(1)))

    device, entry = one(DeviceRow, DeviceRow.vendor_id), one(TicketEntry, TicketEntry.vendor_id)
    run = str(db.session.scalar(select(SyncRun.id).where(SyncRun.scope_name == SECRET).limit(1)))
    call = str(db.session.scalar(select(Delivery.id).where(Delivery.entity_id == SECRET)))
    mail = str(db.session.scalar(select(Mail.id).limit(1)))
    return {
        "integration_id": str(first.id),
        "integrations number": str(first.id),
        "device_id": device,
        "devices number": device,
        "entry_id": entry,
        "tickets number": entry,
        "run_id": run,
        "delivery_id": call,
        "deliveries number": call,
        "mails number": mail,
        "notifications number": mail,
        "runs number": run,
    }


def test_no_page_and_no_answer_shows_what_is_withdrawn(ground: Ground) -> None:
    leaks, seen, marked = [], 0, 0
    for door in guarded(ground.office):
        if door.method != "GET":
            continue
        status, text = ask(ground.ben, door, ground.numbers)
        seen += status == 200
        if SECRET in text:
            leaks.append(door.rule.rule)
        marked += SECRET in ask(ground.anna, door, ground.numbers)[1]
    assert leaks == []
    assert seen >= 40
    assert marked >= 15, "the check looks for what others see"


@pytest.mark.parametrize(
    "path",
    [
        "/devices?format=csv",
        "/events?format=csv",
        "/licensing?format=csv",
        "/tickets?format=csv",
        "/tickets/log?format=csv",
        "/runs?format=csv",
        "/notifications?format=csv",
        "/notifications/mails?format=csv",
        "/audit?format=csv",
        "/audit?format=json",
        "/deliveries?format=csv",
        "/coverage?format=csv",
        "/devices?q=canary",
        "/devices?workspace=1",
        f"/records/1?screen=computer&name={SECRET}",
        *[f"/api/v1/{each}?page_size=100" for each in (*LISTS, "licences", *TOLD)],
        *[f"/api/v1/{each}?q=canary" for each in (*LISTS, *TOLD)],
    ],
)
def test_neither_export_filter_nor_search_shows_it(ground: Ground, path: str) -> None:
    text = ground.ben.get(path).text
    # A page says again what was searched for.
    assert SECRET not in text.replace(f"computer {SECRET}", "")


@pytest.mark.parametrize("path", [*(f"/api/v1/{each}" for each in TOLD), "/audit?format=csv"])
def test_what_was_told_and_done_is_there_for_others(ground: Ground, path: str) -> None:
    assert ground.anna.get(path).status_code == 200
    assert SECRET in html.unescape(ground.anna.get(path).text)


def test_what_was_done_to_an_integration_that_is_open_stays_in_the_log(ground: Ground) -> None:
    assert OPEN in ground.ben.get("/audit?format=csv").text


def test_calls_to_its_host_are_not_handled_again_for_whom_they_are_withheld(
    ground: Ground,
) -> None:
    call = ground.numbers["delivery_id"]
    assert ground.ben.post("/deliveries/replay", {"delivery": call}).status_code < 400
    headers = {"X-CSRF-Token": ground.ben.token}
    path = f"/api/v1/deliveries/{call}/replay"
    assert ground.ben.client.post(path, json={}, headers=headers).status_code == 404
    row = db.session.get_one(Delivery, int(call), populate_existing=True)
    assert row.replays == 0


def test_the_tickets_of_a_company_leave_it_out(ground: Ground) -> None:
    for entry in db.session.scalars(select(TicketEntry)).all():
        for screen, record in (("company", entry.company_id), ("ticket", entry.ticket_id)):
            path = f"/records/{entry.host_id}?screen={screen}&record={record}"
            answer = ground.ben.get(path, follow_redirects=True)
            assert SECRET not in answer.text, path


def test_the_other_integration_is_seen_as_before(ground: Ground) -> None:
    mine = ground.ben.get("/api/v1/devices").get_json()["total"]
    everything = ground.anna.get("/api/v1/devices").get_json()["total"]
    second = db.session.scalars(select(WorkspaceRow).where(WorkspaceRow.name != SECRET)).all()
    assert 0 < mine == sum(each.devices or 0 for each in second) < everything
    told = [each.get("/api/v1/statistics").get_json() for each in (ground.ben, ground.anna)]
    assert told[0]["devices"] == mine < told[1]["devices"]
    assert told[0]["tickets_open"] < told[1]["tickets_open"]
    assert "Second" in ground.ben.read("/integrations")


def test_a_plan_and_a_bridge_name_its_workspaces_to_others_alone(ground: Ground) -> None:
    runtime = ground.office.house.runtime
    first = int(ground.numbers["integration_id"])
    bridge = registry.name(runtime, "tester", "pc1")
    _, secret = registry.enrol(runtime, registry.new_token(runtime, "tester", bridge), "1")
    registry.place(runtime, "tester", bridge, first)
    registry.beat(runtime, registry.known(secret), "1")
    plan = "/bridges/plan"
    assert SECRET in ground.anna.read(plan)
    assert SECRET not in ground.ben.read(plan)
    leases.keep(runtime)
    assert SECRET in ground.anna.read(f"/bridges/{bridge.id}")
    assert SECRET not in ground.ben.read(f"/bridges/{bridge.id}")


def test_actions_on_its_devices_are_refused(ground: Ground) -> None:
    number = ground.numbers["device_id"]
    for path in (f"/api/v1/devices/{number}/actions",):
        assert ground.ben.get(path).status_code == 404
        assert ground.anna.get(path).status_code == 200


def test_a_token_is_nobodys_own_and_a_return_opens_everything_again(ground: Ground) -> None:
    runtime = ground.office.house.runtime
    token = access.create_token(runtime, "ben", "report", Role.VIEWER)
    headers = {"Authorization": f"Bearer {token}"}
    answer = ground.office.app.test_client().get("/api/v1/devices", headers=headers)
    assert SECRET in answer.text
    assert scope_of(runtime, email=BEN).closed
    with writing() as session:
        row = session.scalars(select(WorkspaceLink)).first()
        assert row is not None
        administrators.give_back(session, row.integration, [BEN.casefold()])
    try:
        assert SECRET in ground.ben.get("/api/v1/devices").text
        assert not scope_of(runtime, email=BEN).kept_out
    finally:
        with writing() as session:
            administrators.withdraw(runtime, session, "anna", row.integration, [BEN.casefold()])
