"""The engine's port: what wakes lanes must be able to do, whichever database it stands on.

An engine decides when and where a lane is worked: woken after a commit, found due by a sweep, one
holder at a time, lanes side by side, periodic ones by the clock. What is done, and what a failure
means, is not its business: the job rows are the truth, and forgetting a wake costs seconds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from threading import Event

from flask import Flask

from plugin.runtime import utc_now
from plugin.store.base import db
from plugin.store.queue import due_lanes

CLOCK_THREADS = 2
"""Threads of their own for periodic things: a lost bridge must be noticed behind any backlog."""

Work = Callable[[str], object]
"""Works the due jobs of a lane until it is empty."""

Do = Callable[[], object]
"""What a periodic lane does."""


class Engine(ABC):
    """Wakes lanes; several processes may each run one on the same database."""

    def __init__(self, app: Flask, work: Work, now: Callable[[], datetime] = utc_now) -> None:
        """Run ``work`` for a lane, inside a context of ``app``; ``now`` says what is due."""
        self._app, self._work, self._now = app, work, now
        self._periodic: dict[str, tuple[float, Do]] = {}

    def every(self, seconds: float, lane: str, do: Do) -> None:
        """Have ``do`` done every so many seconds, by one process at a time; say so before run."""
        self._periodic[lane] = (seconds, do)

    @abstractmethod
    def wake(self, lane: str) -> None:
        """Have a lane worked soon; never waits and never fails. Call it after the commit."""

    @abstractmethod
    def run(self, stopping: Event) -> None:
        """Work until ``stopping`` is set; what was begun is brought to a good end."""

    def perform(self, lane: str) -> None:
        """Work one lane or do one periodic thing, with a session of its own."""
        with self._app.app_context():
            if lane in self._periodic:
                self._periodic[lane][1]()
            else:
                self._work(lane)

    def find_due(self) -> list[str]:
        """Return the lanes that have a due job and no holder."""
        with self._app.app_context():
            return due_lanes(db.session(), self._now())
