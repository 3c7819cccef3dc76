"""Pages of a walk as text, for what travels between a bridge and the server.

Strict on the way in: what comes from a bridge is as foreign as what comes from a vendor.
"""

import types
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.domain.model import Detection, Device, Group, Licence, Page

Row = TypeVar("Row")

PARTS: Mapping[str, type[Any]] = types.MappingProxyType(
    {"devices": Device, "licences": Licence, "groups": Group, "detections": Detection}
)
"""What a page may hold, by its word."""

_HINTS = {kind: get_type_hints(kind) for kind in PARTS.values()}
_ERRORS: Mapping[str, type[EdgeError]] = types.MappingProxyType(
    {
        each.__name__: each
        for each in (TransientError, RefusedError, MissingError, AnswerError, EdgeError)
    }
)


def pack(page: Page[Any]) -> dict[str, Any]:
    """Return a page as JSON-ready values."""
    return {
        "rows": [_packed(row) for row in page.rows],
        "next_cursor": page.next_cursor,
        "complete": page.complete,
        "gone": list(page.gone),
    }


def unpack(kind: type[Row], said: object) -> Page[Row]:
    """Return the page that ``said`` holds; RuleError names the first thing that is wrong."""
    if not isinstance(said, dict):
        raise RuleError("page", "a page must be an object")
    rows = said.get("rows")
    if not isinstance(rows, list):
        raise RuleError("page", "rows must be a list")
    return Page(
        tuple(_unpacked(kind, row) for row in rows),
        _value(str | None, said.get("next_cursor"), "next_cursor"),
        _value(bool, said.get("complete", False), "complete"),
        _value(tuple[str, ...], said.get("gone", []), "gone"),
    )


def pack_error(error: EdgeError) -> dict[str, Any]:
    """Return a failure at a vendor as JSON-ready values."""
    kind = next(each.__name__ for each in type(error).__mro__ if each.__name__ in _ERRORS)
    return {
        "kind": kind,
        "who": error.who,
        "message": error.message,
        "retry_after": error.retry_after,
        "code": error.code,
        "status": error.status,
    }


def unpack_error(said: object) -> EdgeError:
    """Return the failure that ``said`` tells of; RuleError names what is wrong."""
    if not isinstance(said, dict) or said.get("kind") not in _ERRORS:
        raise RuleError("page", "error must be an object with a known kind")
    return _ERRORS[said["kind"]](
        _value(str, said.get("who"), "who")[:120],
        _value(str, said.get("message"), "message")[:2000],
        retry_after=_value(float | None, said.get("retry_after"), "retry_after"),
        code=_value(str, said.get("code", ""), "code")[:80],
        status=_value(int | None, said.get("status"), "status"),
    )


def _packed(row: Any) -> dict[str, Any]:  # noqa: ANN401 - any of PARTS
    told = {}
    for each in fields(row):
        value = getattr(row, each.name)
        told[each.name] = value.isoformat() if isinstance(value, datetime) else value
    return told


def _unpacked(kind: type[Any], said: object) -> Any:  # noqa: ANN401 - a value of that kind
    if not isinstance(said, dict):
        raise RuleError("page", f"a {kind.__name__.lower()} must be an object")
    hints = _HINTS[kind]
    if unknown := sorted(set(said) - set(hints)):
        raise RuleError("page", f"{unknown[0]} is no field of a {kind.__name__.lower()}")
    try:
        return kind(**{name: _value(hints[name], value, name) for name, value in said.items()})
    except TypeError:
        raise RuleError("page", f"a {kind.__name__.lower()} lacks a field") from None


def _value(hint: Any, value: object, name: str) -> Any:  # noqa: ANN401 - as the hint says
    if get_origin(hint) in {Union, types.UnionType}:
        if value is None:
            return None
        hint = next(each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is tuple:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise RuleError("page", f"{name} must be a list of texts")
    if hint is datetime:
        return _moment(value, name)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        if isinstance(value, str) and value in {each.value for each in hint}:
            return hint(value)
        raise RuleError("page", f"{name} has an unknown word")
    return _plain(hint, value, name)


def _plain(hint: Any, value: object, name: str) -> Any:  # noqa: ANN401 - as the hint says
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise RuleError("page", f"{name} must be a {hint.__name__}")
    return value


def _moment(value: object, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RuleError("page", f"{name} must be a moment with its time zone")
    return moment
