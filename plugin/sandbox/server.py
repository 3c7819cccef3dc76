"""Serves the emulators on loopback and keeps their state in the data folder."""

import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plugin.edge.emulator import Clock, Emulator, Happening, Served
from plugin.edge.shelf import Shelf
from plugin.edge.world import SIZES, make_world
from plugin.sandbox.emulators import EMULATORS, SHOWS_OWN_CERTIFICATE
from plugin.sandbox.own_certificate import own_certificate

DEFAULT_SEED = 2026


class Sandbox:
    """The emulators, their common clock and their world."""

    def __init__(self, folder: Path, kinds: Mapping[str, type[Emulator]] = EMULATORS) -> None:
        """Open the sandbox in ``folder``; filled with the small MSP when it is new."""
        folder.mkdir(parents=True, exist_ok=True)
        self._note = folder / "sandbox.json"
        self._folder = folder
        self._served: list[Served] = []
        self.clock = Clock()
        self.emulators = {
            kind: emulator(Shelf(folder / f"{kind}.db"), self.clock)
            for kind, emulator in kinds.items()
        }
        if self._note.exists():
            self._told: dict[str, Any] = json.loads(self._note.read_text("utf-8"))
        else:
            self.reset("small", DEFAULT_SEED)

    def serve(self, first_port: int, tls: ssl.SSLContext | None = None) -> None:
        """Serve each emulator on the ports from ``first_port`` on, in their fixed order.

        On the port after them stands Security Center again, by TLS with a certificate of its own
        making, as real ones have it.
        """
        for place, emulator in enumerate(self.emulators.values()):
            self._served.append(Served(emulator, first_port + place, tls))
        if SHOWS_OWN_CERTIFICATE in self.emulators:
            again = self.emulators[SHOWS_OWN_CERTIFICATE].__call__
            port = first_port + len(self.emulators)
            self._served.append(Served(again, port, own_certificate(self._folder)))

    def stop(self) -> None:
        """Stop serving."""
        for served in self._served:
            served.stop()
        for emulator in self.emulators.values():
            emulator.shelf.close()

    # -- control -------------------------------------------------------------------------------

    def reset(self, size: str | Mapping[str, int], seed: int) -> dict[str, Any]:
        """Make a fresh MSP; the same size and seed give the same one."""
        if isinstance(size, str):
            if size not in SIZES:
                raise ValueError(f"size must be small, large or numbers, not {size!r}")
            companies, devices = SIZES[size]
        else:
            companies, devices = int(size["companies"]), int(size["devices"])
        if not 0 <= companies <= 20_000 or not 0 <= devices <= 1_000_000:
            raise ValueError("at most 20,000 companies and 1,000,000 devices")
        started = datetime.now(UTC).replace(microsecond=0)
        self.clock.offset *= 0
        world = make_world(companies, devices, seed, started)
        for emulator in self.emulators.values():
            emulator.reset(world)
        self._told = {"companies": companies, "devices": devices, "seed": seed}
        self._note.write_text(json.dumps(self._told), "utf-8")
        return self._told

    def happen(self, what: str, details: Mapping[str, Any]) -> dict[str, Any]:
        """Let something happen at the first emulator it concerns, or at the one named ``where``."""
        where = details.get("where")
        if where is not None and where not in self.emulators:
            raise ValueError(f"there is no emulator {where!r}")
        happening = Happening(what, details)
        for kind, emulator in self.emulators.items():
            if where in {None, kind}:
                told = emulator.occur(happening)
                if told is not None:
                    return {"where": kind, **told}
        raise ValueError(f"nothing here knows what {what!r} is")

    def fault(self, where: str, kind: str, times: int, path: str, seconds: float) -> None:
        """Let the next requests at an emulator meet a fault."""
        if where not in self.emulators:
            raise ValueError(f"there is no emulator {where!r}; use {', '.join(self.emulators)}")
        self.emulators[where].add_fault(kind, times, path, seconds)

    def state(self) -> dict[str, Any]:
        """Return everything the emulators hold."""
        return {
            "now": self.clock().isoformat(),
            "world": self._told,
            "contract_breaches": sum(each.breach_count for each in self.emulators.values()),
            "emulators": {kind: each.overview() for kind, each in self.emulators.items()},
        }
