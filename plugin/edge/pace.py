"""Pace: how many calls a second one connection may make."""

import threading
from time import monotonic
from typing import Any, Protocol

from pyrate_limiter import Rate, RateItem, StateBucket, TokenBucket

from plugin.domain.budgets import LONGEST_PAUSE


class SharedBudget(Protocol):
    """What the processes of an installation may call together; answers at once or nearly so."""

    def take(self) -> float | None:
        """Take a permit and return 0.0, or the seconds until there is one; None: nobody knows."""

    def pause(self, seconds: float) -> None:
        """Have all processes wait."""


class Pace:
    """Hands out permits for calls: ``per_second`` on average, ``burst`` at once.

    With a ``shared`` budget the other processes' calls count too; where nobody can tell them, this
    process keeps the pace by itself. The bucket is asked directly: the library's Limiter would
    start a thread.
    """

    def __init__(
        self, per_second: float, burst: int = 1, *, shared: SharedBudget | None = None
    ) -> None:
        """Start with ``burst`` permits in hand."""
        rate = Rate(1, max(1, round(1000 / per_second)), burst)
        self._burst, self._shared = burst, shared
        self._mine = threading.local()
        self._bucket: Any = StateBucket([rate], TokenBucket())  # typed for slower ones, too
        self._paused_until = 0.0

    def take(self) -> float:
        """Take a permit and return 0.0, or take none and return the seconds until there is one."""
        wait = max(0.0, self._paused_until - monotonic()) or self._draw()
        if wait > 0:
            self._mine.waited = self.waited_here + wait
        else:
            self._mine.taken = self.taken_here + 1
        return wait

    def _draw(self) -> float:
        wait = None if self._shared is None else self._shared.take()
        if wait:
            return wait
        own = self._draw_own()  # counts what the others know of too, should they fall silent next
        return own if wait is None else wait

    def _draw_own(self) -> float:
        item = RateItem("call", self._bucket.now())
        return 0.0 if self._bucket.put(item) else float(max(1, self._bucket.waiting(item))) / 1000

    def pause(self, seconds: float) -> None:
        """Give no permit for ``seconds`` (an hour at most): the remote asked for it."""
        seconds = min(seconds, LONGEST_PAUSE)
        self._paused_until = max(self._paused_until, monotonic() + seconds)
        if self._shared is not None:
            self._shared.pause(seconds)

    def left(self) -> int:
        """Return how many permits are in hand now, as far as this process knows."""
        if self._paused_until > monotonic():
            return 0
        return max(0, self._burst - int(self._bucket.count()))

    @property
    def taken_here(self) -> int:
        """How many permits the calling thread has taken so far: what its work costs in calls."""
        return int(getattr(self._mine, "taken", 0))

    @property
    def waited_here(self) -> float:
        """How many seconds the calling thread was told to wait so far."""
        return float(getattr(self._mine, "waited", 0.0))
