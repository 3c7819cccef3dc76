"""Sign-in of the Automate emulator: tokens, renewal by a bare JSON string, two-factor."""

import secrets
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.hosts.connectwise_automate.emulator_base import AutomateBase, body_of, record_of

TOKEN_LIFE = 3600
ABSOLUTE_LIFE = 4 * 3600


class SignInPart(AutomateBase):
    """The calls around the token."""

    @route("GET", "/cwa/api/v1/apitoken")
    def ways_to_sign_in(self, request: Request) -> Response:
        """Tell how one can sign in; needs no token."""
        return self.json(
            {
                "AllowDirect": True,
                "AllowServiceRegistration": False,
                "AutomateRedirectUri": f"{self.origin}/automate/login",
                "Services": [],
            }
        )

    @route("POST", "/cwa/api/v1/apitoken")
    def sign_in(self, request: Request) -> Response:
        """Give a token for a user name and password."""
        body = record_of(request)
        name = str(body.get("username", ""))
        user = self.table("users").get(name.lower())
        if user is None or not secrets.compare_digest(
            str(body.get("password", "")).encode(), user["password"].encode()
        ):
            return self.error(401, "The user name or password is wrong.", "Unauthorized")
        passcode = str(body.get("twofactorpasscode") or "").replace(" ", "")
        if self.switch("two-factor") and not passcode:
            return self.json({"IsTwoFactorRequired": True, "IsInternalTwoFactorRequired": True})
        if self.switch("two-factor") and passcode not in user["passcodes"]:
            return self.error(401, "The passcode is wrong.", "Unauthorized")
        return self._token(name, self.clock().timestamp() + ABSOLUTE_LIFE)

    @route("POST", "/cwa/api/v1/apitoken/refresh")
    def renew(self, request: Request) -> Response:
        """Give a new token for a living one, which is the body: a bare JSON string."""
        token = body_of(request)
        record = self.table("tokens").get(token) if isinstance(token, str) else None
        now = self.clock().timestamp()
        if record is None or record["expires"] <= now or record["absolute"] <= now:
            return self.error(401, "The token cannot be renewed.", "Unauthorized")
        return self._token(record["user"], record["absolute"])

    @route("POST", "/cwa/api/v1/apitoken/disable")
    def disable(self, request: Request) -> Response:
        """End a token."""
        self.table("tokens").pop(str(record_of(request).get("securitytoken", "")), None)
        return Response("", 200)

    def end_tokens(self) -> int:
        """End every token, as a restart of the server does; returns how many there were."""
        tokens = list(self.table("tokens"))
        for token in tokens:
            del self.table("tokens")[token]
        return len(tokens)

    def _token(self, user: str, absolute: float) -> Response:
        now = self.clock().timestamp()
        expires = min(now + TOKEN_LIFE, absolute)
        token = secrets.token_urlsafe(32)
        self._forget_old(now)
        self.table("tokens")[token] = {"user": user, "expires": expires, "absolute": absolute}
        skew = float(self.switch("clock-skew"))
        answer: dict[str, Any] = {
            "AccessToken": token,
            "TokenType": "Bearer",
            "ExpirationDate": self.time_text(expires + skew),
            "AbsoluteExpirationDate": self.time_text(absolute + skew),
            "UserId": "12",
            "InternalUserName": user,
            "IsTwoFactorRequired": False,
            "IsInternalTwoFactorRequired": False,
        }
        return self.json(answer)

    def _forget_old(self, now: float) -> None:
        tokens = self.table("tokens")
        for token in [each for each, record in tokens.items() if record["expires"] <= now]:
            del tokens[token]
