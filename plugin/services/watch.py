"""Watches vendors for detections: a small look at each scope every minute or so.

A look is a job that comes back by itself; it leaves no run behind, because most find nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from random import uniform
from typing import Any, cast

from sqlalchemy import select, update

from plugin.domain.contracts import FindsDetections
from plugin.domain.watching import measured, spacing
from plugin.runtime import Runtime
from plugin.services import cursors, mirror, ticket_decisions
from plugin.services.bridges import tasks
from plugin.services.mirror import Counts
from plugin.services.scopes import lane_of, scopes_of
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.queue import Claim, enqueue
from plugin.store.work import Job

LOOK = "watch"
HISTORY = timedelta(days=7)
DRIFT = 0.25


def ask(
    runtime: Runtime, connection: Connection, scopes: Sequence[str], *, now: bool = False
) -> None:
    """See to it that every scope is watched; ``now`` asks for a look at once."""
    if not issubclass(runtime.adapter_class(connection.kind), FindsDetections):
        return
    subjects = {f"{connection.id}:{scope}": scope for scope in scopes}
    if not now:
        watched = set(db.session.scalars(select(Job.subject).where(Job.kind == LOOK)))
        subjects = {name: scope for name, scope in subjects.items() if name not in watched}
    if not subjects:
        return
    with writing() as session:
        for subject, scope in subjects.items():
            lane = lane_of(connection.id, scope)
            moment = runtime.now()
            enqueue(
                session, LOOK, subject, lane, now=moment, connection_id=connection.id, revive=now
            )
    for scope in subjects.values():
        runtime.wake(lane_of(connection.id, scope))


def look(runtime: Runtime, claim: Claim) -> datetime | None:
    """Fetch what happened in a scope since the last look, and decide about tickets.

    Returns when to look again, or None when nobody wants this scope any more.
    """
    number, _, scope = claim.subject.partition(":")
    connection = db.session.get(Connection, int(number))
    if connection is None or connection.deleted_at is not None:
        return None
    scopes = scopes_of(runtime, connection)
    if scope not in scopes:
        return None
    if not issubclass(runtime.adapter_class(connection.kind), FindsDetections):
        return None
    before = runtime.calls_made(connection)
    relayed = tasks.turn(runtime, claim, connection, scope, _wish(runtime, connection, scope))
    if isinstance(relayed, datetime):
        return relayed
    vendor = relayed or cast(FindsDetections, runtime.vendor(connection))
    _fetch(runtime, claim, connection, vendor, scope)
    made = relayed.calls if relayed is not None else runtime.calls_made(connection) - before
    _measure(connection, made)
    if relayed is not None:
        tasks.forget(relayed)
    return runtime.now() + timedelta(seconds=_next(runtime, connection, len(scopes)))


def minutes_if_stretched(runtime: Runtime, connection: Connection) -> int:
    """Return the minutes between two looks at one scope of a vendor that has too many of them to
    be looked at as often as wanted; 0 for one that has not."""
    seconds = _pause(runtime, connection, len(scopes_of(runtime, connection)))
    return ceil(seconds / 60) if seconds > runtime.settings.limits.sync.watch else 0


def _next(runtime: Runtime, connection: Connection, scopes: int) -> float:
    """Return the seconds to this scope's next look; stretched ones drift apart, so that they do
    not all come at once and leave nothing to others for half of the time."""
    seconds = _pause(runtime, connection, scopes)
    if seconds <= runtime.settings.limits.sync.watch:
        return seconds
    return seconds * uniform(1 - DRIFT, 1 + DRIFT)  # noqa: S311 - spreads load, hides nothing


def _pause(runtime: Runtime, connection: Connection, scopes: int) -> float:
    wanted, pace = runtime.settings.limits.sync.watch, runtime.pace_of(connection)
    return spacing(wanted, scopes, connection.look_calls, pace.per_second)


def _measure(connection: Connection, calls: int) -> None:
    """Note what a look has cost, where that is news."""
    average = measured(connection.look_calls, calls)
    if average == connection.look_calls:
        return
    with writing() as session:
        # An UPDATE: what a machine measures is no edit.
        session.execute(
            update(Connection).where(Connection.id == connection.id).values(look_calls=average)
        )


def _wish(runtime: Runtime, connection: Connection, scope: str) -> dict[str, Any]:
    """Say what a bridge would have to fetch."""
    known = cursors.cursor_of(connection.id, scope, "detections")
    since = runtime.now() - HISTORY
    return {
        "parts": ["detections"],
        "cursor": known.cursor if known else None,
        "since": since.isoformat(),
    }


def _fetch(
    runtime: Runtime, claim: Claim, connection: Connection, vendor: FindsDetections, scope: str
) -> None:
    known = cursors.cursor_of(connection.id, scope, "detections")
    start = known.cursor if known else None
    db.session.commit()
    for page in vendor.detections(scope, start, runtime.now() - HISTORY):
        claim.renew()
        with writing() as session:
            now = runtime.now()
            new = mirror.store_detections(session, connection.id, page.rows, now, Counts())
            lanes = ticket_decisions.consider(runtime, session, connection, new)
            if page.next_cursor is not None:
                cursors.move_cursor(
                    session, connection.id, scope, "detections", page.next_cursor, now
                )
        for lane in lanes:
            runtime.wake(lane)
