"""The dialogs of integrations: what is refused, who is warned, who is kept out."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select, update

from plugin.services import (
    access,
    administrators,
    connections,
    integration_changes,
    integrations,
    lists,
)
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Integration, TicketRule
from plugin.store.journal import AuditEntry
from plugin.store.mirror import WorkspaceRow
from plugin.store.work import SyncRun
from tests.blueprints.pages.office import Office, open_office
from tests.blueprints.pages.test_forms import at_field

AUTOMATE, PSA, CLOUD = "connectwise_automate", "connectwise_psa", "kaspersky_cloud"
OWN, ANNA, BEN = "integration@msp.example", "anna@msp.example", "ben@msp.example"
ONE = "/integrations/1"
PEOPLE, ADD = f"{ONE}/administrators", f"{ONE}/administrators/add"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation with one integration of Kaspersky's cloud, and a second platform."""
    folder = tmp_path_factory.mktemp("dialogs")
    with open_office(folder, companies=3, devices=3) as office:
        house = office.house
        host, vendor = house.connect(AUTOMATE, "Automate"), house.connect(CLOUD, "Cloud")
        house.connect(PSA, "Desk")
        made = integrations.create(house.runtime, "tester", host, vendor, "Clients")
        house.work_all()
        ids = [row.workspace_id for row in db.session.query(WorkspaceRow)]
        integrations.choose_workspaces(house.runtime, "tester", made, ids[:1])
        administrators.add(house.runtime, "tester", made, f"{ANNA};Anna\n{BEN};Ben")
        house.work_all()
        yield office


@pytest.fixture(autouse=True)
def _look_afresh(office: Office) -> None:
    office.fresh()


def version() -> str:
    said = str(db.session.get_one(Integration, 1).version)
    db.session.rollback()
    return said


def people(office: Office) -> set[str]:
    office.fresh()
    found = {link.email for link in administrators.present(integrations.get(1))}
    db.session.rollback()
    return found


def test_the_page_says_when_there_are_too_many_workspaces_to_look_at_every_minute(
    office: Office,
) -> None:
    assert "Looked at for detections" not in office.viewer.read(ONE)
    vendor = db.session.get_one(Integration, 1).vendor_id
    for calls in (100_000.0, 0.0):  # one workspace and 1,000 calls a second
        with writing() as session:
            where = Connection.id == vendor
            session.execute(update(Connection).where(where).values(look_calls=calls))
        told = "every 4 minutes in turn, not every minute" in unescape(office.viewer.read(ONE))
        assert told == bool(calls)


def test_everybody_is_ticked_and_clearing_one_removes_it(office: Office) -> None:
    shown = office.administrator.read(PEOPLE)
    assert len(re.findall(r'name="administrator" value="[^"]+"[^>]* checked', shown)) == 3
    form = {"version": version(), "shown": [ANNA, BEN, OWN], "administrator": [ANNA, OWN]}
    assert office.administrator.post(PEOPLE, form).location == PEOPLE
    assert "1 integration administrator removed." in office.administrator.read(PEOPLE)
    assert people(office) == {ANNA, OWN}
    administrators.add(office.house.runtime, "tester", integrations.get(1), BEN)
    office.house.work_all()


def test_the_connections_own_user_goes_only_after_a_warning_about_these_very_people(
    office: Office,
) -> None:
    form: dict[str, Any] = {"version": version(), "shown": [ANNA, OWN], "administrator": [ANNA]}
    warned = office.administrator.post(PEOPLE, form)
    assert warned.status_code == 200
    assert "is the user of the connection Cloud itself" in warned.text
    sure = re.search(r'name="sure" value="([^"]+)"', warned.text)
    assert sure is not None
    more = {**form, "administrator": [], "sure": sure[1]}
    assert "itself" in office.administrator.post(PEOPLE, more).text
    assert people(office) == {ANNA, BEN, OWN}


def test_the_json_api_does_the_same(office: Office) -> None:
    token = access.create_token(office.house.runtime, "tester", "test", Role.ADMINISTRATOR)
    head, path = {"Authorization": f"Bearer {token}"}, f"/api/v1{PEOPLE}"
    client = office.stranger().client
    told = client.get(path, headers=head, query_string={"q": "anna"}).json
    assert told is not None
    assert [(each["email"], each["alias"]) for each in told["items"]] == [(ANNA, "Anna")]
    lines = [{"email": "carla@msp.example", "alias": "Carla"}, {"email": "x@msp.example"}]
    refused = client.post(path, headers=head, json={"administrators": lines})
    assert refused.status_code == 422
    assert "Line 2: x@msp.example is not registered" in refused.text
    made = client.post(path, headers=head, json={"administrators": lines[:1]})
    assert made.status_code == 201
    assert len(made.json["administrators"]) == 4  # type: ignore[index]
    assert client.delete(f"{path}/carla@msp.example", headers=head).status_code == 204
    assert people(office) == {ANNA, BEN, OWN}
    office.house.work_all()


