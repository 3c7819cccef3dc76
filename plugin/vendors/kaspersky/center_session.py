"""Sessions at a Security Center: logging in, calling, and what its answers mean.

One session is logged in to one server: the main one or a virtual one. The server wants strictly
one request at a time on a session (vendor reference, "Protocol description"), so a session whose
answer we did not wait for is never used again. A session that has ended is answered with 403; it
is renewed once and the call repeated, unless the call belonged to something the old one had found.
"""

import base64
import re
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    TransientError,
)
from plugin.edge.http import Answer, Http
from plugin.edge.link import Link
from plugin.vendors.kaspersky.center_codec import pack_arguments, unpack
from plugin.vendors.kaspersky.center_form import address_of

PREFIX = "/api/v1.0/"

MOST_SESSIONS = 2
"""Sessions we keep open; the one used longest ago is ended for a new one."""

# Reads that can be asked twice. A found set is left out: asking twice would leave one behind.
REPEATABLE = frozenset(
    {
        "Session.Ping",
        "VServers.GetVServers",
        "HostGroup.GetInstanceStatistics",
        "HostGroup.GroupIdGroups",
        "HostGroup.GetHostInfo",
        "ChunkAccessor.GetItemsCount",
        "ChunkAccessor.GetItemsChunk",
        "EventProcessing.GetRecordCount",
        "EventProcessing.GetRecordRange",
        "Tasks.GetTask",
        "Tasks.GetTaskStatistics",
    }
)

ON = frozenset({"true", "1", "on", "yes"})


class SessionLostError(TransientError):
    """The session has ended, and with it whatever it had found."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a session is logged in: a virtual server, or the main one when ``name`` is empty.

    ``groups`` is the id of its group of managed devices, by which it proves who it is.
    """

    name: str = ""
    unique_name: str = ""
    groups: int | None = None


MAIN = Server()


class Sessions:
    """The account's sessions at one Administration Server; for one thread."""

    def __init__(self, link: Link, who: str) -> None:
        """Keep how to log in; nothing is asked yet."""
        settings = link.settings
        self._http: Http = link.http(address_of(settings), who=who, classify=classify)
        self._who = who
        self._authorization = _authorization(settings)
        self._open: OrderedDict[Server, str] = OrderedDict()
        self.server_clock: datetime | None = None
        """What time the server had when it last let us in, where it says."""

    def call(self, server: Server, name: str, **arguments: object) -> dict[str, Any]:
        """Make one call on ``server`` and return its answer's plain values.

        Raises the EdgeError that the answer or its PxgError means.
        """
        for _ in range(2):
            session = self.session(server)
            with suppress(SessionLostError):
                return self.call_on(server, session, name, **arguments)
        raise SessionLostError(self._who, "ends every session at once", code="session_ended")

    def call_on(
        self, server: Server, session: str, name: str, **arguments: object
    ) -> dict[str, Any]:
        """Make a call that has a meaning on this very session; SessionLostError when it ended."""
        if self._open.get(server) != session:
            raise self._lost()
        try:
            answer = self._http.send(
                "POST",
                PREFIX + name,
                json=pack_arguments(arguments),
                headers={"X-KSC-Session": session},
                safe=name in REPEATABLE,
            )
        except SessionLostError:
            self._open.pop(server, None)
            raise
        except TransientError as error:
            if error.status is None:  # no answer: the server may still be at work on the call
                self._open.pop(server, None)
            raise
        return self._read(answer)

    def session(self, server: Server) -> str:
        """Return a session on ``server``, logging in when there is none."""
        if server not in self._open:
            self._make_room()
            self._open[server] = self._log_in(server)
            try:
                self._prove(server)
            except EdgeError:
                self.leave(server)
                raise
        self._open.move_to_end(server)
        return self._open[server]

    def enter(self, key: str, device: str) -> tuple[Server, str]:
        """Log in to the Network Agent of ``device`` with a gateway key; :meth:`leave` it after."""
        agent = Server(unique_name=f"agent of {device}")
        self._make_room()
        self._open[agent] = self._start("", f"KSCGW {key}")
        return agent, self._open[agent]

    def leave(self, server: Server) -> None:
        """End the session on ``server``; a failure is no matter, it ends by itself."""
        if server in self._open:
            with suppress(EdgeError):
                self.call_on(server, self._open[server], "Session.EndSession")
            self._open.pop(server, None)

    # -- logging in ----------------------------------------------------------------------------

    def _log_in(self, server: Server) -> str:
        """Return a new session. The sample names a virtual server by its display name, the list
        of attributes by its unique one, so the other is tried where the first is unknown."""
        try:
            return self._start(server.name, self._authorization)
        except RefusedError as error:
            if error.code != "virtual_server" or not server.unique_name:
                raise
        return self._start(server.unique_name, self._authorization)

    def _start(self, name: str, authorization: str) -> str:
        answer = self._http.send(
            "POST",
            PREFIX + "Session.StartSession",
            json={},
            headers={"Authorization": authorization, "X-KSC-VServer": _encoded(name)},
            classify=classify_log_in,
        )
        self.server_clock = _date(answer.header("Date"))
        session = self._read(answer).get("PxgRetVal")
        if not isinstance(session, str) or not re.fullmatch(r"[\x21-\x7e]{1,512}", session):
            raise AnswerError(self._who, "started a session without a usable id", code="shape")
        return session

    def _prove(self, server: Server) -> None:
        """Make sure that the session is where it should be, before anything is read from it.

        A server that took no notice of the name would show us one client's data as another's.
        """
        if server.groups is None:
            return
        told = self.call_on(server, self._open[server], "HostGroup.GroupIdGroups")
        if told.get("PxgRetVal") != server.groups:
            text = "logged us in to another virtual server than the one we asked for"
            raise AnswerError(self._who, text, code="other_server")

    def _make_room(self) -> None:
        while len(self._open) >= MOST_SESSIONS:
            self.leave(next(iter(self._open)))

    def _read(self, answer: Answer) -> dict[str, Any]:
        body = unpack(answer.json(), self._who)
        if not isinstance(body, dict):
            raise AnswerError(self._who, "answered something that is no container", code="shape")
        return body

    def _lost(self) -> SessionLostError:
        return SessionLostError(self._who, "has ended our session", code="session_ended")


