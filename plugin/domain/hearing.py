"""Whether the silence of others means anything."""

from collections.abc import Callable
from datetime import datetime

BEATS = 2.0
"""For how many beats nothing is concluded after we could not hear."""

SLEWED = 30.0
"""By how many seconds a clock may be put right little by little without anybody's notice."""


class Hearing:
    """Knows since when this process could have heard a beat: not before its start, and not before
    its clock was moved or its machine woke up, which make every beat look old at once.

    ``now`` is the clock that beats are stamped with, ``steady`` one that nobody moves.
    """

    def __init__(self, now: Callable[[], datetime], steady: Callable[[], float]) -> None:
        """Begin to listen."""
        self._now, self._steady = now, steady
        self._set_back = 0.0
        self.begin()

    def begin(self) -> None:
        """Begin to listen anew."""
        self._since, self._offset = self._steady(), self._apart()

    def is_sure(self, beat: float) -> bool:
        """Tell whether whoever lives must have been heard by now, with a beat every ``beat`` s."""
        self._look(beat / 2)
        return self._steady() - self._since >= BEATS * beat

    def set_back(self) -> float:
        """Return by how many seconds the clock was set back since this was last asked."""
        self._look(SLEWED)
        seconds, self._set_back = self._set_back, 0.0
        return seconds

    def _look(self, tolerance: float) -> None:
        moved = self._apart() - self._offset
        if abs(moved) > tolerance:
            self._set_back += max(0.0, -moved)
            self.begin()

    def _apart(self) -> float:
        return self._now().timestamp() - self._steady()
