"""The common ground of the Automate emulator: addresses, who is let in, time, lists, errors."""

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta, timezone
from http import HTTPStatus
from pathlib import Path
from typing import Any

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import Emulator
from plugin.hosts.connectwise_automate.emulator_contract import AutomateContract
from plugin.hosts.connectwise_automate.emulator_lists import (
    Listing,
    OptionError,
    Record,
    make_page,
    read_options,
)

USUAL_SWITCHES: dict[str, Any] = {
    "two-factor": False,
    "denied": [],
    "clock-skew": 0,
    "zone-minutes": -300,
    "times-with-zone": False,
    "page-cap": 1000,
    "command-delay": 2,
}
"""What can be switched: whether the user has two-factor sign-in; words of routes that the user has
no right to; seconds by which the server's clock is wrong; its zone and whether its times say so;
the largest page; seconds a command takes on a computer that is online."""

_OPEN = ("/cwa/api/v1/apitoken", "/cwa/api/v1/apitoken/refresh", "/cwa/api/v1/apitoken/disable")


class AutomateBase(Emulator):
    """What every part of the emulator uses."""

    kind = "connectwise_automate"
    title = "ConnectWise Automate"
    contract = AutomateContract(
        Path(__file__).with_name("openapi.json"), ignore_case=True, required_in_answers=False
    )

    # -- addresses ---------------------------------------------------------------------------

    def contract_path(self, request: Request) -> str | None:
        """Return the path below ``/cwa``, where the published file begins."""
        path = request.path.rstrip("/")
        return path[4:] if path.lower().startswith("/cwa/") else None

    def normal_path(self, path: str) -> str:
        """Return the path in small letters: routes know no letter case."""
        return path.lower().rstrip("/")

    def not_found(self, request: Request) -> Response:
        """Answer as the web server does for an address outside the interface."""
        if self.contract_path(request) is None:
            page = "<!DOCTYPE html><title>404 - File or directory not found.</title>"
            return Response(page, 404, mimetype="text/html")
        return self.json({"Message": "No HTTP resource was found that matches the request."}, 404)

    def answer(self, request: Request) -> Response:
        """Answer with the server's date, which goes wrong with its clock."""
        response = super().answer(request)
        response.headers["Date"] = http_date(self.server_now())
        return response

    # -- who is let in -----------------------------------------------------------------------

    def refuse(self, request: Request) -> Response | None:
        """Ask for the clientId on every call, a living token and the right on most.

        The screens for people stand outside of the interface.
        """
        if request.path.startswith("/host/"):
            return None
        if request.headers.get("clientId", "").lower() not in self.table("integrations"):
            return self.error(401, "A valid clientId is required.", "Unauthorized")
        path = self.normal_path(request.path)
        if path in _OPEN:
            return None
        if not self._has_token(request):
            return self.error(401, "Authorization has been denied.", "Unauthorized")
        denied = {str(word).lower() for word in self.switch("denied")}
        if denied & set(path.split("/")):
            return self.error(403, "The user lacks the permission.", "Forbidden")
        return None

    def _has_token(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        record = self.table("tokens").get(token)
        if scheme.lower() != "bearer" or record is None:
            return False
        return bool(record["expires"] > self.clock().timestamp())

    # -- switches and time -------------------------------------------------------------------

    def switch(self, name: str) -> Any:  # noqa: ANN401 - each switch has its own type
        """Return how a switch stands."""
        return self.table("switches").get(name, {"value": USUAL_SWITCHES[name]})["value"]

    def set_switch(self, name: str, value: object) -> None:
        """Set a switch; ValueError for one that does not exist."""
        if name not in USUAL_SWITCHES:
            raise ValueError(f"{self.kind} knows no switch {name!r}")
        self.table("switches")[name] = {"value": value}

    def server_now(self) -> datetime:
        """Return the time the server believes it is (aware, UTC)."""
        return self.clock() + timedelta(seconds=float(self.switch("clock-skew")))

    @property
    def zone(self) -> timedelta:
        """The server's offset from UTC."""
        return timedelta(minutes=float(self.switch("zone-minutes")))

    def time_text(self, seconds: float) -> str:
        """Write a moment as the server does: its own local time, usually without the zone."""
        moment = datetime.fromtimestamp(int(seconds), timezone(self.zone))
        text = moment.isoformat()
        return text if self.switch("times-with-zone") else text[:19]

    def read_time(self, text: str) -> float:
        """Read a moment from a request; without a zone it is the server's own."""
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone(self.zone))).timestamp()

    def now_seconds(self) -> float:
        """Return the server's time as unix seconds."""
        return self.server_now().astimezone(UTC).timestamp()

    # -- answers -----------------------------------------------------------------------------

    def error(self, status: int, message: str, code: str = "") -> Response:
        """Answer with the interface's error body."""
        code = code or HTTPStatus(status).phrase.replace(" ", "")
        body = {"code": code, "message": message, "errors": [{"message": message}]}
        return self.json(body, status)

    def missing(self, what: str, number: object) -> Response:
        """Answer that a record does not exist."""
        return self.error(404, f"{what} {number} was not found.", "NotFound")

    def page(self, request: Request, ids: Collection[str], schema: str, show: Any) -> Response:  # noqa: ANN401
        """Answer one page of the records called ``ids``, each as ``show(id, expand)`` shows it."""
        kind = Listing(
            show=show,
            knows=lambda path: self.contract.has_field(schema, path),
            zone=self.zone,
            largest_page=int(self.switch("page-cap")),
        )
        try:
            return self.json(make_page(ids, read_options(request.args), kind))
        except OptionError as error:
            return self.error(400, str(error), "BadRequest")

    def one(self, ids: Collection[str], number: str, show: Any) -> Response:  # noqa: ANN401
        """Answer one record, or 404."""
        if number not in ids:
            return self.missing("Record", number)
        return self.json(show(number, frozenset()))


def body_of(request: Request) -> Any:  # noqa: ANN401 - any JSON
    """Return a request's JSON with its keys in small letters, as ASP.NET reads them; or None."""
    try:
        return _folded(json.loads(request.get_data()))
    except (ValueError, RecursionError):
        return None


def _folded(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {str(key).lower(): _folded(each) for key, each in value.items()}
    return [_folded(each) for each in value] if isinstance(value, list) else value


def record_of(request: Request) -> Record:
    """Return a request's JSON object, or an empty one when it holds anything else."""
    body = body_of(request)
    return body if isinstance(body, dict) else {}


def inner(record: Record, name: str) -> Record:
    """Return a record inside another, empty when something else stands there."""
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def items(record: Record, name: str) -> list[str]:
    """Return a list inside a record as texts, empty when something else stands there."""
    found = record.get(name)
    return [str(each) for each in found] if isinstance(found, list) else []
