"""Signing in: one token for the connection, renewed silently before it ends or when refused."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Protocol, cast

from plugin.domain.errors import AnswerError, MissingError, RefusedError
from plugin.edge.link import Link

LONGEST_MARGIN = timedelta(seconds=30)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Token:
    """What a sign-in gave: ``refresh`` is empty where there is none, ``seconds`` the lifetime.

    ``given_at`` is the remote's own time of the sign-in where it tells one.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: int
    given_at: datetime | None = None


class Grants(Protocol):
    """The two ways to a token."""

    def first(self) -> Token:
        """Sign in with name and password."""

    def again(self, last: Token) -> Token:
        """Exchange the last refresh token for new tokens."""


@dataclass(slots=True)
class Kept:
    """The token that one user of a connection has in this process, until when, and its lock."""

    token: Token | None = None
    good_until: datetime = _LONG_AGO
    lock: Lock = field(default_factory=Lock)


def kept_by(link: Link, slot: str) -> Kept:
    """Return what all adapters with these very settings keep together for one of their users."""
    told = json.dumps(sorted(link.settings.items())).encode()
    name = f"token of {slot} {hashlib.sha256(told).hexdigest()}"
    return cast(Kept, link.shared.setdefault(name, Kept()))


class SignIn:
    """Keeps the token of one connection; many who need a new one at once cause one sign-in.

    The lifetime is the answer's own, never a constant, and ends a little early so that a token
    does not run out on its way.
    """

    def __init__(self, grants: Grants, now: Callable[[], datetime], kept: Kept) -> None:
        """Sign in by ``grants``, not before the first call needs a token that is not ``kept``."""
        self._grants, self._now, self._kept = grants, now, kept

    def access(self) -> str:
        """Return an access token that is good now."""
        with self._kept.lock:
            token = self._kept.token
            if token is None or self._now() >= self._kept.good_until:
                return self._renew()
            return token.access

    def replace(self, refused: str) -> str:
        """Return another token than ``refused``, which the remote did not take."""
        with self._kept.lock:
            token = self._kept.token
            if token is None or token.access == refused:
                return self._renew()
            return token.access

    def afresh(self) -> float:
        """Sign in with name and password now; return how many seconds our clock is ahead."""
        with self._kept.lock:
            token = self._grants.first()
            self._keep(token)
        return (self._now() - token.given_at).total_seconds() if token.given_at else 0.0

    def _renew(self) -> str:
        """Use the refresh token, and the password when that is not taken any more."""
        last, self._kept.token = self._kept.token, None
        token = self._refreshed(last) if last and last.refresh else None
        return self._keep(token or self._grants.first())

    def _refreshed(self, last: Token) -> Token | None:
        try:
            return self._grants.again(last)
        except (RefusedError, MissingError, AnswerError):
            return None

    def _keep(self, token: Token) -> str:
        lifetime = timedelta(seconds=token.seconds)
        self._kept.token = token
        self._kept.good_until = self._now() + lifetime - min(LONGEST_MARGIN, lifetime / 10)
        return token.access
