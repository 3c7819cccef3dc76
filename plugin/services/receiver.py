"""The receiver of a process: finds connections by their token and stores calls durably.

All calls that wait are stored in one transaction with one sync to disk, and answered after it.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import BoundedSemaphore
from typing import Any, cast

from flask import Flask
from sqlalchemy import Table, select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from plugin.domain.errors import BusyError, PluginError
from plugin.runtime import Runtime
from plugin.services import proof_keys
from plugin.services.clerk import Clerk
from plugin.store import queue
from plugin.store.base import db, writing
from plugin.store.bulk import insert_at_once
from plugin.store.integrations import Connection
from plugin.store.upsert import dialect_of, insert_for
from plugin.store.work import Delivery

JOB_KIND = "delivery"
STORE_SECONDS = 1.5
_FIND_SECONDS, _FIND_AGAIN_SECONDS = 1.0, 0.3
"""Finding again and storing together take less than the two seconds in which a host is answered."""
_FRESH_SECONDS = 2.0
_STALE_SECONDS = 600.0
_MOST_TOKENS = 10_000
_MOST_LATER = 100
_log = logging.getLogger(__name__)
_deliveries = cast(Table, Delivery.__table__)


def lane_of(connection_id: int) -> str:
    """Return the lane in which a connection's deliveries are handled, one after the other."""
    return f"deliveries:{connection_id}"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call on its way into the store."""

    connection_id: int
    received_at: datetime
    digest: str
    headers: list[list[str]]
    query: str
    body: bytes
    proven: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """A call that is safe on disk; ``repeated`` when the same one was already waiting."""

    delivery_id: int
    repeated: bool


class Receiver:
    """The two clerks of a process: one looks up tokens, one writes."""

    def __init__(self, app: Flask, runtime: Runtime) -> None:
        """Serve ``app``; threads start with the first call."""
        self.app, self.runtime = app, runtime
        self._finder: Clerk[str, Connection | None] = Clerk("find-connections", self._find_all)
        self._writer: Clerk[Incoming, Accepted] = Clerk("store-deliveries", self._store_all)
        self._later = ThreadPoolExecutor(1, "show-refused")
        self._waiting = BoundedSemaphore(_MOST_LATER)
        self._known: dict[str, tuple[float, Connection | None]] = {}

    def find(self, token: str) -> Connection | None:
        """Return the connection that a token belongs to; an answer is good for two seconds.

        While the database does not answer, an older answer is good too.
        """
        now = time.monotonic()
        asked_at, connection = self._known.get(token, (-_STALE_SECONDS, None))
        if now - asked_at < _FRESH_SECONDS:
            return connection
        has_older = now - asked_at < _STALE_SECONDS
        try:
            seconds = _FIND_AGAIN_SECONDS if has_older else _FIND_SECONDS
            connection = self._finder.ask(token, seconds)
        except BusyError:
            if has_older:
                return connection
            raise
        if len(self._known) >= _MOST_TOKENS:
            self._known = {}
        self._known[token] = (now, connection)
        return connection

    def afterwards(self, do: Callable[[], None]) -> None:
        """Have something done without making the sender wait; forgotten when too much waits."""
        if self._waiting.acquire(blocking=False):
            self._later.submit(self._do_inside, do)

    def close(self) -> None:
        """Finish what was left for afterwards."""
        self._later.shutdown(wait=True)

    def _do_inside(self, do: Callable[[], None]) -> None:
        try:
            with self.app.app_context():
                do()
        finally:
            self._waiting.release()

    def store(self, call: Incoming) -> Accepted:
        """Store a call; it is on disk when this returns. BusyError when that takes too long."""
        return self._writer.ask(call, STORE_SECONDS)

    # -- what the clerks do --------------------------------------------------------------------

    def _find_all(self, tokens: Sequence[str]) -> list[Connection | PluginError | None]:
        with self.app.app_context():
            query = select(Connection).where(Connection.webhook_token.in_(set(tokens)))
            try:
                rows = db.session.scalars(query.where(Connection.deleted_at.is_(None))).all()
                proof_keys.learn(self.runtime, rows)
            except SQLAlchemyError as error:
                _log.warning("connections cannot be looked up: %s", type(error).__name__)
                return [BusyError("the database does not answer")] * len(tokens)
            found = {row.webhook_token: row for row in rows}
            db.session.expunge_all()
            return [found.get(token) for token in tokens]

    def _store_all(self, calls: Sequence[Incoming]) -> list[Accepted | PluginError]:
        with self.app.app_context():
            try:
                answers = self._store(calls)
            except (DataError, IntegrityError):
                # One call that cannot be stored must not cost the others their place.
                return [self._store_alone(call) for call in calls]
            except (SQLAlchemyError, BusyError, OSError) as error:
                _log.warning("deliveries cannot be stored: %s", type(error).__name__)
                return [BusyError("the database cannot store now")] * len(calls)
        for lane in {lane_of(call.connection_id) for call in calls}:
            self.runtime.wake(lane)
        return cast("list[Accepted | PluginError]", answers)

    def _store_alone(self, call: Incoming) -> Accepted | PluginError:
        try:
            return self._store([call])[0]
        except SQLAlchemyError as error:
            _log.warning("a delivery cannot be stored: %s", type(error).__name__)
            return BusyError("the call cannot be stored")

    def _store(self, calls: Sequence[Incoming]) -> list[Accepted]:
        merged: dict[tuple[int, str], dict[str, Any]] = {}
        for call in calls:
            key = (call.connection_id, call.digest)
            if key in merged:
                merged[key]["repeats"] += 1
            else:
                merged[key] = _row(call)
        # No time limit: callers have their own, and whoever waits in order gets the lock in order.
        with writing(timeout=None) as session:
            stored = _insert(session, list(merged.values()))
            new = {key: number for key, (number, repeated) in stored.items() if not repeated}
            _enqueue(session, new, calls[0].received_at)
        first = set(new)
        return [_accepted(call, stored, first) for call in calls]


def _accepted(
    call: Incoming, stored: dict[tuple[int, str], tuple[int, bool]], first: set[tuple[int, str]]
) -> Accepted:
    key = (call.connection_id, call.digest)
    repeated = key not in first
    first.discard(key)  # the second of two in one batch repeats the first
    return Accepted(stored[key][0], repeated)


def _row(call: Incoming) -> dict[str, Any]:
    return {
        "connection_id": call.connection_id,
        "received_at": call.received_at,
        "digest": call.digest,
        "waiting_digest": call.digest,
        "headers": call.headers,
        "query": call.query,
        "body": call.body,
        "proven": call.proven,
        "repeats": 0,
    }


@cache
def _upsert(dialect: str) -> ReturningInsert[Any]:
    """Return the statement that stores a call, or counts it when it is already waiting."""
    statement = insert_for(dialect, _deliveries)
    columns = _deliveries.c
    return statement.on_conflict_do_update(
        index_elements=["connection_id", "waiting_digest"],
        set_={"repeats": columns.repeats + statement.excluded.repeats + 1},
    ).returning(columns.id, columns.connection_id, columns.digest, columns.repeats)


def _insert(
    session: Session, rows: list[dict[str, Any]]
) -> dict[tuple[int, str], tuple[int, bool]]:
    """Insert calls; returns the id of each and whether the same call was already waiting."""
    added = {(row["connection_id"], row["digest"]): row["repeats"] for row in rows}
    found: dict[tuple[int, str], tuple[int, bool]] = {}
    stored = insert_at_once(session, _upsert(dialect_of(session)), rows)
    for row in stored:
        key = (row.connection_id, row.digest)
        found[key] = (row.id, row.repeats > added[key])
    return found


def _enqueue(session: Session, new: dict[tuple[int, str], int], now: datetime) -> None:
    for connection_id in {connection_id for connection_id, _ in new}:
        theirs = [str(number) for (owner, _), number in new.items() if owner == connection_id]
        queue.enqueue_many(
            session, JOB_KIND, theirs, lane_of(connection_id), now=now, connection_id=connection_id
        )
