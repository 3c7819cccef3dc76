"""PF11: pages over 100,000 devices beside the same pages over 1,000, and the queries they cost."""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import event, insert

from bench.table import Row
from plugin.app import create_app
from plugin.runtime import Runtime, utc_now
from plugin.services import access, connections, counting
from plugin.services.access import Role
from plugin.settings import load
from plugin.store import database
from plugin.store.base import db, writing
from plugin.store.mirror import DetectionRow, DeviceRow, LicenceRow, WorkspaceRow

SMALL, LARGE = 1_000, 100_000
WORKSPACES = 100
ROUNDS = 21
PAGES = (
    "/",
    "/devices",
    "/devices?protection=critical",
    "/devices?sort=-name&page=3",
    "/devices?bases=older",
    "/devices?deployment=not_installed",
    "/statistics",
    "/statistics?workspace=7",
    "/events",
    "/events?severity=warning",
    "/licensing",
    "/licensing?use=exceeded&sort=-share",
    "/coverage",
    "/tickets",
)
STARTED = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def run() -> list[Row]:
    """Fill two installations and open the same pages in both, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = (
            open_with(Path(folder) / str(size), lambda runtime, size=size: _fill(runtime, size))
            for size in (SMALL, LARGE)
        )
        return [_measure(path, small, large) for path in PAGES]


def open_with(folder: Path, fill: Callable[[Runtime], None]) -> FlaskClient:
    """Return an administrator's client of a new installation in ``folder``, once it is filled."""
    folder.mkdir()
    app = create_app(load({"BRIDGEHEAD_DATA": str(folder)}))
    with app.app_context():
        database.upgrade(app)
        runtime: Runtime = app.extensions["bridgehead"]
        fill(runtime)
        user, _ = access.create_user(runtime, "bench", "bench@msp.example", Role.ADMINISTRATOR)
        with writing():
            user.must_change = False
        secret, _ = access.start_session(runtime, user)
    client = app.test_client()
    client.set_cookie("bridgehead", secret, domain="localhost")
    return client


def _fill(runtime: Runtime, devices: int) -> None:
    values = {"server": "ksc.example", "port": "13299", "user": "u", "password": "p"}
    vendor = connections.create(runtime, "bench", "kaspersky_ksc", "Bench", values)
    vendor_id, now = vendor.id, runtime.now()
    workspaces = [
        {
            "vendor_id": vendor_id,
            "workspace_id": str(number),
            "name": f"Client {number:03d}",
            "first_seen_at": now,
            "seen_at": now,
        }
        for number in range(WORKSPACES)
    ]
    with writing() as session:
        session.execute(insert(WorkspaceRow), workspaces)
        for start in range(0, devices, 5_000):
            rows = [_device(vendor_id, number) for number in range(start, start + 5_000)]
            session.execute(insert(DeviceRow), rows[: devices - start])
        session.execute(
            insert(DetectionRow), [_detection(vendor_id, number) for number in range(devices // 10)]
        )
        session.execute(
            insert(LicenceRow),
            [_licence(vendor_id, number) for number in range(max(devices // 50, 600))],
        )
        counting.recount(session, vendor_id, map(str, range(WORKSPACES)), now)


def _device(vendor_id: int, number: int) -> dict[str, object]:
    protection = "critical" if number % 20 == 0 else "warning" if number % 7 == 0 else "ok"
    return {
        "vendor_id": vendor_id,
        "workspace_id": str(number % WORKSPACES),
        "device_id": f"d{number}",
        "name": f"PC{(number * 7919) % 1_000_003:07d}",
        "device_class": "workstation",
        "protection": protection,
        "fingerprint": "f",
        "first_seen_at": STARTED,
        "last_contact_at": STARTED + timedelta(seconds=number),
        "bases_at": utc_now() - timedelta(minutes=13 * number % 20_000) if number % 50 else None,
        "deployment": ("not_installed", "not_running")[number % 2]
        if number % 9 == 0
        else "running",
    }


def _licence(vendor_id: int, number: int) -> dict[str, object]:
    return {
        "vendor_id": vendor_id,
        "workspace_id": str(number % WORKSPACES),
        "licence_id": f"k{number}",
        "product": f"Product {number % 5}",
        "kind": "commercial",
        "state": "active",
        "limit": 100,
        "used": number * 7 % 110,
        "seen_at": STARTED,
    }


def _detection(vendor_id: int, number: int) -> dict[str, object]:
    return {
        "vendor_id": vendor_id,
        "workspace_id": str(number % WORKSPACES),
        "detection_id": f"e{number}",
        "device_id": f"d{number}",
        "device_name": f"PC{number}",
        "kind": "GNRL_EV_VIRUS_FOUND",
        "severity": "warning" if number % 3 else "critical",
        "title": "Malicious object detected",
        "occurred_at": STARTED + timedelta(seconds=number),
        "stored_at": STARTED,
    }


def _measure(path: str, small: FlaskClient, large: FlaskClient) -> Row:
    times: dict[int, list[float]] = {SMALL: [], LARGE: []}
    for _ in range(ROUNDS):
        for size, client in ((SMALL, small), (LARGE, large)):
            started = time.perf_counter()
            status = client.get(path).status_code
            times[size].append(time.perf_counter() - started)
            assert status == 200, f"{path}: {status}"
    before, after = (statistics.median(times[size]) for size in (SMALL, LARGE))
    queries = queries_of(large, path)
    ratio = after / before
    return Row(
        "PF11",
        f"GET {path} with {LARGE:,} devices",
        f"{after * 1000:.1f} ms, {queries} queries",
        f"{before * 1000:.1f} ms with {SMALL:,}",
        f"{ratio:.2f}",
        "≤ 1.5, ≤ 10 queries",
        ratio <= 1.5 and queries <= 10,
    )


def queries_of(client: FlaskClient, path: str) -> int:
    """Count the database queries of one GET."""
    counted: list[str] = []

    def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            counted.append(statement)

    with client.application.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    client.get(path)
    event.remove(engine, "before_cursor_execute", count)
    return len(counted)
