"""Logging in to the Security Center emulator, and the faults it can play."""

import base64
import binascii
import json
import re
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.edge.faults import drop_connection
from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_center_base import (
    PREFIX,
    Arguments,
    CenterGround,
    Session,
    call,
    session_id,
)
from plugin.vendors.kaspersky.emulator_center_facts import (
    IDLE,
    MAIN,
    PASSWORD,
    USER,
    PxgFault,
    account_blocked,
    code_required,
    limit_reached,
    logon_failed,
    not_found,
    unavailable,
)

LOGIN = frozenset({"login", "Session.StartSession"})
_NAME_FIELDS = {"display": "name", "unique": "uid"}


class CenterSessions(CenterGround):
    """Who is let in, and for how long."""

    # -- sessions ------------------------------------------------------------------------------

    def refuse(self, request: Request) -> Response | None:
        """Answer 403 without a living session, and hang up where only the console is served."""
        if self.switched("console_port"):
            drop_connection(request)
        outside = not request.path.startswith(PREFIX)
        if outside or request.path.removeprefix(PREFIX) in LOGIN:
            return None
        session = self.sessions.get(session_id(request))
        if session is None or self.clock() - session.used_at > IDLE:
            self.end(session_id(request))
            return Response("", 403)
        session.used_at = self.clock()
        return None

    @route("POST", PREFIX + "login")
    def log_in(self, request: Request) -> Response:
        """Log the TCP connection in (the way of the vendor's own package)."""
        return self._welcome(request, session_id(request), {})

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
        if len(self.sessions) >= self.switched("most_sessions"):
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

    # -- faults --------------------------------------------------------------------------------

    def play_own(self, kind: str, request: Request) -> Response:
        """Play one of this server's own faults."""
        if kind == "expired-token":
            self.end(session_id(request))
            return Response("", 403)
        if kind == "busy":
            return Response("", 503)
        if kind == "error-in-200":
            return self.json(unavailable().body)
        honest = self._respond(request)
        return self.json(_twisted(json.loads(honest.get_data() or b"{}")), honest.status_code)


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
