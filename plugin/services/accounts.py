"""Accounts as an administrator keeps them: role, limits to companies, disabled or not."""

import re
from collections.abc import Collection, Iterable

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from plugin.domain.errors import RuleError
from plugin.domain.model import Companies
from plugin.runtime import Runtime
from plugin.services import access
from plugin.services.access import Role
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.mirror import CompanyRow
from plugin.store.people import User, UserSession

_SCOPE = re.compile(r"[a-z-]+:(read|write)")


def get(user_id: int) -> User:
    """Return an account; RuleError when there is none."""
    found = db.session.get(User, user_id)
    if found is None:
        raise RuleError("user", f"there is no account {user_id}")
    return found


def change(
    runtime: Runtime,
    actor: str,
    user: User,
    *,
    role: Role,
    companies: Companies | None,
    disabled: bool,
) -> None:
    """Change what an account may do; disabling it ends its sessions at once.

    RuleError when nobody would be left who administers, or an administrator would be limited.
    """
    check_limit(role, companies)
    before = _told(user)
    with writing() as session:
        user.role, user.disabled, user.companies = role.value, disabled, stored(companies)
        session.flush()
        if not _administrators(session):
            raise RuleError("role", "At least one account must stay an active administrator.")
        if disabled:
            _end_sessions(runtime, session, user)
        audit(runtime, session, actor, "user.change", user.email, before=before, after=_told(user))


def check_limit(role: Role, companies: Companies | None) -> None:
    """Refuse an administrator who is limited: what one keeps concerns every company."""
    if role is Role.ADMINISTRATOR and companies is not None:
        raise RuleError("companies", "An administrator cannot be limited to some companies.")


def stored(companies: Companies | None) -> list[tuple[int, str]] | None:
    """Return a limit in the form in which it is stored."""
    return None if companies is None else sorted(companies)


def _told(user: User) -> dict[str, object]:
    limit = "all" if user.companies is None else len(user.companies)
    return {"role": user.role, "disabled": user.disabled, "companies": limit}


def _administrators(session: Session) -> int:
    query = select(func.count(User.id)).where(
        User.role == Role.ADMINISTRATOR.value, User.disabled.is_(False)
    )
    return session.scalar(query) or 0


def _end_sessions(runtime: Runtime, session: Session, user: User) -> None:
    living = (UserSession.user_id == user.id, UserSession.ended_at.is_(None))
    session.execute(update(UserSession).where(*living).values(ended_at=runtime.now()))


def reset_password(runtime: Runtime, actor: str, user: User) -> str:
    """Give a local account a one-time password and return it; its sessions end."""
    if user.identity is not None:
        raise RuleError("user", "Somebody else proves this person; there is no password here.")
    password = access.one_time_password()
    hashed = access.hashed(password)
    with writing() as session:
        user.password_hash, user.must_change = hashed, True
        _end_sessions(runtime, session, user)
        audit(runtime, session, actor, "user.password_reset", user.email)
    return password


# -- limits --------------------------------------------------------------------------------------


def companies_by_number(numbers: Collection[int] | None) -> Companies | None:
    """Return the limit that our numbers of companies mean; RuleError for an unknown one."""
    if numbers is None:
        return None
    rows = _rows(CompanyRow.id.in_(numbers))
    missing = set(numbers) - {row.id for row in rows}
    if missing:
        raise RuleError("companies", f"There is no company {min(missing)}.")
    return frozenset((row.host_id, row.company_id) for row in rows)


def companies_by_name(names: Iterable[str]) -> Companies:
    """Return the limit that names mean, at every host; RuleError names the unknown line."""
    found: set[tuple[int, str]] = set()
    for number, name in enumerate(names, 1):
        rows = _rows(func.lower(CompanyRow.name) == name.strip().lower()) if name.strip() else []
        if name.strip() and not rows:
            raise RuleError("companies", f"Line {number}: no host has a company “{name.strip()}”.")
        found |= {(row.host_id, row.company_id) for row in rows}
    return frozenset(found)


def companies_of(companies: Companies | None) -> list[CompanyRow] | None:
    """Return the companies of a limit by name; None when there is no limit."""
    if companies is None:
        return None
    hosts = {host for host, _ in companies}
    rows = _rows(CompanyRow.host_id.in_(hosts))
    return [row for row in rows if (row.host_id, row.company_id) in companies]


def _rows(condition: object) -> list[CompanyRow]:
    query = select(CompanyRow).where(condition)  # type: ignore[arg-type]
    return list(db.session.scalars(query.order_by(CompanyRow.name, CompanyRow.id)))


# -- scopes --------------------------------------------------------------------------------------


def scopes_of(words: Iterable[str], collections: Collection[str]) -> list[str] | None:
    """Return a token's scopes; None when none is named. RuleError for a word that is none."""
    given = sorted(set(words))
    for word in given:
        if not _SCOPE.fullmatch(word) or word.partition(":")[0] not in collections:
            known = ", ".join(sorted(collections))
            text = (
                f"{word[:60]} is no scope. A scope is a collection with :read or :write: {known}."
            )
            raise RuleError("scopes", text)
    return given or None
