"""Integrations that a vendor keeps too: each change reaches it exactly once, whatever happens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from plugin.domain.errors import ConflictError, FormError, RuleError
from plugin.services import (
    administrators,
    integration_changes,
    integrations,
    registration,
    sync,
)
from plugin.services.access import Role
from plugin.services.journal import verify_audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Integration, WorkspaceLink
from plugin.store.mirror import WorkspaceRow
from plugin.store.notices import Mail
from plugin.store.people import User
from plugin.store.registration import Registration
from plugin.store.work import Job, SyncRun, TicketEntry
from tests.databases import fresh_sqlite
from tests.house import House, open_house

CLOUD, AUTOMATE, PSA, TIGERPAW = (
    "kaspersky_cloud",
    "connectwise_automate",
    "connectwise_psa",
    "tigerpaw",
)
OWN, ANNA, BEN = "integration@msp.example", "anna@msp.example", "ben@msp.example"
ME = "tester@example.com"
ONE = "/v1/integrations/[^/]+$"
TRIES = 3
"""As often a call is made before its job has failed."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path, companies=3, devices=3) as house:
        yield house


def draft(house: House, host: str = AUTOMATE, name: str = "") -> Integration:
    """Make an integration of the cloud and fetch both sides' lists."""
    known = {row.kind: row for row in db.session.scalars(select(Connection))}
    sides = [known.get(kind) or house.connect(kind) for kind in (host, CLOUD)]
    usual = integrations.default_name(house.runtime, sides[0])
    made = integrations.create(house.runtime, ME, sides[0], sides[1], name or usual)
    house.work_all()
    return made


def workspaces() -> list[str]:
    db.session.rollback()
    query = select(WorkspaceRow.workspace_id).order_by(WorkspaceRow.name)
    return list(db.session.scalars(query))


def working(house: House, host: str = AUTOMATE) -> Integration:
    """Make an integration that has all it needs, and let it start."""
    return house.once(("working", host), lambda: _work(house, host))


def _work(house: House, host: str) -> None:
    made = draft(house, host)
    integrations.choose_workspaces(house.runtime, ME, made, workspaces()[:2])
    administrators.add(house.runtime, ME, made, f"{ANNA};Anna\n{BEN}")
    house.work_all()


def kept(house: House) -> list[dict[str, Any]]:
    """Return the records that the vendor keeps."""
    return [dict(each) for each in house.emulators[CLOUD].state()["integrations"]]


def estate(house: House) -> Any:  # noqa: ANN401 - the emulator's own
    """Return what the vendor holds in production."""
    cloud: Any = house.emulators[CLOUD]
    return cloud.estates["production"]


def emails(record: dict[str, Any]) -> set[str]:
    return {each["email"] for each in record["administrators"]}


def ours(integration: Integration) -> set[str]:
    db.session.rollback()
    return {link.email for link in integration.administrators}


def record_of(integration: Integration) -> Registration:
    db.session.rollback()
    return db.session.get_one(Registration, integration.id)


# -- making --------------------------------------------------------------------------------------


def test_with_automate_it_starts_with_a_workspace_and_an_administrator_only(house: House) -> None:
    made = draft(house)
    integrations.choose_workspaces(house.runtime, ME, made, workspaces()[:2])
    house.work_all()
    assert (made.state, made.vendor_reference, kept(house)) == ("draft", "", [])
    data = select(func.count(SyncRun.id)).where(SyncRun.what == "data")
    assert db.session.scalar(data) == 0
    administrators.add(house.runtime, ME, made, f"{ANNA};Anna")
    house.work_all()
    assert made.state == "active"
    assert db.session.scalar(data) == 2
    (record,) = kept(house)
    assert record["name"] == "Integration with ConnectWise Automate"
    assert set(record["tenants"]) == set(workspaces()[:2])
    assert emails(record) == {OWN, ANNA}
    assert ours(made) == {OWN, ANNA}
    assert all(link.granted_at for link in made.administrators)


def test_of_very_many_workspaces_the_schedule_fetches_those_that_are_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrations, "ASKED_AT_ONCE", 1)
    made = draft(house, PSA)
    integrations.choose_workspaces(house.runtime, ME, made, workspaces())
    data = select(func.count(SyncRun.id)).where(SyncRun.what == "data")
    assert db.session.scalar(data) == 1
    sync.schedule(house.runtime)
    assert db.session.scalar(data) == len(workspaces()) == 3


