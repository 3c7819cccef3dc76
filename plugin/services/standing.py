"""How a connection stands with its remote: let in, or turned away until a person acts."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from plugin.runtime import Runtime
from plugin.store import queue
from plugin.store.base import db
from plugin.store.integrations import Connection, ConnectionState

_PROBE = timedelta(minutes=5)
_FRESH = timedelta(minutes=1)
_ELSEWHERE = timedelta(minutes=5)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Standing:
    """What a worker knows of a connection while it works a batch."""

    state: str
    problem: str
    worked_at: datetime | None
    refused_at: datetime | None
    waits_until: datetime | None = None
    waits_for: str = ""

    def is_resting(self, now: datetime) -> bool:
        """Tell whether a remote that turned us away is left alone, so that no account is locked."""
        if self.state != ConnectionState.ATTENTION or self.refused_at is None:
            return False
        return now - self.refused_at < _PROBE

    def is_waiting(self, now: datetime) -> bool:
        """Tell whether work for this connection has to wait without anybody's fault."""
        return self.waits_until is not None and self.waits_until > now

    def is_news(self, now: datetime) -> bool:
        """Tell whether one more success is worth a write."""
        fresh = self.worked_at is not None and now - self.worked_at < _FRESH
        return self.state != ConnectionState.WORKING or not fresh


def look_at(runtime: Runtime, ids: Iterable[int]) -> dict[int, Standing]:
    """Return how these connections stand; those deleted or of another environment wait."""
    environment, now = runtime.environment().value, runtime.now()
    columns = (Connection.id, Connection.environment, Connection.deleted_at)
    known = (Connection.state, Connection.problem, Connection.worked_at, Connection.refused_at)
    found = {}
    for row in db.session.execute(select(*columns, *known).where(Connection.id.in_(ids))):
        standing = Standing(row.state, row.problem, row.worked_at, row.refused_at)
        if row.deleted_at is not None:
            standing.waits_for = "the connection is deleted"
        elif row.environment not in {"", environment}:
            standing.waits_for = f"the environment {row.environment} is not active"
        if standing.waits_for:
            standing.waits_until = now + _ELSEWHERE
        found[row.id] = standing
    db.session.rollback()
    return found


def note_success(session: Session, connection_id: int, now: datetime) -> list[str]:
    """Note that the remote let us in; returns lanes to wake when it had not done so before.

    An UPDATE, not a change of the object: what a machine notes must not look like an edit, which
    would raise the version and remake every adapter.
    """
    recovered = _turn(session, connection_id, ConnectionState.WORKING, now)
    _set(session, connection_id, worked_at=now, problem="")
    if not recovered:
        return []
    _log.info("connection %d works", connection_id)
    return queue.wake_parked(session, connection_id, now)


def note_refusal(session: Session, connection_id: int, problem: str, now: datetime) -> None:
    """Note that the remote turned us away: a person must act."""
    if _turn(session, connection_id, ConnectionState.ATTENTION, now):
        _log.warning("connection %d needs attention: %s", connection_id, problem)
    _set(session, connection_id, refused_at=now, problem=problem)


def _turn(session: Session, connection_id: int, state: ConnectionState, now: datetime) -> bool:
    """Change the state; False when it was so already."""
    changed = session.execute(
        update(Connection)
        .where(Connection.id == connection_id, Connection.state != state)
        .values(state=state, state_since=now)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", changed).rowcount > 0


def _set(session: Session, connection_id: int, **values: Any) -> None:
    session.execute(
        update(Connection)
        .where(Connection.id == connection_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
