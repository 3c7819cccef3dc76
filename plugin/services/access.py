"""Who may enter: local accounts, server-side sessions, API tokens, roles."""

import hashlib
import secrets
import string
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select, update

from plugin.domain.errors import RuleError
from plugin.domain.model import Companies
from plugin.runtime import Runtime
from plugin.services import guessing
from plugin.services.guessing import SignInError
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.people import ApiToken, User, UserSession

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))
"""Checked for accounts that are unknown or have no password, so that all take the same time."""

SHORTEST_PASSWORD = 12
SEEN_EVERY = timedelta(minutes=1)


class Role(StrEnum):
    """What a person may do, each role more than the one before."""

    VIEWER = "viewer"
    TECHNICIAN = "technician"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"

    def covers(self, needed: "Role") -> bool:
        """Tell whether this role may do what ``needed`` may.

        >>> Role.APPROVER.covers(Role.TECHNICIAN), Role.VIEWER.covers(Role.TECHNICIAN)
        (True, False)
        """
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is acting: a signed-in user or an API token.

    ``companies`` and ``scopes`` limit what may be seen and which collections may be asked; None
    limits nothing.
    """

    name: str
    role: Role
    session_id: int | None = None
    user_id: int | None = None
    must_change: bool = False
    companies: Companies | None = None
    scopes: frozenset[str] | None = None


class CodeNeededError(SignInError):
    """The password is right, and the account has a second factor, which is asked for next."""

    def __init__(self, user_id: int) -> None:
        """Keep whose second factor it is."""
        self.user_id = user_id
        super().__init__("code", "Enter the code of your second factor.")


# -- accounts ----------------------------------------------------------------------------------


def create_user(
    runtime: Runtime, actor: str, email: str, role: Role, companies: Companies | None = None
) -> tuple[User, str]:
    """Make a local account and return it with its one-time password."""
    email = email.strip().lower()
    if "@" not in email:
        raise RuleError("email", "An account needs an e-mail address.")
    if db.session.scalar(select(User.id).where(User.email == email)):
        raise RuleError("email", "There is an account with this e-mail address already.")
    password = one_time_password()
    user = User(
        email=email,
        role=role.value,
        password_hash=_hasher.hash(password),
        must_change=True,
        created_at=runtime.now(),
        companies=None if companies is None else sorted(companies),
    )
    with writing() as session:
        session.add(user)
        audit(runtime, session, actor, "user.create", email, after={"role": role.value})
    return user, password


def hashed(password: str) -> str:
    """Return what is stored of a password."""
    return _hasher.hash(password)


def one_time_password() -> str:
    """Return a password that can be read out and typed."""
    letters = [each for each in string.ascii_lowercase + string.digits if each not in "l1o0"]
    parts = ["".join(secrets.choice(letters) for _ in range(5)) for _ in range(4)]
    return "-".join(parts)


def change_password(
    runtime: Runtime, user: User, old: str, new: str, *, keep: int | None = None
) -> None:
    """Replace a password; every session of the account ends, but for the one to ``keep``.

    RuleError when the old one is wrong, which counts as a guess, or the new one is too short.
    """
    with guessing.counted(runtime, user.email, "old"):
        if not _matches(user.password_hash, old):
            raise RuleError("old", "The present password is wrong.")
    if len(new) < SHORTEST_PASSWORD:
        raise RuleError("new", f"Choose a password of at least {SHORTEST_PASSWORD} characters.")
    with writing() as session:
        user.password_hash, user.must_change = _hasher.hash(new), False
        session.execute(
            update(UserSession)
            .where(UserSession.user_id == user.id, UserSession.ended_at.is_(None))
            .where(UserSession.id != (keep or 0))
            .values(ended_at=runtime.now())
        )
        audit(runtime, session, user.email, "user.password", user.email)


def _matches(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


# -- sessions ----------------------------------------------------------------------------------


def sign_in(runtime: Runtime, email: str, password: str, agent: str = "") -> tuple[str, str]:
    """Check a password and start a session; returns the cookie's secret and the form token.

    SignInError when it is wrong, or when too many tries failed lately; CodeNeededError when it is
    right and the account has a second factor.
    """
    email = email.strip().lower()[:254]
    with guessing.counted(runtime, email):
        user = _user_with(email, password)
    if user.totp_sealed:
        raise CodeNeededError(user.id)
    return start_session(runtime, user, agent)


def _user_with(email: str, password: str) -> User:
    user = db.session.scalar(select(User).where(User.email == email))
    hashed = (user.password_hash if user else "") or _NOBODY
    good = _matches(hashed, password[:1000])
    if user is None or not good or user.disabled:
        raise SignInError("email", "E-mail address or password is wrong.")
    return user


def start_session(runtime: Runtime, user: User, agent: str = "") -> tuple[str, str]:
    """Start a session for a proven user; returns the cookie's secret and the form token."""
    secret, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), runtime.now()
    hours = runtime.settings.limits.access.session_hours
    with writing() as session:
        session.add(
            UserSession(
                digest=digest(secret),
                user_id=user.id,
                csrf=csrf,
                started_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=hours),
                agent=_agent(agent),
            )
        )
        user.seen_at = now
        audit(runtime, session, user.email, "session.start", user.email)
    return secret, csrf


