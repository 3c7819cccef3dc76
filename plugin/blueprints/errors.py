"""What a person sees when a request fails: what happened, what it means, what to do."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Response, g, make_response, render_template, request
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from plugin import logs
from plugin.domain.errors import (
    BusyError,
    ConflictError,
    EdgeError,
    PluginError,
    RuleError,
)
from plugin.store.base import db

API = "/api/"
BUSY_SECONDS = 2
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Text:
    """What an error page says."""

    what: str
    means: str
    todo: str


_TEXTS: Mapping[int, Text] = {
    400: Text(
        "This request could not be understood",
        "The form may have been open for long, or the address was cut off. Nothing was changed.",
        "Go back, load the page again and repeat what you did.",
    ),
    401: Text(
        "You are not signed in any more",
        "The session ended: it was idle for too long, or somebody ended it. Nothing was changed.",
        "Sign in again, then repeat what you did.",
    ),
    403: Text(
        "You may not do this",
        "Your role does not include it, or the form came from another site. Nothing was changed.",
        "Ask an administrator of this installation for a role that includes it.",
    ),
    404: Text(
        "There is nothing here",
        "The record was deleted, belongs to another environment, or the address is mistyped.",
        "Start from the list it should be in.",
    ),
    405: Text(
        "This address does not take that kind of request",
        "Pages are opened, actions are sent by their button. Nothing was changed.",
        "Open the page and use its button.",
    ),
    409: Text(
        "Somebody else was faster",
        "What you changed was changed meanwhile, and nothing is overwritten silently.",
        "Load the page again, look at what it says now, and repeat your change if it still fits.",
    ),
    413: Text(
        "This is too large",
        "A form or file may hold one megabyte. Nothing was changed.",
        "Send less, for instance only the certificate itself.",
    ),
    422: Text("This cannot be done", "Nothing was changed.", "Go back and mend what is named."),
    429: Text(
        "Too many requests",
        "The server takes a moment's rest from this address. Nothing was changed.",
        "Wait a minute, then try again.",
    ),
    502: Text(
        "The other system did not do its part",
        "A host or vendor failed to answer as promised. Nothing was changed here.",
        "Open the connection's page and use its connection check.",
    ),
    503: Text(
        "The database is busy",
        "It could not take this within its time. Nothing was changed.",
        "Wait a few seconds, then try again.",
    ),
}
_BROKEN = Text(
    "Something in Bridgehead is broken",
    "This is our fault, not yours. It was written to the log under the request id below.",
    "Try again; when it happens again, give the request id to whoever runs this installation.",
)


def install(app: Flask) -> None:
    """Give every request an id and every failure a page; below ``/api/`` others answer."""
    app.before_request(_give_id)
    app.after_request(_tell_id)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(PluginError, _ours)
    app.register_error_handler(StaleDataError, _outdated)
    app.register_error_handler(IntegrityError, _outdated)
    app.register_error_handler(DataError, _unfit)
    for kind in (OperationalError, PoolTimeoutError):
        app.register_error_handler(kind, _database_away)


def request_id() -> str:
    """Return the id under which this request is logged."""
    if g.get("request_id") is None:
        _give_id()
    return str(g.request_id)


def _give_id() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _ID.fullmatch(given) else logs.new_id()
    logs.begin(request=g.request_id)


def _tell_id(response: Response) -> Response:
    response.headers["X-Request-ID"] = request_id()
    return response


def page(status: int, *, what: str = "", means: str = "", todo: str = "") -> Response:
    """Make the page for a status; what is given stands in place of its usual text."""
    text = _TEXTS.get(status, _BROKEN)
    # A page that renders the menu would ask the database once more, which may be what failed.
    g.bare_page = status >= 500
    back = {"href": "/sign-in", "label": "Sign in"} if status == 401 else None
    html = render_template(
        "error.html",
        status=status,
        what=what or text.what,
        means=means or text.means,
        todo=todo or text.todo,
        request_id=request_id(),
        back=back,
    )
    return make_response(html, status)


def _http(error: HTTPException) -> Response | HTTPException:
    if request.path.startswith(API) or error.response is not None:
        return error
    status = error.code or 500
    written_here = error.description != type(error).description
    answer = page(status, means=error.description or "" if written_here else "")
    for name, value in error.get_headers(request.environ):
        if name not in {"Content-Type", "Content-Length"}:
            answer.headers[name] = value
    return answer


def _ours(error: PluginError) -> Response:
    db.session.rollback()
    match error:
        case ConflictError():
            return page(409, means=_sentence(error.message))
        case RuleError():
            return page(422, means=_sentence(error.message))
        case BusyError():
            return _busy(error.retry_after)
        case EdgeError():
            return page(502, means=_sentence(str(error)))
    _log.error("request %s failed", request_id(), exc_info=error)
    return page(500)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _busy(seconds: int = BUSY_SECONDS) -> Response:
    answer = page(503)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _database_away(error: Exception) -> Response:
    db.session.rollback()
    _log.error("request %s: the database did not answer", request_id(), exc_info=error)
    return _busy()


def _outdated(error: Exception) -> Response:
    db.session.rollback()
    _log.info("request %s came too late: %s", request_id(), type(error).__name__)
    return page(409)


def _unfit(error: Exception) -> Response:
    db.session.rollback()
    _log.info("request %s: a value does not fit: %s", request_id(), type(error).__name__)
    return page(422, means="A value is too long or of the wrong kind for its field.")
