"""Three processes for a sync: the remotes, the worker that is watched, and whoever asks."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import func, select

from bench._least import Facts
from bench._worker import calm
from plugin.app import create_app
from plugin.domain.model import Severity
from plugin.runtime import Runtime, utc_now
from plugin.sandbox.emulators import EMULATORS
from plugin.services import connections, integrations, sync
from plugin.services.handlers import HANDLERS, HOOKS
from plugin.services.work import work
from plugin.store.base import db
from plugin.store.integrations import Connection, Integration
from plugin.store.mirror import CompanyRow, DetectionRow, DeviceRow, LicenceRow, WorkspaceRow
from plugin.store.work import Job, JobState, SyncRun
from tests.databases import fresh_sqlite

HOST = "connectwise_psa"
MIRROR = (WorkspaceRow, DeviceRow, DetectionRow, LicenceRow, CompanyRow)
PATIENCE = 900.0
MIB = 1024 * 1024
Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over everything cost: calls by remote, seconds, MiB above the idle worker."""

    calls: dict[str, dict[str, int]]
    breaches: int
    seconds: float
    growth: float

    def sent(self, kind: str) -> int:
        """Return how many requests a remote was sent."""
        return sum(self.calls[kind].values())

    def written(self, kind: str) -> int:
        """Return how many requests were sent that are no reads."""
        return sum(count for call, count in self.calls[kind].items() if call[:4] != "GET ")


class Worker:
    """The worker's process, and the most memory it had since it stood idle."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._seen = process, psutil.Process(process.pid)
        self._done = threading.Event()
        assert process.stdout
        assert process.stdout.readline() == b"ready\n", "the worker did not start"
        self._idle = self._most = self._seen.memory_info().rss
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def growth(self) -> float:
        """How many MiB it has had more than when it stood idle."""
        return (self._most - self._idle) / MIB

    def begin(self) -> None:
        """Let it work."""
        assert self._process.stdin
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End it."""
        self._done.set()
        self._process.terminate()
        self._process.wait(30)

    def _watch(self) -> None:
        while not self._done.wait(0.02) and self._process.poll() is None:
            self._most = max(self._most, self._seen.memory_info().rss)


class Stage:
    """An installation on SQLite with one host and one vendor, all clients selected."""

    def __init__(self, runtime: Runtime, worker: Worker, told: Told) -> None:
        self.runtime, self.worker = runtime, worker
        self.facts, self._places = Facts(**told["facts"]), told["places"]
        self.connections = list(db.session.scalars(select(Connection)))

    def play(self, *, full: bool) -> Pass:
        """Fetch everything from both sides; ``full`` for the first time, with a fresh worker."""
        started = time.monotonic()
        for connection in self.connections:
            sync.ask_all(self.runtime, connection, by="bench", full=full)
        if full:
            self.worker.begin()
        self._wait(started + PATIENCE)
        seconds = time.monotonic() - started
        told = _ask(self._places["counts"])
        calls = {kind: each["calls"] for kind, each in told.items()}
        breaches = sum(each["breaches"] for each in told.values())
        return Pass(calls, breaches, seconds, self.worker.growth)

    def mirror(self) -> dict[tuple[str, int], str]:
        """Return every row of the mirror, by table and number."""
        return {
            (str(table.__tablename__), row.id): repr(tuple(row))
            for table in MIRROR
            for row in db.session.execute(select(table.__table__))
        }

    def _wait(self, until: float) -> None:
        living = select(func.count()).where(SyncRun.living.is_not(None))
        while _due_lanes() or db.session.scalar(living):
            db.session.commit()
            assert time.monotonic() < until, "the sync does not end"
            time.sleep(0.1)
        db.session.commit()


@contextmanager
def stage(vendor: str) -> Iterator[Stage]:
    """Set everything up; what that takes is not counted."""
    with tempfile.TemporaryDirectory() as name, _remotes(HOST, vendor) as told:
        folder = Path(name)
        environ = {
            "BRIDGEHEAD_DATA": str(folder),
            "BRIDGEHEAD_DATABASE_URL": fresh_sqlite(folder),
        }
        app = create_app(calm(environ))
        with app.app_context():
            runtime: Runtime = app.extensions["bridgehead"]
            _install(runtime, vendor, told["places"])
            _ask(told["places"]["counts"])
            with _worker(environ) as worker:
                yield Stage(runtime, worker, told)
            db.session.remove()
            db.engine.dispose()


def _install(runtime: Runtime, vendor: str, places: dict[str, str]) -> None:
    host, other = (_connect(runtime, kind, places[kind]) for kind in (HOST, vendor))
    made = integrations.create(runtime, "bench", host, other, "Integration")
    _work_all(runtime)
    _switch_on(runtime, made)
    ids = list(db.session.scalars(select(WorkspaceRow.workspace_id)))
    integrations.choose_workspaces(runtime, "bench", made, ids)


def _connect(runtime: Runtime, kind: str, origin: str) -> Connection:
    settings = EMULATORS[kind](origin=origin).connection_settings()
    name = kind.replace("_", " ")
    return connections.create(runtime, "bench", kind, name, settings, origin_override=origin)


def _switch_on(runtime: Runtime, made: Integration) -> None:
    for rule in made.rules:
        on = rule.matches == Severity.CRITICAL
        integrations.set_rule(runtime, "bench", made, rule, enabled=on, fields={})
    integrations.switch_tickets(runtime, "bench", made, on=True)


def _work_all(runtime: Runtime) -> None:
    """Do what is due here, until nothing is."""
    while lanes := _due_lanes():
        for lane in lanes:
            work(runtime, lane, HANDLERS, HOOKS)


def _due_lanes() -> list[str]:
    due = select(Job.lane).where(Job.state == JobState.DUE, Job.due_at <= utc_now())
    return list(db.session.scalars(due.distinct()))


def _ask(origin: str) -> Told:
    with urllib.request.urlopen(origin, timeout=30) as answer:
        told: Told = json.load(answer)
        return told


@contextmanager
def _remotes(*kinds: str) -> Iterator[Told]:
    with _process("bench._remotes", *kinds) as process:
        assert process.stdout
        told: Told = json.loads(process.stdout.readline())
        yield told


@contextmanager
def _worker(environ: dict[str, str]) -> Iterator[Worker]:
    with _process("bench._worker", **environ) as process:
        worker = Worker(process)
        try:
            yield worker
        finally:
            worker.stop()


@contextmanager
def _process(module: str, *words: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", module, *words]
    whole, pipe = {**os.environ, **environ}, subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=whole) as process:
        try:
            yield process
        finally:
            process.terminate()
