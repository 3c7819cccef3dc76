"""A remote's budget of calls that several processes draw on: how much at once, and when."""

from dataclasses import dataclass
from math import ceil

AHEAD = 1.0
"""How many seconds ahead a permit is given. Whoever finds no nearer one asks again later."""

LONGEST_PAUSE = 3600.0
"""A remote that asks for a longer silence is asked again after this many seconds."""

_SPAN = 0.25
"""For how many seconds a process draws at once, so that a high pace needs few questions."""

_MOST = 50


@dataclass(frozen=True, slots=True)
class Terms:
    """How a process draws: ``count`` permits, one every ``seconds``, ``burst`` of them at once."""

    seconds: float
    burst: int
    count: int

    @property
    def life(self) -> float:
        """For how many seconds a permit may be used once it holds."""
        return self.seconds * self.count

    @property
    def furthest(self) -> float:
        """How far ahead of now a budget can be spent by drawing: more is a clock set back."""
        return AHEAD + self.seconds * (self.burst - 1 + self.count)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of it: the permits ``given``, and by how many seconds the budget is spent
    ``ahead`` of now and ``paused``.
    """

    given: int
    ahead: float
    paused: float


def terms_of(per_second: float, burst: int) -> Terms:
    """Return how to draw so that ``burst`` and ``per_second`` are kept over any length of time.

    What is drawn at once may be used a little later, when the budget has filled up again; so much
    is taken off the burst. (Of a burst of one nothing can be: there, two calls may meet.)

    >>> terms_of(20, 40)
    Terms(seconds=0.05, burst=35, count=5)
    >>> terms_of(4, 8)
    Terms(seconds=0.25, burst=7, count=1)
    """
    count = max(1, min(int(per_second * _SPAN), burst - 1, _MOST))
    return Terms(ceil(1_000_000 / per_second) / 1_000_000, max(1, burst - count), count)


def usable_in(terms: Terms, drawn: Drawn) -> tuple[float, ...]:
    """Return in how many seconds each permit holds.

    >>> usable_in(Terms(0.1, burst=2, count=3), Drawn(3, ahead=0.4, paused=0))
    (0.0, 0.1, 0.2)
    """
    first = drawn.ahead - terms.seconds * (drawn.given + terms.burst - 1)
    waits = (first + number * terms.seconds for number in range(drawn.given))
    return tuple(round(max(0.0, wait), 6) for wait in waits)


def ask_again_in(terms: Terms, drawn: Drawn) -> float:
    """Return after how many seconds drawing is worth a try, where nothing was given.

    >>> ask_again_in(Terms(0.1, burst=1, count=1), Drawn(0, ahead=1.5, paused=0))
    0.5
    >>> ask_again_in(Terms(0.1, burst=1, count=1), Drawn(0, ahead=1.5, paused=30))
    30
    """
    return max(drawn.paused, drawn.ahead - terms.seconds * (terms.burst - 1) - AHEAD, 0.001)
