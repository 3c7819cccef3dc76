"""Notifications: what is worth telling becomes a row, the bell on every page, and e-mails.

Events call :func:`tell` in the transaction that caused them. Conditions that last are looked at
again and again (:mod:`plugin.services.notice_watch`) and told once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from plugin.domain.errors import RuleError
from plugin.domain.notice_texts import (
    Told,
    callbacks_were_off,
    integration_was_deleted,
    one_line,
    told_of,
)
from plugin.domain.notices import Changes, Condition, NoticeKind, compare, each_once
from plugin.runtime import Runtime
from plugin.services import mail, notice_policy
from plugin.services.access import Person
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Integration
from plugin.store.notices import Mail, Notice, NoticeRead, NoticeReader, StandingCondition

OVER = "it was over before it was sent"


def tell(runtime: Runtime, session: Session, told: Told, *, to: Iterable[str] = ()) -> Notice:
    """Add a notification inside the caller's write transaction.

    The bell shows it at once; e-mails go to whom the settings name for its kind and to the
    addresses ``to``, after the quiet hours where they hold. Nothing has to be woken.
    """
    policy = notice_policy.current()
    route = policy.routes[told.kind]
    chosen = notice_policy.recipients(session, policy, told.kind)
    return _add(
        runtime,
        session,
        told,
        # Without a server nothing can be sent; only who was named by hand is shown as not reached.
        each_once((*(chosen if runtime.settings.smtp_url else ()), *to)),
        urgent=route.urgent,
    )


def _add(
    runtime: Runtime, session: Session, told: Told, to: Sequence[str], *, urgent: bool
) -> Notice:
    now = runtime.now()
    notice = Notice(
        at=now,
        kind=told.kind.value,
        title=one_line(told.title),
        text="\n".join(one_line(line, 1000) for line in told.text.splitlines()),
        path=told.path,
    )
    session.add(notice)
    session.flush()
    due_at = now if urgent else notice_policy.current().quiet.release(now)
    mail.write(runtime, session, notice, to, due_at)
    return notice


def integration_deleted(
    runtime: Runtime, session: Session, actor: str, integration: Integration
) -> None:
    """Tell of a deleted integration, by e-mail its integration administrators too."""
    told = integration_was_deleted(integration.name, actor, len(integration.links))
    tell(runtime, session, told, to=[each.email for each in integration.administrators])


def callbacks_off(runtime: Runtime, session: Session, connection: Connection, count: int) -> None:
    """Tell that a host had switched ``count`` callbacks of ours off."""
    told = callbacks_were_off(connection.name, count, f"/connections/{connection.id}")
    tell(runtime, session, told)


# -- conditions that last ------------------------------------------------------------------------


def settle(
    runtime: Runtime,
    seen: Iterable[Condition],
    *,
    unsure: Collection[str] = (),
    recovered: Mapping[str, Told],
    kinds: Collection[str],
) -> None:
    """Tell what changed among the standing conditions whose keys begin with one of ``kinds``.

    Keys that are ``unsure`` stay as they are; ``recovered`` holds what is said when a condition
    has ended well, to those who heard of it.
    """
    seen = tuple(seen)
    if compare(seen, _standing(db.session(), kinds), unsure) == Changes((), ()):
        return
    with writing() as session:
        # Once more: another worker may have told of it meanwhile.
        changes = compare(seen, _standing(session, kinds), unsure)
        for group in changes.news:
            _begin(runtime, session, group)
        for key in changes.over:
            _end(runtime, session, key, recovered.get(key))


def _standing(session: Session, kinds: Collection[str]) -> dict[str, int]:
    rows = session.execute(select(StandingCondition.key, StandingCondition.level))
    return {key: level for key, level in rows if key.partition(":")[0] in kinds}


def _begin(runtime: Runtime, session: Session, group: Sequence[Condition]) -> None:
    notice = tell(runtime, session, told_of(group))
    for each in group:
        row = session.get(StandingCondition, each.key)
        if row is None:
            row = StandingCondition(key=each.key)
            session.add(row)
            earlier = None
        else:
            earlier = row.notice_id
        row.level, row.notice_id = each.level, notice.id
        session.flush()
        if earlier is not None:
            _close(runtime, session, earlier)


def _end(runtime: Runtime, session: Session, key: str, well: Told | None) -> None:
    row = session.get(StandingCondition, key)
    if row is None:
        return
    number = row.notice_id
    session.delete(row)
    session.flush()
    _close(runtime, session, number)
    if well is not None:
        began = NoticeKind(session.get_one(Notice, number).kind)
        urgent = notice_policy.current().routes[began].urgent
        _add(runtime, session, well, mail.reached(session, number), urgent=urgent)


def _close(runtime: Runtime, session: Session, notice_id: int) -> None:
    """Mark a notice as over once none of its conditions stands; what was not sent never is."""
    left = select(StandingCondition.key).where(StandingCondition.notice_id == notice_id).limit(1)
    if session.scalar(left) is None:
        session.get_one(Notice, notice_id).ended_at = runtime.now()
        mail.skip(session, [notice_id], OVER)


# -- reading -------------------------------------------------------------------------------------


def mark_read(person: Person, ids: Sequence[int] | None) -> int:
    """Mark notices as read by a person, or all of them; returns how many were named.

    RuleError for an API token, which has no bell of its own.
    """
    if person.user_id is None:
        raise RuleError("", "Only a person has read marks; an API token keeps none.")
    with writing() as session:
        if ids is None:
            return _read_all(session, person.user_id)
        known = set(session.scalars(select(Notice.id).where(Notice.id.in_(ids))))
        mine = select(NoticeRead.notice_id).where(
            NoticeRead.user_id == person.user_id, NoticeRead.notice_id.in_(known)
        )
        for number in sorted(known - set(session.scalars(mine))):
            session.add(NoticeRead(user_id=person.user_id, notice_id=number))
        return len(known)


def _read_all(session: Session, user_id: int) -> int:
    newest = session.scalar(select(func.max(Notice.id))) or 0
    reader = session.get(NoticeReader, user_id)
    if reader is None:
        reader = NoticeReader(user_id=user_id)
        session.add(reader)
    reader.read_up_to = newest
    session.execute(delete(NoticeRead).where(NoticeRead.user_id == user_id))
    return newest


def prune(runtime: Runtime) -> None:
    """Delete notices that have been kept long enough; standing ones and undelivered mail stay."""
    days = timedelta(days=runtime.settings.limits.notices.keep_days)
    stands = select(StandingCondition.notice_id)
    undelivered = select(Mail.notice_id).where(Mail.state.in_(mail.KEPT))
    old = select(Notice.id).where(
        Notice.at < runtime.now() - days, Notice.id.not_in(stands), Notice.id.not_in(undelivered)
    )
    with writing() as session:
        gone = list(session.scalars(old.limit(1000)))
        session.execute(delete(Mail).where(Mail.notice_id.in_(gone)))
        session.execute(delete(NoticeRead).where(NoticeRead.notice_id.in_(gone)))
        session.execute(delete(Notice).where(Notice.id.in_(gone)))
