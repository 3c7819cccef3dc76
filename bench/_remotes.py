"""The made-up MSP's remotes in a process of their own, counting the requests they are sent.

``python -m bench._remotes HOST VENDOR`` prints one line of JSON: where each answers, where it can
be asked what was sent (``GET`` there tells and begins anew), and how much the last one holds.
"""

import json
import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from bench._least import Facts
from plugin.edge.emulator import Emulator, Served
from plugin.edge.world import SIZES, World, make_world
from plugin.sandbox.emulators import EMULATORS

SEED = 2026
_NAMED = re.compile(r"/(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27})(?=[/:]|$)")


def world() -> World:
    """Return the MSP that is measured: 300 companies, with ``BENCH_DEVICES`` or 30,000 devices."""
    companies, devices = SIZES["large"]
    many = int(os.environ.get("BENCH_DEVICES", devices))
    return make_world(companies, many, SEED, datetime.now(UTC).replace(microsecond=0))


class Counting:
    """A WSGI application that counts what it hands on, by method and path without ids."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator, self.calls = emulator, Counter[str]()
        self._lock = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        call = f"{environ['REQUEST_METHOD']} {_NAMED.sub('/*', environ['PATH_INFO'])}"
        with self._lock:
            self.calls[call] += 1
        return self.emulator(environ, start_response)

    def taken(self) -> dict[str, int]:
        """Return what was counted, and begin anew."""
        with self._lock:
            calls, self.calls = self.calls, Counter()
        return dict(calls)


def facts(emulator: Emulator, seen: World) -> Facts:
    """Return how much of everything a vendor holds."""
    state = emulator.state()
    names = ("detections", "incidents", "licences", "customers", "groups")
    counts = {name: len(state.get(name, ())) for name in names}
    return Facts([len(client.machines) for client in seen.clients], **counts)


def main(kinds: list[str]) -> None:
    """Serve until the standard input ends."""
    seen = world()
    counting = {kind: Counting(EMULATORS[kind]()) for kind in kinds}
    places = {}
    for kind, each in counting.items():
        each.emulator.reset(seen)
        each.emulator.origin = places[kind] = Served(each).origin

    told = asdict(facts(counting[kinds[-1]].emulator, seen))

    @Request.application
    def tell(request: Request) -> Response:
        counts = {
            kind: {"calls": each.taken(), "breaches": each.emulator.breach_count}
            for kind, each in counting.items()
        }
        return Response(json.dumps(counts), mimetype="application/json")

    places["counts"] = Served(tell).origin
    print(json.dumps({"places": places, "facts": told}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
