"""PF8: 30,000 devices stored a page at a time, beside a raw ``executemany`` of the same rows.

Both write pages of 500 into the table as it is, with all its indexes and our SQLite settings, and
commit after each. Ours also makes rows of what the vendor told, looks for what is held already,
counts, and learns the new rows' numbers.
"""

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench._worker import calm
from bench.table import Row
from plugin.app import create_app
from plugin.domain.model import Device, DeviceClass, Protection
from plugin.domain.reconcile import SeenRows
from plugin.sandbox.emulators import EMULATORS
from plugin.services import connections, mirror, mirror_devices
from plugin.store.base import db, writing
from tests.databases import fresh_sqlite

VENDOR = "kaspersky_cloud"
DEVICES, PAGE, WORKSPACES = 30_000, 500, 60
ROUNDS = 5
LEAST = 0.3
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Rows = list[tuple[Any, ...]]
Seconds = list[float]


def run() -> list[Row]:
    """Store the same devices both ways, in turns; of each page the fastest time counts."""
    rounds = [_both() for _ in range(ROUNDS)]
    ours, raw = (sum(map(min, zip(*each, strict=True))) for each in zip(*rounds, strict=True))
    return [
        Row(
            "PF8",
            f"{DEVICES:,} devices stored, {PAGE} in a transaction",
            f"{DEVICES / ours:,.0f} rows/s",
            f"raw executemany {DEVICES / raw:,.0f} rows/s",
            f"{raw / ours:.2f}",
            f">= {LEAST:g}",
            raw / ours >= LEAST,
        )
    ]


def _both() -> tuple[Seconds, Seconds]:
    with _installed() as (vendor_id, _):
        ours = _timed_store(vendor_id)
        rows = _rows()
    with _installed() as (_, connection):
        return ours, _timed_executemany(connection, rows)


@contextmanager
def _installed() -> Iterator[tuple[int, sqlite3.Connection]]:
    """Give a new installation with one vendor: the vendor's number, and the driver's connection."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = fresh_sqlite(folder)
        app = create_app(calm({"BRIDGEHEAD_DATA": name, "BRIDGEHEAD_DATABASE_URL": url}))
        with app.app_context():
            settings = EMULATORS[VENDOR]().connection_settings()
            runtime = app.extensions["bridgehead"]
            vendor = connections.create(runtime, "bench", VENDOR, "Bench", settings)
            raw = db.engine.raw_connection()
            assert isinstance(raw.driver_connection, sqlite3.Connection)
            yield vendor.id, raw.driver_connection
            raw.close()
            db.session.remove()
            db.engine.dispose()


def _device(number: int) -> Device:
    """Return a device as full of facts as vendors tell them."""
    return Device(
        id=f"00000000-0000-4000-8000-{number:012d}",
        workspace_id=f"workspace-{number // PAGE % WORKSPACES}",
        name=f"PC-{number:05d}",
        device_class=DeviceClass.WORKSTATION,
        operating_system="Microsoft Windows 11 Pro 23H2",
        serial=f"5CD{number:07d}",
        macs=(f"00:50:56:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",),
        fqdn=f"pc-{number:05d}.client.example",
        address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        user=f"user{number}",
        protection=Protection.WARNING if number % 9 == 0 else Protection.OK,
        conditions=("bases_outdated",) if number % 9 == 0 else (),
        groups=("workstations",),
        product="Endpoint Security",
        product_version="12.8.0.505",
        bases_at=NOW - timedelta(minutes=number % 1440),
        seen_at=NOW - timedelta(seconds=number % 86_400),
    )


def _timed_store(vendor_id: int) -> Seconds:
    counts, seen, took = mirror.Counts(), SeenRows(), []
    for start in range(0, DEVICES, PAGE):
        page = [_device(number) for number in range(start, start + PAGE)]
        started = time.perf_counter()
        with writing() as session:
            mirror_devices.store_devices(session, vendor_id, page, NOW, counts, seen)
        took.append(time.perf_counter() - started)
    assert counts.created == DEVICES
    return took


def _rows() -> Rows:
    held = db.session.connection().exec_driver_sql("SELECT * FROM device")
    return [tuple(row) for row in held]


def _timed_executemany(connection: sqlite3.Connection, rows: Rows) -> Seconds:
    marks, took = ", ".join("?" * len(rows[0])), []
    statement = f"INSERT INTO device VALUES ({marks})"  # noqa: S608 - nothing but marks
    for start in range(0, len(rows), PAGE):
        started = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows[start : start + PAGE])
        connection.commit()
        took.append(time.perf_counter() - started)
    return took
