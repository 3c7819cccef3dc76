"""An installation with its bridge door open on a real socket, and bridges moved by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from plugin.blueprints import bridge as door
from plugin.blueprints import guard, health
from plugin.bridge.keeping import Kept
from plugin.bridge.program import Program
from plugin.bridge.server import Server
from plugin.edge.emulator import Served
from plugin.services import sync
from plugin.services.bridges import history, leases, registry
from plugin.store.base import db, writing
from plugin.store.bridges import Bridge, BridgeLease
from plugin.store.integrations import Connection, Integration
from tests.house import VENDOR, House, open_house


@dataclass
class Hand:
    """A bridge program whose steps a test makes."""

    number: int
    secret: str
    program: Program
    server: Server

    def beat(self) -> None:
        self.server.beat()

    def work(self) -> int:
        """Do all the work there is; returns how many walks."""
        done = 0
        while self.program._work(self.server) == 0.0:
            done += 1
        db.session.rollback()  # what was read before the bridge wrote is old
        return done


@dataclass
class Yard:
    """The installation, one integration, and bridges."""

    house: House
    server: Served
    integration: Integration
    hands: list[Hand] = field(default_factory=list)

    @property
    def vendor(self) -> Connection:
        return self.integration.vendor

    def enrol(self, name: str, integration: Integration | None = None) -> Hand:
        """Name, enrol and map a bridge as an administrator and its computer would."""
        runtime = self.house.runtime
        bridge = registry.name(runtime, "tester", name)
        token = registry.new_token(runtime, "tester", bridge)
        where = integration or self.integration
        registry.place(runtime, "tester", bridge, where.id)
        db.session.commit()
        secret = Server(self.server.origin).enrol(token)["secret"]
        program = Program(Kept(self.server.origin, secret))
        hand = Hand(bridge.id, secret, program, Server(self.server.origin, secret))
        hand.beat()
        self.hands.append(hand)
        return hand

    def ask(self) -> None:
        """Ask for a full sync, and let the jobs become tasks of bridges."""
        sync.ask_all(self.house.runtime, self.vendor, by="tester", full=True)
        self.house.work_all()

    def keep(self) -> int:
        """Do what is done every few seconds."""
        db.session.rollback()
        return leases.watch(self.house.runtime) + leases.keep(self.house.runtime)

    def holders(self) -> dict[str, int | None]:
        """Return who holds what."""
        db.session.rollback()
        rows = db.session.execute(select(BridgeLease.scope, BridgeLease.bridge_id))
        return dict(rows.all())

    def said(self, hand: Hand) -> list[str]:
        """Return the kinds of a bridge's history, oldest first."""
        db.session.rollback()
        return [each.kind for each in reversed(history.of_bridge(hand.number))]

    def bridge(self, hand: Hand) -> Bridge:
        db.session.rollback()
        return history.get(hand.number)

    def reach(self, how: str) -> None:
        with writing():
            db.session.get_one(Connection, self.vendor.id).reach = how


@contextmanager
def open_yard(url: str, folder: Path, companies: int = 3, devices: int = 24) -> Iterator[Yard]:
    with open_house(url, folder, companies, devices) as house:
        made = house.integrate()
        emulator = Served(house.emulators[VENDOR])
        with writing():
            db.session.get_one(Connection, made.vendor.id).origin_override = emulator.origin
        guard.install(house.app)
        health.install(house.app)
        house.app.register_blueprint(door.blueprint)
        house.app.register_blueprint(health.blueprint)
        server = Served(house.app)
        yard = Yard(house, server, made)
        try:
            yield yard
        finally:
            server.stop()
            emulator.stop()
