"""Who may enter and what they did: users, sessions, API tokens, the audit log."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select

from plugin.services.lists.paging import Ask, Table, by_id, contains, ordered
from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.integrations import Integration
from plugin.store.journal import AuditEntry
from plugin.store.people import ApiToken, User, UserSession

_DAY = re.compile(r"(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)


_NAMES_NO_CLIENT = (
    "access.",
    "backup.",
    "environment.",
    "notification.settings",
    "notification.test",
    "secrets.",
    "session.",
    "set_up.",
    "token.",
    "user.",
)
"""What actions begin with whose entries are about this installation and its people alone."""


def _of_open(scope: Scope) -> list[ColumnElement[bool]]:
    """Leave out what may name a client, for readers who are kept out of some integration.

    What stays is about the installation alone, or about an integration that is open to them:
    names of clients change, and an entry is never changed with them.
    """
    if not scope.kept_out:
        return []
    told = (AuditEntry.action.startswith(each, autoescape=True) for each in _NAMES_NO_CLIENT)
    closed = sorted(scope.kept_out)
    open_ones = select(Integration.name).where(Integration.id.not_in(closed))
    shut = select(Integration.name).where(Integration.id.in_(closed))
    about = AuditEntry.action.startswith("integration.")
    mine = and_(about, AuditEntry.subject.in_(open_ones), AuditEntry.subject.not_in(shut))
    return [or_(mine, *told)]


def _audit_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(AuditEntry.id).where(*_of_open(scope))
    if actor := ask.text("actor"):
        query = query.where(contains(actor, AuditEntry.actor))
    if action := ask.text("action"):
        query = query.where(AuditEntry.action.startswith(action, autoescape=True))
    if subject := ask.text("subject"):
        query = query.where(contains(subject, AuditEntry.subject))
    if since := day_of(ask.text("since")):
        query = query.where(AuditEntry.at >= since)
    if until := day_of(ask.text("until")):
        query = query.where(AuditEntry.at < until + timedelta(days=1))
    if ask.q:
        query = query.where(
            contains(ask.q, AuditEntry.subject, AuditEntry.action, AuditEntry.actor)
        )
    return ordered(query, ask, {"time": (AuditEntry.at, AuditEntry.id)}, "-time")


def day_of(text: str) -> datetime | None:
    """Return the begin of a day in UTC, or None for what is no day.

    >>> day_of("2026-11-02"), day_of("yesterday"), day_of("0001-01-01")
    (datetime.datetime(2026, 11, 2, 0, 0, tzinfo=datetime.timezone.utc), None, None)
    """
    if not _DAY.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _audit_rows(ids: Sequence[int]) -> dict[int, AuditEntry]:
    return by_id(db.session.scalars(select(AuditEntry).where(AuditEntry.id.in_(ids))).all())


audit: Table[AuditEntry] = Table(_audit_ids, _audit_rows)
"""The audit log. Filters: ``actor``, ``action`` (what it begins with), ``subject``, ``since`` and
``until`` (days in UTC, both included). Sorts: ``time``."""


def _user_ids(_scope: Scope, ask: Ask) -> Select[int]:
    query = select(User.id)
    if role := ask.text("role"):
        query = query.where(User.role == role)
    if ask.q:
        query = query.where(contains(ask.q, User.email))
    return ordered(query, ask, {"email": (User.email, User.id)}, "email")


def _user_rows(ids: Sequence[int]) -> dict[int, User]:
    return by_id(db.session.scalars(select(User).where(User.id.in_(ids))).all())


users: Table[User] = Table(_user_ids, _user_rows)
"""Local accounts. Filters: ``role``. Sorts: ``email``."""


def sessions(now: datetime, user_id: int | None = None) -> list[UserSession]:
    """Return the living sessions, of one user or of all, the last seen first."""
    query = select(UserSession).where(UserSession.ended_at.is_(None), UserSession.expires_at > now)
    if user_id is not None:
        query = query.where(UserSession.user_id == user_id)
    return list(db.session.scalars(query.order_by(UserSession.seen_at.desc())))


def tokens() -> list[ApiToken]:
    """Return the API tokens that are not revoked, newest first."""
    query = select(ApiToken).where(ApiToken.revoked_at.is_(None)).order_by(ApiToken.id.desc())
    return list(db.session.scalars(query))
