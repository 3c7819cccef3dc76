"""A walk over devices that breaks off: it goes on at the last stored page, and nothing is lost."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from plugin.edge.emulator import Happening
from plugin.services import mirror, mirror_devices, sync, sync_position
from plugin.services.handlers import HANDLERS, HOOKS
from plugin.services.scopes import lane_of, scopes_of
from plugin.services.work import work
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.mirror import Cursor, DeviceRow
from plugin.store.work import RunState, SyncRun
from plugin.vendors.eset import fleet
from plugin.vendors.kaspersky.cloud import KasperskyCloud
from tests.databases import fresh_sqlite
from tests.house import House, open_house

CLOUD, ESET = "kaspersky_cloud", "eset_protect"
LEASE = 61


class CrashError(BaseException):
    """The process is gone in the middle of its work."""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """An installation whose vendors give two devices a page."""
    monkeypatch.setattr(KasperskyCloud, "page_size", 2)
    monkeypatch.setattr(fleet, "DEVICES_A_PAGE", 2)
    with open_house(fresh_sqlite(tmp_path), tmp_path) as opened:
        yield opened


@pytest.fixture(params=[CLOUD, ESET])
def vendor(request: pytest.FixtureRequest, house: House) -> Connection:
    return house.integrate(vendor=request.param).vendor


def crash_at(monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    """Let the process die while it stores the given page of devices."""
    stored = mirror_devices.store_devices
    pages: list[Sequence[Any]] = []

    def store(session: Any, number: int, devices: Sequence[Any], *rest: Any) -> None:  # noqa: ANN401
        pages.append(devices)
        if len(pages) == page:
            raise CrashError
        stored(session, number, devices, *rest)

    monkeypatch.setattr(mirror_devices, "store_devices", store)


def break_off(house: House, vendor: Connection, page: int = 3) -> SyncRun:
    """Begin a full run of the first workspace and die at one of its pages."""
    scope = scopes_of(house.runtime, vendor)[0]
    run = sync.ask(house.runtime, vendor, sync.DATA, scope=scope, by="anna", full=True)
    with pytest.MonkeyPatch.context() as patched:
        crash_at(patched, page)
        with pytest.raises(CrashError):
            house.work_all()
    db.session.rollback()
    return run


def go_on(house: House, run: SyncRun, seconds: float = LEASE) -> list[str]:
    """Let another process take over; return the queries by which it asked for devices."""
    emulator = house.emulators[run.connection.kind]
    emulator.requests.clear()
    house.clock.forward(seconds)
    work(house.runtime, lane_of(run.connection_id, run.scope or run.what), HANDLERS, HOOKS)
    db.session.refresh(run)
    assert run.state == RunState.DONE
    listed = [each for each in emulator.requests if each["path"].endswith("/devices")]
    mine = [each["query"] for each in listed if not run.scope or run.scope in each["path"]]
    return mine[: run.seen // 2 + 1]


def unbroken(house: House, run: SyncRun) -> SyncRun:
    """Do the same again without an accident."""
    other = sync.ask(
        house.runtime, run.connection, sync.DATA, scope=run.scope, by="anna", full=True
    )
    go_on(house, other)
    return other


def figures(run: SyncRun) -> dict[str, int]:
    """Return what a run counted."""
    return {name: getattr(run, name) for name in mirror.FIGURES}


def asks_for_the_first_page(query: str) -> bool:
    return "page=" not in query.replace("limit", "") and "pageToken" not in query


def devices(vendor: Connection, scope: str) -> dict[str, bool]:
    """Return the workspace's devices as stored, and whether each is still there."""
    query = select(DeviceRow).where(DeviceRow.vendor_id == vendor.id)
    rows = db.session.scalars(query.where(DeviceRow.workspace_id == scope) if scope else query)
    return {row.device_id: row.gone_at is None for row in rows}


def test_a_run_goes_on_at_the_last_stored_page(house: House, vendor: Connection) -> None:
    run = break_off(house, vendor)
    queries = go_on(house, run)
    assert queries
    assert not any(asks_for_the_first_page(each) for each in queries)
    assert figures(run) == figures(unbroken(house, run))


def test_a_run_that_went_on_marks_just_what_is_gone(house: House, vendor: Connection) -> None:
    scope = scopes_of(house.runtime, vendor)[0]
    before = devices(vendor, scope)
    gone = min(before)
    assert house.emulators[vendor.kind].occur(Happening("device-removed", {"device": gone}))
    go_on(house, break_off(house, vendor))
    after = devices(vendor, scope)
    assert [name for name, there in after.items() if not there] == [gone]
    assert len(after) == len(before)


def test_an_old_place_is_not_gone_on_from(house: House, vendor: Connection) -> None:
    run = break_off(house, vendor)
    queries = go_on(house, run, sync_position.STALE.total_seconds() + 1)
    assert asks_for_the_first_page(queries[0])
    assert figures(run) == figures(unbroken(house, run))


def test_a_place_that_the_vendor_forgot_begins_anew(house: House, vendor: Connection) -> None:
    before = devices(vendor, scopes_of(house.runtime, vendor)[0])
    run = break_off(house, vendor)
    query = select(Cursor).where(Cursor.what == sync_position.POSITION)
    with writing() as session:
        row = session.scalars(query).one()
        elsewhere = json.dumps(["listing", "forgotten", "token"])
        row.cursor = json.dumps(json.loads(row.cursor or "") | {"at": elsewhere})
    queries = go_on(house, run)
    assert any(asks_for_the_first_page(each) for each in queries)
    assert devices(vendor, run.scope) == before
    assert all(before.values())


def test_a_whole_walk_leaves_no_place_behind(house: House, vendor: Connection) -> None:
    go_on(house, break_off(house, vendor))
    assert not db.session.scalars(select(Cursor).where(Cursor.what == "device_position")).all()


def test_the_place_of_another_run_is_not_gone_on_from(house: House, vendor: Connection) -> None:
    first = break_off(house, vendor)
    sync.close(house.runtime, first, RunState.FAILED, "given up")
    house.clock.forward(LEASE)
    house.work_all()
    run = sync.ask(house.runtime, vendor, sync.DATA, scope=first.scope, by="anna", full=True)
    assert asks_for_the_first_page(go_on(house, run)[0])
