"""Signed in to the cloud: tokens that renew themselves, and what every refusal means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from plugin.domain.errors import AnswerError, EdgeError, MissingError, RefusedError
from plugin.edge.http import Answer, Http
from plugin.edge.link import Link
from plugin.vendors.kaspersky import cloud_wire as wire
from plugin.vendors.kaspersky.cloud_values import Row, shown

ADDRESS = "api"
MARGIN = timedelta(seconds=30)
"""A token is renewed this long before its end, so that it does not end on the way."""
NAMED = 5
"""So many names are told in one message."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What signing in gave, good until our clock shows ``until``."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    until: datetime


class CloudSession:
    """One account at the servers of one environment."""

    def __init__(self, link: Link, who: str) -> None:
        """Keep the link; nothing is asked before the first call."""
        self.who = who
        self._link = link
        self._http: Http | None = None
        self._tokens: Tokens | None = None

    @property
    def address(self) -> str:
        """Where the servers are; RefusedError (code ``no_address``) when nobody has said."""
        address = self._link.addresses.get(ADDRESS, "")
        if not address:
            text = f"no address for environment {self._link.environment}"
            raise RefusedError(self.who, text, code="no_address")
        return address

    def get(self, path: str, **params: object) -> object:
        """Return the answer to a read; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._signed(lambda head: self._door().get(path, params=given, headers=head)).json()

    def send(self, method: str, path: str, body: object = None) -> Answer:
        """Send what may be sent twice without harm; every writing call of the contract is such."""
        return self._signed(
            lambda head: self._door().send(method, path, json=body, headers=head, safe=True)
        )

    def sign_in(self) -> None:
        """Sign in afresh with user name and password."""
        said = {name: self._link.settings.get(name, "") for name in ("user", "password")}
        body = {"email": said["user"].strip(), "password": said["password"]}
        self._tokens = self._read(self._door().send("POST", "/v1/sessions", json=body, safe=True))

    # -- tokens --------------------------------------------------------------------------------

    def _signed(self, call: Callable[[Mapping[str, str]], Answer]) -> Answer:
        """Make a call with a good token, and once more when the cloud has ended it early."""
        try:
            return call(self._head())
        except RefusedError as error:
            if error.code != "token-expired":
                raise
        self._renew()
        return call(self._head())

    def _head(self) -> Mapping[str, str]:
        if self._tokens is None or self._link.now() >= self._tokens.until:
            self._renew()
        access = self._tokens.access if self._tokens else ""
        return {"Authorization": f"Bearer {access}"}

    def _renew(self) -> None:
        """Use the refresh token, which works once; without a good one sign in again."""
        tokens, self._tokens = self._tokens, None
        if tokens is not None:
            try:
                self._tokens = self._refreshed(tokens)
            except RefusedError as error:
                if error.code != "session-expired":
                    raise
        if self._tokens is None:
            self.sign_in()

    def _refreshed(self, tokens: Tokens) -> Tokens:
        body = {"refreshToken": tokens.refresh}
        return self._read(self._door().send("POST", "/v1/sessions/refresh", json=body))

    def _read(self, answer: Answer) -> Tokens:
        row = wire.SessionWire.parse(answer.json(), self.who, "the sign-in")
        life = timedelta(seconds=row["seconds"])
        until = self._link.now() + life - min(MARGIN, life / 2)
        return Tokens(row["access"], row["refresh"], until)

    def _door(self) -> Http:
        if self._http is None:
            self._http = self._link.http(self.address, who=self.who, classify=classify)
        return self._http


# -- refusals ------------------------------------------------------------------------------------


def classify(answer: Answer) -> EdgeError | None:
    """Return what a refusal with a code of the contract means; None leaves it to the status."""
    if answer.status < 400:
        return None
    said = _said(answer)
    kind, text = _MEANINGS.get(str(said["code"]), (None, ""))
    if kind is None:
        return None
    return kind(answer.who, text + _names(said), code=said["code"], status=answer.status)


def _said(answer: Answer) -> Row:
    try:
        body = wire.FailureWire.parse(answer.json(), answer.who, "a refusal")
    except AnswerError:  # somebody on the way answered: its status says enough
        return {"code": ""}
    found: Row = body["error"]
    return found


def _names(said: Row) -> str:
    """Return whom or what a refusal is about, for the reader."""
    names = [
        f"{shown(each['tenant'])} belongs to {shown(each['integration'])}"
        for each in said["conflicts"]
    ]
    names += [shown(email) for email in said["emails"]]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f": {', '.join(names[:NAMED])}{more}" if names else ""


_MEANINGS: Mapping[str, tuple[type[EdgeError] | None, str]] = {
    "invalid-credentials": (RefusedError, "does not know this user name and password"),
    "token-expired": (RefusedError, "has ended the session"),
    "session-expired": (RefusedError, "has ended the session"),
    "two-step-required": (RefusedError, "asks for a second step at sign-in"),
    "account-locked": (RefusedError, "has locked this account"),
    "not-administrator": (RefusedError, "lets only administrators do this, and this user is none"),
    "not-integration-administrator": (
        AnswerError,
        "lets only administrators of the integration do this, and this user is none",
    ),
    "change-token-expired": (MissingError, "no longer knows what changed since then"),
    "tenant-taken": (AnswerError, "has it in another integration of this platform already"),
    "user-not-registered": (AnswerError, "has no such registered user"),
    "last-administrator": (AnswerError, "keeps one administrator in every integration at least"),
}
