"""The door for hosts' calls: ``POST /webhooks/<token>`` and every form hosts make of it.

A call is safe on disk before it is answered with 204. A host repeats a call after 404, 409, 419
and 429 but never after 5xx, so being busy is 429.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, current_app, request
from prometheus_client import Counter

from plugin.blueprints import strict_json
from plugin.blueprints.bodies import LARGEST, gathered
from plugin.blueprints.guard import anyone
from plugin.blueprints.guard import blueprint as make_blueprint
from plugin.blueprints.strict_json import JsonError
from plugin.domain.errors import BusyError, ForgedError
from plugin.runtime import Runtime
from plugin.services import inbox
from plugin.services.receiver import Receiver

PREFIX = "/webhooks/"
TOKEN_LENGTH = 43
METHODS = ("POST", "GET", "HEAD")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_DUMMY_KEY = secrets.token_bytes(32)
_log = logging.getLogger(__name__)
_answered = Counter("bridgehead_webhooks_total", "Calls from hosts by answer", ["status"])
blueprint = make_blueprint("webhooks", __name__)


@dataclass(frozen=True, slots=True)
class Knock:
    """A request at this door. ``rest`` is what follows the prefix in the path.

    ``body`` is None when it is larger than allowed; nobody reads it then.
    """

    method: str
    rest: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes | None

    @property
    def token(self) -> str:
        """The connection's token: of fixed length, because hosts glue record ids to it."""
        found = _TOKEN.match(self.rest)
        return found.group() if found else ""

    def header(self, name: str) -> str:
        """Return a header's value, or an empty text."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: a status, a sentence for whoever debugs the sender, a wait."""

    status: int
    text: str = ""
    retry_after: int = 0

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the answer."""
        found = [("Content-Type", "text/plain; charset=utf-8")] if self.text else []
        return found + ([("Retry-After", str(self.retry_after))] if self.retry_after else [])


def receiver() -> Receiver:
    """Return this process's receiver for the current application."""
    found = current_app.extensions.get("bridgehead.receiver")
    if not isinstance(found, Receiver):
        runtime: Runtime = current_app.extensions["bridgehead"]
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        found = current_app.extensions.setdefault("bridgehead.receiver", Receiver(app, runtime))
    return found


def answer(receiver: Receiver, knock: Knock) -> Reply:
    """Receive one request; both the Flask view and the fast inbox come here."""
    try:
        reply = _look(receiver, knock) if knock.method != "POST" else _receive(receiver, knock)
    except BusyError as error:
        _log.warning("a call could not be taken: %s", error)
        reply = Reply(HTTPStatus.TOO_MANY_REQUESTS, "busy, please repeat", error.retry_after)
    _answered.labels(int(reply.status)).inc()
    return reply


def _look(receiver: Receiver, knock: Knock) -> Reply:
    """Answer a person or an address check: something is here, and nothing happens."""
    known = knock.token and receiver.find(knock.token)
    return Reply(HTTPStatus.OK) if known else _UNKNOWN


def _receive(receiver: Receiver, knock: Knock) -> Reply:
    body = knock.body
    if body is None:
        return Reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    if problem := _problem(knock, body):
        return Reply(HTTPStatus.BAD_REQUEST, problem)
    connection = receiver.find(knock.token) if knock.token else None
    if connection is None:
        # As much work as a proof, so that the time taken tells a stranger nothing.
        hmac.compare_digest(hmac.new(_DUMMY_KEY, body, hashlib.sha256).hexdigest(), "")
        return _UNKNOWN
    try:
        inbox.accept(receiver, connection, body=body, headers=knock.headers, query=_text_of(knock))
    except ForgedError as error:
        _log.info("a call to connection %d was refused: %s", connection.id, error.message)
        return Reply(HTTPStatus.UNAUTHORIZED, error.message)
    return Reply(HTTPStatus.NO_CONTENT)


_UNKNOWN = Reply(HTTPStatus.NOT_FOUND, "there is nothing here")


def _text_of(knock: Knock) -> str:
    """Return what came after the token, path and query, for people to read."""
    said = f"{knock.rest[TOKEN_LENGTH:]}?{knock.query}".strip("?")
    return said.replace("\0", "").encode("utf-8", "replace").decode()[:2000]


# -- the envelope --------------------------------------------------------------------------------


def _problem(knock: Knock, body: bytes) -> str:
    """Say what is wrong with the envelope, or nothing; what is inside is for the worker."""
    encoding = knock.header("content-encoding").strip().lower()
    if encoding not in {"", "identity"}:
        return "the body is encoded; send it as it is"
    if not body:
        return "the body is empty"
    if any(_unprintable(value) for _, value in knock.headers):
        return "a header holds characters that no header may hold"
    try:
        said = strict_json.read(body)
    except JsonError as error:
        return f"the body {error}"
    return "" if isinstance(said, dict) else "the body is not a JSON object"


def _unprintable(value: str) -> bool:
    return not value.isprintable() and any(ord(letter) < 32 and letter != "\t" for letter in value)


# -- the view ------------------------------------------------------------------------------------


@blueprint.route(f"{PREFIX}<path:rest>", methods=METHODS, merge_slashes=False)
@anyone(why="hosts prove each call themselves, by token and signature", checks_itself=True)
def receive(rest: str) -> Response:
    """Take one call from a host."""
    knock = Knock(
        method=request.method,
        rest=rest,
        query=request.query_string.decode("latin-1"),
        headers=list(request.headers.items()),
        body=_body() if request.method == "POST" else b"",
    )
    reply = answer(receiver(), knock)
    return Response(reply.text, reply.status, reply.headers)


def _body() -> bytes | None:
    return gathered(request.environ, request.max_content_length or LARGEST)
