"""Whether the silence of others means anything."""

from collections.abc import Callable
from datetime import datetime

BEATS = 2.0
"""For how many beats nothing is concluded after we could not hear."""


class Hearing:
    """Knows since when this process could have heard a beat: not before its start, and not before
    its clock was moved or its machine woke up, which make every beat look old at once.

    ``now`` is the clock that beats are stamped with, ``steady`` one that nobody moves.
    """

    def __init__(self, now: Callable[[], datetime], steady: Callable[[], float]) -> None:
        """Begin to listen."""
        self._now, self._steady = now, steady
        self.begin()

    def begin(self) -> None:
        """Begin to listen anew."""
        self._since, self._offset = self._steady(), self._apart()

    def is_sure(self, beat: float) -> bool:
        """Tell whether whoever lives must have been heard by now, with a beat every ``beat`` s."""
        if abs(self._apart() - self._offset) > beat / 2:
            self.begin()
        return self._steady() - self._since >= BEATS * beat

    def _apart(self) -> float:
        return self._now().timestamp() - self._steady()
