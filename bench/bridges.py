"""How much sooner everything is synchronised with two and four bridges than with one.

The vendor takes 50 ms for each call and does not limit an account. Bridges, vendor and server are
processes of their own with real sockets; a bridge works with one hand, so that it mostly waits and
the processors of this machine are not what is measured. The second of two full passes counts: from
the first on the plan knows what each workspace costs.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import delete, func, select

from bench.table import Row
from plugin.services import sync
from plugin.services.bridges import leases, registry
from plugin.services.scopes import scopes_of
from plugin.services.watch import LOOK
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.work import Job, RunState, SyncRun
from tests.bridge.yard import Yard, open_yard
from tests.databases import fresh_sqlite
from tests.house import VENDOR

COMPANIES, DEVICES = 48, 480
CALL_SECONDS = 0.05
PATIENCE = 300.0
BAR = 0.9


@dataclass(frozen=True, slots=True)
class Pace:
    """What some bridges did: workspaces a second, and how many processors all of it took."""

    rate: float
    processors: float


def run() -> list[Row]:
    """Measure with one bridge, then with two and with four."""
    alone = _measure(1)
    return [_row(count, _measure(count), alone) for count in (2, 4)]


def _row(count: int, ours: Pace, alone: Pace) -> Row:
    share = ours.rate / (count * alone.rate)
    busy = f"{ours.processors:.1f} of {os.cpu_count()} processors"
    return Row(
        "B4",
        f"{COMPANIES} workspaces, {count} bridges, 50 ms a call",
        f"{ours.rate:.2f} workspaces/s ({busy})",
        f"{alone.rate:.2f} with one ({alone.processors:.1f})",
        f"{share:.2f} × linear",
        f"≥ {BAR} × linear",
        share >= BAR,
    )


def _measure(count: int) -> Pace:
    with (
        tempfile.TemporaryDirectory() as name,
        open_yard(fresh_sqlite(Path(name)), Path(name), COMPANIES, DEVICES) as yard,
        _vendor() as origin,
        _bridges(yard, Path(name), count),
    ):
        with writing() as session:
            session.get_one(Connection, yard.vendor.id).origin_override = origin
            session.execute(delete(Job).where(Job.kind == LOOK))  # they would come in between
        _sync(yard)
        leases.keep(yard.house.runtime, level=True)
        used, seconds = _used(), _sync(yard)
        return Pace(COMPANIES / seconds, (_used() - used) / seconds)


def _sync(yard: Yard) -> float:
    """Fetch and store every workspace in full; returns the seconds."""
    runtime, vendor = yard.house.runtime, yard.vendor
    started = time.monotonic()
    for scope in scopes_of(runtime, vendor):
        sync.ask(runtime, vendor, sync.DATA, scope=scope, full=True, by="bench")
    while time.monotonic() - started < PATIENCE:
        yard.house.work_all()
        db.session.rollback()
        living = select(func.count()).select_from(SyncRun).where(SyncRun.living.is_not(None))
        if not db.session.scalar(living):
            failed = select(SyncRun.id).where(SyncRun.state != RunState.DONE)
            assert not db.session.scalars(failed).all(), "a run did not end well"
            return time.monotonic() - started
        time.sleep(0.02)
    raise AssertionError(f"not everything is synchronised after {PATIENCE:.0f} s")


def _used() -> float:
    """Return the processor time that this process and its children have taken."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


@contextlib.contextmanager
def _vendor() -> Iterator[str]:
    words = [VENDOR, str(COMPANIES), str(DEVICES), str(CALL_SECONDS)]
    command = [sys.executable, "-m", "bench._vendor", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdin is not None
        assert it.stdout is not None
        yield it.stdout.readline().strip()
        it.stdin.close()


@contextlib.contextmanager
def _bridges(yard: Yard, folder: Path, count: int) -> Iterator[None]:
    runtime, made = yard.house.runtime, []
    for place in range(count):
        bridge = registry.name(runtime, "bench", f"bridge {place}")
        token = registry.new_token(runtime, "bench", bridge)
        registry.place(runtime, "bench", bridge, yard.integration.id)
        words = ["--server", yard.server.origin, "--token", token, "--hands", "1"]
        command = [
            sys.executable,
            "-m",
            "plugin.bridge",
            *words,
            "--data",
            str(folder / f"{place}"),
        ]
        with (folder / f"{place}.log").open("wb") as log:
            made.append(subprocess.Popen(command, stderr=log))
    try:
        _wait_online(count)
        yield
    finally:
        for process in made:
            process.terminate()
            process.wait(20)


def _wait_online(count: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        db.session.rollback()
        if sum(each.online for each in registry.everyone()) == count:
            return
        time.sleep(0.1)
    raise AssertionError(f"not {count} bridges are online")
