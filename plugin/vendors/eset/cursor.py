"""The cursor of detections: how far each stream is, as one text that only we read."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from plugin.vendors.eset.stream import State

VERSION = 1


def write_cursor(states: Mapping[str, State]) -> str:
    """Return the states by stream as text."""
    shown = {name: _shown(state) for name, state in states.items()}
    return json.dumps({"v": VERSION, "streams": shown}, separators=(",", ":"))


def read_cursor(text: str | None) -> dict[str, State]:
    """Return the states by stream; none when there is no text or not one that we understand.

    Starting over is harmless: detections are known by their ids.
    """
    try:
        found = json.loads(text or "{}")
        streams = found["streams"].items() if found.get("v") == VERSION else ()
        return {str(name): _state(each) for name, each in streams}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _shown(state: State) -> dict[str, Any]:
    whole = {
        "delta": state.delta,
        "page": state.page,
        "since": state.since.isoformat() if state.since else "",
        "at": state.at.isoformat() if state.at else "",
        "seen": list(state.seen),
    }
    return {name: value for name, value in whole.items() if value}


def _state(shown: Mapping[str, Any]) -> State:
    return State(
        delta=str(shown.get("delta", "")),
        page=str(shown.get("page", "")),
        since=_moment(shown.get("since", "")),
        at=_moment(shown.get("at", "")),
        seen=tuple(map(str, shown.get("seen", ()))),
    )


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
