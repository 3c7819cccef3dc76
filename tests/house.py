"""A whole installation for service tests: real database, in-process emulators, a moved clock.

The emulators are the sandbox's own; only the sockets are left out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flask import Flask
from sqlalchemy import select

import plugin.hosts
import plugin.vendors
from plugin.domain.hearing import Hearing
from plugin.edge import http
from plugin.edge.discovery import find_adapters
from plugin.edge.emulator import Emulator, Happening
from plugin.edge.inprocess import InProcess
from plugin.edge.shelf import Shelf
from plugin.edge.world import World
from plugin.runtime import Runtime
from plugin.sandbox.emulators import EMULATORS, origins
from plugin.services import connections, integrations, mapping, sync
from plugin.services.handlers import HANDLERS, HOOKS
from plugin.services.work import work
from plugin.settings import Pace, Settings, load
from plugin.store.base import db
from plugin.store.integrations import Connection, Integration
from plugin.store.mirror import CompanyRow, WorkspaceRow
from plugin.store.work import Job, JobState, TicketEntry
from plugin.vault import KEY_FILE, Vault
from tests import snapshots
from tests.databases import bare_app
from tests.rig import small_world

HOST, VENDOR = "connectwise_psa", "kaspersky_ksc"
AT_ONCE = (0.0, 0.0)
"""Second and third tries without a pause: nothing is gained by waiting for an emulator."""

_key: list[bytes] = []
_ORIGINS = origins(1)


@dataclass
class HandClock:
    """Real time plus what a test adds; ``moved`` is how far somebody has set it wrong."""

    offset: timedelta = timedelta()
    moved: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset + self.moved

    def steady(self) -> float:
        """Return the seconds that have passed, which setting a clock does not change."""
        return (datetime.now(UTC) + self.offset).timestamp()

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.offset += timedelta(seconds=seconds)


@dataclass
class House:
    """What a test needs at hand."""

    app: Flask
    runtime: Runtime
    clock: HandClock
    emulators: "_Emulators"
    url: str
    woken: list[str] = field(default_factory=list)

    def connect(self, kind: str, name: str = "") -> Connection:
        """Add a connection to an emulator as an administrator would."""
        emulator = self.emulators[kind]
        return connections.create(
            self.runtime,
            "tester",
            kind,
            name or f"Test {kind}".replace("_", " "),
            emulator.connection_settings(),
            origin_override=emulator.origin,
        )

    def integrate(self, host: str = HOST, vendor: str = VENDOR) -> Integration:
        """Connect both sides, map every workspace by name, switch the critical rule on."""
        return self.once((host, vendor), lambda: self._integrate(host, vendor))

    def once(self, what: object, make: Callable[[], object]) -> Integration:
        """Return the integration that ``make`` makes; ``what`` names it in this test process.

        A house in which nothing was done yet gets a copy of the first one that made it.
        """
        key = (db.engine.dialect.name, self.emulators.world, what)
        untouched = not self.clock.offset and not self.clock.moved and snapshots.untouched()
        fresh = not self.emulators and untouched
        kept = snapshots.find(key) if fresh else None
        if kept is not None:
            self.clock.offset = kept.taken - datetime.now(UTC)
            self.runtime.hearing.begin()
            self.emulators.update(snapshots.put_back(kept, self.url, _open_emulator))
        else:
            make()
        if fresh and kept is None:
            snapshots.take(key, self.url, self.emulators)
        newest = select(Integration).order_by(Integration.id.desc()).limit(1)
        return db.session.scalars(newest).one()

    def _integrate(self, host: str, vendor: str) -> Integration:
        host_connection, vendor_connection = self.connect(host), self.connect(vendor)
        made = integrations.create(
            self.runtime, "tester", host_connection, vendor_connection, "Integration"
        )
        self.work_all()
        companies: dict[str, str] = dict(
            db.session.execute(select(CompanyRow.name, CompanyRow.company_id)).all()
        )
        rows = db.session.execute(select(WorkspaceRow.workspace_id, WorkspaceRow.name))
        ids = []
        for workspace_id, name in rows.all():
            ids.append(workspace_id)
            if name in companies:
                mapping.map_company(self.runtime, "tester", made, workspace_id, companies[name])
        for rule in made.rules:
            integrations.set_rule(
                self.runtime, "tester", made, rule, enabled=rule.matches == "critical", fields={}
            )
        integrations.switch_tickets(self.runtime, "tester", made, on=True)
        integrations.choose_workspaces(self.runtime, "tester", made, ids)
        self.work_all()
        return made

    def work_all(self, rounds: int = 20) -> None:
        """Do every due job, and what follows from it, until nothing is due."""
        for _ in range(rounds):
            due = select(Job.lane).where(
                Job.state == JobState.DUE, Job.due_at <= self.clock(), Job.leased_until.is_(None)
            )
            lanes = list(db.session.scalars(due.distinct()))
            db.session.commit()
            if not lanes:
                return
            for lane in lanes:
                work(self.runtime, lane, HANDLERS, HOOKS)

    def sync(self, connection: Connection) -> None:
        """Fetch everything of a connection now."""
        sync.ask_all(self.runtime, connection, by="tester")
        self.work_all()

    def happen(self, what: str, **details: Any) -> dict[str, Any]:
        """Let something happen at the host or, if it is none of its business, at the vendor."""
        for kind in (HOST, VENDOR):
            told = self.emulators[kind].occur(Happening(what, details))
            if told is not None:
                return told
        raise AssertionError(f"nothing knows {what}")

    def entries(self) -> list[TicketEntry]:
        """Return our tickets, oldest first."""
        db.session.commit()
        return list(db.session.scalars(select(TicketEntry).order_by(TicketEntry.id)))

    def host_tickets(self, key: str) -> list[dict[str, Any]]:
        """Return the tickets in the PSA that carry ``key``."""
        tickets = self.emulators[HOST].state()["tickets"]
        return [each for each in tickets if each.get("externalXRef") == key]


class _Emulators(dict[str, Emulator]):
    """The sandbox's emulators, each made when it is first asked for or called."""

    def __init__(self, world: World) -> None:
        """Show ``world`` in each of them."""
        self.world = world

    def __missing__(self, kind: str) -> Emulator:
        made = self[kind] = _open_emulator(kind)
        made.reset(self.world)
        return made


