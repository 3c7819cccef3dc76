"""The gate of MSP Administrator's emulator: tokens, refusals, letter case and paging."""

import secrets
from typing import Any, ClassVar

from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Contract
from plugin.edge.emulator import route
from plugin.vendors.eset import emulator_licensing as licensing
from plugin.vendors.eset.emulator_contracts import MSP
from plugin.vendors.eset.emulator_switches import Switched

USER, PASSWORD = "billing@bridgehead.example", "Ema2-sandbox"
SESSION_SECONDS = 1800
Record = dict[str, Any]


class MspGate(Switched):
    """Lets requests in or refuses them as EMA2 does.

    Unsure, because no page tells: the codes of a user without the right to use the interface and
    of one with two-factor authentication. Both letter cases of keys were seen: a switch.
    """

    contract: ClassVar[Contract | None] = MSP
    own_faults: ClassVar[tuple[str, ...]] = ("expired-token", "wrong-types")
    switches: ClassVar[dict[str, Any]] = {
        "msp_api": True,
        "msp_two_factor": False,
        "msp_maintenance": False,
        "msp_casing": "camel",
        "msp_token_seconds": 60,
        "msp_search_companies": True,
    }

    # -- letting in --------------------------------------------------------------------------

    def refuse(self, request: Request) -> Response | None:
        """Return the refusal that the token or the switches ask for."""
        if self.switch("msp_maintenance"):
            return self.failure(503, 99, 2, "Maintenance")
        if request.path in {"/api/Token/Get", "/api/Token/Renew"}:
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        session = self.table("msp_sessions").get(token)
        if session is None or session["expires"] <= self.clock().timestamp():
            return self.failure(401, 1, 1, "Token is invalid or expired")
        if not self.switch("msp_api"):
            return self.failure(403, 2, 1, "API access is not allowed")
        return None

    def not_found(self, request: Request) -> Response:
        """Answer for an address there is none of."""
        return self.failure(403, 99, 1, "No such page")

    def failure(self, status: int, code: int, sub_code: int, message: str) -> Response:
        """Answer with EMA2's error object."""
        return self.reply({"code": code, "subCode": sub_code, "message": message}, status)

    def reply(self, value: Any, status: int = 200) -> Response:  # noqa: ANN401 - any JSON
        """Answer in the letter case that the switch asks for."""
        pascal = self.switch("msp_casing") == "pascal"
        return self.json(_with_capitals(value) if pascal else value, status)

    def play_own(self, kind: str, request: Request) -> Response:
        """Let the token of this request be over."""
        if kind != "expired-token":
            return super().play_own(kind, request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.table("msp_sessions").pop(token, None)
        return self.failure(401, 1, 1, "Token is invalid or expired")

    # -- tokens ------------------------------------------------------------------------------

    @route("POST", "/api/Token/Get")
    def msp_token(self, request: Request) -> Response:
        """Give tokens for a name and a password."""
        given = body_of(request)
        user = str(given.get("username", "")).lower()
        account = self.table("msp_accounts").get(user)
        if account is None or account["password"] != given.get("password"):
            return self.failure(401, 1, 2, "Bad credentials")
        if self.switch("msp_two_factor"):
            return self.failure(401, 1, 3, "Two-factor authentication is required")
        return self._tokens(user, self.clock().timestamp() + SESSION_SECONDS)

    @route("POST", "/api/Token/Renew")
    def msp_renew(self, request: Request) -> Response:
        """Give new tokens for a refresh token, until the session is over."""
        kept = self.table("msp_refreshes").pop(str(body_of(request).get("refreshToken")), None)
        if kept is None or kept["until"] <= self.clock().timestamp():
            return self.failure(401, 1, 1, "Token is invalid or expired")
        return self._tokens(kept["user"], kept["until"])

    def _tokens(self, user: str, until: float) -> Response:
        now, mark = self.clock().timestamp(), secrets.token_hex(16)
        self._forget_old("msp_sessions", "expires", now)
        self._forget_old("msp_refreshes", "until", now)
        seconds = self.switch("msp_token_seconds")
        token = licensing.access_token(user, now, seconds, mark)
        self.table("msp_sessions")[token] = {"user": user, "expires": now + seconds}
        refresh = secrets.token_urlsafe(24)
        self.table("msp_refreshes")[refresh] = {"user": user, "until": until}
        return self.reply({"accessToken": token, "refreshToken": refresh})

    def _forget_old(self, table: str, end: str, now: float) -> None:
        kept = self.table(table)
        for key in [key for key, record in kept.items() if record[end] <= now]:
            del kept[key]


def body_of(request: Request) -> Record:
    """Return the request's JSON object, empty when it holds none."""
    given = request.get_json(silent=True)
    return given if isinstance(given, dict) else {}


def cut(given: Record, found: list[str]) -> list[str] | None:
    """Return the page asked for by ``skip`` and ``take``, or None when they are out of range."""
    skip, take = given.get("skip"), given.get("take")
    if not isinstance(skip, int) or not isinstance(take, int) or skip < 0 or not 1 <= take <= 100:
        return None
    return found[skip : skip + take]


def _with_capitals(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_with_capitals(each) for each in value]
    if isinstance(value, dict):
        return {k[:1].upper() + k[1:]: _with_capitals(each) for k, each in value.items()}
    return value
