"""Switches of ESET's emulators: what an administrator at ESET set rightly or wrongly."""

import json
from typing import Any, ClassVar

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import Emulator, Happening


class Switched(Emulator):
    """An emulator whose manners are set by ``Happening("switch", {"name": …, "value": …})``."""

    switches: ClassVar[dict[str, Any]] = {}
    """Every switch with the value it has until somebody turns it."""

    def switch(self, name: str) -> Any:  # noqa: ANN401 - a JSON value
        """Return how a switch stands."""
        record = self.table("switches").get(name)
        return self.switches[name] if record is None else record["value"]

    def turn(self, happening: Happening) -> dict[str, Any]:
        """Set a switch; ValueError when there is none of that name."""
        name = str(happening.details["name"])
        if name not in self.switches:
            raise ValueError(f"{self.kind} has no switch {name!r}")
        value = _like(self.switches[name], happening.details["value"])
        self.table("switches")[name] = {"value": value}
        return {"what": "switch", "name": name, "value": value}

    def play_own(self, kind: str, request: Request) -> Response:
        """Answer honestly but with a record wherever a plain value belongs (``wrong-types``)."""
        if kind != "wrong-types":
            return super().play_own(kind, request)
        answer = self._respond(request)
        if not answer.get_data():
            return answer
        return self.json(_with_wrong_types(json.loads(answer.get_data())), answer.status_code)

    @staticmethod
    def empty(status: int) -> Response:
        """Answer without a body, as ESET's gateway does for most errors."""
        return Response(b"", status, mimetype="application/json")


def _with_wrong_types(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Put a record where a plain value stands, and something plain into an empty list."""
    if isinstance(value, dict):
        return {key: _with_wrong_types(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_wrong_types(each) for each in value] or [17]
    return {"wrong": True}


def _like(usual: Any, value: Any) -> Any:  # noqa: ANN401 - JSON values
    """Return ``value`` in the type of the usual one; a web form sends nothing but texts."""
    if not isinstance(value, str) or isinstance(usual, str):
        return value
    if isinstance(usual, bool):
        return value.lower() in {"true", "1", "on", "yes"}
    return int(value) if isinstance(usual, int) else [each for each in value.split(",") if each]
