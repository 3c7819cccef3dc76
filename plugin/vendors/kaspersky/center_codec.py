"""Typed JSON of Security Center, both ways.

Text, whole numbers, flags and arrays are bare on the wire; everything else stands beside the name
of its type: ``{"type": "long", "value": 7}`` (vendor reference, "Data format"). The container
around a whole answer or request is bare too, containers inside it are typed ``params``.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from plugin.domain.errors import AnswerError

DEEPEST = 24
"""Containers in containers; the deepest documented answer has six."""


@dataclass(frozen=True, slots=True)
class Long:
    """A whole number that the server wants typed as 64-bit."""

    value: int


def pack(value: object) -> object:
    """Return ``value`` as it stands inside a request; ValueError for None, which is not allowed.

    >>> pack({"Name": "event_db_id", "Asc": True})
    {'type': 'params', 'value': {'Name': 'event_db_id', 'Asc': True}}
    """
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, list | tuple):
        return [pack(each) for each in value]
    for kind, (word, write) in _WRITTEN.items():
        if isinstance(value, kind):
            return {"type": word, "value": write(value)}
    raise ValueError(f"{type(value).__name__} has no form on the wire")


def pack_arguments(arguments: Mapping[str, object]) -> dict[str, object]:
    """Return the body of a call: its arguments, whose own containers are bare."""
    return {
        name: _packed(value) if isinstance(value, Mapping) else pack(value)
        for name, value in arguments.items()
    }


def unpack(value: object, who: str) -> Any:  # noqa: ANN401 - the wire
    """Return a plain value for a typed one; AnswerError naming the place, never the value.

    Times become aware UTC (an empty one None), containers dictionaries, binary bytes.
    """
    try:
        return _read(value, 0)
    except _MisfitError as misfit:
        place = ".".join(["answer", *reversed(misfit.way)])
        text = f"answered a value that is not as promised ({place} {misfit.problem})"
    raise AnswerError(who, text, code="shape")


class _MisfitError(Exception):
    """A value is not as promised; ``way`` grows, innermost first, as it travels outwards."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.way: list[str] = []


def _read(value: object, depth: int) -> object:
    if isinstance(value, _BARE):
        return value
    if depth > DEEPEST:
        raise _MisfitError("goes too deep")
    if isinstance(value, dict):
        return _container(value, depth + 1)
    if isinstance(value, list):
        return list(_members(enumerate(value), depth + 1).values())
    raise _MisfitError("has a value without a type")


def _container(value: dict[str, object], depth: int) -> object:
    word = value.get("type")
    if len(value) != 2 or "value" not in value or not isinstance(word, str) or word not in _WORDS:
        return _members(value.items(), depth)
    inner = value["value"]
    if word == "params" and isinstance(inner, dict):
        return _members(inner.items(), depth)
    try:
        return _READ[word](inner)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _MisfitError(f"is not the {word} it says it is") from None


def _members(items: Iterable[tuple[Any, object]], depth: int) -> dict[Any, object]:
    """Read what a container holds; the way to a misfit is noted only when there is one."""
    done: dict[Any, object] = {}
    for name, each in items:
        try:
            done[name] = _read(each, depth)
        except _MisfitError as misfit:
            misfit.way.append(_safe(name))
            raise
    return done


def _packed(container: Mapping[Any, object]) -> dict[str, object]:
    return {str(name): pack(each) for name, each in container.items()}


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# datetime stands before date, whose kind it is.
_WRITTEN: Mapping[type, tuple[str, Callable[[Any], object]]] = {
    Long: ("long", lambda long: long.value),
    float: ("double", lambda number: number),
    bytes: ("binary", lambda data: base64.b64encode(data).decode()),
    datetime: ("datetime", _utc),
    date: ("date", lambda day: day.isoformat()),
    dict: ("params", _packed),
}


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _fraction(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    return float(value)


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        raise TypeError(value)
    if not value:
        return None
    if len(value) != 20 or not value.endswith("Z"):
        raise ValueError(value)
    return datetime.fromisoformat(value)


def _day(value: object) -> date | None:
    if not isinstance(value, str):
        raise TypeError(value)
    return date.fromisoformat(value) if value else None


def _binary(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError(value)
    return base64.b64decode(value, validate=True)


_READ: Mapping[str, Callable[[object], object]] = {
    "long": _whole,
    "float": _fraction,
    "double": _fraction,
    "datetime": _moment,
    "date": _day,
    "binary": _binary,
}
_WORDS = frozenset(_READ) | {"params"}
_BARE = (str, bool, int)


def _safe(name: object) -> str:
    """Return a name for a message; one that is no plain word is the remote's data."""
    word = str(name)
    return word if len(word) <= 40 and word.replace("_", "a").replace("-", "a").isalnum() else "?"
