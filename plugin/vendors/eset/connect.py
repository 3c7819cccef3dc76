"""Connect: thin REST over the services of ESET Connect, or over one on-premises console."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote

from plugin import __version__
from plugin.domain.errors import AnswerError, MissingError, RefusedError, RuleError, TransientError
from plugin.edge.http import Answer, Http
from plugin.edge.link import Link
from plugin.edge.wire import Wire
from plugin.vendors.eset.refusals import judge_connect
from plugin.vendors.eset.signin import SignIn, Token, kept_by
from plugin.vendors.eset.wire import ConnectTokenWire, ConsoleTokenWire

REGIONS = {
    "eu": "Europe",
    "de": "Germany",
    "us": "United States",
    "ca": "Canada",
    "jpn": "Japan",
}
PRODUCT = "Bridgehead"
SIGN_IN = "business-account.iam"
PATIENCE = 60.0
"""Seconds for one call: ESET keeps a slow one for 30 to 50 seconds before it says 202."""

REPEATS = 6
"""How often an answer that is not ready is asked for before a job should wait instead."""

Ask = Callable[[Mapping[str, str]], Answer]


def address(link: Link, name: str) -> str:
    """Return an address from the environment's table; RuleError naming the key when it is none."""
    found = link.addresses.get(name, "")
    if not found:
        text = f"there is no address {name!r} of ESET for environment {link.environment}"
        raise RuleError("", text)
    return found


def part(identifier: str) -> str:
    """Return an identifier of ESET's, which is any text, as one part of a path."""
    return quote(identifier, safe="")


def collect(ask: Ask, who: str, *, repeatable: bool) -> Answer:
    """Make a call, and while ESET answers "not ready" (202) repeat it with its response-id.

    A waiting answer that was already collected or thrown away (404) is asked for afresh when the
    call is ``repeatable``; otherwise nobody knows what became of it: TransientError.
    """
    waiting: dict[str, str] = {}
    for _ in range(REPEATS):
        try:
            answer = ask(waiting)
        except MissingError:
            if not waiting:
                raise
            if not repeatable:
                text = "lost the answer that was waiting; it is unclear whether it was done"
                raise TransientError(who, text, code="unclear") from None
            waiting = {}
            continue
        if answer.status != 202:
            return answer
        waiting = {"response-id": _handle(answer)}
    raise TransientError(who, "is still working on the answer", retry_after=30, code="pending")


def _handle(answer: Answer) -> str:
    handle = answer.header("response-id")
    if not handle or len(handle) > 200 or not handle.isprintable():
        text = "promised an answer for later without saying how to fetch it"
        raise AnswerError(answer.who, text, code="shape", status=202)
    return handle


