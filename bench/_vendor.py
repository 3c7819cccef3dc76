"""One vendor in a process of its own, which takes its time for every call.

``python -m bench._vendor KIND COMPANIES DEVICES SECONDS`` prints its address and serves until the
standard input ends. It holds the same clients as ``tests.house`` does for so many.
"""

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from plugin.edge.emulator import Served
from plugin.sandbox.emulators import EMULATORS
from tests.rig import small_world


def main(kind: str, companies: int, devices: int, seconds: float) -> None:
    """Serve until the standard input ends."""
    emulator = EMULATORS[kind]()
    emulator.reset(small_world(companies, devices))

    def unhurried(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        time.sleep(seconds)
        return emulator(environ, start)

    emulator.origin = Served(unhurried).origin
    print(emulator.origin, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