def test_an_empty_text_and_a_silent_vendor_are_told_at_the_field(office: Office) -> None:
    empty = office.administrator.post(ADD, {"administrators": " \n", "do": "next"})
    assert empty.status_code == 422
    assert "Enter at least one line" in at_field(empty.text, "administrators")
    faults = office.house.emulators[CLOUD].faults
    faults.add("html", times=9)
    silent = office.administrator.post(ADD, {"administrators": "carla@msp.example", "do": "next"})
    faults.clear()
    assert silent.status_code == 422
    assert "could not be asked who is registered" in at_field(silent.text, "administrators")


def test_what_became_faulty_before_finish_is_told_and_nobody_is_added(office: Office) -> None:
    typed = f"carla@msp.example;Carla\n{ANNA};Anna"
    answer = office.administrator.post(ADD, {"administrators": typed, "do": "finish"})
    assert answer.status_code == 422
    assert f"Line 2: {ANNA} is an administrator" in at_field(answer.text, "administrators")
    assert people(office) == {ANNA, BEN, OWN}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (PEOPLE, {"shown": ANNA}),
        (ADD, {"administrators": "carla@msp.example", "do": "finish"}),
        (f"{ONE}/workspaces", {"shown": "x"}),
        (f"{ONE}/settings", {"integration_name": "Late"}),
        (f"{ONE}/move", {"host": "3"}),
        (f"{ONE}/rename", {"name": "Late"}),
        (f"{ONE}/delete", {}),
    ],
)
def test_whoever_comes_second_overwrites_nothing(
    office: Office, path: str, form: dict[str, str]
) -> None:
    before = people(office)
    late = str(int(version()) - 1)
    answer = office.administrator.post(path, {**form, "version": late})
    assert answer.status_code == 409
    assert "Somebody else changed Clients while you looked at it" in answer.text
    assert people(office) == before


def test_one_workspace_is_synchronised_alone(office: Office) -> None:
    shown = office.technician.read(f"{ONE}/workspaces")
    (served,) = re.findall(r'name="workspace_id" value="([^"]+)"', shown)
    path = f"{ONE}/workspaces/sync"
    answer = office.technician.post(path, {"workspace_id": served})
    assert answer.status_code == 303
    told = unescape(office.technician.read(answer.location))
    assert "is being synchronised" in told
    office.house.work_all()
    assert "Done" in office.technician.read(answer.location)
    newest = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert newest is not None
    assert (newest.action, newest.actor) == ("sync.ask", "technician@example.com")


def test_a_workspace_that_is_not_served_is_not_synchronised(office: Office) -> None:
    before = db.session.scalar(select(func.count()).select_from(SyncRun))
    answer = office.technician.post(f"{ONE}/workspaces/sync", {"workspace_id": "none"})
    assert answer.status_code == 422
    assert "Clients does not serve this workspace" in answer.text
    token = {"X-CSRF-Token": office.technician.token}
    wish = {"workspace_id": "none"}
    refused = office.technician.client.post(f"/api/v1{ONE}/sync", json=wish, headers=token)
    assert (refused.status_code, "workspace_id" in refused.text) == (422, True)
    office.fresh()
    assert db.session.scalar(select(func.count()).select_from(SyncRun)) == before
    assert "Sync now" not in office.viewer.read(f"{ONE}/workspaces")


def test_a_removed_administrators_sign_in_is_kept_out_of_this_integration_alone(
    office: Office,
) -> None:
    runtime = office.house.runtime
    ben = office.newcomer(Role.ADMINISTRATOR, BEN)
    rule = TicketRule(integration_id=1, trigger="event_severity", matches="critical", fields={})
    with writing() as session:
        session.add(rule)
    assert ben.get(ONE).status_code == 200
    assert office.administrator.get(ONE).status_code == 200
    administrators.remove(runtime, "tester", integrations.get(1), [BEN])
    office.fresh()
    for path in (ONE, f"{ONE}/mapping", f"{ONE}/rules", PEOPLE, "/api/v1/integrations/1"):
        answer = ben.get(path)
        assert answer.status_code == 403, path
        assert "withdrawn" in answer.text
    refused = (
        ("PATCH", f"/api/v1/rules/{rule.id}", {"enabled": True}),
        ("PUT", "/api/v1/mappings", {"integration_id": 1, "workspace_id": "w", "company_id": "c"}),
        ("GET", "/api/v1/mappings?integration=1", None),
    )
    for method, path, body in refused:
        token = {"X-CSRF-Token": ben.token}
        answer = ben.client.open(path, method=method, headers=token, json=body)
        assert answer.status_code == 403, path
    assert "Clients" not in ben.read("/integrations")
    assert ben.get("/connections").status_code == 200
    administrators.add(runtime, "tester", integrations.get(1), BEN)
    assert ben.get(ONE).status_code == 200
    office.house.work_all()


