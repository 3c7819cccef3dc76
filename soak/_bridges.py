"""An installation with three integrations and bridges as processes, and what is seen of them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

from plugin.sandbox.server import Sandbox
from soak.installation import Installation, running

COMPANIES = int(os.environ.get("BRIDGEHEAD_SOAK_COMPANIES", "100"))
VENDORS = ("kaspersky_ksc", "kaspersky_cloud", "kaspersky_hub")
BRIDGES, BEAT, DEADLINE = 6, 3.0, 9.0
TIMES = {"BRIDGEHEAD_BRIDGE_BEAT": BEAT, "BRIDGEHEAD_BRIDGE_DEADLINE": DEADLINE}
PATIENCE = 900

Holders = dict[tuple[int, str], int | None]
"""Which bridge holds which workspace, by vendor connection and workspace."""


class Bridge:
    """One bridge: a row at the server, and a process that can be killed, frozen and started."""

    def __init__(self, ours: Installation, integration: int, folder: Path) -> None:
        """Name it, map it onto its integration and start it."""
        made = ours.api("bridges", {"name": folder.name})
        self.number: int = made["id"]
        self._log, self._data = folder.with_suffix(".log"), folder
        self._server = ours.address
        token = ours.api(f"bridges/{self.number}/token", {})["token"]
        ours.api(f"bridges/{self.number}", {"integration_id": integration}, "PATCH")
        self.start("--token", token)

    def start(self, *words: str) -> None:
        """Start the program; it knows its secret after the first time."""
        command = [sys.executable, "-m", "plugin.cli", "bridge", "--server", self._server, *words]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--data", str(self._data)], stdout=log, stderr=log
            )

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal; a killed one is waited for."""
        self.process.send_signal(number)
        if number is signal.SIGKILL:
            self.process.wait()

    def refused(self) -> int:
        """Return how many of its walks the server would not have, because they came too late."""
        return self._log.read_text("utf-8").count("given to another")


@dataclass
class Yard:
    """The installation, the integrations in the order of VENDORS, and its bridges."""

    ours: Installation
    engine: Engine
    integrations: list[int] = field(default_factory=list)
    bridges: list[Bridge] = field(default_factory=list)

    # -- setting the scene ---------------------------------------------------------------------

    def integrate(self) -> None:
        """Make one integration of each vendor, with all its workspaces, and fetch everything."""
        ours = self.ours
        ours.wait_for(self._is_connected, 300, "the sandbox is not connected")
        connections = {each["kind"]: each["id"] for each in ours.api_all("connections")}
        present = {each["vendor_id"]: each["id"] for each in ours.api_all("integrations")}
        for kind in VENDORS:
            vendor = connections[kind]
            if vendor not in present:
                host = connections["connectwise_psa"]
                wish = {"host_id": host, "vendor_id": vendor, "name": kind}
                present[vendor] = ours.api("integrations", wish)["id"]
            self.integrations.append(present[vendor])
        for number in self.integrations:
            self._choose_all(number)
        self.settle()

    def _is_connected(self) -> bool:
        return any(each["coverage"]["workspaces"] for each in self.ours.api_all("integrations"))

    def _choose_all(self, number: int) -> None:
        path = f"integrations/{number}/workspaces"

        def listed() -> bool:
            if self.ours.api(path)["total"] >= COMPANIES:
                return True
            self.ours.api(f"integrations/{number}/sync", {})
            time.sleep(5)
            return False

        self.ours.wait_for(listed, 180, "no workspaces")
        chosen: list[object] = [each["workspace_id"] for each in self.ours.api_all(path)]
        self.ours.api(path, {"workspaces": chosen}, "PUT")

    def enrol(self, folder: Path) -> None:
        """Start the bridges, each integration's in turn, and wait until each holds work."""
        for place in range(BRIDGES):
            integration = self.integrations[place % len(self.integrations)]
            self.bridges.append(Bridge(self.ours, integration, folder / f"bridge{place}"))
        self.wait_online(BRIDGES)
        self.ours.wait_for(
            lambda: len({each for each in self.holders().values() if each}) == BRIDGES,
            60,
            "not every bridge holds work",
        )

    # -- doing ---------------------------------------------------------------------------------

    def sync(self) -> None:
        """Ask for everything of every integration in full."""
        for number in self.integrations:
            self.ours.api(f"integrations/{number}/sync", {"full": True})

    def settle(self) -> float:
        """Wait until no run is left; returns the seconds."""

        def done() -> bool:
            query = "SELECT count(*) FROM sync_run WHERE living IS NOT NULL"
            return not self.read(query)[0][0]

        return self.ours.wait_for(done, PATIENCE, "runs are left over")

    def wait_online(self, count: int) -> None:
        """Wait until so many bridges are online."""
        self.ours.wait_for(
            lambda: sum(each["online"] for each in self.ours.api_all("bridges")) == count,
            120,
            f"not {count} bridges are online",
        )

    # -- looking -------------------------------------------------------------------------------

    def read(self, query: str) -> list[Any]:
        """Ask the database."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def holders(self) -> Holders:
        """Return who holds what."""
        rows = self.read("SELECT vendor_id, scope, bridge_id FROM bridge_lease")
        return {(vendor, scope): bridge for vendor, scope, bridge in rows}

    def devices(self) -> list[Any]:
        """Return every living device, as often as it is there."""
        columns = "vendor_id, workspace_id, device_id"
        query = f"SELECT {columns} FROM device WHERE gone_at IS NULL ORDER BY {columns}"  # noqa: S608
        return self.read(query)

    def unfinished(self) -> int:
        """Return how many runs did not end well."""
        return int(self.read("SELECT count(*) FROM sync_run WHERE state = 'failed'")[0][0])

    def refused(self) -> int:
        """Return how many late walks of all bridges were refused."""
        return sum(bridge.refused() for bridge in self.bridges)

    def taken_over(self, lost: Iterable[Bridge]) -> tuple[float, Holders]:
        """Wait until others hold what the lost bridges held; returns the seconds and who holds
        what then: one that comes back takes its share at once."""
        numbers = {bridge.number for bridge in lost}
        seconds = self.ours.wait_for(
            lambda: not numbers & set(self.holders().values()),
            120,
            "the lost bridges' workspaces are not held by others",
        )
        return seconds, self.holders()


def moved_of(before: Holders, after: Holders) -> set[int | None]:
    """Return whose workspaces are another's now."""
    return {before[each] for each in before if before[each] != after.get(each)}


@contextlib.contextmanager
def yard(folder: Path, url: str, **settings: object) -> Iterator[Yard]:
    """Open an installation with a large MSP and three integrations, on the database at ``url``."""
    sandbox = Sandbox(folder / "sandbox")
    sandbox.reset({"companies": COMPANIES, "devices": 12 * COMPANIES}, 2026)
    sandbox.stop()
    said = {**TIMES, "BRIDGEHEAD_DATABASE_URL": url, **settings}
    engine = create_engine(url, pool_pre_ping=True)
    with running(folder, **said) as ours:
        made = Yard(ours, engine)
        try:
            made.integrate()
            made.enrol(folder)
            yield made
        finally:
            for bridge in made.bridges:
                bridge.signal(signal.SIGKILL)
            engine.dispose()