def _date_of(answer: Answer) -> datetime | None:
    try:
        moment = parsedate_to_datetime(answer.header("Date"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class CloudDoors:
    """Where the cloud's services are: one host for each, in the connection's region."""

    def __init__(self, link: Link, who: str) -> None:
        """Use the region of the settings."""
        self._link, self._who = link, who
        self._open: dict[str, Http] = {}

    def to(self, service: str) -> Http:
        """Return the door to a service; RuleError when the region is none of ESET's."""
        if service not in self._open:
            region = self._link.settings.get("region", "")
            if region not in REGIONS:
                raise RuleError("region", f"choose one of {', '.join(REGIONS.values())}")
            name = "sign_in" if service == SIGN_IN else "service"
            base = address(self._link, name).replace("{region}", region)
            self._open[service] = self._link.http(
                base.replace("{service}", service),
                who=self._who,
                classify=lambda answer: judge_connect(answer, service),
            )
        return self._open[service]

    def first(self) -> Token:
        """Sign in with email and password (a form, as OAuth wants it)."""
        settings = self._link.settings
        given = {"username": settings.get("email", ""), "password": settings.get("password", "")}
        return self._token({"grant_type": "password", **given}, safe=True)

    def again(self, last: Token) -> Token:
        """Exchange a refresh token; never twice, because it is good for one time only."""
        given = {"grant_type": "refresh_token", "refresh_token": last.refresh}
        return self._token(given, safe=False)

    def _token(self, form: Mapping[str, str], *, safe: bool) -> Token:
        door = self.to(SIGN_IN)
        answer = collect(
            lambda more: door.send(
                "POST",
                "/oauth/token",
                form=form,
                headers={"3rd-integration": PRODUCT, **more},
                safe=safe,
                timeout=PATIENCE,
            ),
            self._who,
            repeatable=safe,
        )
        found = ConnectTokenWire.parse(answer.json(), self._who, "a token")
        given_at = _date_of(answer)
        return Token(found["access"], found["refresh"], found["seconds"], given_at)


class ConsoleDoors:
    """Where an on-premises console is: every service at the one address the customer gave."""

    def __init__(self, link: Link, who: str) -> None:
        """Use the server address of the settings."""
        self._link, self._who = link, who
        self._open: dict[str, Http] = {}

    def to(self, service: str) -> Http:
        """Return the door to a service; the host is the same, what its refusal means is not."""
        if service not in self._open:
            server = self._link.settings.get("server", "")
            if not server:
                raise RuleError("server", "enter the address of the ESET PROTECT server")
            self._open[service] = self._link.http(
                server,
                who=self._who,
                classify=lambda answer: judge_connect(answer, service),
            )
        return self._open[service]

    def first(self) -> Token:
        """Sign in at the console; there is no refresh token."""
        settings = self._link.settings
        given = {
            "username": settings.get("email", ""),
            "password": settings.get("password", ""),
            "is_domain_user": settings.get("domain_user", "") in {"1", "true", "on", "yes"},
            "grantType": "PASSWORD",
        }
        door = self.to(SIGN_IN)
        answer = door.send("POST", "/GetTokens", json=given, safe=True, timeout=PATIENCE)
        found = ConsoleTokenWire.parse(answer.json(), self._who, "a token")
        return Token(found["access"], "", found["seconds"], _date_of(answer))

    def again(self, last: Token) -> Token:
        """Sign in again."""
        return self.first()


class Connect:
    """Calls services with a good token; every failure is one of our errors."""

    def __init__(self, link: Link, who: str) -> None:
        """Speak to the cloud or to the console that the settings name; nothing is called yet."""
        self.who = who
        self.on_premises = link.settings.get("type") == "on_prem"
        self._doors = ConsoleDoors(link, who) if self.on_premises else CloudDoors(link, who)
        self._sign_in = SignIn(self._doors, link.now, kept_by(link, "connect"))

    def sign_in(self) -> float:
        """Sign in now and return by how many seconds our clock is ahead of ESET's."""
        return self._sign_in.afresh()

    def get(self, service: str, path: str, params: Mapping[str, Any] | None = None) -> object:
        """Return the decoded answer to a read."""
        door = self._doors.to(service)

        def ask(headers: Mapping[str, str]) -> Answer:
            return door.get(path, params=params, headers=headers, timeout=PATIENCE)

        return self._with_token(ask, repeatable=True).json()

    def post(self, service: str, path: str, body: Mapping[str, Any]) -> object:
        """Make a change, once; return the decoded answer."""
        door = self._doors.to(service)

        def ask(headers: Mapping[str, str]) -> Answer:
            return door.send("POST", path, json=body, headers=headers, timeout=PATIENCE)

        answer = self._with_token(ask, repeatable=False)
        return answer.json() if answer.body.strip() else {}

    def pages(
        self, service: str, path: str, wire: type[Wire], params: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages of a list, as ``wire`` reads them, until there is no next token.

        ``params`` may hold the ``pageToken`` to go on from. A token that comes back is refused:
        such a list would never end.
        """
        seen, asked = set(), dict(params)
        while True:
            page = wire.parse(self.get(service, path, asked), self.who, "a page of a list")
            yield page
            token = page["next_page"]
            if not token:
                return
            if token in seen:
                raise AnswerError(self.who, "answers a list in a circle", code="paging")
            seen.add(token)
            asked["pageToken"] = token

    def _with_token(self, ask: Ask, *, repeatable: bool) -> Answer:
        """Make a call; a token that is refused is replaced once, silently."""
        token = self._sign_in.access()
        try:
            return self._collect(ask, token, repeatable=repeatable)
        except RefusedError as error:
            if error.code != "token":
                raise
        return self._collect(ask, self._sign_in.replace(token), repeatable=repeatable)

    def _collect(self, ask: Ask, token: str, *, repeatable: bool) -> Answer:
        headers = {**self._headers, "Authorization": f"Bearer {token}"}
        return collect(lambda more: ask({**headers, **more}), self.who, repeatable=repeatable)

    _headers: ClassVar[dict[str, str]] = {"3rd-integration": PRODUCT, "Version": __version__}
