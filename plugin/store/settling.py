"""How a worker writes down what became of its jobs; nothing of it counts after a takeover."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, case, delete, false
from sqlalchemy.orm import Session

from plugin.store.queue import FRESH, Claim, change
from plugin.store.work import Job, JobState

_CHUNK = 500
_FREE: dict[str, Any] = {"leased_until": None, "leased_by": None, "again": False}


def finish(session: Session, claims: Sequence[Claim], now: datetime) -> int:
    """Delete finished jobs of one taking; those wished for again meanwhile become due.

    Returns how many were still ours.
    """
    ours = 0
    for start in range(0, len(claims), _CHUNK):
        own_claims = claims[start : start + _CHUNK]
        own = _own(own_claims)
        # In this order: what an update made due again must not be deleted.
        deleted = session.execute(delete(Job).where(own, Job.again == false()))
        count = cast("CursorResult[Any]", deleted).rowcount
        ours += count
        if count < len(own_claims):
            ours += change(session, and_(own, Job.again), due_at=now, **FRESH, **_FREE)
    return ours


def repeat(session: Session, claim: Claim, due_at: datetime, now: datetime) -> bool:
    """Make a job that went well due again at ``due_at``, or now when it was wished for meanwhile.

    False when another worker took over.
    """
    due = case((Job.again, now), else_=due_at)
    return change(session, _own([claim]), due_at=due, **FRESH, **_FREE) > 0


def put_back(
    session: Session,
    claim: Claim,
    due_at: datetime,
    *,
    problem: str,
    failures: int,
    first_failed_at: datetime | None,
) -> bool:
    """Make a job that failed due again; False when another worker took over."""
    return (
        change(
            session,
            _own([claim]),
            due_at=due_at,
            problem=problem,
            failures=failures,
            first_failed_at=first_failed_at,
            **_FREE,
        )
        > 0
    )


def shelve(session: Session, claim: Claim, state: JobState, problem: str) -> bool:
    """Park a job or declare it dead; False when another worker took over."""
    return change(session, _own([claim]), state=state, problem=problem, **_FREE) > 0


def release(session: Session, claims: Sequence[Claim]) -> None:
    """Give back jobs that were taken but not begun, as if they had never been taken."""
    for start in range(0, len(claims), _CHUNK):
        own = _own(claims[start : start + _CHUNK])
        change(session, own, attempts=Job.attempts - 1, **_FREE)


def _own(claims: Sequence[Claim]) -> ColumnElement[bool]:
    """Match the jobs of one taking that are still ours."""
    return and_(Job.id.in_([claim.id for claim in claims]), Job.leased_by == claims[0].lease.token)
