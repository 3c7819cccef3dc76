"""Circuit: stops calling a remote that is down, and asks it again with a single call."""

from collections import deque
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Literal

from plugin.domain.errors import CircuitOpenError

State = Literal["closed", "open", "half_open"]


class Circuit:
    """Opens when most calls of the last seconds failed, rests, then lets one call try.

    It opens at ``least`` calls or more within ``window`` seconds of which the ``share`` or more
    failed, stays open for ``rest`` seconds, and then lets one call through: its success closes the
    circuit, its failure opens it again. Threads may share one.
    """

    def __init__(
        self,
        who: str,
        *,
        least: int = 10,
        share: float = 0.7,
        window: float = 30.0,
        rest: float = 30.0,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """Start closed; ``now`` counts seconds."""
        self._who, self._now = who, now
        self._least, self._share, self._window, self._rest = least, share, window, rest
        self._lock = Lock()
        self._calls: deque[tuple[float, bool]] = deque()
        self._state: State = "closed"
        self._resting_until = 0.0

    @property
    def state(self) -> State:
        """How it stands, for pages; half_open while the next call is, or would be, the trial."""
        with self._lock:
            rested = self._state == "open" and self._now() >= self._resting_until
            return "half_open" if rested else self._state

    def enter(self) -> None:
        """Ask before a call; CircuitOpenError, with the seconds to wait, when it must not be."""
        with self._lock:
            if self._state == "closed":
                return
            wait = self._resting_until - self._now()
            if wait > 0:
                text = "does not answer; it is asked again shortly"
                raise CircuitOpenError(self._who, text, retry_after=wait)
            # A trial that never comes back must not block for ever: after a rest there is another.
            self._state = "half_open"
            self._resting_until = self._now() + self._rest

    def leave(self, *, failed: bool) -> None:
        """Tell how a call that was let through ended."""
        with self._lock:
            if self._state == "closed":
                self._count(failed=failed)
            elif self._state == "half_open":
                self._judge_trial(failed=failed)

    def _judge_trial(self, *, failed: bool) -> None:
        if failed:
            self._open()
        else:
            self._state = "closed"

    def _count(self, *, failed: bool) -> None:
        now = self._now()
        self._calls.append((now, failed))
        while self._calls[0][0] <= now - self._window:
            self._calls.popleft()
        failures = sum(bad for _, bad in self._calls)
        if len(self._calls) >= self._least and failures >= self._share * len(self._calls):
            self._open()

    def _open(self) -> None:
        self._state = "open"
        self._resting_until = self._now() + self._rest
        self._calls.clear()