def test_the_select_integration_drop_down_leads_to_the_one_selected(office: Office) -> None:
    runtime = office.house.runtime
    living = {each.kind: each for each in connections.living(runtime)}
    second = integrations.create(runtime, "tester", living[PSA], living[CLOUD], "Tickets & bills")
    number = second.id
    assert f'<option value="{number}">Tickets &amp; bills' in office.viewer.read(ONE)
    answer = office.viewer.get(f"/integrations/select?id={number}")
    assert answer.location == f"/integrations/{number}"
    for nonsense in ("99", "x", ""):
        assert office.viewer.get(f"/integrations/select?id={nonsense}").status_code == 404
    integration_changes.delete(runtime, "tester", integrations.get(number))
    assert lists.integration_names(lists.scope_of(runtime)) == [(1, "Clients")]
    office.house.work_all()


def test_an_integration_of_another_environment_is_not_offered(office: Office) -> None:
    vendor = integrations.get(1).vendor
    with writing():
        vendor.environment = "beta"
    assert lists.integration_names(lists.scope_of(office.house.runtime)) == []
    with writing():
        vendor.environment = "production"


def test_what_the_vendor_refuses_stands_on_the_page_until_it_is_mended(office: Office) -> None:
    cloud: Any = office.house.emulators[CLOUD]
    estate = cloud.estates["production"]
    number = integrations.get(1).vendor_reference
    record = estate.table("integrations")[number]
    del estate.table("integrations")[number]
    estate.bind_all()
    row = integrations.get(1)
    integrations.rename(office.house.runtime, "tester", row, "Clients", None)
    office.house.work_all()
    shown = unescape(office.administrator.read(ONE))
    assert "does not have this integration as it is here" in shown
    assert "Register again" in shown
    assert "Register again</button>" not in office.viewer.read(ONE)
    assert office.administrator.post(f"{ONE}/register").location == ONE
    office.fresh()
    office.house.work_all()
    assert "does not have this" not in office.administrator.read(ONE)
    office.fresh()
    assert integrations.get(1).vendor_reference not in {"", number}
    assert record["name"] == "Clients"


def test_a_move_is_explained_and_refused_at_its_field(office: Office) -> None:
    shown = office.administrator.read(f"{ONE}/move")
    assert "1 workspace, 3 integration administrators and the rules stay." in shown
    assert "with a new integration ID" in shown
    answer = office.administrator.post(f"{ONE}/move", {"host": "", "version": version()})
    assert answer.status_code == 422
    assert "Choose the platform." in at_field(answer.text, "host")


def test_a_blank_name_is_refused_in_the_settings(office: Office) -> None:
    form = {"integration_name": " ", "version": version()}
    answer = office.administrator.post(f"{ONE}/settings", form)
    assert answer.status_code == 422
    assert "must not be blank" in at_field(answer.text, "integration_name")
    form["integration_name"] = "Clients of ours"
    assert office.administrator.post(f"{ONE}/settings", form).location == ONE


def test_a_deletion_that_the_vendor_did_not_take_yet_is_shown_until_it_did(
    office: Office,
) -> None:
    faults = office.house.emulators[CLOUD].faults
    shown = office.administrator.read(f"{ONE}/delete")
    assert "Its administrators are told and keep the workspaces: anna@msp.example" in shown
    faults.add("500", times=99)
    answer = office.administrator.post(f"{ONE}/delete", {"version": version()})
    assert answer.location == "/integrations"
    office.fresh()
    office.house.work_all()
    shown = office.administrator.read("/integrations")
    assert "is deleted here, but not yet at the vendor" in shown
    assert office.administrator.get(ONE).status_code == 404
    faults.clear()
    assert office.administrator.post(f"{ONE}/register").location == "/integrations"
    office.fresh()
    office.house.clock.forward(120)
    office.house.work_all()
    assert "not yet at the vendor" not in office.administrator.read("/integrations")