def test_with_a_psa_it_is_made_empty(house: House) -> None:
    made = draft(house, PSA)
    assert [each["name"] for each in kept(house)] == ["Integration with ConnectWise PSA"]
    assert made.vendor_reference
    assert made.state == "draft"
    assert ours(made) == {OWN}


def test_a_lost_answer_makes_no_second_record(house: House) -> None:
    house.emulators[CLOUD].add_fault("done-but-timeout", TRIES, path="/v1/integrations$")
    made = working(house)
    assert len(kept(house)) == 1
    assert made.vendor_reference == ""
    assert "tried again at" in record_of(made).problem
    house.clock.forward(60)
    house.work_all()
    assert len(kept(house)) == 1
    assert (made.vendor_reference != "", record_of(made).problem) == (True, "")


def test_a_change_that_failed_on_its_way_arrives_later(house: House) -> None:
    made = working(house)
    house.emulators[CLOUD].add_fault("cut", TRIES, path=ONE)
    integrations.rename(house.runtime, ME, made, "New name", made.version)
    house.work_all()
    house.clock.forward(60)
    house.work_all()
    assert [each["name"] for each in kept(house)] == ["New name"]
    assert record_of(made).problem == ""


def test_a_workspace_that_somebody_else_has_at_the_vendor_is_told(house: House) -> None:
    made = draft(house, PSA)
    free, taken = workspaces()[:2]
    vendor: Any = house.runtime.vendor(made.vendor)
    vendor.create_integration(PSA, "Elsewhere", (taken,), "somebody")
    integrations.choose_workspaces(house.runtime, ME, made, [free, taken])
    house.work_all()
    assert "belongs to Elsewhere" in record_of(made).problem
    integrations.choose_workspaces(house.runtime, ME, made, [free])
    house.work_all()
    assert record_of(made).problem == ""


def test_a_record_that_was_deleted_at_the_vendor_is_told_and_made_anew_on_wish(
    house: House,
) -> None:
    made = working(house)
    del estate(house).table("integrations")[made.vendor_reference]
    estate(house).bind_all()
    integrations.rename(house.runtime, ME, made, "New name", made.version)
    house.work_all()
    first = made.vendor_reference
    assert record_of(made).lost
    assert "it was deleted there" in record_of(made).problem
    registration.try_again(house.runtime, ME, made)
    house.work_all()
    assert made.vendor_reference not in {"", first}
    assert emails(kept(house)[0]) == {OWN, ANNA, BEN}


# -- administrators ------------------------------------------------------------------------------


def test_faulty_lines_are_named_by_number_and_nobody_is_added(house: House) -> None:
    made = draft(house)
    with pytest.raises(FormError) as caught:
        administrators.add(house.runtime, ME, made, f"{ANNA};Anna\nnobody\n\nx@msp.example;X")
    told = [each.message for each in caught.value.errors]
    assert [each.partition(":")[0] for each in told] == ["Line 2", "Line 4"]
    assert "not registered at the vendor" in told[1]
    assert ours(made) == set()


@pytest.mark.parametrize(
    ("text", "says"), [("\n \n", "at least one"), ("a@b.example\n" * 51, "51")]
)
def test_too_little_and_too_much_is_refused(house: House, text: str, says: str) -> None:
    made = draft(house)
    with pytest.raises(RuleError, match=says):
        administrators.add(house.runtime, ME, made, text)


def test_a_vendor_that_does_not_answer_is_said_so(house: House) -> None:
    made = draft(house)
    house.emulators[CLOUD].faults.add("500", times=50)
    with pytest.raises(RuleError, match="could not be asked who is registered"):
        administrators.add(house.runtime, ME, made, ANNA)


