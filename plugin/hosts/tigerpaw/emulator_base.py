"""The common ground of the Tigerpaw emulator: who is let in, time, pages, refusals."""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from hashlib import sha256
from hmac import HMAC, compare_digest
from pathlib import Path
from typing import Any

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Contract
from plugin.edge.emulator import Emulator
from plugin.hosts.tigerpaw.emulator_contract import RestContract, SoapContract
from plugin.hosts.tigerpaw.emulator_search import Record, SearchError, Values, matching, page_of

WSDL = Path(__file__).with_name("tigerpaw-tsiws.RECONSTRUCTED.wsdl")
SERVICE = "/api/rmm/tsiws.asmx"

USUAL_SWITCHES: dict[str, Any] = {
    "clock-skew": 0,
    "tolerance": 900,
    "zone-minutes": None,
    "site": True,
    "keys-active": True,
    "denied": [],
    "denied-as": 403,
    "same-kind-is-or": True,
    "missing-as-empty": False,
    "ignore-updates": False,
    "forgets-reference": False,
    "licence": True,
    "archived": False,
    "soap-service": True,
    "soap-user-active": True,
    "without-operations": [],
    "ignore-charges": False,
}
"""What can be switched: seconds by which the server's clock is wrong and by how much a call's date
may differ (RECONSTRUCTED: not published); a zone makes its times lack their offset; whether there
is an API site at all; whether the keys are active; words of addresses the rep has no right to, and
whether that is said by 401, 403 or 200 (not published); what two criteria of one kind mean; how a
record that is not there is said; updates and charges that are taken and do nothing, and an update
that empties our key."""


class TigerpawBase(Emulator):
    """What every part of the emulator uses."""

    kind = "tigerpaw"
    title = "Tigerpaw"
    contract = RestContract(
        Path(__file__).with_name("rest.openapi.json"), ignore_case=True, required_in_answers=False
    )
    soap_contract = SoapContract(WSDL)

    # -- addresses ---------------------------------------------------------------------------

    def contract_for(self, request: Request) -> Contract:
        """Return the WSDL for the SOAP service, the REST description for everything else."""
        return self.soap_contract if _is_soap(request) else self.contract

    def contract_path(self, request: Request) -> str | None:
        """Return the path; what lies outside both interfaces is nobody's."""
        known = request.path.lower().startswith("/api/") and self.switch("site")
        return request.path if known else None

    def normal_path(self, path: str) -> str:
        """Return the path in small letters: routes know no letter case."""
        return path.lower().rstrip("/")

    def not_found(self, request: Request) -> Response:
        """Answer as the web server does for an address it does not have."""
        page = "<!DOCTYPE html><title>404 - File or directory not found.</title>"
        return Response(page, 404, mimetype="text/html")

    def answer(self, request: Request) -> Response:
        """Answer with the server's date, which goes wrong with its clock."""
        response = super().answer(request)
        response.headers["Date"] = http_date(self.server_now())
        return response

    # -- who is let in -----------------------------------------------------------------------

    def refuse(self, request: Request) -> Response | None:
        """Ask for a signature by keys that are active, and for the right to the address."""
        if not self.switch("site"):
            return self.not_found(request)
        if _is_soap(request):
            return None
        if not self._is_signed(request):
            return self.json({"Message": "Authorization has been denied for this request."}, 401)
        denied = {str(word).lower() for word in self.switch("denied")}
        if denied & set(self.normal_path(request.path).split("/")):
            return self._denial()
        return None

    def _denial(self) -> Response:
        status = int(self.switch("denied-as"))
        if status == 200:
            return self.no("You do not have rights to this function.")
        return self.json({"Message": "You do not have rights to this function."}, status)

    def _is_signed(self, request: Request) -> bool:
        """Check the token as the published rules say, over the path as it was received."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        date = request.headers.get("X-TSI-Date") or request.headers.get("Date", "")
        try:
            public, _, signature = b64decode(token, validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            return False
        key = self.table("keys").get(public)
        if scheme != "TSI" or key is None or not self.switch("keys-active"):
            return False
        text = f"{request.method}|{request.path}|{date}".lower()
        made = b64encode(HMAC(key["private"].encode(), text.encode(), sha256).digest()).decode()
        return self._is_now(date) and compare_digest(made.encode(), signature.encode())

    def _is_now(self, date: str) -> bool:
        try:
            sent = parsedate_to_datetime(date)
        except ValueError:
            return False
        aware = sent if sent.tzinfo else sent.replace(tzinfo=UTC)
        return abs((aware - self.server_now()).total_seconds()) <= float(self.switch("tolerance"))

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

    def time_text(self, seconds: float | None) -> str | None:
        """Write a moment: in UTC, or in the server's zone and without saying which."""
        if seconds is None:
            return None
        moment = datetime.fromtimestamp(int(seconds), UTC)
        if self.switch("zone-minutes") is None:
            return moment.isoformat().replace("+00:00", "Z")
        zone = timezone(timedelta(minutes=float(self.switch("zone-minutes"))))
        return moment.astimezone(zone).isoformat()[:19]

    # -- answers -----------------------------------------------------------------------------

    def no(self, message: str) -> Response:
        """Answer 200 that it was not done."""
        return self.json({"Success": False, "Message": message})

    def missing(self, number: str) -> Response:
        """Answer that a record does not exist."""
        if self.switch("missing-as-empty"):
            return self.json({})
        return self.json({"Message": f"{number} was not found."}, 404)

    def searched(
        self, request: Request, where: str, name: str, how: tuple[Values, Any]
    ) -> Response:
        """Answer a page of the records of table ``where``: their values for criteria, and looks."""
        values, show = how
        body = body_of(request)
        either = bool(self.switch("same-kind-is-or"))
        try:
            found = matching(where, body, self.table(where), values, same_is_or=either)
            row, size = int(body.get("StartRow") or 1), int(body.get("PageSize") or 25)
            part, told = page_of(sorted(found, key=_number), row, size)
        except SearchError as error:
            return self.no(str(error))
        return self.json({name: [show(number) for number in part], **told})


def body_of(request: Request) -> Record:
    """Return a request's JSON object, or an empty one when it holds anything else."""
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _is_soap(request: Request) -> bool:
    return request.path.lower() == SERVICE


def _number(text: str) -> int:
    return int(text)
