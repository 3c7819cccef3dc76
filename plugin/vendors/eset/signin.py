"""Signing in: one token for the connection, renewed silently before it ends or when refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from plugin.domain.errors import AnswerError, MissingError, RefusedError

LONGEST_MARGIN = timedelta(seconds=30)


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


class SignIn:
    """Keeps the token of one connection; many who need a new one at once cause one sign-in.

    The lifetime is the answer's own, never a constant, and ends a little early so that a token
    does not run out on its way.
    """

    def __init__(self, grants: Grants, now: Callable[[], datetime]) -> None:
        """Sign in by ``grants``, not before the first call needs a token."""
        self._grants, self._now = grants, now
        self._lock = Lock()
        self._token: Token | None = None
        self._good_until = now()

    def access(self) -> str:
        """Return an access token that is good now."""
        with self._lock:
            if self._token is None or self._now() >= self._good_until:
                return self._renew()
            return self._token.access

    def replace(self, refused: str) -> str:
        """Return another token than ``refused``, which the remote did not take."""
        with self._lock:
            if self._token is None or self._token.access == refused:
                return self._renew()
            return self._token.access

    def afresh(self) -> float:
        """Sign in with name and password now; return how many seconds our clock is ahead."""
        with self._lock:
            token = self._grants.first()
            self._keep(token)
        return (self._now() - token.given_at).total_seconds() if token.given_at else 0.0

    def _renew(self) -> str:
        """Use the refresh token, and the password when that is not taken any more."""
        last, self._token = self._token, None
        token = self._refreshed(last) if last and last.refresh else None
        return self._keep(token or self._grants.first())

    def _refreshed(self, last: Token) -> Token | None:
        try:
            return self._grants.again(last)
        except (RefusedError, MissingError, AnswerError):
            return None

    def _keep(self, token: Token) -> str:
        lifetime = timedelta(seconds=token.seconds)
        self._token = token
        self._good_until = self._now() + lifetime - min(LONGEST_MARGIN, lifetime / 10)
        return token.access
