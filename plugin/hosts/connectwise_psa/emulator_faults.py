"""PSA's own ways to fail, each played once per fault asked for."""

import json
import re
from collections.abc import Callable
from typing import Any, Protocol

from werkzeug.wrappers import Request, Response

from plugin.edge.shelf import Table
from plugin.hosts.connectwise_psa.emulator_answers import (
    RefusalError,
    answer,
    no_endpoint,
    not_converted,
    too_many,
)
from plugin.hosts.connectwise_psa.emulator_records import Records
from plugin.hosts.connectwise_psa.emulator_shapes import Shapes


class Psa(Protocol):
    """What the faults need of the emulator."""

    shapes: Shapes
    records: Records

    def honest(self, request: Request) -> Response:
        """Answer honestly, with every effect."""

    def contract_path(self, request: Request) -> str | None:
        """Return the path below the API root."""

    def switch(self, name: str, default: Any) -> Any:  # noqa: ANN401 - any JSON
        """Return how a switch is set."""

    def table(self, name: str) -> Table:
        """Return a table of the shelf."""


Player = Callable[[Psa, Request], Response]
_BUSY = RefusalError(500, "ConnectWiseApi", "A timeout has occured. Please try again.")
_PAGE = "<html><head><title>Too Many Requests</title></head><body>Rate limited</body></html>"


def play_psa(emulator: Psa, kind: str, request: Request) -> Response:
    """Answer ``request`` as the fault ``kind`` says."""
    return _PLAYERS[kind](emulator, request)


def next_codebase(codebase: str) -> str:
    """Return the code base of the next release.

    >>> next_codebase("v2025_1/")
    'v2025_2/'
    """
    found = re.fullmatch(r"v(\d+)_(\d+)/", codebase)
    return f"v{found[1]}_{int(found[2]) + 1}/" if found else "v2025_1/"


def _stale(emulator: Psa, request: Request) -> Response:
    """Upgrade the site: the code base changes, and addresses with the old one answer 404."""
    now = emulator.switch("codebase", "v2025_1/")
    emulator.table("switches")["codebase"] = {"value": next_codebase(now)}
    return no_endpoint().response()


def _done_500(emulator: Psa, request: Request) -> Response:
    emulator.honest(request)
    return _BUSY.response()


def _silent(emulator: Psa, request: Request) -> Response:
    """Answer 200 with the record as it was: the change did not take."""
    if request.method != "PATCH":
        return emulator.honest(request)
    place = emulator.shapes.place(emulator.contract_path(request) or "")
    found = emulator.records.get(place.collection, place.record or 0) if place else None
    if place is None or found is None:
        return emulator.honest(request)
    return answer(emulator.records.show(place.collection, found))


def _truncated(emulator: Psa, request: Request) -> Response:
    response = emulator.honest(request)
    body = response.get_data()
    response.set_data(body[: max(1, len(body) // 2)])
    return response


def _wrong_types(emulator: Psa, request: Request) -> Response:
    response = emulator.honest(request)
    response.set_data(json.dumps(_turned(json.loads(response.get_data() or "null"))))
    return response


def _turned(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a value of another type in the same shape."""
    if isinstance(value, dict):
        return {name: _turned(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_turned(each) for each in value]
    return [value] if isinstance(value, str) else {"value": value}


def _refused(code: str, message: str, status: int) -> Player:
    return lambda emulator, request: RefusalError(status, code, message).response()


_PLAYERS: dict[str, Player] = {
    "429": lambda emulator, request: too_many(1),
    "429-no-wait": lambda emulator, request: too_many(None),
    "429-page": lambda emulator, request: Response(_PAGE, 429, mimetype="text/html"),
    "500-timeout": lambda emulator, request: _BUSY.response(),
    "500-input": lambda emulator, request: not_converted("x", "System.Int32", "id").response(),
    "500-done": _done_500,
    "stale-codebase": _stale,
    "expired-token": _refused("ConnectWiseApi", "UserNotAuthenticated", 401),
    "conflict": _refused("Conflict", "The record is in use by another member.", 409),
    "silent-200": _silent,
    "truncated": _truncated,
    "wrong-types": _wrong_types,
}
OWN_FAULTS = tuple(_PLAYERS)
