"""Deleting a connection: what goes, what comes back, and what is left after the grace period."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from plugin.domain.errors import ConflictError, RuleError
from plugin.domain.model import Placement
from plugin.services import connections, integrations, sync
from plugin.services.connections import belongings
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Integration, WorkspaceLink
from plugin.store.journal import AuditEntry
from plugin.store.work import Job, SyncRun
from tests.databases import fresh_sqlite
from tests.house import HOST, VENDOR, House, open_house

DAY = 86_400


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as opened:
        yield opened


def rows_left(number: int) -> dict[str, int]:
    """Count what belongs to a connection, table by table."""
    counts = {
        table.name: db.session.scalar(
            select(func.count()).select_from(table).where(belongings.rows_of(table, number))
        )
        for table in belongings.tables()
    }
    return {name: number for name, number in counts.items() if number}


def served(integration_id: int) -> set[str]:
    query = select(WorkspaceLink.workspace_id).where(WorkspaceLink.integration_id == integration_id)
    return set(db.session.scalars(query))


def pass_the_grace_period(house: House) -> None:
    house.clock.forward(house.runtime.settings.limits.keep.undo_days * DAY + 60)
    house.work_all()


def test_a_deletion_counts_what_goes_with_it(house: House) -> None:
    integration = house.integrate()
    house.happen("detection")
    house.sync(integration.vendor)
    counts = connections.what_goes_with(integration.host)
    assert counts["integrations"] == 1
    assert counts["mappings"] == 3
    assert counts["rules"] >= 3
    assert counts["open tickets"] == 1
    assert counts["ticket logs"] >= 1


def test_nothing_is_fetched_or_written_in_the_grace_period(house: House) -> None:
    vendor = house.integrate().vendor
    connections.delete(house.runtime, "tester", vendor)
    house.work_all()
    asked = house.emulators[VENDOR].request_count
    house.clock.forward(DAY)
    sync.schedule(house.runtime)
    house.work_all()
    assert house.emulators[VENDOR].request_count == asked
    living = select(SyncRun.id).where(SyncRun.living.is_not(None))
    assert list(db.session.scalars(living.where(SyncRun.connection_id == vendor.id))) == []


def test_an_undone_deletion_leaves_no_trace_but_in_the_audit_log(house: House) -> None:
    integration = house.integrate()
    host, workspaces = integration.host, served(integration.id)
    name, registered = host.name, len(house.emulators[HOST].state()["callbacks"])
    connections.delete(house.runtime, "tester", host)
    house.work_all()
    assert house.emulators[HOST].state()["callbacks"] == []
    assert connections.undo(house.runtime, "tester", host) == []
    house.work_all()
    assert (host.name, host.deleted_at, host.undo) == (name, None, None)
    assert integrations.get(integration.id).deleted_at is None
    assert served(integration.id) == workspaces
    assert len(house.emulators[HOST].state()["callbacks"]) == registered
    told = [row.action for row in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert told[-2:] == ["connection.delete", "connection.undo"]
    pass_the_grace_period(house)
    assert db.session.get(Connection, host.id) is not None


def test_a_workspace_that_was_taken_meanwhile_stays_where_it_is(house: House) -> None:
    first = house.integrate()
    old, one = first.host, min(served(first.id))
    connections.delete(house.runtime, "tester", old)
    other = house.connect(HOST, "Another PSA")
    second = integrations.create(house.runtime, "tester", other, first.vendor, "Second")
    integrations.choose_workspaces(house.runtime, "tester", second, [one])
    assert connections.undo(house.runtime, "tester", old) == [one]
    assert one in served(second.id)
    assert one not in served(first.id)


def test_an_integration_comes_back_with_the_second_of_its_sides(house: House) -> None:
    integration = house.integrate()
    workspaces = served(integration.id)
    host, vendor = integration.host, integration.vendor
    connections.delete(house.runtime, "tester", host)
    connections.delete(house.runtime, "tester", vendor)
    connections.undo(house.runtime, "tester", host)
    with pytest.raises(RuleError):
        integrations.get(integration.id)
    connections.undo(house.runtime, "tester", vendor)
    assert served(integration.id) == workspaces


def test_a_name_that_is_taken_meanwhile_is_told(house: House) -> None:
    first = house.connect(HOST, "My PSA")
    connections.delete(house.runtime, "tester", first)
    house.connect(HOST, "My PSA")
    with pytest.raises(RuleError) as caught:
        connections.undo(house.runtime, "tester", first)
    assert caught.value.field == "name"
    assert first.deleted_at is not None


def test_what_somebody_changed_meanwhile_is_not_deleted(house: House) -> None:
    made = house.connect(HOST)
    with pytest.raises(ConflictError):
        connections.delete(house.runtime, "tester", made, made.version - 1)
    assert made.deleted_at is None


@pytest.mark.parametrize("side", ["host", "vendor"])
def test_after_the_grace_period_nothing_is_left_and_the_other_side_lives(
    house: House, side: str
) -> None:
    integration = house.integrate()
    house.happen("detection")
    house.sync(integration.vendor)
    gone, other = integration.host, integration.vendor
    if side == "vendor":
        gone, other = other, gone
    number, name = gone.id, gone.name
    assert len(rows_left(number)) >= 8
    connections.delete(house.runtime, "tester", gone)
    pass_the_grace_period(house)
    db.session.expire_all()
    assert db.session.get(Connection, number) is None
    assert rows_left(number) == {}
    assert db.session.get(Connection, other.id) is not None
    assert db.session.scalar(select(func.count(Integration.id))) == 0
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.subject) == ("connection.remove", name)
    assert entry.after["left_behind"] == []
    with pytest.raises(RuleError):
        connections.get_deleted(house.runtime, number)


def test_a_silent_host_does_not_keep_its_connection_alive(house: House) -> None:
    made = house.connect(HOST)
    house.work_all()
    number = made.id
    house.emulators[HOST].faults.add("500", times=10_000)
    connections.delete(house.runtime, "tester", made)
    pass_the_grace_period(house)
    db.session.expire_all()
    assert db.session.get(Connection, number) is None
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert "callbacks and pages" in entry.after["left_behind"][0]
    assert list(db.session.scalars(select(Job.kind).where(Job.subject == str(number)))) == []


def test_a_host_that_refuses_is_shown_and_asked_again(house: House) -> None:
    made = house.connect(HOST)
    house.work_all()
    assert len(house.emulators[HOST].state()["callbacks"]) >= 2
    house.emulators[HOST].faults.add("401", times=10_000)
    connections.delete(house.runtime, "tester", made)
    house.work_all()
    assert connections.not_left(made)
    house.emulators[HOST].faults.clear()
    connections.leave_again(house.runtime, "tester", made)
    house.work_all()
    assert connections.not_left(made) == ""
    assert house.emulators[HOST].state()["callbacks"] == []


def test_our_pages_go_with_the_last_connection_to_a_host(house: House) -> None:
    first, second = house.connect(HOST, "First"), house.connect(HOST, "Second")
    adapter = house.runtime.adapter(first)
    screen = next(iter(adapter.screens()))  # type: ignore[attr-defined]
    url = f"{house.runtime.settings.public_url}/pod"
    adapter.place(Placement("Tab", screen.value, "Bridgehead", url))  # type: ignore[attr-defined]
    house.work_all()
    assert connections.registered(house.runtime, first).pages == 0
    connections.delete(house.runtime, "tester", first)
    house.work_all()
    found = connections.registered(house.runtime, second)
    assert found.pages == 1
    assert found.callbacks == len(house.emulators[HOST].state()["callbacks"]) >= 2
    connections.delete(house.runtime, "tester", second)
    house.work_all()
    assert list(adapter.placements(url)) == []  # type: ignore[attr-defined]


def test_a_table_of_a_connection_is_never_forgotten() -> None:
    names = {table.name for table in belongings.tables()}
    referring = {
        table.name
        for table in db.metadata.tables.values()
        if any(key.column.table.name in {"connection", "integration"} for key in table.foreign_keys)
    }
    assert referring <= names
    assert "ticket_log" in names


def test_deleting_does_not_need_the_name_to_be_short(house: House) -> None:
    made = house.connect(VENDOR, "A" * 120)
    connections.delete(house.runtime, "tester", made)
    with writing():
        assert len(made.name) == 120
    assert connections.former_name(made) == "A" * 120