def test_a_removed_administrator_loses_the_rights_there_and_here(house: House) -> None:
    made = working(house)
    administrators.remove(house.runtime, ME, made, [ANNA.upper()])
    house.work_all()
    assert emails(kept(house)[0]) == ours(made) == {OWN, BEN}
    assert administrators.is_kept_out(ANNA, made.id)
    assert administrators.kept_out_of(ANNA) == {made.id}
    administrators.add(house.runtime, ME, made, ANNA)
    house.work_all()
    assert emails(kept(house)[0]) == {OWN, ANNA, BEN}
    assert not administrators.is_kept_out(ANNA, made.id)


def test_a_removal_whose_answer_was_lost_is_done_once(house: House) -> None:
    made = working(house)
    house.emulators[CLOUD].add_fault("done-but-timeout", TRIES, path="/administrators/remove$")
    administrators.remove(house.runtime, ME, made, [ANNA])
    house.work_all()
    house.clock.forward(60)
    house.work_all()
    assert emails(kept(house)[0]) == ours(made) == {OWN, BEN}
    assert (record_of(made).leaving, record_of(made).problem) == ([], "")


def test_the_last_administrator_cannot_be_removed(house: House) -> None:
    made = working(house)
    with pytest.raises(RuleError, match="last administrator"):
        administrators.remove(house.runtime, ME, made, ours(made))
    assert len(ours(made)) == 3


def test_nobody_locks_the_installation_out(house: House) -> None:
    made = working(house)
    with writing() as session:
        session.add(User(email=ANNA, role=Role.ADMINISTRATOR, created_at=house.runtime.now()))
    with pytest.raises(RuleError, match="Nobody who signs in"):
        administrators.remove(house.runtime, ME, made, [ANNA])
    with writing() as session:
        session.add(User(email=ME, role=Role.ADMINISTRATOR, created_at=house.runtime.now()))
    administrators.remove(house.runtime, ME, made, [ANNA])


def test_removing_the_connections_own_user_warns_and_then_says_who_can_help(house: House) -> None:
    made = working(house)
    assert "itself" in administrators.warnings(house.runtime, made, [OWN], ME)[0]
    assert "your own" in administrators.warnings(house.runtime, made, [ME], ME)[0]
    assert administrators.warnings(house.runtime, made, [ANNA], ME) == []
    administrators.remove(house.runtime, ME, made, [OWN])
    house.work_all()
    assert emails(kept(house)[0]) == {ANNA, BEN}
    integrations.rename(house.runtime, ME, made, "New name", made.version)
    house.work_all()
    assert "Ask one of its administrators" in record_of(made).problem


def test_what_the_vendors_own_pages_changed_is_taken_over(house: House) -> None:
    made = working(house)
    table = estate(house).table("integrations")
    record = table[made.vendor_reference]
    stays = [each for each in record["administrators"] if each["email"] != BEN]
    record["administrators"] = [*stays, {"email": "carla@msp.example", "alias": "Carla"}]
    table[made.vendor_reference] = record
    house.clock.forward(3601)
    house.work_all()
    assert ours(made) == {OWN, ANNA, "carla@msp.example"}
    assert administrators.is_kept_out(BEN, made.id)
    assert len(emails(kept(house)[0])) == 3


def test_of_two_editors_the_second_is_told(house: House) -> None:
    made = working(house)
    version = made.version
    administrators.remove(house.runtime, ME, made, [ANNA], version)
    wishes = (
        lambda: administrators.remove(house.runtime, ME, made, [BEN], version),
        lambda: administrators.add(house.runtime, ME, made, "carla@msp.example", version),
        lambda: integrations.choose_workspaces(house.runtime, ME, made, [], version),
        lambda: integration_changes.delete(house.runtime, ME, made, version),
    )
    for wish in wishes:
        with pytest.raises(ConflictError, match="somebody else changed"):
            wish()
    assert ours(made) == {OWN, BEN}


def test_a_vendor_without_administrators_takes_none(house: House) -> None:
    made = house.integrate()
    with pytest.raises(RuleError, match="knows no integration administrators"):
        administrators.add(house.runtime, ME, made, ANNA)
    assert db.session.scalar(select(func.count(Registration.integration_id))) == 0


# -- deleting ------------------------------------------------------------------------------------


