"""The server as the bridge program sees it: a handful of calls, each safe to repeat."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from plugin import __version__
from plugin.domain.errors import AnswerError, ConfigError, EdgeError, TransientError
from plugin.edge.addresses import AddressGuard
from plugin.edge.http import Http, Timeouts

WHO = "Bridgehead"
LATE = 409
LONGEST_WAIT = 600.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class LateError(AnswerError):
    """The server gave this work to another; what we have of it counts no more."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a walk ended: pages posted, seconds and calls the vendor took, its failure if any."""

    pages: int
    seconds: float
    error: dict[str, Any] | None = None
    calls: int = 0


class Server:
    """One thread's door to the server."""

    def __init__(self, address: str, secret: str = "", certificate: str = "") -> None:
        """Call ``address``; ConfigError when it is neither https nor this very machine."""
        parts = urlsplit(address)
        host = parts.hostname or ""
        near = host in _LOOPBACK
        if parts.scheme != "https" and not (parts.scheme == "http" and near):
            raise ConfigError([f"the server must be an https:// address, not {address!r}"])
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        self._http = Http(
            address,
            who=WHO,
            guard=AddressGuard(allow_private=[host]),
            override=address.rstrip("/") if near else None,
            timeouts=Timeouts(5.0, 30.0),
            verify=certificate or True,
        )

    def call(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        """Make a call; LateError when the work is another's, else errors as for any remote."""
        try:
            answer = self._http.send(
                "POST", f"bridge/v1/{path}", json=said, headers=self._headers, safe=True
            )
        except EdgeError as error:
            if error.status == LATE:
                raise LateError(WHO, "gave this work to another", status=LATE) from None
            raise
        found: dict[str, Any] = answer.json()
        return found

    def is_there(self) -> bool:
        """Tell whether the server answers at all."""
        return self._http.get("healthz").status == 200

    def enrol(self, token: str) -> dict[str, Any]:
        """Trade the one-time token for this bridge's secret."""
        return self.call("enrol", {"token": token, "version": __version__})

    def beat(self) -> dict[str, Any]:
        """Give a sign of life; returns how to go on."""
        return self.call("beat", {"version": __version__})

    def lease(self, holding: Sequence[int], limit: int) -> dict[str, Any]:
        """Ask for work beside what we hold already."""
        return self.call("lease", {"holding": list(holding), "limit": limit})

    def post(self, task: dict[str, Any], number: int, part: str, page: dict[str, Any]) -> None:
        """Post one page of a walk."""
        said = {"fence": task["fence"], "part": part, "page": page}
        self.call(f"tasks/{task['id']}/pages/{number}", said)

    def done(self, task: dict[str, Any], ended: Ended) -> None:
        """Acknowledge the end of a walk."""
        self.call(f"tasks/{task['id']}/done", {"fence": task["fence"], **asdict(ended)})


def persist(call: Callable[[], None], stopping: threading.Event) -> None:
    """Make a call until it succeeds: the server may be restarting; gives up after ten minutes."""
    until, pause = time.monotonic() + LONGEST_WAIT, 0.5
    while True:
        try:
            return call()
        except TransientError:
            if stopping.is_set() or time.monotonic() > until:
                raise
        stopping.wait(pause)
        pause = min(10.0, 2 * pause)
