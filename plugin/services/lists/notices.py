"""Notifications as one person sees them, and the e-mails about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, func, or_, select

from plugin.domain.notices import NAMES_CLIENTS
from plugin.services import notice_policy
from plugin.services.access import Person
from plugin.services.lists.paging import Ask, Table, by_id, contains, ordered
from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.notices import Mail, MailState, Notice, NoticeRead, NoticeReader
from plugin.store.people import User

MOST_UNREAD = 100
"""The bell counts no further."""


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """A notification and whether this person has read it."""

    row: Notice
    read: bool


def unread(person: Person, scope: Scope) -> int:
    """Count what a person has not read, up to MOST_UNREAD; one query of indexes."""
    if person.user_id is None:
        return 0
    query = _shown(person, scope).where(~_is_read(person)).limit(MOST_UNREAD)
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _shown(person: Person, scope: Scope) -> Select[int]:
    kinds = notice_policy.kinds_for(person.role)
    return select(Notice.id).where(Notice.kind.in_(kinds), *_of_open(scope))


def _of_open(scope: Scope) -> list[ColumnElement[bool]]:
    """Leave out what may name a client, for readers who are kept out of some integration.

    One text names several clients, so that none can be shown in part.
    """
    return [Notice.kind.not_in(sorted(NAMES_CLIENTS))] if scope.kept_out else []


def _is_read(person: Person) -> ColumnElement[bool]:
    """Return the condition that a notice is read; those before a person's time count as read."""
    number = person.user_id or 0
    up_to = select(NoticeReader.read_up_to).where(NoticeReader.user_id == number)
    came = select(User.created_at).where(User.id == number)
    alone = exists().where(NoticeRead.user_id == number, NoticeRead.notice_id == Notice.id)
    return or_(
        Notice.id <= func.coalesce(up_to.scalar_subquery(), 0),
        Notice.at < came.scalar_subquery(),
        alone,
    )


def notices(person: Person) -> Table[NoticeLine]:
    """Return the notifications of a person's role.

    Filters: ``kind``, ``state`` (unread, standing, over). Sorts: ``time``.
    """
    return Table(_notice_ids(person), _notice_lines(person))


def _notice_ids(person: Person) -> Callable[[Scope, Ask], Select[int]]:
    def ids(scope: Scope, ask: Ask) -> Select[int]:
        query = _shown(person, scope)
        if kind := ask.text("kind"):
            query = query.where(Notice.kind == kind)
        match ask.text("state"):
            case "unread":
                query = query.where(~_is_read(person))
            case "over":
                query = query.where(Notice.ended_at.is_not(None))
            case "standing":
                query = query.where(Notice.ended_at.is_(None))
        if ask.q:
            query = query.where(contains(ask.q, Notice.title, Notice.text))
        return ordered(query, ask, {"time": (Notice.at, Notice.id)}, "-time")

    return ids


def _notice_lines(person: Person) -> Callable[[Sequence[int]], dict[int, NoticeLine]]:
    def lines(ids: Sequence[int]) -> dict[int, NoticeLine]:
        query = select(Notice, _is_read(person)).where(Notice.id.in_(ids))
        return {row.id: NoticeLine(row, bool(read)) for row, read in db.session.execute(query)}

    return lines


# -- e-mails -------------------------------------------------------------------------------------


def _mail_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(Mail.id).where(*_mails_of_open(scope))
    if state := ask.text("state"):
        query = query.where(Mail.state == state)
    if ask.q:
        about = select(Notice.id).where(contains(ask.q, Notice.title))
        query = query.where(
            or_(contains(ask.q, Mail.recipient, Mail.problem), Mail.notice_id.in_(about))
        )
    return ordered(query, ask, {"time": (Mail.made_at, Mail.id)}, "-time")


def _mail_rows(ids: Sequence[int]) -> dict[int, Mail]:
    return by_id(db.session.scalars(select(Mail).where(Mail.id.in_(ids))).all())


mails: Table[Mail] = Table(_mail_ids, _mail_rows)
"""E-mails. Filters: ``state``. Sorts: ``time``."""


def _mails_of_open(scope: Scope) -> list[ColumnElement[bool]]:
    about = _of_open(scope)
    return [Mail.notice_id.in_(select(Notice.id).where(*about))] if about else []


def mails_to_handle(scope: Scope, numbers: Sequence[int]) -> list[int]:
    """Return those of the e-mails that the reader may see."""
    query = select(Mail.id).where(Mail.id.in_(numbers), *_mails_of_open(scope))
    return list(db.session.scalars(query.order_by(Mail.id)))


def undelivered_mails(scope: Scope, most: int = 10_000) -> list[int]:
    """Return the numbers of the e-mails that reached nobody, oldest first."""
    query = select(Mail.id).where(Mail.state == MailState.UNDELIVERED, *_mails_of_open(scope))
    return list(db.session.scalars(query.order_by(Mail.id).limit(most)))


def count_undelivered(scope: Scope) -> int:
    """Count the e-mails that reached nobody."""
    undelivered = Mail.state == MailState.UNDELIVERED
    query = select(func.count(Mail.id)).where(undelivered, *_mails_of_open(scope))
    return db.session.scalar(query) or 0
