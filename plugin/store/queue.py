"""The queue: wishes become jobs, workers take them in batches, outcomes are written back.

Everything happens inside :func:`plugin.store.base.writing`. A job is due, parked or dead; while
somebody works on it, it is also leased. A worker that dies needs no clean-up: its leases run out.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Table,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from plugin.domain.errors import PluginError
from plugin.store.base import writing
from plugin.store.bulk import insert_at_once
from plugin.store.upsert import Insert, dialect_of, insert_for
from plugin.store.work import Job, JobState

_takings = itertools.count(1)
_jobs = cast(Table, Job.__table__)
_CHUNK = 500


class LostLeaseError(PluginError):
    """The lease ran out and another worker took the job over: stop, nothing we did counts."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Lease:
    """What one taking by one worker holds, and until when; shared by all its claims."""

    token: str
    lane: str
    length: timedelta
    until: datetime
    clock: Callable[[], datetime] = field(default=_utc_now, repr=False)


@dataclass(slots=True)
class Claim:
    """A job that this worker holds for the length of its lease.

    ``heard`` says whether finishing it proves that the connection's remote lets us in; a handler
    that ends without having asked the remote sets it to False.
    """

    id: int
    kind: str
    subject: str
    lane: str
    connection_id: int | None
    attempts: int
    failures: int
    first_failed_at: datetime | None
    lease: Lease
    heard: bool = True

    def renew(self) -> None:
        """Extend the lease of this taking; LostLeaseError when another worker took over.

        Call it as often as you like: it writes only when a third of the lease is used up.
        """
        lease = self.lease
        now = lease.clock()
        if lease.length * 2 / 3 < lease.until - now <= lease.length:
            return  # more than its length is left only where the clock was set back
        with writing() as session:
            ours = and_(Job.lane == lease.lane, Job.leased_until.is_not(None))
            ours = and_(ours, Job.leased_by == lease.token)
            change(session, ours, leased_until=now + lease.length)
            holder = session.scalar(select(Job.leased_by).where(Job.id == self.id))
        if holder != lease.token:
            raise LostLeaseError(f"job {self.id} was taken over by another worker")
        lease.until = now + lease.length


_CLAIMED = (
    Job.id,
    Job.kind,
    Job.subject,
    Job.lane,
    Job.connection_id,
    Job.attempts,
    Job.failures,
    Job.first_failed_at,
)


FRESH: dict[str, Any] = {"failures": 0, "first_failed_at": None, "problem": ""}
"""What a job looks like that has not failed."""


def enqueue(
    session: Session,
    kind: str,
    subject: str,
    lane: str,
    *,
    now: datetime,
    connection_id: int | None = None,
    due_at: datetime | None = None,
    revive: bool = False,
) -> None:
    """Wish for ``kind`` of work on ``subject``, in the transaction of its cause.

    Is it being worked just now, it is done once more afterwards. Does it wait already, the earlier
    moment wins, except that a job waiting after a failure keeps its distance. Parked and dead jobs
    come back only with ``revive``, which is for a person's explicit wish and forgets failures.
    """
    enqueue_many(
        session,
        kind,
        [subject],
        lane,
        now=now,
        connection_id=connection_id,
        due_at=due_at,
        revive=revive,
    )


def enqueue_many(
    session: Session,
    kind: str,
    subjects: Iterable[str],
    lane: str,
    *,
    now: datetime,
    connection_id: int | None = None,
    due_at: datetime | None = None,
    revive: bool = False,
) -> None:
    """Wish for the same kind of work on many subjects; see :func:`enqueue`."""
    common = {
        "kind": kind,
        "lane": lane,
        "connection_id": connection_id,
        "due_at": due_at or now,
        "created_at": now,
    }
    # Sorted, so that two transactions lock the same rows in the same order.
    rows = [{**common, "subject": subject} for subject in sorted(set(subjects))]
    wish = _wish(dialect_of(session), revive=revive)
    for start in range(0, len(rows), _CHUNK):
        insert_at_once(session, wish, rows[start : start + _CHUNK])


@cache
def _wish(dialect: str, *, revive: bool) -> Insert:
    """Return the statement behind a wish; made once, because making it takes a millisecond."""
    statement = insert_for(dialect, _jobs)
    due_at = statement.excluded.due_at
    earlier = due_at < Job.due_at
    sooner = (
        or_(Job.state != JobState.DUE, earlier)
        if revive
        else and_(Job.state == JobState.DUE, Job.failures == 0, earlier)
    )
    changes: dict[str, Any] = {
        # However long ago the lease ran out: its holder may still come and delete the row.
        "again": or_(Job.again, Job.leased_until.is_not(None)),
        "due_at": case((sooner, due_at), else_=Job.due_at),
    }
    if revive:
        changes |= {"state": JobState.DUE, **FRESH}
    return statement.on_conflict_do_update(index_elements=["kind", "subject"], set_=changes)


