"""The ground of the Security Center emulator: log-in, sessions, calls and found sets.

Sessions and found sets live in memory only: like those of the real server they do not survive its
restart. Everything else is kept on the shelf.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Breach, Contract
from plugin.edge.emulator import Clock, Emulator, route
from plugin.edge.shelf import Record, Shelf
from plugin.vendors.kaspersky.emulator_center_facts import (
    MOST_SESSIONS,
    PxgFault,
    bad_format,
    no_such_call,
    not_found,
)

PREFIX = "/api/v1.0/"
SWITCHES: dict[str, Any] = {
    "two_step": False,
    "blocked": False,
    "console_port": False,
    "no_right_to_servers": False,
    "no_right_to_devices": False,
    "no_right_to_events": False,
    "no_right_to_licences": False,
    "no_right_to_tasks": False,
    "server_names": "display",
    "ignores_virtual_server": False,
    "end_belongs_to_range": False,
    "old_version": False,
    "new_version": False,
    "unique_task_ids": False,
    "task_fails": False,
    "tasks_away": 0,
    "clock_ahead": 0,
    "most_sessions": MOST_SESSIONS,
}
"""What the control word ``switch`` can set, with the values of a healthy server."""

Arguments = dict[str, Any]
Self_ = TypeVar("Self_", bound="CenterGround")


@dataclass
class Session:
    """Somebody who is logged in to one (virtual) server."""

    id: str
    server: int
    used_at: datetime
    agent: str = ""
    found: dict[str, "Found"] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)


@dataclass
class Found:
    """A server-side collection: ids in order, and how one of them is shown."""

    kind: str
    ids: Sequence[str]
    show: Callable[[str], dict[str, Any]]
    until: datetime
    lifetime: timedelta
    position: int = 0


def call(
    name: str,
) -> Callable[[Callable[[Self_, Arguments, Session], Any]], Callable[[Self_, Request], Response]]:
    """Mark a method as the answer to one call of the API; it is given arguments and session.

    What it returns is the body of the answer; a PxgFault becomes the error inside a 200.
    """

    def mark(
        method: Callable[[Self_, Arguments, Session], Any],
    ) -> Callable[[Self_, Request], Response]:
        @wraps(method)
        def view(self: Self_, request: Request) -> Response:
            return self.respond(
                lambda: method(self, self.arguments(request), self.session_of(request))
            )

        return route("POST", PREFIX + name)(view)

    return mark


class CenterGround(Emulator):
    """Who is let in, and the bookkeeping of what was found for whom."""

    contract: ClassVar[Contract] = Contract(Path(__file__).parent / "center.openapi.json")
    own_faults = ("expired-token", "busy", "error-in-200", "wrong-types")

    def __init__(
        self, shelf: Shelf | None = None, clock: Clock | None = None, origin: str = ""
    ) -> None:
        """Open the emulator; nobody is logged in."""
        super().__init__(shelf, clock, origin)
        self.sessions: dict[str, Session] = {}
        self._busy: set[str] = set()
        self._busy_lock = threading.Lock()

    # -- one request at a time -----------------------------------------------------------------

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request; a second one on the same session meanwhile is a breach."""
        name = environ.get("HTTP_X_KSC_SESSION", "")
        with self._busy_lock:
            doubled = name in self._busy
            self._busy.add(name)
        if doubled and name:
            self.record(environ, "a second request on a session before the answer to the first")
        try:
            return super().__call__(environ, start_response)
        finally:
            if not doubled:
                with self._busy_lock:
                    self._busy.discard(name)

    def record(self, environ: dict[str, Any], problem: str) -> None:
        """Record a breach of what the description cannot say."""
        breach = Breach("request", environ["REQUEST_METHOD"], environ["PATH_INFO"], problem)
        self.breaches.append(breach)
        self.breach_count += 1
        for watcher in self.watchers:
            watcher(self, breach)

    # -- answers -------------------------------------------------------------------------------

    def respond(self, work: Callable[[], Any]) -> Response:
        """Answer with what ``work`` returns, or with the error it raises; both with status 200."""
        try:
            return self.dated(self.json(work()))
        except PxgFault as fault:
            return self.dated(self.json(fault.body))

    def dated(self, response: Response) -> Response:
        """Add the server's own clock."""
        now = self.clock() + timedelta(seconds=self.switched("clock_ahead"))
        response.headers["Date"] = format_datetime(now, usegmt=True)
        return response

    def contract_path(self, request: Request) -> str | None:
        """Return the path; addresses outside the API are no matter of the contract."""
        return request.path if request.path.startswith(PREFIX) else None

    def not_found(self, request: Request) -> Response:
        """Answer an unknown call as the server does, an unknown address with 404."""
        if request.path.startswith(PREFIX):
            return self.json(no_such_call(request.path.removeprefix(PREFIX)).body)
        return Response("", 404)

    def arguments(self, request: Request) -> Arguments:
        """Return the arguments of a call; PxgFault when they are not what the call takes."""
        operation = self.contract.operation("POST", request.path)
        body = request.get_data() or b"{}"
        if operation is None or self.contract.judge_request(
            operation,
            query=[],
            headers=dict(request.headers),
            content_type=request.content_type or "application/json",
            body=body,
        ):
            raise bad_format("arguments")
        read: Arguments = json.loads(body)
        return read

    # -- switches ------------------------------------------------------------------------------

    def switched(self, name: str) -> Any:  # noqa: ANN401 - a flag, a word or a number
        """Return how a switch stands."""
        return self.table("switches").get(name, {"value": SWITCHES[name]})["value"]

    def switch(self, details: Mapping[str, Any]) -> Record | None:
        """Set the switch ``name`` to ``value``; None when it is none of ours."""
        name = str(details.get("name"))
        if name not in SWITCHES:
            return None
        self.table("switches")[name] = {"value": details["value"]}
        return {"what": "switch", "name": name, "value": details["value"]}

    # -- found sets ----------------------------------------------------------------------------

    def session_of(self, request: Request) -> Session:
        """Return the session a request belongs to; :meth:`refuse` has seen that it lives."""
        return self.sessions[session_id(request)]

    def end(self, session_id: str) -> None:
        """End a session; what it found goes with it."""
        self.sessions.pop(session_id, None)

    def keep(
        self, session: Session, found: tuple[str, Sequence[str], Callable[[str], Record]], life: int
    ) -> str:
        """Keep what was found for a session, for ``life`` seconds after its last use."""
        kind, ids, show = found
        name = f"{kind}-{self.shelf.count_up('found', 0)}"
        lifetime = timedelta(seconds=min(life, 7200))
        session.found[name] = Found(kind, ids, show, self.clock() + lifetime, lifetime)
        return name

    def found(self, session: Session, name: str) -> Found:
        """Return a set that is still kept; PxgFault when it is gone."""
        found = session.found.get(name)
        if found is None or found.until < self.clock():
            session.found.pop(name, None)
            raise not_found("result set")
        found.until = self.clock() + found.lifetime
        return found

    def release(self, session: Session, name: str) -> Record:
        """Forget a set."""
        self.found(session, name)
        del session.found[name]
        return {}

    def open_sets(self) -> list[str]:
        """Return the kinds of all sets that are kept and not too old."""
        return [
            found.kind
            for session in self.sessions.values()
            for found in session.found.values()
            if found.until >= self.clock()
        ]


def session_id(request: Request) -> str:
    """Return the session a request names, or its connection's."""
    return request.headers.get("X-KSC-Session", "") or _connection(request)


def _connection(request: Request) -> str:
    """Return what stands for the TCP connection: the caller's address.

    The real server logs the connection itself in; the one that serves us closes it after each
    answer. A caller who logs in to two servers this way must use sessions here.
    """
    return f"connection-{request.environ.get('REMOTE_ADDR')}"
