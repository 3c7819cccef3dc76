"""The gate of ESET Connect's emulator: hosts, tokens, refusals, pending answers and paging."""

import base64
import hashlib
import re
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Contract
from plugin.edge.emulator import route
from plugin.vendors.eset.emulator_contracts import CONNECT
from plugin.vendors.eset.emulator_switches import Switched

PENDING_SECONDS = 600
_HOST = re.compile(r"(?P<region>[a-z]+)\.(?P<service>[a-z-]+(\.iam)?)\.eset\.systems")


class BadArgumentError(Exception):
    """A parameter this service does not take: 400 without a body."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of ids, where it starts, and the token of the next (empty on the last page)."""

    ids: Sequence[str]
    start: int
    next_token: str


class ConnectGate(Switched):
    """Lets requests in or refuses them as ESET Connect and an on-premises console do."""

    contract: ClassVar[Contract | None] = CONNECT
    own_faults: ClassVar[tuple[str, ...]] = (
        "pending",
        "expired-token",
        "module-missing",
        "start-over",
        "wrong-types",
    )
    switches: ClassVar[dict[str, Any]] = {
        "region": "eu",
        "invitation_finished": True,
        "two_factor": False,
        "edge_open": True,
        "integration_header": False,
        "integrations": True,
        "permission_set": True,
        "group_scope": True,
        "write_access": True,
        "missing_services": [],
        "missing_status": 403,
        "delta": True,
        "rest_api": True,
        "calls_per_second": 0,
        "page_max": 1000,
        "token_seconds": 3600,
        "refresh_tokens": True,
    }
    _calls: deque[float]

    # -- letting in --------------------------------------------------------------------------

    def refuse(self, request: Request) -> Response | None:
        """Return the refusal that the user, the region or the switches ask for."""
        place = _HOST.fullmatch(request.host)
        service = self.service_of(request)
        if place and service and place["service"] != service:
            return self.empty(404)
        if self._too_many():
            return self.empty(429)
        if request.path in {"/oauth/token", "/GetTokens"} or not service:
            return None
        return (
            self._refuse_token(request, place["region"] if place else "")
            or self._refuse_user(request, service, on_premises=self.on_premises(request))
            or self._refuse_stale(request)
        )

    def service_of(self, request: Request) -> str:
        """Return the service a path belongs to by the contract, empty when to none."""
        operation = CONNECT.operation(request.method, request.path)
        return CONNECT.services[operation.template] if operation else ""

    def on_premises(self, request: Request) -> bool:
        """Tell whether a console of the customer's own is asked, not the cloud."""
        session = self.table("sessions").get(_bearer(request))
        return bool(session and session["console"])

    def contract_path(self, request: Request) -> str | None:
        """Return the path to judge; one that is asked of the wrong service's host is none."""
        place, service = _HOST.fullmatch(request.host), self.service_of(request)
        if place and service and place["service"] != service:
            return f"//{place['service']}{request.path}"
        return request.path

    def _too_many(self) -> bool:
        limit = self.switch("calls_per_second")
        if not limit:
            return False
        now = self.clock().timestamp()
        if not hasattr(self, "_calls") or self._calls.maxlen != limit:
            self._calls = deque(maxlen=limit)
        if len(self._calls) == limit and now - self._calls[0] < 1:
            return True
        self._calls.append(now)
        return False

    def _refuse_token(self, request: Request, region: str) -> Response | None:
        if not request.headers.get("Authorization"):
            return self.empty(400)
        session = self.table("sessions").get(_bearer(request))
        if session is None:
            return self.denied(401, 3, "Invalid access token")
        if session["expires"] <= self.clock().timestamp():
            return self.denied(401, 8, "Access token expired")
        if region and region != self.switch("region"):
            return self.denied(401, 16, "Token validation failed")
        return None

    def _refuse_user(self, request: Request, service: str, *, on_premises: bool) -> Response | None:
        if on_premises and service not in {"device-management", "asset-management", "automation"}:
            return self.empty(404)
        if not on_premises and not self.switch("integrations"):
            return self.denied(403, 7, "API not enabled for token")
        if service in self.switch("missing_services"):
            return self._missing_module()
        if not self.switch("permission_set"):
            return self.denied(403, 7, "Access denied, check permissions")
        if request.method != "GET" and not self.switch("write_access"):
            return self.denied(403, 7, "Access denied, check permissions")
        return None

    def denied(self, status: int, code: int, message: str) -> Response:
        """Answer with the error object that some of the services send."""
        return self.json({"code": code, "message": message, "details": []}, status)

    # -- pending answers ---------------------------------------------------------------------

    def _refuse_stale(self, request: Request) -> Response | None:
        """Let a repeated request collect its answer, once and within ten minutes."""
        handle = request.headers.get("response-id")
        if not handle:
            return None
        waiting = self.table("pending").pop(handle, None)
        late = waiting is None or self.clock().timestamp() - waiting["at"] > PENDING_SECONDS
        if waiting is None or late or waiting["request"] != _fingerprint(request):
            return self.empty(404)
        return None

    def _pend(self, request: Request) -> Response:
        handle = request.headers.get("response-id") or secrets.token_hex(16)
        self.table("pending")[handle] = {
            "request": _fingerprint(request),
            "at": self.clock().timestamp(),
        }
        return Response(b"", 202, {"response-id": handle}, mimetype="application/json")

    # -- faults ------------------------------------------------------------------------------

    def play_own(self, kind: str, request: Request) -> Response:
        """Play a fault of ESET's own kind."""
        if kind == "pending":
            response = self._pend(request)
        elif kind == "start-over":
            response = self.empty(504)
        elif kind == "module-missing":
            response = self._missing_module()
        elif kind == "expired-token":
            response = self._expire(request)
        else:
            return super().play_own(kind, request)
        response.headers["request-id"] = secrets.token_hex(8)
        return response

    def _expire(self, request: Request) -> Response:
        if request.path == "/oauth/token":
            return self.json({"error": "invalid_grant", "error_description": "invalid token"}, 400)
        session = self.table("sessions").get(_bearer(request))
        if session:
            self.table("sessions")[_bearer(request)] = {**session, "expires": 0}
        return self.denied(401, 8, "Access token expired")

    def _missing_module(self) -> Response:
        status = self.switch("missing_status")
        return self.empty(status) if status == 404 else self.denied(status, 12, "Not available")

    # -- signing in --------------------------------------------------------------------------

    @route("POST", "/oauth/token")
    def connect_token(self, request: Request) -> Response:
        """Give tokens for a password or a refresh token; a form, as OAuth wants it."""
        if request.mimetype != "application/x-www-form-urlencoded":
            return self.empty(415)
        named = bool(request.headers.get("3rd-integration"))
        if not self.switch("edge_open") or (self.switch("integration_header") and not named):
            return self.empty(403)
        user, problem = self._who(request.form.to_dict())
        if user is None:
            return self.json({"error": "invalid_grant", "error_description": problem}, 400)
        seconds = self.switch("token_seconds")
        answer = {"token_type": "Bearer", "expires_in": seconds, "access_token": ""}
        answer["access_token"] = self._open_session(user, seconds, console=False)
        answer["refresh_token"] = secrets.token_urlsafe(24)
        if self.switch("refresh_tokens"):
            self.table("refreshes")[str(answer["refresh_token"])] = {"user": user}
        return self.json(answer)

    def _who(self, form: dict[str, str]) -> tuple[str | None, str]:
        if form.get("grant_type") == "refresh_token":
            kept = self.table("refreshes").pop(form.get("refresh_token", ""), None)
            return (kept["user"], "") if kept else (None, "invalid token")
        if form.get("grant_type") != "password":
            return None, "invalid credentials"
        user = form.get("username", "").lower()
        account = self.table("accounts").get(user)
        if account is None or account["password"] != form.get("password"):
            return None, "invalid credentials"
        if not self.switch("invitation_finished"):
            return None, "invalid credentials"
        return (None, "two-factor authentication") if self.switch("two_factor") else (user, "")

    def _open_session(self, user: str, seconds: int, *, console: bool) -> str:
        sessions, now = self.table("sessions"), self.clock().timestamp()
        if len(sessions) > 200:
            for old in [key for key, kept in sessions.items() if kept["expires"] <= now]:
                del sessions[old]
        token = secrets.token_urlsafe(32)
        sessions[token] = {"user": user, "expires": now + seconds, "console": console}
        return token

    @route("POST", "/GetTokens")
    def console_token(self, request: Request) -> Response:
        """Give an on-premises console's token; there is no refresh token."""
        given = request.get_json(silent=True)
        if not self.switch("rest_api"):
            return self.empty(404)
        if not isinstance(given, dict) or str(given.get("grantType", "")).upper() != "PASSWORD":
            return self.empty(400)
        user = str(given.get("username", "")).lower()
        account = self.table("accounts").get(user)
        if account is None or account["password"] != given.get("password"):
            return self.empty(401)
        seconds = self.switch("token_seconds")
        token = self._open_session(user, seconds, console=True)
        return self.json({"accessToken": token, "expiresIn": seconds})

    # -- what every service shares -----------------------------------------------------------

    def _respond(self, request: Request) -> Response:
        try:
            response = super()._respond(request)
        except BadArgumentError:
            response = self.empty(400)
        at_edge = request.path == "/oauth/token" and response.status_code == 403
        if not at_edge and not request.path.startswith("/api/"):
            response.headers["request-id"] = secrets.token_hex(8)
        response.headers["Date"] = http_date(self.clock())
        return response

    def page(self, request: Request, ids: Sequence[str], usual: int = 50) -> Slice:
        """Cut one page out of ``ids``; sizes above the limit are cut to it, as seen live."""
        size = min(_number(request.args.get("pageSize", "0")) or usual, self.switch("page_max"))
        start = _offset(request.args.get("pageToken", ""))
        end = start + size
        return Slice(ids[start:end], start, _token(end) if end < len(ids) else "")


def _bearer(request: Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _fingerprint(request: Request) -> str:
    parts = (request.method.encode(), request.path.encode(), request.query_string)
    return hashlib.sha256(b"\n".join((*parts, request.get_data()))).hexdigest()


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise BadArgumentError
    return int(text)


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"next:{offset}".encode()).decode()


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        word, _, offset = base64.urlsafe_b64decode(token).decode().partition(":")
    except ValueError:
        raise BadArgumentError from None
    if word != "next":
        raise BadArgumentError
    return _number(offset)
