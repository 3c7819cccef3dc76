import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from plugin.services import connections, integrations, mapping, tickets
from plugin.store.base import db, writing
from plugin.store.integrations import CompanyMapping, Integration
from plugin.store.journal import TicketLog
from plugin.store.mirror import CompanyRow
from plugin.store.work import TicketEntry, TicketState
from tests.house import HOST, House, open_house

FAULTS = ["429", "500", "cut", "redirect", "done-but-timeout"]
if os.environ.get("BRIDGEHEAD_SOAK"):
    FAULTS += ["503", "slow", "refuse", "html"]


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path) as opened:
        yield opened


@pytest.fixture
def integration(house: House) -> Integration:
    return house.integrate()


def detect(
    house: House, integration: Integration, told: dict[str, str] | None = None
) -> TicketEntry:
    """Let a detection happen (the same again when told), sync, and return its newest ticket."""
    again = {key: told[key] for key in ("workspace", "device", "condition")} if told else {}
    told = house.happen("detection", **again)
    house.sync(integration.vendor)
    return next(
        entry
        for entry in reversed(house.entries())
        if (entry.device_id, entry.condition) == (told["device"], told["condition"])
    )


def decisions() -> list[str]:
    return list(db.session.scalars(select(TicketLog.decision).order_by(TicketLog.id)))


def wait_out(house: House) -> None:
    """Let every retry come due and be done."""
    for _ in range(6):
        house.clock.forward(130)
        house.work_all()


def only_to(method: str, house: House) -> None:
    """Let the fault that waits hit only one kind of request."""
    (fault,) = house.emulators[HOST].faults.waiting
    fault.hits = lambda request: request.method == method  # type: ignore[method-assign]


def test_a_detection_becomes_one_ticket_with_our_key_in_its_record(
    house: House, integration: Integration
) -> None:
    entry = detect(house, integration)
    (ticket,) = house.host_tickets(entry.key)
    assert entry.state == TicketState.OPEN
    assert str(ticket["id"]) == entry.ticket_id
    assert len(ticket["summary"]) <= 100