def test_a_deleted_integration_frees_its_workspaces_and_tells_its_administrators(
    house: House,
) -> None:
    made = working(house)
    served = {link.workspace_id for link in made.links}
    integration_changes.delete(house.runtime, ME, made)
    house.work_all()
    assert kept(house) == []
    told = {each["to"] for each in house.emulators[CLOUD].state()["outbox"]}
    assert told == {OWN, ANNA, BEN}
    mails = db.session.scalars(select(Mail))
    assert {mail.recipient for mail in mails} == told  # ours too, beside the vendor's own
    tenants = estate(house).table("tenants")
    assert all({ANNA, BEN} <= set(tenants[each]["administrators"]) for each in served)
    other = draft(house, name="Second")
    integrations.choose_workspaces(house.runtime, ME, other, served)
    administrators.add(house.runtime, ME, other, ANNA)
    house.work_all()
    assert set(kept(house)[0]["tenants"]) == served
    assert verify_audit(house.runtime) is None


def test_a_deletion_whose_answer_was_lost_is_done_once(house: House) -> None:
    made = working(house)
    house.emulators[CLOUD].add_fault("done-but-timeout", TRIES, path=ONE)
    integration_changes.delete(house.runtime, ME, made)
    house.work_all()
    assert [each.name for each, _ in registration.farewells()] == [made.name]
    house.clock.forward(60)
    house.work_all()
    assert registration.farewells() == []
    assert len(house.emulators[CLOUD].state()["outbox"]) == 3


def test_what_was_made_with_a_lost_answer_is_deleted_too(house: House) -> None:
    house.emulators[CLOUD].add_fault("done-but-timeout", TRIES, path="/v1/integrations$")
    made = working(house)
    assert len(kept(house)) == 1
    integration_changes.delete(house.runtime, ME, made)
    house.clock.forward(60)
    house.work_all()
    assert kept(house) == []
    house.clock.forward(90_000)
    house.work_all()
    assert db.session.scalar(select(func.count(Job.id)).where(Job.kind == "registration")) == 0


# -- moving --------------------------------------------------------------------------------------


def test_a_moved_integration_takes_workspaces_administrators_and_rules_along(
    house: House,
) -> None:
    made = working(house)
    psa = house.connect(PSA)
    first = made.vendor_reference
    integration_changes.move(house.runtime, ME, made, psa)
    house.work_all()
    (record,) = kept(house)
    assert record["platform"] == PSA
    assert emails(record) == ours(made) == {OWN, ANNA, BEN}
    assert made.name == "Integration with ConnectWise PSA"
    assert made.vendor_reference != first
    assert set(record["tenants"]) == {link.workspace_id for link in made.links}
    assert {link.platform for link in made.links} == {PSA}
    assert len(made.rules) > 0
    assert not made.writes_tickets


def test_what_stays_open_at_the_old_host_is_listed(house: House) -> None:
    made = draft(house, PSA)
    old, now = made.host, house.runtime.now()
    with writing() as session:
        session.add(
            TicketEntry(
                integration_id=made.id,
                host_id=old.id,
                vendor_id=made.vendor_id,
                workspace_id="w",
                device_id="d",
                condition="malware",
                key="k",
                open_key="k",
                company_id="c",
                summary="Malware found",
                severity="critical",
                first_at=now,
                last_at=now,
            )
        )
    rules = {rule.matches for rule in made.rules}
    integration_changes.move(house.runtime, ME, made, house.connect(TIGERPAW))
    assert integration_changes.what_goes_with(made)["open tickets"] == 1
    ((ticket, host),) = integration_changes.left_behind(made)
    assert (ticket.summary, host.id) == ("Malware found", old.id)
    assert {rule.matches for rule in made.rules} == rules


def test_a_move_onto_a_taken_workspace_or_to_nowhere_is_refused(house: House) -> None:
    made = working(house)
    other = draft(house, PSA)
    integrations.choose_workspaces(house.runtime, ME, other, workspaces()[:1])
    with pytest.raises(RuleError, match="is served by Integration with ConnectWise PSA already"):
        integration_changes.move(house.runtime, ME, made, other.host)
    for nowhere in (made.host, made.vendor):
        with pytest.raises(RuleError, match="Choose another host connection"):
            integration_changes.move(house.runtime, ME, made, nowhere)
    platforms = set(db.session.scalars(select(WorkspaceLink.platform)))
    assert platforms == {AUTOMATE, PSA}
