import time
from threading import Thread

import pytest

from plugin.edge.pace import Pace


def test_a_burst_is_free_and_then_each_permit_takes_its_time() -> None:
    pace = Pace(per_second=10, burst=3)
    assert [pace.take() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert pace.take() == pytest.approx(0.1, abs=0.05)


def test_a_permit_is_there_after_the_time_that_was_named() -> None:
    pace = Pace(per_second=50)
    pace.take()
    time.sleep(pace.take() + 0.005)
    assert pace.take() == 0.0


def test_what_is_left_falls_with_each_permit_and_grows_again() -> None:
    pace = Pace(per_second=20, burst=3)
    assert pace.left() == 3
    for _ in range(5):
        pace.take()
    assert pace.left() == 0
    time.sleep(0.06)
    assert pace.left() == 1


class Told:
    """A shared budget that says what it is told to say."""

    def __init__(self, *answers: float | None) -> None:
        self.answers, self.pauses = list(answers), list[float]()

    def take(self) -> float | None:
        return self.answers.pop(0)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def test_the_shared_budget_decides_while_it_answers() -> None:
    pace = Pace(per_second=0.01, burst=1, shared=Told(0.0, 0.0, 7.0))
    assert [pace.take() for _ in range(3)] == [0.0, 0.0, 7.0]
    assert (pace.taken_here, pace.waited_here) == (2, 7.0)


def test_the_pace_is_kept_alone_where_nobody_answers_and_what_was_shared_counts() -> None:
    pace = Pace(per_second=0.01, burst=2, shared=Told(0.0, None, None))
    assert [pace.take(), pace.take()] == [0.0, 0.0]
    assert pace.take() == pytest.approx(100, abs=2)


def test_a_pause_holds_for_every_thread_and_is_told_to_the_others() -> None:
    shared = Told()
    pace = Pace(per_second=100, burst=100, shared=shared)
    pace.pause(60)
    assert pace.take() == pytest.approx(60, abs=2)
    assert (pace.left(), shared.pauses) == (0, [60])


def test_no_pause_is_longer_than_an_hour_at_a_time() -> None:
    pace = Pace(per_second=100)
    pace.pause(10**9)
    assert pace.take() == pytest.approx(3600, abs=2)


def test_each_thread_knows_how_many_permits_it_took_itself() -> None:
    pace = Pace(per_second=1, burst=3)
    other = Thread(target=pace.take)
    other.start()
    other.join()
    assert pace.taken_here == 0
    for _ in range(5):
        pace.take()
    assert pace.taken_here == 2
