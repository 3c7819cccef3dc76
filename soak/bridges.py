"""QR19: bridges killed and frozen during a sync; every row once, only the lost ones' work moves."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.table import Row
from plugin.sandbox.server import Sandbox
from soak.installation import Installation, running

COMPANIES = int(os.environ.get("BRIDGEHEAD_SOAK_COMPANIES", "100"))
VENDORS = ("kaspersky_ksc", "kaspersky_cloud", "kaspersky_hub")
BRIDGES, BEAT, DEADLINE = 6, 3.0, 9.0
SLACK = 4.0
"""Seconds that a loaded machine may add: a look every two seconds, and the asking itself."""

Holders = dict[tuple[int, str], int | None]


def run() -> list[Row]:
    """Play both stories in one installation of 3 integrations, each with two bridges."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_world(folder)
        with running(
            folder, BRIDGEHEAD_BRIDGE_BEAT=BEAT, BRIDGEHEAD_BRIDGE_DEADLINE=DEADLINE
        ) as ours:
            integrations = _integrate(ours)
            _sync(ours, integrations)
            expected = _devices(folder)
            with _bridges(ours, integrations, folder) as bridges:
                return [
                    _killed(ours, integrations, folder, bridges, expected),
                    _frozen(ours, integrations, folder, bridges, expected),
                ]


# -- setting the scene ---------------------------------------------------------------------------


def _make_world(folder: Path) -> None:
    """Fill the sandbox with a large MSP before anything connects to it."""
    sandbox = Sandbox(folder / "sandbox")
    sandbox.reset({"companies": COMPANIES, "devices": 12 * COMPANIES}, 2026)
    sandbox.stop()


def _integrate(ours: Installation) -> list[int]:
    """Make one integration of each vendor, with all its workspaces."""
    ours.wait_for(lambda: _is_connected(ours), 300, "the sandbox is not connected")
    _settled(ours)
    connections = {each["kind"]: each["id"] for each in ours.api_all("connections")}
    present = {each["vendor_id"]: each["id"] for each in ours.api_all("integrations")}
    numbers = []
    for kind in VENDORS:
        vendor = connections[kind]
        if vendor not in present:
            wish = {"host_id": connections["connectwise_psa"], "vendor_id": vendor, "name": kind}
            present[vendor] = ours.api("integrations", wish)["id"]
        number = present[vendor]
        ours.api(f"integrations/{number}/sync", {"full": True})
        path = f"integrations/{number}/workspaces"
        ours.wait_for(
            lambda path=path: ours.api(path)["total"] >= COMPANIES, 180, f"{kind}: no workspaces"
        )
        _settled(ours)
        chosen: list[object] = [each["workspace_id"] for each in ours.api_all(path)]
        ours.api(path, {"workspaces": chosen}, "PUT")
        numbers.append(number)
    return numbers


def _is_connected(ours: Installation) -> bool:
    """Tell whether the ready-made integration of the sandbox serves its workspaces."""
    return any(each["coverage"]["workspaces"] for each in ours.api_all("integrations"))


def _sync(ours: Installation, integrations: list[int]) -> None:
    for number in integrations:
        ours.api(f"integrations/{number}/sync", {"full": True})
    _settled(ours)


def _settled(ours: Installation) -> None:
    def done() -> bool:
        return not ours.api("runs?state=waiting")["total"] + ours.api("runs?state=running")["total"]

    ours.wait_for(done, 600, "runs are left over")


class _Bridge:
    """One bridge as a process of its own."""

    def __init__(self, ours: Installation, integration: int, place: int, folder: Path) -> None:
        made = ours.api("bridges", {"name": f"bridge {place}"})
        self.number: int = made["id"]
        token = ours.api(f"bridges/{self.number}/token", {})["token"]
        ours.api(f"bridges/{self.number}", {"integration_id": integration}, "PATCH")
        words = ["--server", ours.address, "--token", token, "--data", str(folder / f"b{place}")]
        self.log = (folder / f"b{place}.log").open("wb")
        command = [sys.executable, "-m", "plugin.cli", "bridge", *words]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)


