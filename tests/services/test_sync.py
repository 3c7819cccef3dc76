from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, insert, select

from plugin.services import sync
from plugin.store.base import db
from plugin.store.integrations import Connection, Integration
from plugin.store.mapping import ComputerSerial
from plugin.store.mirror import DeviceRow, WorkspaceRow
from plugin.store.work import RunState, SyncRun
from tests.house import HOST, House, open_house


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path) as opened:
        yield opened


@pytest.fixture
def integration(house: House) -> Integration:
    return house.integrate()


def last_runs(what: str, count: int) -> list[SyncRun]:
    db.session.commit()
    query = select(SyncRun).where(SyncRun.what == what).order_by(SyncRun.id.desc()).limit(count)
    return list(db.session.scalars(query))


def alive() -> int:
    db.session.commit()
    query = select(func.count(DeviceRow.id)).where(DeviceRow.gone_at.is_(None))
    return db.session.scalar(query) or 0


def devices_of(workspace_id: str) -> list[str]:
    query = select(DeviceRow.device_id).where(DeviceRow.workspace_id == workspace_id)
    return list(db.session.scalars(query))


def test_the_mirror_holds_every_device_and_counts_them_by_workspace(
    house: House, integration: Integration
) -> None:
    assert alive() == 24
    counted = db.session.scalars(select(WorkspaceRow.devices)).all()
    assert sum(counted) == 24


def test_a_second_pass_without_news_writes_no_row(house: House, integration: Integration) -> None:
    house.sync(integration.vendor)
    for run in last_runs(sync.DATA, 3):
        assert run.state == RunState.DONE
        assert (run.created, run.updated, run.removed) == (0, 0, 0)
        assert run.expected == run.seen  # what was there before is what a progress bar counts to
        assert run.unchanged == run.seen


def test_a_new_device_and_a_changed_one_are_told_apart(
    house: House, integration: Integration
) -> None:
    house.happen("device-added")
    house.sync(integration.vendor)
    runs = last_runs(sync.DATA, 3)
    assert sum(run.created for run in runs) == 1
    assert alive() == 25


def test_a_device_that_is_gone_is_marked_and_kept(house: House, integration: Integration) -> None:
    (device_id, *_) = devices_of(last_runs(sync.DATA, 1)[0].scope)
    house.happen("device-removed", device=device_id)
    house.sync(integration.vendor)
    assert alive() == 23
    assert db.session.scalar(select(func.count(DeviceRow.id))) == 24


def test_a_workspace_that_empties_at_once_waits_for_a_person(
    house: House, integration: Integration
) -> None:
    scope = last_runs(sync.DATA, 1)[0].scope
    before = alive()
    for device_id in devices_of(scope):
        house.happen("device-removed", device=device_id)
    sync.ask(house.runtime, integration.vendor, sync.DATA, scope=scope)
    house.work_all()
    (run,) = last_runs(sync.DATA, 1)
    assert run.state == RunState.PARTIAL
    assert run.withheld > 3
    assert alive() == before
    sync.ask(house.runtime, integration.vendor, sync.DATA, scope=scope, by="anna", full=True)
    house.work_all()
    assert alive() == before - run.withheld


def test_one_living_run_for_each_scope(house: House, integration: Integration) -> None:
    first = sync.ask(house.runtime, integration.vendor, sync.WORKSPACES, by="a")
    again = sync.ask(house.runtime, integration.vendor, sync.WORKSPACES, by="b")
    assert first.id == again.id


def test_a_cancelled_run_ends_and_says_so(house: House, integration: Integration) -> None:
    run = sync.ask(
        house.runtime, integration.vendor, sync.DATA, scope=last_runs("data", 1)[0].scope
    )
    sync.cancel(house.runtime, "anna", run)
    house.work_all()
    db.session.refresh(run)
    assert run.state == RunState.CANCELLED
    assert run.living is None


def test_runs_come_back_by_their_interval(house: House, integration: Integration) -> None:
    sync.schedule(house.runtime)
    house.work_all()
    assert sync.schedule(house.runtime) == 0
    house.clock.forward(house.runtime.settings.limits.sync.interval + 1)
    assert sync.schedule(house.runtime) > 0


@pytest.mark.parametrize("fault", ["500", "cut", "429"])
def test_a_run_that_breaks_is_repeated_until_it_is_done(
    house: House, integration: Integration, fault: str
) -> None:
    house.emulators[HOST].add_fault(fault, times=9, path="/company/companies")
    run = sync.ask(house.runtime, integration.host, sync.COMPANIES, by="anna")
    house.work_all()
    db.session.refresh(run)
    assert run.problem
    house.emulators[HOST].faults.clear()
    house.clock.forward(120)
    house.work_all()
    db.session.refresh(run)
    assert run.state == RunState.DONE


def test_a_hosts_computers_tell_whose_serial_numbers_are_whose(house: House) -> None:
    automate = house.connect("connectwise_automate")
    run = sync.ask(house.runtime, automate, sync.COMPUTERS, by="anna")
    house.work_all()
    db.session.refresh(run)
    assert run.state == RunState.DONE
    assert run.seen >= 24
    rows = db.session.scalars(select(ComputerSerial)).all()
    assert {row.host_id for row in rows} == {automate.id}
    assert 20 < len(rows) <= run.seen


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_one_run_is_begun_though_another_process_begins_it_just_now(
    house: House, integration: Integration, database: str
) -> None:
    connection_id, theirs = integration.vendor_id, create_engine(database)

    def ask() -> int:
        with house.app.app_context():
            connection = db.session.get_one(Connection, connection_id)
            return sync.ask(house.runtime, connection, "list").id

    db.session.commit()
    with ThreadPoolExecutor(1) as pool, theirs.connect() as process:
        values = {"connection_id": connection_id, "what": "list", "asked_at": house.clock()}
        row = insert(SyncRun).values(**values, living=f"{connection_id}:list:")
        number = process.scalar(row.returning(SyncRun.id))
        asked = pool.submit(ask)
        with pytest.raises(FutureTimeout):
            asked.result(0.3)
        process.commit()
        assert asked.result(10) == number
    theirs.dispose()
