"""How much work waits, for pages and metrics."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from plugin.store.work import Job, JobState


@dataclass(frozen=True, slots=True)
class LaneView:
    """One lane: how many jobs are due now, later, parked and dead, and how long the oldest waits.

    ``working`` says that a worker holds the lane just now.
    """

    lane: str
    due: int
    later: int
    parked: int
    dead: int
    oldest: timedelta
    working: bool


def lag(session: Session, now: datetime) -> timedelta:
    """Return how long the job that waits longest has been due and not finished."""
    oldest = session.scalar(
        select(func.min(Job.due_at)).where(Job.state == JobState.DUE, Job.due_at <= now)
    )
    return now - oldest if oldest else timedelta(0)


def count_by_state(session: Session) -> dict[JobState, int]:
    """Return how many jobs are due (now or later), parked and dead."""
    rows = session.execute(select(Job.state, func.count(Job.id)).group_by(Job.state))
    found = {JobState(state): count for state, count in rows}
    return {state: found.get(state, 0) for state in JobState}


def lanes(session: Session, now: datetime, limit: int = 200) -> list[LaneView]:
    """Return the lanes with most due work first."""
    is_due = (Job.state == JobState.DUE) & (Job.due_at <= now)
    due = func.sum(case((is_due, 1), else_=0))
    query = (
        select(
            Job.lane,
            due,
            func.sum(case(((Job.state == JobState.DUE) & (Job.due_at > now), 1), else_=0)),
            func.sum(case((Job.state == JobState.PARKED, 1), else_=0)),
            func.sum(case((Job.state == JobState.DEAD, 1), else_=0)),
            func.min(case((is_due, Job.due_at))),
            func.max(case((Job.leased_until > now, 1), else_=0)),
        )
        .group_by(Job.lane)
        .order_by(due.desc(), Job.lane)
        .limit(limit)
    )
    return [
        LaneView(lane, due, later, parked, dead, now - (oldest or now), bool(working))
        for lane, due, later, parked, dead, oldest, working in session.execute(query)
    ]