@contextlib.contextmanager
def _bridges(ours: Installation, integrations: list[int], folder: Path) -> Iterator[list[_Bridge]]:
    made = [
        _Bridge(ours, integrations[place % len(integrations)], place, folder)
        for place in range(BRIDGES)
    ]
    try:
        ours.wait_for(
            lambda: sum(each["online"] for each in ours.api_all("bridges")) == BRIDGES,
            120,
            "not every bridge came online",
        )
        ours.wait_for(
            lambda: len({each for each in _holders(folder).values() if each}) == BRIDGES,
            60,
            "not every bridge holds work",
        )
        yield made
    finally:
        for bridge in made:
            bridge.process.kill()
            bridge.process.wait()
            bridge.log.close()


# -- looking ---------------------------------------------------------------------------------------


def _read(folder: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(folder / "bridgehead.db", timeout=10)) as database:
        return database.execute(query).fetchall()


def _holders(folder: Path) -> Holders:
    rows = _read(folder, "SELECT vendor_id, scope, bridge_id FROM bridge_lease")
    return {(vendor, scope): bridge for vendor, scope, bridge in rows}


def _devices(folder: Path) -> list[Any]:
    columns = "vendor_id, workspace_id, device_id"
    return _read(folder, f"SELECT {columns} FROM device WHERE gone_at IS NULL ORDER BY {columns}")  # noqa: S608


def _refused(folder: Path) -> int:
    return sum("given to another" in log.read_text("utf-8") for log in folder.glob("b*.log"))


def _lost(ours: Installation, lost: set[int], before: Holders, folder: Path) -> tuple[float, bool]:
    """Wait until others hold what the lost bridges held; how long it took, and who else moved."""
    started = time.monotonic()
    ours.wait_for(
        lambda: not lost & {each for each in _holders(folder).values() if each},
        120,
        "the lost bridges' workspaces are not held by others",
    )
    seconds = time.monotonic() - started
    after = _holders(folder)
    return seconds, {before[each] for each in before if before[each] != after[each]} <= lost


def _row(what: str, seconds: float, *, only: bool, once: bool, told: str) -> Row:
    limit = DEADLINE + BEAT + SLACK
    return Row(
        "QR19",
        what,
        f"taken over in {seconds:.1f} s; rows {'once' if once else 'NOT once'}; {told}",
        "only theirs moved" if only else "OTHERS MOVED",
        "",
        f"≤ {limit:.0f} s, every row once",
        once and only and seconds <= limit,
    )


# -- the two stories -------------------------------------------------------------------------------


def _killed(
    ours: Installation,
    integrations: list[int],
    folder: Path,
    bridges: list[_Bridge],
    expected: list[Any],
) -> Row:
    before = _holders(folder)
    for number in integrations:
        ours.api(f"integrations/{number}/sync", {"full": True})
    time.sleep(1)
    victims = bridges[:2]
    for bridge in victims:
        bridge.process.kill()
    numbers = {bridge.number for bridge in victims}
    seconds, only = _lost(ours, numbers, before, folder)
    _settled(ours)
    once = _devices(folder) == expected
    what = f"2 of {BRIDGES} bridges killed in a sync of {len(before)} workspaces"
    return _row(what, seconds, only=only, once=once, told=f"{len(expected)} devices")


def _frozen(
    ours: Installation,
    integrations: list[int],
    folder: Path,
    bridges: list[_Bridge],
    expected: list[Any],
) -> Row:
    before = _holders(folder)
    frozen = bridges[2]
    for number in integrations:
        ours.api(f"integrations/{number}/sync", {"full": True})
    ours.wait_for(
        lambda: _read(
            folder,
            f"SELECT 1 FROM bridge_task WHERE bridge_id={frozen.number} AND state='running'",  # noqa: S608
        ),
        60,
        "the bridge was given no work",
    )
    frozen.process.send_signal(signal.SIGSTOP)
    seconds, only = _lost(ours, {frozen.number}, before, folder)
    frozen.process.send_signal(signal.SIGCONT)
    _settled(ours)
    ours.wait_for(
        lambda: frozen.number in _holders(folder).values(), 60, "the woken bridge holds nothing"
    )
    once = _devices(folder) == expected
    told = f"{_refused(folder)} late walks refused"
    return _row(
        "a bridge frozen for longer than the deadline", seconds, only=only, once=once, told=told
    )