def test_the_same_condition_again_is_a_note_and_no_second_ticket(
    house: House, integration: Integration
) -> None:
    told = house.happen("detection")
    house.sync(integration.vendor)
    entry = detect(house, integration, told)
    assert len(house.host_tickets(entry.key)) == 1
    assert (entry.notes_sent, entry.repeats) == (1, 1)
    assert decisions()[-2:] == ["appended", "sent"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the faults are the host's
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_breaks_once_there_is_exactly_one_ticket(
    house: House, integration: Integration, fault: str
) -> None:
    house.emulators[HOST].add_fault(fault, path="/service/tickets$")
    if fault == "redirect":  # the real one answers so after a record was created
        only_to("POST", house)
    entry = detect(house, integration)
    wait_out(house)
    assert len(house.host_tickets(entry.key)) == 1
    db.session.refresh(entry)
    assert entry.state == TicketState.OPEN
    assert house.emulators[HOST].faults.played


def test_an_unclear_answer_is_followed_by_a_search_not_by_a_second_ticket(
    house: House, integration: Integration
) -> None:
    emulator = house.emulators[HOST]
    told = house.happen("detection")
    house.sync(integration.vendor)
    house.happen("detection")
    # The search for the key is honest; the creation is done, but its answer is lost.
    emulator.add_fault("done-but-timeout", path="(?i)/service/tickets$")
    only_to("POST", house)
    house.sync(integration.vendor)
    wait_out(house)
    entry = house.entries()[-1]
    assert entry.device_id != told["device"] or entry.condition != told["condition"]
    assert len(house.host_tickets(entry.key)) == 1
    log = list(db.session.scalars(select(TicketLog.reason).where(TicketLog.entry_id == entry.id)))
    assert any("looking for the ticket's key first" in reason for reason in log)
    assert any("not created twice" in reason for reason in log)


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_that_is_off_and_jumps_back_makes_nothing_twice(
    house: House, integration: Integration, minutes: int
) -> None:
    house.clock.forward(minutes * 60)
    told = house.happen("detection")
    house.sync(integration.vendor)
    house.clock.forward(-minutes * 60)
    entry = detect(house, integration, told)
    house.clock.forward(3600)
    house.work_all()
    assert len(house.host_tickets(entry.key)) == 1
    assert [each.id for each in house.entries() if each.key == entry.key] == [entry.id]


def test_a_ticket_closed_in_the_host_is_seen_and_its_key_is_free_again(
    house: House, integration: Integration
) -> None:
    entry = detect(house, integration)
    house.happen("ticket-closed", ticket=entry.ticket_id)
    said = tickets.follow(house.runtime, integration.host, entry.ticket_id)
    assert "closed" in said
    assert entry.state == TicketState.CLOSED
    assert entry.open_key is None


def test_a_condition_back_soon_after_closing_reopens_its_ticket(
    house: House, integration: Integration
) -> None:
    told = house.happen("detection")
    house.sync(integration.vendor)
    entry = house.entries()[-1]
    house.happen("ticket-closed", ticket=entry.ticket_id)
    tickets.follow(house.runtime, integration.host, entry.ticket_id)
    again = detect(house, integration, told)
    assert again.id == entry.id
    assert again.state == TicketState.OPEN
    assert len(house.host_tickets(entry.key)) == 1


def test_a_ticket_that_the_host_no_longer_has_counts_as_closed(
    house: House, integration: Integration
) -> None:
    entry = detect(house, integration)
    with writing():
        entry.ticket_id = "999999"
    assert "no such ticket" in tickets.follow(house.runtime, integration.host, "999999")
    assert entry.state == TicketState.CLOSED


def test_someone_elses_ticket_is_left_alone(house: House, integration: Integration) -> None:
    assert tickets.follow(house.runtime, integration.host, "1") == "not a ticket of ours"


def test_nothing_is_written_while_the_switch_is_off(house: House, integration: Integration) -> None:
    integrations.switch_tickets(house.runtime, "tester", integration, on=False)
    house.happen("detection")
    house.sync(integration.vendor)
    assert house.entries() == []
    reasons = list(db.session.scalars(select(TicketLog.reason)))
    assert reasons == ["writing tickets is switched off for this integration"]


def test_switching_on_makes_the_tickets_of_the_last_day(
    house: House, integration: Integration
) -> None:
    integrations.switch_tickets(house.runtime, "tester", integration, on=False)
    house.happen("detection")
    house.sync(integration.vendor)
    integrations.switch_tickets(house.runtime, "tester", integration, on=True)
    house.work_all()
    (entry,) = house.entries()
    assert entry.state == TicketState.OPEN


def test_a_detection_waits_for_its_mapping_and_is_not_lost(
    house: House, integration: Integration
) -> None:
    told = house.happen("detection")
    row = db.session.scalars(
        select(CompanyMapping).where(CompanyMapping.workspace_id == told["workspace"])
    ).one()
    company_id = row.company_id
    mapping.map_company(house.runtime, "tester", integration, told["workspace"], "")
    house.sync(integration.vendor)
    assert house.entries() == []
    mapping.map_company(house.runtime, "tester", integration, told["workspace"], company_id)
    house.work_all()
    (entry,) = house.entries()
    assert len(house.host_tickets(entry.key)) == 1


def test_a_refused_host_parks_the_ticket_and_saving_the_connection_wakes_it(
    house: House, integration: Integration
) -> None:
    emulator = house.emulators[HOST]
    good = emulator.connection_settings()
    house.happen("detection")
    from_settings = dict(good, private_key="wrong")
    connections.edit(
        house.runtime,
        "tester",
        integration.host,
        integration.host.name,
        from_settings,
        integration.host.version,
    )
    house.sync(integration.vendor)
    entry = house.entries()[-1]
    assert entry.state == TicketState.WAITING
    assert integration.host.state == "attention"
    connections.edit(
        house.runtime,
        "tester",
        integration.host,
        integration.host.name,
        good,
        integration.host.version,
    )
    house.work_all()
    db.session.refresh(entry)
    assert entry.state == TicketState.OPEN
    assert len(house.host_tickets(entry.key)) == 1


def test_work_of_a_workspace_without_a_company_goes_to_the_catch_all(
    house: House, integration: Integration
) -> None:
    catch_all, *_ = db.session.scalars(select(CompanyRow.company_id).order_by(CompanyRow.id))
    with writing() as session:
        session.execute(delete(CompanyMapping))
    told = house.happen("detection")
    house.sync(integration.vendor)
    assert house.entries() == []
    mapping.choose(house.runtime, "anna", integration, several=False, catch_all_id=catch_all)
    house.work_all()
    (entry,) = house.entries()
    assert (entry.company_id, entry.device_id) == (catch_all, told["device"])
    assert len(house.host_tickets(entry.key)) == 1
    reasons = db.session.scalars(select(TicketLog.reason).where(TicketLog.decision == "made"))
    assert "has no company, so it goes to" in reasons.one()