def _open_emulator(kind: str, shelf: Shelf | None = None) -> Emulator:
    made = EMULATORS[kind](shelf, origin=_ORIGINS[kind])
    made.faults.sleep = lambda seconds: None
    return made


class _Network(dict[str, Any]):
    """The ways to the emulators, by origin; a test may add others."""

    def __init__(self, emulators: _Emulators) -> None:
        self._emulators = emulators

    def get(self, origin: str, default: Any = None) -> Any:  # noqa: ANN401 - any transport
        kind = next((kind for kind, known in _ORIGINS.items() if known == origin), None)
        if kind and origin not in self:
            self[origin] = InProcess(self._emulators[kind])
        return super().get(origin, default)


@contextmanager
def open_house(url: str, folder: Path, companies: int = 3, devices: int = 24) -> Iterator[House]:
    """Open an installation on the database at ``url``."""
    clock = HandClock()
    emulators = _Emulators(small_world(companies, devices))
    app = bare_app(url)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    said = {"BRIDGEHEAD_DATA": str(data), "BRIDGEHEAD_DATABASE_URL": url}
    _share_key(data)
    runtime = Runtime(
        settings=_unhurried(load(said, root=folder)),
        vault=Vault.load(data),
        hosts=find_adapters(plugin.hosts),  # type: ignore[arg-type]
        vendors=find_adapters(plugin.vendors),  # type: ignore[arg-type]
        now=clock,
        transports=_Network(emulators),
        hearing=Hearing(clock, clock.steady),
    )
    house = House(app, runtime, clock, emulators, url)
    runtime.waker.append(house.woken.append)
    app.extensions["bridgehead"] = runtime
    with app.app_context(), patch.object(http, "BACKOFF", AT_ONCE):
        yield house
        db.session.remove()
        db.engine.dispose()


def _share_key(data: Path) -> None:
    """Give every installation of this process the same vault key, so that copies can be opened."""
    path = data / KEY_FILE
    if path.exists():
        return
    if not _key:
        Vault.load(data)
        _key.append(path.read_bytes())
    path.write_bytes(_key[0])
    path.chmod(0o600)


def _unhurried(settings: Settings) -> Settings:
    """Take the pace of calls off: an emulator in this process need not be spared."""
    pace = {"default": Pace(1000, 1_000_000)}
    return replace(settings, limits=replace(settings.limits, pace=pace))
