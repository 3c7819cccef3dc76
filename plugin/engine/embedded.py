"""The embedded engine: lanes as threads of one worker process, beside a SQLite file.

Other processes wake it by writing: SQLite counts the commits of a file (``PRAGMA data_version``),
and reading that number costs microseconds. A sweep finds what became due by the clock alone.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from plugin.engine.port import CLOCK_THREADS, Engine, Work
from plugin.runtime import utc_now
from plugin.store.base import db

_REST_SECONDS = 5.0
_log = logging.getLogger(__name__)


class EmbeddedEngine(Engine):
    """Threads, one for each lane that has work, at most ``threads`` at once."""

    def __init__(
        self,
        app: Flask,
        work: Work,
        now: Callable[[], datetime] = utc_now,
        *,
        threads: int = 8,
        poll: float = 0.05,
        sweep: float = 1.0,
    ) -> None:
        """Look for commits every ``poll`` seconds and for due work every ``sweep`` seconds."""
        super().__init__(app, work, now)
        self._threads, self._poll, self._sweep = threads, poll, sweep
        self._lock = threading.Lock()
        self._awake = threading.Event()
        self._woken: set[str] = set()
        self._running: set[str] = set()
        self._resting: dict[str, float] = {}
        self._periodic_at: dict[str, float] = {}

    def wake(self, lane: str) -> None:
        """Have a lane worked at once when this process is the worker; others are seen writing."""
        with self._lock:
            self._woken.add(lane)
        self._awake.set()

    def run(self, stopping: threading.Event) -> None:
        """Work until ``stopping`` is set, then let every lane finish its present job."""
        commits = _Commits(self._app)
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="lane")
        clock = ThreadPoolExecutor(CLOCK_THREADS, thread_name_prefix="clock")
        swept_at = 0.0
        try:
            while not stopping.is_set():
                self._start(pool, self._take_woken())
                self._start(clock, self._take_periodic())
                if commits.have_grown() or time.monotonic() - swept_at >= self._sweep:
                    swept_at = time.monotonic()
                    self._start(pool, self._look())
                self._awake.wait(self._poll)
        finally:
            for each in (pool, clock):
                each.shutdown(wait=True, cancel_futures=True)
            commits.close()

    def _take_woken(self) -> list[str]:
        with self._lock:
            self._awake.clear()
            # A lane that is being worked stays woken: it may just have found itself empty.
            found = [lane for lane in self._woken if lane not in self._running]
            self._woken.difference_update(found)
            return found

    def _take_periodic(self) -> list[str]:
        now = time.monotonic()
        found = []
        for lane, (seconds, _) in self._periodic.items():
            if now >= self._periodic_at.get(lane, 0.0):
                self._periodic_at[lane] = now + seconds
                found.append(lane)
        return found

    def _look(self) -> list[str]:
        try:
            return self.find_due()
        except SQLAlchemyError as error:
            _log.warning("due work cannot be looked up: %s", type(error).__name__)
            return []

    def _start(self, pool: ThreadPoolExecutor, lanes: Iterable[str]) -> None:
        now = time.monotonic()
        for lane in lanes:
            with self._lock:
                if lane in self._running or self._resting.get(lane, 0.0) > now:
                    continue
                self._running.add(lane)
            pool.submit(self.perform, lane).add_done_callback(partial(self._end, lane))

    def _end(self, lane: str, done: Future[None]) -> None:
        error = None if done.cancelled() else done.exception()
        with self._lock:
            self._running.discard(lane)
            self._resting.pop(lane, None)
            if error is not None:
                self._resting[lane] = time.monotonic() + _REST_SECONDS
            woken = lane in self._woken
        if error is not None:
            _log.error("lane %s stopped and rests a little", lane, exc_info=error)
        if woken:
            self._awake.set()


class _Commits:
    """Notices commits by anybody else to a SQLite file."""

    def __init__(self, app: Flask) -> None:
        with app.app_context():
            path = db.engine.url.database or ""
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._seen = -1

    def have_grown(self) -> bool:
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return False
        grown = bool(version != self._seen)
        self._seen = version
        return grown

    def close(self) -> None:
        self._connection.close()
