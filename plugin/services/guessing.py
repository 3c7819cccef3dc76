"""Counts guesses before they are judged: many at once are no more than one after another.

A guess that was right is taken back, so that only wrong ones count. One that is refused for its
number is not counted, so that nobody is locked out for longer than the window.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.store.base import writing
from plugin.store.people import SignInTry


class SignInError(RuleError):
    """The sign-in was refused; the text is the same whatever the reason, but for waiting."""


@contextmanager
def counted(runtime: Runtime, account: str, field: str = "email") -> Iterator[None]:
    """Judge a guess for ``account`` inside; a RuleError says that it was wrong.

    SignInError, at ``field``, when too many were wrong lately or are being judged at this moment.
    The account need not exist: a difference would tell that it does not.
    """
    guess = _count(runtime, account, field)
    try:
        yield
    except RuleError:
        raise  # it stays counted
    except BaseException:
        _take_back(guess)
        raise
    _take_back(guess)


def _count(runtime: Runtime, account: str, field: str) -> int:
    limits = runtime.settings.limits.access
    since = runtime.now() - timedelta(seconds=limits.sign_in_window)
    with writing() as session:
        _take_turn(session, account)
        query = select(func.count(SignInTry.id)).where(SignInTry.account == account)
        if (session.scalar(query.where(SignInTry.at >= since)) or 0) >= limits.sign_in_tries:
            minutes = limits.sign_in_window // 60
            text = f"Too many failed tries. Wait up to {minutes} minutes, then try again."
            raise SignInError(field, text)
        guess = SignInTry(account=account, at=runtime.now())
        session.add(guess)
        session.flush()
        return guess.id


def _take_back(guess: int) -> None:
    """Forget a guess that was right; what others guessed for the same account stays counted."""
    with writing() as session:
        session.execute(delete(SignInTry).where(SignInTry.id == guess))


def _take_turn(session: Session, account: str) -> None:
    """Let one at a time count for an account; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(account, 1))))
