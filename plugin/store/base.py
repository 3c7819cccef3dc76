"""The database itself: one declarative base, one way to write, times that are always aware.

Reading is free; writing happens inside :func:`writing` and nowhere else. On SQLite every process
takes its turn at one file lock there, because SQLite's own busy handler sleeps and makes long
tails; outside of it connections are read-only, so a forgotten :func:`writing` fails at once.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import has_request_context
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Dialect, Engine, MetaData, TypeDecorator, event
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import Connection as EngineConnection
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.types import TypeEngine

from plugin.domain.errors import BusyError

_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class _SqliteMoment(sqlite_dialect.DATETIME):
    """The dialect's own text of a naive moment, written by C: pages of rows are full of them."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Return what writes ``2026-01-31 08:00:00.000000``."""
        return lambda value: value and value.isoformat(" ", "microseconds")


class UtcDateTime(TypeDecorator[datetime]):
    """Stores moments in UTC and gives them back aware; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return how this database keeps a moment."""
        is_sqlite = dialect.name == "sqlite"
        kind = _SqliteMoment() if is_sqlite else self.impl_instance  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments; SQLite keeps no zone, so it gets naive UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value!r}")
        if value.tzinfo is not UTC:
            value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base of every table."""

    registry = registry(
        metadata=MetaData(naming_convention=_CONVENTION),
        type_annotation_map={datetime: UtcDateTime()},
    )


db = SQLAlchemy(model_class=Base, session_options={"autoflush": False})


class WriteLock:
    """One writer at a time over all processes that share a SQLite file; first come, first served.

    ``flock`` queues its waiters in order; a thread lock stands before it, because one process
    should hold one place in that queue.
    """

    def __init__(self, path: Path) -> None:
        """Use the lock file at ``path`` (made when missing)."""
        self._path = path
        self._threads = threading.Lock()
        self._descriptor: int | None = None

    def acquire(self, timeout: float | None) -> None:
        """Take the lock; BusyError after ``timeout`` seconds (None waits for ever)."""
        if not self._threads.acquire(timeout=-1 if timeout is None else timeout):
            raise BusyError("the database is busy: another part of this program is writing")
        try:
            self._lock_file(timeout)
        except BaseException:
            self._threads.release()
            raise

    def _lock_file(self, timeout: float | None) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        if timeout is None:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            return
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BusyError("the database is busy: another process is writing") from None
                time.sleep(0.002)
            else:
                return

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._threads.release()


class _Turn(threading.local):
    """Whether this thread is inside :func:`writing`."""

    depth = 0


_turn = _Turn()
_locks: dict[str, WriteLock] = {}
WAIT_SECONDS, REQUEST_SECONDS = 10.0, 1.2
"""How long background work waits for its turn, and a request: somebody waits for its answer."""
_BY_CALLER = -1.0


def write_lock(engine: Engine) -> WriteLock | None:
    """Return the lock that guards this engine's file, or None where the database does it itself."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path or path == ":memory:":
        return None
    return _locks.setdefault(path, WriteLock(Path(f"{path}.lock")))


def _patience() -> float:
    return REQUEST_SECONDS if has_request_context() else WAIT_SECONDS


@contextmanager
def writing(timeout: float | None = _BY_CALLER) -> Iterator[Session]:
    """Open one write transaction: commits at the end, rolls back on any exception.

    What was read before is read again inside, so that decisions rest on what is true now. Inside
    an outer ``writing`` it joins that one. Never make a network call in here. BusyError when the
    turn does not come within ``timeout`` seconds; by default a request waits for a shorter time.
    """
    session: Session = db.session()
    if _turn.depth:
        yield session
        session.flush()
        return
    session.commit()  # ends the reading transaction, so that its snapshot is not written upon
    lock = write_lock(db.engine)
    if lock is not None:
        lock.acquire(_patience() if timeout == _BY_CALLER else timeout)
    _turn.depth = 1
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        _turn.depth = 0
        if lock is not None:
            lock.release()


def prepare(engine: Engine) -> None:
    """Set up an engine: WAL with full synchronisation, our own BEGIN, read-only reads."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)


def _on_sqlite_connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a driver's object
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=2000")
    _write_ahead(cursor)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-1000",  # KiB for each connection of each thread; the system keeps the file too
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(cursor: Any) -> None:  # noqa: ANN401 - a driver's object
    """Switch the file to its write-ahead log; the first time, processes can meet in the switch.

    SQLite does not wait by itself then: it answers at once that the database is locked.
    """
    for pause in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            time.sleep(pause)
        else:
            return
    cursor.execute("PRAGMA journal_mode=WAL")


def _on_sqlite_begin(connection: EngineConnection) -> None:
    writes = bool(_turn.depth) or connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
