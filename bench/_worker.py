"""The worker as the product runs it, but unhurried by pace and undisturbed by its intervals.

It says ``ready`` when nothing but the work is left to do, and begins when it is sent a line.
"""

import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace

from plugin.app import create_app, run_worker
from plugin.settings import Pace, Settings, load

DAY = 86_400


def calm(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings: calls as fast as they come, and nothing asked for by the clock."""
    settings = load(environ)
    sync = replace(settings.limits.sync, watch=DAY, interval=DAY, poll_host=DAY)
    limits = replace(settings.limits, sync=sync, pace={"default": Pace(1000, 1_000_000)})
    return replace(settings, limits=limits)


if __name__ == "__main__":
    app = create_app(calm())
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    print("ready", flush=True)
    sys.stdin.readline()
    run_worker(app, stopping)
