"""A fleet of any size: lists are cut from indexes, with a bounded number of queries a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, event, insert, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Engine

from plugin.services import lists
from plugin.services.lists import Ask, Scope, Table
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.mirror import DeviceRow, WorkspaceRow
from tests.blueprints.pages.office import Office, open_office
from tests.scene import START

PROTECTIONS = ("ok", "ok", "ok", "warning", "critical", "unknown")
LISTS = (
    "/",
    "/statistics",
    "/events",
    "/licensing",
    "/coverage",
    "/devices",
    "/tickets",
    "/tickets/log",
    "/deliveries",
    "/runs",
    "/audit",
)
ORDINARY = (
    "/devices?page=3&sort=-name",
    "/devices?sort=contact",
    "/devices?protection=critical",
    "/devices?bases=older",
    "/devices?deployment=untold",
    "/devices?workspace=3",
    "/devices?client=Client+1",
    "/devices?q=pc-1&class=server",
    "/devices/1",
    "/connections",
    "/integrations",
)


def fill(office: Office, devices: int, workspaces: int) -> None:
    """Add a vendor with this many devices."""
    now, each = office.house.runtime.now(), devices // workspaces
    with writing() as session:
        session.add(
            Connection(id=1, side="vendor", kind="kaspersky_ksc", name="KSC", created_at=now)
        )
        session.flush()
        for place in range(workspaces):
            rows = [_device(place, number, now) for number in range(each)]
            session.execute(insert(DeviceRow), rows)
            found = [row["protection"] for row in rows]
            counts: dict[str, Any] = {
                f"devices_{word}": found.count(word) for word in set(PROTECTIONS)
            }
            session.add(
                WorkspaceRow(
                    vendor_id=1,
                    workspace_id=f"w{place}",
                    name=f"Client {place}",
                    devices=each,
                    first_seen_at=now,
                    seen_at=now,
                    **counts,
                )
            )


def _device(place: int, number: int, now: datetime) -> dict[str, Any]:
    odd = (place * 7919 + number * 104_729) % 1_000_003
    return {
        "vendor_id": 1,
        "workspace_id": f"w{place}",
        "device_id": f"{place}-{number}",
        "name": f"PC-{odd:07}",
        "device_class": "server" if number % 9 == 0 else "workstation",
        "operating_system": "Windows 11 Pro",
        "user": f"user{odd % 999}",
        "serial": f"S{odd}",
        "protection": PROTECTIONS[odd % len(PROTECTIONS)],
        "macs": [],
        "conditions": [],
        "groups": [],
        "fingerprint": "x",
        "first_seen_at": now,
        "last_contact_at": now - timedelta(minutes=odd % 50_000),
    }


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation with some thousand devices."""
    with open_office(tmp_path_factory.mktemp("fleet")) as office:
        fill(office, 3_000, 30)
        yield office


@contextmanager
def counted() -> Iterator[list[str]]:
    """Note every query that runs meanwhile."""
    queries: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("SELECT", "WITH")):
            queries.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield queries
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", LISTS + ORDINARY)
def test_a_page_asks_the_database_at_most_ten_times(fleet: Office, path: str) -> None:
    fleet.administrator.read(path)
    with counted() as queries:
        fleet.administrator.read(path)
    assert len(queries) <= 10, "\n\n".join(queries)


# -- plans ---------------------------------------------------------------------------------------

EVERYTHING = Scope(
    "production", frozenset(), frozenset({1}), whole=True, all_devices=True, now=START
)
PLANS: tuple[tuple[Table[Any], dict[str, str], str], ...] = (
    (lists.devices, {}, "ix_device_list"),
    (lists.devices, {"sort": "-name", "page": "40"}, "ix_device_list"),
    (lists.devices, {"sort": "contact"}, "ix_device_contact"),
    (lists.devices, {"sort": "-contact"}, "ix_device_contact"),
    (lists.devices, {"protection": "critical"}, "ix_device_protection"),
    (lists.devices, {"deployment": "not_installed"}, "ix_device_deployment"),
    (lists.devices, {"bases": "older"}, "ix_device_bases"),
    (lists.devices, {"bases": "untold"}, "ix_device_bases"),
    (lists.devices, {"workspace": "3"}, "ix_device_workspace"),
    (lists.devices, {"client": "Client 12"}, "ix_device_workspace"),
    (lists.tickets, {}, "ix_ticket_entry_time"),
    (lists.ticket_log, {}, "ix_ticket_log_time"),
    (lists.deliveries, {}, "ix_delivery_time"),
    (lists.deliveries, {"state": "dead"}, "ix_delivery_state"),
    (lists.runs, {}, "ix_sync_run_time"),
    (lists.detections, {}, "ix_detection_time"),
    (lists.detections, {"severity": "critical"}, "ix_detection_severity"),
    (lists.licences, {}, "ix_licence_list"),
    (lists.audit, {}, "ix_audit_entry_time"),
)
BY_INDEX_ALONE = {
    "ix_device_list",
    "ix_device_contact",
    "ix_device_protection",
    "ix_device_deployment",
    "ix_device_bases",
}


def plan(query: Select[int]) -> str:
    """Return how SQLite would go about a query."""
    written = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return "\n".join(row[3] for row in db.session.execute(text(f"EXPLAIN QUERY PLAN {written}")))


@pytest.mark.parametrize(("table", "query", "index"), PLANS)
def test_a_list_is_cut_from_its_index(
    fleet: Office, table: Table[Any], query: dict[str, str], index: str
) -> None:
    asked = Ask.of(query)
    told = plan(table.ids(EVERYTHING, asked).limit(asked.page_size).offset(asked.offset))
    assert index in told
    if index in BY_INDEX_ALONE:
        assert f"COVERING INDEX {index}" in told, told
        assert "TEMP B-TREE" not in told, told
    db.session.rollback()


def test_counts_come_from_the_workspaces_and_agree_with_the_devices(fleet: Office) -> None:
    runtime = fleet.house.runtime
    for given in ({}, {"protection": "critical"}, {"workspace": "3"}, {"client": "Client 2"}):
        listing = lists.devices.page(runtime, Ask.of(given))
        walked = sum(1 for _ in lists.devices.walk(runtime, Ask.of(given), lists.scope_of(runtime)))
        assert (listing.total, listing.exact) == (walked, True), given
    db.session.rollback()


QUESTIONS: tuple[dict[str, str], ...] = (
    {},
    {"sort": "-name"},
    {"sort": "contact"},
    {"protection": "critical"},
    {"workspace": "3"},
)


@pytest.mark.slow
def test_a_larger_fleet_costs_the_database_no_more_work(tmp_path: Path, fleet: Office) -> None:
    with open_office(tmp_path) as larger:
        fill(larger, 30_000, 30)
        many = _steps(larger)
    few = _steps(fleet)
    assert many <= 1.5 * few, (few, many)


def _steps(office: Office) -> int:
    """Count the steps of SQLite's machine for the lists of devices and the dashboard.

    Steps instead of seconds: they are the same on a machine that is busy with other things.
    """
    runtime, steps = office.house.runtime, 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with office.app.app_context():
        driver: Any = db.session.connection().connection.driver_connection
        driver.set_progress_handler(step, 10)
        for question in QUESTIONS:
            lists.devices.page(runtime, Ask.of(question))
        lists.overview(runtime, lists.scope_of(runtime))
        driver.set_progress_handler(None, 0)
    return steps