def classify(answer: Answer) -> EdgeError | None:
    """Return what is odd here: 403 is an ended session, and a 200 can hold an error."""
    if answer.status == 403:
        return SessionLostError(answer.who, "has ended our session", code="session_ended")
    if 300 <= answer.status < 400:
        # No write is in doubt: whatever answers here is not the Open API, which never redirects.
        return AnswerError(answer.who, "answered with a redirect", code="redirect")
    fault = _fault(answer)
    if fault is None:
        return None
    kind, text, code = _FAULTS.get(fault, _unknown(fault))
    return kind(answer.who, text, code=code, status=answer.status)


def classify_log_in(answer: Answer) -> EdgeError | None:
    """Return why a log-in was refused."""
    fault = _fault(answer)
    if fault is None:
        if answer.status not in {401, 403}:
            return None
        fault = ("KLWAT", 1453)
    kind, text, code = _LOG_IN_FAULTS.get(fault) or _FAULTS.get(fault) or _unknown(fault)
    return kind(answer.who, text, code=code, status=answer.status)


_Meaning = tuple[type[EdgeError], str, str]

# Vendor reference, "Some error definitions".
_FAULTS: Mapping[tuple[str, int], _Meaning] = {
    ("KLSTD", 1184): (RefusedError, "does not give this user the right", "access_denied"),
    ("KLSTD", 1186): (MissingError, "has no such object", "not_found"),
    ("KLSTD", 1192): (AnswerError, "could not read the request", "bad_format"),
    ("KLSTD", 1193): (RefusedError, "does not permit this operation", "not_permitted"),
    ("KLSTD", 1195): (TransientError, "is not available just now", "unavailable"),
    ("KLSTD", 1229): (TransientError, "has reached one of its limits", "limit"),
    ("KLCONN", 1194): (AnswerError, "is too old to know this call", "no_such_call"),
}

# A log-in's own: what they mean there, in the order of the reference. That 1193 asks for the code
# of two-step verification is our reading: a refused code is answered so (class TotpRegistration).
_LOG_IN_FAULTS: Mapping[tuple[str, int], _Meaning] = {
    ("KLWAT", 1453): (RefusedError, "does not know this user name or password", "password"),
    ("SPL", 2013): (RefusedError, "has blocked this account", "blocked"),
    ("KLSPL", 2013): (RefusedError, "has blocked this account", "blocked"),
    ("KLSTD", 1193): (RefusedError, "wants two-step verification from this user", "two_step"),
    ("KLSTD", 1186): (RefusedError, "has no virtual server of this name", "virtual_server"),
}


def _fault(answer: Answer) -> tuple[str, int] | None:
    """Return module and code of the PxgError in an answer, or None when there is none."""
    if b'"PxgError"' not in answer.body:
        return None
    body = answer.json()
    error = body.get("PxgError") if isinstance(body, dict) else None
    if error is None:
        return None
    code = error.get("code") if isinstance(error, dict) else None
    module = error.get("module") if isinstance(error, dict) else None
    if isinstance(code, bool) or not isinstance(code, int) or not isinstance(module, str):
        return ("", 0)
    return (module if re.fullmatch(r"[A-Z]{2,12}", module) else "", code)


def _unknown(fault: tuple[str, int]) -> _Meaning:
    module, code = fault
    return (AnswerError, f"reports an error of its own ({module or '?'} {code})", str(code))


def _authorization(settings: Mapping[str, str]) -> str:
    internal = settings.get("internal_user", "true").strip().lower() in ON
    user, password = _encoded(settings.get("user", "")), _encoded(settings.get("password", ""))
    return f'KSCBasic user="{user}", pass="{password}", domain="", internal="{int(internal)}"'


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None
