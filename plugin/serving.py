"""Serves the web processes, and turns the proxy away before it stops listening.

On a TERM signal ``/readyz`` answers 503 at once while everything else is still answered; after the
grace the listener closes, and what is being answered by then is answered to its end. A second
signal, or Ctrl-C, skips the grace. It imports no more than the server itself.
"""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from plugin.ending import announced

KILL_SECONDS = 8
"""How long requests may take to their end once the listener is closed."""

WAITING = 1024
"""How many requests may be on their way at once; threads are started as they are needed.

Most of them wait for a slow sender: :class:`plugin.blueprints.bodies.Gathering` bounds the others.
"""


class Server(MPServer):
    """Granian with a grace between the TERM signal and the end of the listener."""

    grace: float = 0.0
    mark: Path | None = None
    _drains = False

    def signal_handler_interrupt(self, *told: Any, **more: Any) -> None:
        """End after the grace at a TERM signal, else at once."""
        if not told or told[0] != signal.SIGTERM or self._drains or not self.grace:
            super().signal_handler_interrupt(*told, **more)  # type: ignore[no-untyped-call]
            return
        self._drains = True
        if self.mark is not None:
            self.mark.touch()
        end = threading.Timer(self.grace, super().signal_handler_interrupt)
        end.daemon = True
        end.start()


def make(wanted: dict[str, Any]) -> Server:
    """Make the server: ``host``, ``port``, ``workers``, ``grace``, and ``cert`` with ``key``."""
    server = Server(
        "plugin.app:web",
        address=wanted["host"],
        port=wanted["port"],
        interface=Interfaces.WSGI,
        factory=True,
        workers=wanted["workers"],
        blocking_threads=WAITING,
        backlog=2048,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=KILL_SECONDS,
        log_level=LogLevels.error,
        ssl_cert=Path(wanted["cert"]) if wanted["cert"] else None,
        ssl_key=Path(wanted["key"]) if wanted["key"] else None,
    )
    server.grace = wanted["grace"]
    return server


def main() -> None:
    """Read what to serve from the only argument (JSON) and serve it until a signal comes."""
    server = make(json.loads(sys.argv[1]))
    with announced() as server.mark:
        server.serve()


if __name__ == "__main__":
    main()
