"""Where Procrastinate keeps its tables, and the bell that rings for lanes in there."""

import logging
import threading
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import version
from queue import SimpleQueue
from typing import Any

import psycopg
from flask import Flask
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from psycopg import sql
from sqlalchemy import text

from plugin.store.base import db

TASK = "lane"
LANES, CLOCK = "lanes", "clock"
"""Queues of wakes: of lanes with work, and of what is done by the clock, whatever waits there."""

_SETUP_LOCK = 0x0B1D_6E4E_AD01
_log = logging.getLogger(__name__)


def locks(lane: str, queue: str = LANES) -> dict[str, Any]:
    """Return how a wake of ``lane`` is queued: one holder, and one wake waiting at most."""
    return {"lock": lane, "queueing_lock": lane, "queue": queue}


class Place:
    """A schema of its own, named by the library's version.

    Nothing in there is worth keeping, so an upgrade of the library starts with a fresh schema and
    old workers go on in theirs until they are replaced.
    """

    def __init__(self, app: Flask) -> None:
        """Stand in the database of ``app``."""
        self._app = app
        with app.app_context():
            url = db.engine.url.set(drivername="postgresql")
        self._address = url.render_as_string(hide_password=False)
        self.schema = f"engine_{version('procrastinate').replace('.', '_')}"

    def options(self, connections: int) -> dict[str, Any]:
        """Return how a connector of the library gets here."""
        search_path = f"-c search_path={self.schema} -c timezone=UTC"
        return {
            "conninfo": self._address,
            "min_size": 1,
            "max_size": connections,
            "kwargs": {"options": search_path, "connect_timeout": 3},
        }

    def prepare(self) -> None:
        """Make the tables unless they are there; processes that start together take turns."""
        with self._app.app_context(), db.engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})
            there = text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
            if connection.scalar(there, {"name": self.schema}):
                return
            quoted = sql.Identifier(self.schema).as_string()
            driver: Any = connection.connection.driver_connection
            driver.execute(f"CREATE SCHEMA {quoted}")
            driver.execute(f"SET LOCAL search_path TO {quoted}")
            driver.execute(App(connector=SyncPsycopgConnector()).schema_manager.get_schema())

    def forget_ticks_ahead(self, now: datetime) -> None:
        """Forget what was done by the clock when that was ahead: else it is not done again."""
        name = sql.Identifier(self.schema, "procrastinate_periodic_defers").as_string()
        statement = f"DELETE FROM {name} WHERE defer_timestamp > :now"  # noqa: S608 - quoted
        with self._app.app_context(), db.engine.begin() as connection:
            connection.execute(text(statement), {"now": int(now.timestamp())})


class Bell:
    """A thread that rings for lanes; many rings for one lane at once are one."""

    def __init__(self, place: Place) -> None:
        """Ring in ``place``; the thread starts with the first ring."""
        self._place = place
        self._rung: SimpleQueue[str | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ring(self, lane: str) -> None:
        """Have a lane worked soon. A ring that gets lost is made good by the next sweep."""
        self._rung.put(lane)
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="bell", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread and its connection."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                self._rung.put(None)
                self._thread.join()

    def _serve(self) -> None:
        engine = App(connector=SyncPsycopgConnector(**self._place.options(2)))
        try:
            engine.open()
            while lanes := self._next():
                _ring_all(engine, lanes)
        except (ConnectorException, psycopg.Error) as error:
            _log.warning("no lane can be woken just now: %s", type(error).__name__)
        finally:
            engine.close()

    def _next(self) -> set[str]:
        """Wait for rings; returns all there are, or nothing when it is time to end."""
        lanes: set[str] = set()
        while (lane := self._rung.get()) is not None:
            lanes.add(lane)
            if self._rung.empty():
                return lanes
        return set()


def _ring_all(engine: App, lanes: Iterable[str]) -> None:
    for lane in lanes:
        try:
            engine.configure_task(TASK, **locks(lane)).defer(lane=lane)
        except AlreadyEnqueued:
            continue  # somebody rang before