def take(
    lane: str,
    *,
    now: datetime,
    lease: timedelta,
    worker: str,
    limit: int,
    clock: Callable[[], datetime] = _utc_now,
) -> list[Claim]:
    """Take up to ``limit`` due jobs of a lane, oldest first; none while somebody holds the lane."""
    held = Lease(f"{worker}/{next(_takings)}", lane, lease, now + lease, clock)
    with writing() as session:
        _hold_lane(session, lane)
        rows = session.execute(
            update(Job)
            .where(Job.id.in_(_takeable(lane, now).limit(limit)))
            .values(
                leased_until=held.until,
                leased_by=held.token,
                attempts=Job.attempts + 1,
                again=False,
            )
            .returning(*_CLAIMED, Job.due_at)
            .execution_options(synchronize_session=False)
        ).all()
    rows = sorted(rows, key=lambda row: (row.due_at, row.id))
    return [_claim(row, held) for row in rows]


def _claim(row: Any, lease: Lease) -> Claim:  # noqa: ANN401 - a row of _CLAIMED
    return Claim(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        lane=row.lane,
        connection_id=row.connection_id,
        attempts=row.attempts,
        failures=row.failures,
        first_failed_at=row.first_failed_at,
        lease=lease,
    )


def _hold_lane(session: Session, lane: str) -> None:
    """Let two workers look at a lane one after the other (SQLite's writers always do)."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(lane, 0))))


def _takeable(lane: str, now: datetime) -> Any:  # noqa: ANN401 - a select of one column
    held = aliased(Job)
    return (
        select(Job.id)
        .where(Job.state == JobState.DUE, Job.lane == lane, Job.due_at <= now)
        .where(~exists().where(held.lane == lane, held.leased_until > now))
        .order_by(Job.due_at, Job.id)
    )


def due_lanes(session: Session, now: datetime, limit: int = 1000) -> list[str]:
    """Return lanes with a due job and no living lease.

    Walks from lane to lane through the index instead of over every waiting job: it runs many
    times a second beside a backlog of any length.
    """
    first = select(func.min(Job.lane).label("lane")).where(Job.state == JobState.DUE)
    lanes = first.cte("lanes", recursive=True)
    following = select(func.min(Job.lane)).where(Job.state == JobState.DUE, Job.lane > lanes.c.lane)
    lanes = lanes.union_all(
        select(following.correlate(lanes).scalar_subquery()).where(lanes.c.lane.is_not(None))
    )
    soonest = select(func.min(Job.due_at)).where(
        Job.state == JobState.DUE, Job.lane == lanes.c.lane
    )
    held = aliased(Job)
    found = session.scalars(
        select(lanes.c.lane)
        .where(lanes.c.lane.is_not(None))
        .where(soonest.correlate(lanes).scalar_subquery() <= now)
        .where(~exists().where(held.lane == lanes.c.lane, held.leased_until > now))
        .limit(limit)
    )
    return list(found)


def postpone(session: Session, lane: str, connection_id: int, until: datetime, why: str) -> None:
    """Let a connection's due work in a lane wait, without counting it as a failure."""
    waiting = and_(Job.state == JobState.DUE, Job.leased_until.is_(None), Job.due_at < until)
    here = and_(Job.lane == lane, Job.connection_id == connection_id)
    change(session, and_(waiting, here), due_at=until, problem=why)


def bring_forward(session: Session, now: datetime, by: timedelta, lease: timedelta) -> int:
    """Let all that waits be due so much earlier, and no lease last longer than a ``lease`` from
    now; returns how many jobs waited. For a clock that was set back."""
    waiting = select(Job.id, Job.due_at).where(Job.state == JobState.DUE, Job.due_at > now)
    rows = [{"id": row.id, "due_at": max(now, row.due_at - by)} for row in session.execute(waiting)]
    if rows:
        session.execute(update(Job), rows)
    change(session, Job.leased_until > now + lease, leased_until=now + lease)
    return len(rows)


def park_connection(session: Session, connection_id: int, problem: str) -> int:
    """Park all work of a connection that nobody is doing just now; how much there was."""
    idle = and_(Job.state == JobState.DUE, Job.leased_until.is_(None))
    theirs = Job.connection_id == connection_id
    return change(session, and_(theirs, idle), state=JobState.PARKED, problem=problem)


def wake_parked(session: Session, connection_id: int, now: datetime) -> list[str]:
    """Make a connection's parked work due; returns the lanes to wake after the commit."""
    parked = and_(Job.connection_id == connection_id, Job.state == JobState.PARKED)
    lanes = list(session.scalars(select(Job.lane).where(parked).distinct()))
    change(session, parked, state=JobState.DUE, due_at=now, **FRESH)
    return lanes


def change(session: Session, where: ColumnElement[bool], **values: Any) -> int:
    """Change the jobs that match; returns how many there were."""
    changed = session.execute(
        update(Job).where(where).values(**values).execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", changed).rowcount
