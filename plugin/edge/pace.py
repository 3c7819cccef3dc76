"""Pace: how many calls a second one connection may make."""

import threading
from typing import Any

from pyrate_limiter import AbstractBucket, Rate, RateItem, StateBucket, TokenBucket


class Pace:
    """Hands out permits for calls: ``per_second`` on average, ``burst`` at once.

    Give ``bucket`` to share the count with other processes (one of pyrate-limiter's buckets that
    answer at once). The bucket is asked directly: the library's Limiter would start a thread.
    """

    def __init__(
        self, per_second: float, burst: int = 1, *, bucket: AbstractBucket | None = None
    ) -> None:
        """Start with ``burst`` permits in hand."""
        rate = Rate(1, max(1, round(1000 / per_second)), burst)
        self._burst = burst
        self._mine = threading.local()
        self._bucket = bucket or StateBucket([rate], TokenBucket())

    def take(self) -> float:
        """Take a permit and return 0.0, or take none and return the seconds until there is one."""
        bucket: Any = self._bucket  # typed for buckets that answer later, too; ours never do
        item = RateItem("call", bucket.now())
        if not bucket.put(item):
            wait = float(max(1, bucket.waiting(item))) / 1000
            self._mine.waited = self.waited_here + wait
            return wait
        self._mine.taken = self.taken_here + 1
        return 0.0

    def left(self) -> int:
        """Return how many permits are in hand now."""
        bucket: Any = self._bucket
        return max(0, self._burst - int(bucket.count()))

    @property
    def taken_here(self) -> int:
        """How many permits the calling thread has taken so far: what its work costs in calls."""
        return int(getattr(self._mine, "taken", 0))

    @property
    def waited_here(self) -> float:
        """How many seconds the calling thread was told to wait so far."""
        return float(getattr(self._mine, "waited", 0.0))
