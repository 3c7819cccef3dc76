"""The sandbox's offers: where each emulator answers, and what to type in to connect to it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plugin.settings.texts import is_loopback, split_url


@dataclass(frozen=True, slots=True)
class Offer:
    """An emulator on this computer; ``values`` are the made-up settings of a connection to it."""

    origin: str
    values: Mapping[str, str] = field(repr=False)


def offers(text: str) -> Mapping[str, Offer]:
    """Read what :func:`written` made, by kind; ValueError for anything that is not on loopback.

    >>> offers('{"tigerpaw": {"origin": "http://127.0.0.1:8497", "values": {"user": "u"}}}')
    {'tigerpaw': Offer(origin='http://127.0.0.1:8497')}
    """
    try:
        told = json.loads(text)
        return {kind: _offer(each) for kind, each in told.items()}
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError, RecursionError):
        raise ValueError("is not what the sandbox's own start writes into it") from None


def written(offered: Mapping[str, Offer]) -> str:
    """Return offers as the text of the setting."""
    told = {
        kind: {"origin": each.origin, "values": dict(each.values)} for kind, each in offered.items()
    }
    return json.dumps(told)


def _offer(told: Mapping[str, Any]) -> Offer:
    origin = str(told["origin"])
    parts = split_url(origin)
    if parts.scheme not in {"http", "https"} or not is_loopback(parts.hostname or ""):
        raise ValueError("must lead to this computer")
    return Offer(origin, {str(name): str(value) for name, value in told["values"].items()})