def digest(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def session_of(runtime: Runtime, secret: str, *, present: bool = True) -> UserSession | None:
    """Return the living session of a cookie's secret, or None.

    ``present`` says that a person asks: a page that asks by itself keeps no session alive.
    """
    found = db.session.scalar(select(UserSession).where(UserSession.digest == digest(secret)))
    return living(runtime, found, present=present) if found is not None else None


def living(runtime: Runtime, found: UserSession, *, present: bool = True) -> UserSession | None:
    """Return a session unless it was ended, is over, idle for too long, or its user disabled."""
    if found.ended_at is not None or found.user.disabled:
        return None
    now = runtime.now()
    idle = timedelta(minutes=runtime.settings.limits.access.idle_minutes)
    if found.expires_at <= now or found.seen_at + idle <= now:
        return None
    if present and now - found.seen_at > SEEN_EVERY:
        with writing():
            found.seen_at = now
    return found


def newest_session(runtime: Runtime, user: User, agent: str) -> UserSession | None:
    """Return the last living session that this user started in the same kind of browser."""
    query = select(UserSession).where(
        UserSession.user_id == user.id, UserSession.agent == _agent(agent)
    )
    for found in db.session.scalars(query.order_by(UserSession.id.desc()).limit(5)):
        if living(runtime, found) is not None:
            return found
    return None


def _agent(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:200]


def person_of(session: UserSession) -> Person:
    """Return who a session belongs to."""
    user = session.user
    return Person(
        user.email,
        Role(user.role),
        session.id,
        user.id,
        user.must_change,
        limit_of(user),
    )


def limit_of(row: User | ApiToken) -> Companies | None:
    """Return the companies that an account or a token is limited to; None when it is not."""
    if row.companies is None:
        return None
    return frozenset((int(host), str(company)) for host, company in row.companies)


def end_session(runtime: Runtime, session_id: int, actor: str) -> None:
    """End a session at once, wherever its cookie is."""
    with writing() as session:
        found = session.get(UserSession, session_id)
        if found is not None and found.ended_at is None:
            found.ended_at = runtime.now()
            audit(runtime, session, actor, "session.end", found.user.email)


# -- API tokens --------------------------------------------------------------------------------


def create_token(
    runtime: Runtime,
    actor: str,
    name: str,
    role: Role,
    days: int | None = None,
    *,
    scopes: list[str] | None = None,
    companies: Companies | None = None,
) -> str:
    """Make an API token and return it; it is never shown again.

    ``scopes`` (``devices:read``) and ``companies`` limit it further; None limits nothing.
    """
    token, now = "bh_" + secrets.token_urlsafe(32), runtime.now()
    with writing() as session:
        session.add(
            ApiToken(
                name=name.strip() or "token",
                digest=digest(token),
                role=role.value,
                created_by=actor,
                created_at=now,
                expires_at=now + timedelta(days=days) if days else None,
                scopes=scopes,
                companies=None if companies is None else sorted(companies),
            )
        )
        after = {"role": role.value, "scopes": scopes, "days": days}
        audit(runtime, session, actor, "token.create", name, after=after)
    return token


def find_token(token: str) -> ApiToken | None:
    """Return the row of an API token, whatever its state."""
    return db.session.scalar(select(ApiToken).where(ApiToken.digest == digest(token)))


def revoke_token(runtime: Runtime, token_id: int, actor: str) -> None:
    """Make an API token worthless at once; harmless when it is so already."""
    with writing() as session:
        found = session.get(ApiToken, token_id)
        if found is not None and found.revoked_at is None:
            found.revoked_at = runtime.now()
            audit(runtime, session, actor, "token.revoke", found.name)


def person_with_token(runtime: Runtime, token: str) -> Person | None:
    """Return who an API token stands for, or None when it is unknown, expired or revoked."""
    found, now = find_token(token), runtime.now()
    if found is None or found.revoked_at is not None:
        return None
    if found.expires_at is not None and found.expires_at <= now:
        return None
    if found.used_at is None or now - found.used_at > SEEN_EVERY:
        with writing():
            found.used_at = now
    scopes = None if found.scopes is None else frozenset(found.scopes)
    return Person(f"token {found.name}", Role(found.role), companies=limit_of(found), scopes=scopes)
