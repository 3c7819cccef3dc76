"""Reads JSON strictly at every door: what two readers could read differently is refused."""

import json
from collections.abc import Sequence
from typing import Never


class JsonError(ValueError):
    """A body is no JSON that may be relied on; the text goes on from "the body …"."""


def read(body: bytes) -> object:
    """Return what ``body`` says; JsonError when it is not UTF-8, no JSON, too deep or ambiguous.

    >>> read(b'{"a": [1, true]}')
    {'a': [1, True]}
    >>> read(b'{"a": NaN}')
    Traceback (most recent call last):
    plugin.blueprints.strict_json.JsonError: holds NaN, which is no number in JSON
    """
    try:
        text = body.decode()
        return _strictly.decode(text)
    except UnicodeDecodeError:
        raise JsonError("is not UTF-8") from None
    except RecursionError:
        raise JsonError("is nested too deeply") from None
    except JsonError:
        raise
    except ValueError as error:
        raise JsonError(f"is not JSON: {str(error)[:100]}") from None


def _once_each(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise JsonError("holds a name twice in one object")
    return found


def _refuse_constant(name: str) -> Never:
    raise JsonError(f"holds {name}, which is no number in JSON")


# Made once: every call of every host is read by it.
_strictly = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_refuse_constant)
