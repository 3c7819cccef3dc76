"""The ground of the cloud emulator: environments, sign-in, tokens, switches and refusals."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Contract
from plugin.edge.emulator import Clock, Emulator, route
from plugin.edge.shelf import Record, Shelf, Table
from plugin.vendors.kaspersky.emulator_cloud_estate import Estate
from plugin.vendors.kaspersky.emulator_cloud_facts import (
    ACCESS_LIFE,
    ENVIRONMENTS,
    PASSWORD,
    REFRESH_LIFE,
    SWITCHES,
    USER,
    Refusal,
    bad_request,
    not_found,
)

CONTRACT = Contract(Path(__file__).parent / "cloud.openapi.json")
OPEN = frozenset({"/v1/sessions", "/v1/sessions/refresh"})
DEFAULT_LIMIT = 100


class CloudGate(Emulator):
    """Who is let in where.

    One emulator holds the estates of all three environments. Like real servers they have a name
    each, so the first label of the Host header chooses one; any other name is production. Accounts,
    tokens and ids of one are unknown in another.
    """

    contract = CONTRACT
    own_faults = ("expired-token", "two-step", "wrong-types")
    tenant_kind: str

    def __init__(
        self, shelf: Shelf | None = None, clock: Clock | None = None, origin: str = ""
    ) -> None:
        """Open the emulator with its three estates."""
        super().__init__(shelf, clock, origin)
        self.estates = {each: Estate(self.shelf, each) for each in ENVIRONMENTS}

    def connection_settings(self) -> dict[str, str]:
        """Return what an administrator types in to connect."""
        return {"user": USER, "password": PASSWORD}

    # -- who asks where ------------------------------------------------------------------------

    def estate(self, request: Request) -> Estate:
        """Return the estate of the server that a request names."""
        label = request.host.partition(".")[0].lower()
        return self.estates.get(label, self.estates["production"])

    def refuse(self, request: Request) -> Response | None:
        """Refuse who is not signed in, then what is not as described."""
        if self.switched("out_of_order"):
            text = "Out of order for a while."
            return self.refusal(Refusal(503, "unavailable", text), {"Retry-After": "30"})
        try:
            if request.path not in OPEN:
                self.account(request)
            self._check(request)
        except Refusal as refusal:
            return self.refusal(refusal)
        return None

    def account(self, request: Request) -> str:
        """Return the e-mail address that is signed in."""
        token = self.estate(request).table("access").get(_bearer(request))
        if token is None or self._is_past(token["until"]):
            raise Refusal(401, "token-expired", "The access token is not good (any more).")
        return str(token["email"])

    def _check(self, request: Request) -> None:
        """Compare a request with the contract: the real thing would not take another one."""
        operation = CONTRACT.operation(request.method, request.path)
        if operation is None:
            return
        problems = CONTRACT.judge_request(
            operation,
            query=request.args.items(multi=True),
            headers=dict(request.headers),
            content_type=request.content_type or "",
            body=request.get_data(),
        )
        if problems:
            raise bad_request(problems[0])

    def _is_past(self, moment: str) -> bool:
        return datetime.fromisoformat(moment) <= self.clock()

    # -- answers -------------------------------------------------------------------------------

    def _respond(self, request: Request) -> Response:
        try:
            response = super()._respond(request)
        except Refusal as refusal:
            response = self.refusal(refusal)
        now = self.clock() + timedelta(seconds=self.switched("clock_ahead"))
        response.headers["Date"] = format_datetime(now, usegmt=True)
        return response

    def refusal(self, refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
        """Answer with a refusal."""
        return self.json(refusal.body, refusal.status, headers)

    def not_found(self, request: Request) -> Response:
        """Answer a request for an address that does not exist."""
        return self.refusal(not_found("address"))

    # -- sessions ------------------------------------------------------------------------------

    @route("POST", "/v1/sessions")
    def sign_in(self, request: Request) -> Response:
        """Sign in with e-mail address and password."""
        said, users = body_of(request), self.estate(request).table("users")
        email = said["email"].strip().casefold()
        if email not in users or users[email]["password"] != said["password"]:
            raise Refusal(401, "invalid-credentials", "The e-mail address or password is wrong.")
        self._let_in()
        return self.json(self._new_tokens(self.estate(request), email))

    @route("POST", "/v1/sessions/refresh")
    def refresh(self, request: Request) -> Response:
        """Exchange a refresh token; it works once."""
        tokens = self.estate(request).table("refresh")
        token = tokens.pop(body_of(request)["refreshToken"], None)
        if token is None or self._is_past(token["until"]):
            raise Refusal(401, "session-expired", "The session has ended. Sign in again.")
        self._let_in()
        return self.json(self._new_tokens(self.estate(request), token["email"]))

    def _let_in(self) -> None:
        if self.switched("account_locked"):
            raise Refusal(403, "account-locked", "The account is locked.")
        if self.switched("two_step"):
            raise Refusal(403, "two-step-required", "Enter the code we have sent you.")

    def _new_tokens(self, estate: Estate, email: str) -> Record:
        return {
            "accessToken": self._token(estate.table("access"), email, ACCESS_LIFE),
            "expiresIn": int(ACCESS_LIFE.total_seconds()),
            "refreshToken": self._token(estate.table("refresh"), email, REFRESH_LIFE),
        }

    def _token(self, table: Table, email: str, life: timedelta) -> str:
        for old in [key for key, token in table.items() if self._is_past(token["until"])]:
            del table[old]
        fresh = token_urlsafe(24)
        table[fresh] = {"email": email, "until": (self.clock() + life).isoformat()}
        return fresh

    @route("GET", "/v1/account")
    def who(self, request: Request) -> Response:
        """Say who is signed in, and what time it is."""
        email = self.account(request)
        now = self.clock() + timedelta(seconds=self.switched("clock_ahead"))
        return self.json(
            {
                "email": email,
                "name": self.estate(request).table("users")[email]["name"],
                "tenantKind": self.tenant_kind,
                "serverTime": now.isoformat(),
            }
        )

    @route("GET", "/v1/users")
    def registered(self, request: Request) -> Response:
        """Return the registered user with an e-mail address."""
        email = request.args["email"].casefold()
        user = self.estate(request).table("users").get(email)
        found = [] if user is None else [{"email": email, "name": user["name"]}]
        return self.json({"items": found})

    # -- switches and faults -------------------------------------------------------------------

    def switched(self, name: str) -> Any:  # noqa: ANN401 - a flag or a number
        """Return how a switch stands."""
        return self.table("switches").get(name, {"value": SWITCHES[name]})["value"]

    def switch(self, details: Mapping[str, Any]) -> Record | None:
        """Set the switch ``name`` to ``value``; None when it is none of ours."""
        name = str(details.get("name"))
        if name not in SWITCHES:
            return None
        self.table("switches")[name] = {"value": details["value"]}
        return {"what": "switch", "name": name, "value": details["value"]}

    def play_own(self, kind: str, request: Request) -> Response:
        """Play one of this cloud's own faults."""
        if kind == "wrong-types":
            honest = self._respond(request)
            return self.json(_twisted(json.loads(honest.get_data() or b"{}")), honest.status_code)
        estate = self.estate(request)
        estate.table("access").pop(_bearer(request), None)
        if kind == "expired-token":
            return self.refusal(Refusal(401, "token-expired", "The access token is not good."))
        estate.table("refresh").clear()
        return self.refusal(Refusal(403, "two-step-required", "Enter the code we have sent you."))


def body_of(request: Request) -> Any:  # noqa: ANN401 - JSON that the contract has judged
    """Return the body of a request that was compared with the contract."""
    return json.loads(request.get_data())


def limit_of(request: Request) -> int:
    """Return how many items a request wants at most."""
    return int(request.args.get("limit", DEFAULT_LIMIT))


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _twisted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return ``value`` with every leaf of another type than promised."""
    if isinstance(value, dict):
        return {key: _twisted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_twisted(each) for each in value] or {"none": 0}
    return [value] if isinstance(value, str) else {"many": value}
