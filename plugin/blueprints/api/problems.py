"""Failures as ``application/problem+json``: what happened, at which field, and a request id."""

import logging
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, g, json, request
from marshmallow import Schema, fields
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from plugin.domain.errors import (
    BusyError,
    ConflictError,
    EdgeError,
    FormError,
    MissingError,
    PluginError,
    RuleError,
)
from plugin.services.connections import advice_for
from plugin.store.base import db

PATHS = "/api/"
PROBLEM = "application/problem+json"
_BUSY_SECONDS = 2
_log = logging.getLogger(__name__)

Errors = Mapping[str, list[str]]


class ProblemSchema(Schema):
    """What went wrong."""

    title = fields.String(required=True, metadata={"description": "What kind of failure it is"})
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "What happened, for a person"})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={"description": "What is wrong with each field"},
    )
    request_id = fields.String(required=True, metadata={"description": "Names it in our log"})
    cause = fields.String(metadata={"description": "Why a remote failed, as far as known"})
    cure = fields.String(metadata={"description": "What can be done about it"})


def request_id() -> str:
    """Return the id under which this request is logged."""
    found = g.get("request_id")
    if found is None:
        found = g.request_id = secrets.token_hex(8)
    return str(found)


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    errors: Errors | None = None,
    headers: Iterable[tuple[str, str]] = (),
    advice: tuple[str, str] | None = None,
) -> Response:
    """Make the answer that tells of a failure; ``advice`` is cause and cure."""
    told: dict[str, object] = {
        "title": title,
        "status": status,
        "detail": detail,
        "errors": errors or {},
        "request_id": request_id(),
    }
    if advice is not None:
        told["cause"], told["cure"] = advice
    return Response(json.dumps(told), status, headers=list(headers), content_type=PROBLEM)


def install(app: Flask) -> None:
    """Answer every HTTP error below ``/api/`` as a problem; other paths keep what they had."""
    before = app.error_handler_spec[None][None].get(HTTPException)

    def answer(error: HTTPException) -> Any:  # noqa: ANN401 - what the handler before answers
        if request.path.startswith(PATHS):
            return http_problem(error)
        return before(error) if before else error

    app.register_error_handler(HTTPException, answer)


def install_on(blueprint: Blueprint) -> None:
    """Answer everything that a view of ``blueprint`` (or the guard before it) raises."""
    blueprint.register_error_handler(HTTPException, http_problem)
    blueprint.register_error_handler(PluginError, _plugin_problem)
    blueprint.register_error_handler(IntegrityError, _taken)
    blueprint.register_error_handler(StaleDataError, _outdated)
    blueprint.register_error_handler(DataError, _unfit)
    for kind in (OperationalError, PoolTimeoutError):
        blueprint.register_error_handler(kind, _database_busy)


# -- one kind of failure each --------------------------------------------------------------------


def http_problem(error: HTTPException) -> Response:
    """Answer an HTTP error, with the faults that webargs found and the headers it needs."""
    status = error.code or 500
    data = getattr(error, "data", None) or {}
    errors = _by_field(data.get("messages", {}))
    detail = "The request is not as it should be; see errors." if errors else ""
    headers = [pair for pair in error.get_headers() if pair[0] != "Content-Type"]
    if status == 401:
        headers.append(("WWW-Authenticate", _challenge()))
    return problem(
        status, error.name, detail or error.description or "", errors=errors, headers=headers
    )


def _challenge() -> str:
    refused = ', error="invalid_token"' if g.get("by_token") else ""
    return f'Bearer realm="Bridgehead"{refused}'


def _by_field(messages: Mapping[str, object]) -> dict[str, list[str]]:
    """Flatten webargs' messages; they stand under the place they were found in, which goes."""
    found: dict[str, list[str]] = {}
    for inner in messages.values():
        found |= _flat(inner, "")
    return found


def _flat(messages: object, field: str) -> dict[str, list[str]]:
    if not isinstance(messages, Mapping):
        return {field: [str(each) for each in _as_list(messages)]}
    found: dict[str, list[str]] = {}
    for name, inner in messages.items():
        # marshmallow's words for the whole of an object and for the sides of a mapping's pair
        inside = "" if name in {"_schema", "key", "value"} else str(name)
        found |= _flat(inner, ".".join(filter(None, (field, inside))))
    return found


def _as_list(messages: object) -> list[object]:
    return list(messages) if isinstance(messages, list | tuple) else [messages]


def _plugin_problem(error: PluginError) -> Response:
    db.session.rollback()
    match error:
        case ConflictError():
            return problem(409, "Conflict", error.message, errors={error.field: [error.message]})
        case RuleError():
            return _rule_problem(error)
        case BusyError():
            return _busy(error.retry_after)
        case EdgeError():
            return _edge_problem(error)
    _log.error("request %s failed", request_id(), exc_info=error)
    return problem(500, "Internal Server Error", "Something here is broken; see the log.")


def _rule_problem(error: RuleError) -> Response:
    faults = error.errors if isinstance(error, FormError) else (error,)
    errors: dict[str, list[str]] = {}
    for fault in faults:
        errors.setdefault(fault.field, []).append(fault.message)
    return problem(422, "Unprocessable Entity", error.message, errors=errors)


def _edge_problem(error: EdgeError) -> Response:
    if isinstance(error, MissingError):
        return problem(404, "Not Found", str(error))
    advice = advice_for(error)
    wait = error.retry_after
    headers = [("Retry-After", str(max(1, round(wait))))] if wait is not None else []
    return problem(
        502, "Bad Gateway", str(error), headers=headers, advice=(advice.cause, advice.cure)
    )


def _busy(seconds: int = _BUSY_SECONDS) -> Response:
    detail = "The database is busy. Nothing was changed; try again."
    headers = [("Retry-After", str(seconds))]
    return problem(503, "Service Unavailable", detail, headers=headers)


def _database_busy(error: Exception) -> Response:
    db.session.rollback()
    _log.error("request %s: the database did not answer", request_id(), exc_info=error)
    return _busy()


def _taken(error: IntegrityError) -> Response:
    """Answer what only the database noticed: two requests at once, or a reference cut off."""
    db.session.rollback()
    _log.info("request %s ran into a constraint: %s", request_id(), type(error.orig).__name__)
    detail = "There is such a record already, or one it refers to is gone. Look again."
    return problem(409, "Conflict", detail)


def _outdated(error: StaleDataError) -> Response:
    db.session.rollback()
    _log.info("request %s came too late: %s", request_id(), type(error).__name__)
    return problem(409, "Conflict", "Somebody else changed this meanwhile; look at it again.")


def _unfit(error: DataError) -> Response:
    db.session.rollback()
    _log.info("request %s holds a value that does not fit: %s", request_id(), type(error).__name__)
    return problem(422, "Unprocessable Entity", "A value does not fit into its field.")
