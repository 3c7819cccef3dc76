"""The ground of the Security Center emulator: log-in, sessions, calls and found sets.

Sessions and found sets live in memory only: like those of the real server they do not survive its
restart. Everything else is kept on the shelf.
"""

import base64
import binascii
import json
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Breach, Contract
from plugin.edge.emulator import Clock, Emulator, route
from plugin.edge.faults import drop_connection
from plugin.edge.shelf import Record, Shelf
from plugin.vendors.kaspersky.emulator_center_facts import (
    MAIN,
    PASSWORD,
    USER,
    PxgFault,
    account_blocked,
    bad_format,
    code_required,
    limit_reached,
    logon_failed,
    no_such_call,
    not_found,
    unavailable,
)

PREFIX = "/api/v1.0/"
LOGIN = frozenset({"login", "Session.StartSession"})

# The reference names neither figure; both are ours, small enough to be met in tests.
IDLE = timedelta(minutes=15)
MOST_SESSIONS = 30

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
    "task_fails": False,
    "clock_ahead": 0,
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

    def switch(self, wanted: Record) -> Record:
        """Set switches by name; KeyError for one that does not exist."""
        for name, value in wanted.items():
            self.table("switches")[name] = {"value": value, "usual": SWITCHES[name]}
        return wanted

    # -- sessions ------------------------------------------------------------------------------

    def refuse(self, request: Request) -> Response | None:
        """Answer 403 without a living session, and hang up where only the console is served."""
        if self.switched("console_port"):
            drop_connection(request)
        if request.path.removeprefix(PREFIX) in LOGIN:
            return None
        session = self.sessions.get(_session_id(request))
        if session is None or self.clock() - session.used_at > IDLE:
            self.end(_session_id(request))
            return Response("", 403)
        session.used_at = self.clock()
        return None

    def session_of(self, request: Request) -> Session:
        """Return the session a request belongs to; :meth:`refuse` has seen that it lives."""
        return self.sessions[_session_id(request)]

    def end(self, session_id: str) -> None:
        """End a session; what it found goes with it."""
        self.sessions.pop(session_id, None)

    @route("POST", PREFIX + "login")
    def log_in(self, request: Request) -> Response:
        """Log the TCP connection in (the way of the vendor's own package)."""
        return self._welcome(request, _connection(request), {})

    @route("POST", PREFIX + "Session.StartSession")
    def start_session(self, request: Request) -> Response:
        """Start a session and return its id."""
        number = self.shelf.count_up("session", 0)
        session_id = base64.b64encode(f"session-{number}-of-{id(self)}".encode()).decode()
        return self._welcome(request, session_id, {"PxgRetVal": session_id})

    def _welcome(self, request: Request, session_id: str, body: Record) -> Response:
        try:
            agent = self._prove(request.headers.get("Authorization", ""))
            server = self._server_named(request.headers.get("X-KSC-VServer", ""))
        except PxgFault as fault:
            refused = fault.body["PxgError"]["module"] in {"KLWAT", "SPL"}
            return self.dated(self.json(fault.body, 401 if refused else 200))
        session = Session(session_id, server, self.clock(), agent)
        return self.respond(lambda: self._open(session) and body)

    def _open(self, session: Session) -> Session:
        for old in [s for s in self.sessions.values() if self.clock() - s.used_at > IDLE]:
            self.end(old.id)
        if len(self.sessions) >= MOST_SESSIONS:
            raise limit_reached()
        self.sessions[session.id] = session
        return session

    def _prove(self, header: str) -> str:
        """Return the host behind a gateway key, or nothing for a proven user."""
        scheme, _, rest = header.partition(" ")
        if scheme == "KSCGW":
            key = self.table("gateway_keys").pop(rest.strip(), None)
            if key is None:
                raise logon_failed()
            return str(key["host"])
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', rest))
        if scheme != "KSCBasic" or not {"user", "pass"} <= said.keys():
            raise logon_failed()
        if self.switched("blocked"):
            raise account_blocked()
        if (_plain(said["user"]), _plain(said["pass"])) != (USER, PASSWORD):
            raise logon_failed()
        if self.switched("two_step"):
            raise code_required()
        return ""

    def _server_named(self, header: str) -> int:
        """Return the id of the virtual server a log-in asks for; the main one when none."""
        if header in {"", "x"} or self.switched("ignores_virtual_server"):
            return MAIN
        name, field_name = _plain(header), _NAME_FIELDS[self.switched("server_names")]
        for number, server in self.table("servers").items():
            if server[field_name] == name:
                return int(number)
        raise not_found("virtual server")

    @call("Session.Ping")
    def ping(self, given: Arguments, session: Session) -> Record:
        """Do nothing: the answer shows that the session lives."""
        return {}

    @call("Session.EndSession")
    def end_session(self, given: Arguments, session: Session) -> Record:
        """End the session."""
        self.end(session.id)
        return {}

    # -- found sets ----------------------------------------------------------------------------

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

    # -- faults --------------------------------------------------------------------------------

    def play_own(self, kind: str, request: Request) -> Response:
        """Play one of this server's own faults."""
        if kind == "expired-token":
            self.end(_session_id(request))
            return Response("", 403)
        if kind == "busy":
            return Response("", 503)
        if kind == "error-in-200":
            return self.json(unavailable().body)
        honest = self._respond(request)
        return self.json(_twisted(json.loads(honest.get_data() or b"{}")), honest.status_code)


_NAME_FIELDS = {"display": "name", "unique": "uid"}


def _session_id(request: Request) -> str:
    return request.headers.get("X-KSC-Session", "") or _connection(request)


def _connection(request: Request) -> str:
    """Return what stands for the TCP connection: the caller's address.

    The real server logs the connection itself in; the one that serves us closes it after each
    answer. A caller who logs in to two servers this way must use sessions here.
    """
    return f"connection-{request.environ.get('REMOTE_ADDR')}"


def _plain(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise logon_failed() from None


def _twisted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return ``value`` with every leaf of another type than promised."""
    if isinstance(value, dict):
        return {key: each if key == "type" else _twisted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_twisted(each) for each in value] or {"none": 0}
    return [value] if isinstance(value, str) else "many"
