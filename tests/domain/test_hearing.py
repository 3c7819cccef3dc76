from datetime import UTC, datetime

from plugin.domain.hearing import Hearing


class Clocks:
    """One clock on the wall, which people set, and one that only runs."""

    def __init__(self) -> None:
        self.wall, self.steady = datetime(2026, 11, 2, tzinfo=UTC).timestamp(), 5.0
        self.hearing = Hearing(lambda: datetime.fromtimestamp(self.wall, UTC), lambda: self.steady)

    def run(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def test_after_a_start_silence_means_nothing_for_two_beats() -> None:
    clocks = Clocks()
    assert not clocks.hearing.is_sure(15)
    clocks.run(29)
    assert not clocks.hearing.is_sure(15)
    clocks.run(1)
    assert clocks.hearing.is_sure(15)


def test_a_clock_that_was_moved_either_way_makes_everybody_look_silent() -> None:
    for moved in (3600, -3600):
        clocks = Clocks()
        clocks.run(100)
        assert clocks.hearing.is_sure(15)
        clocks.wall += moved
        assert not clocks.hearing.is_sure(15)
        clocks.run(30)
        assert clocks.hearing.is_sure(15)


def test_a_clock_that_is_slewed_changes_nothing() -> None:
    clocks = Clocks()
    clocks.run(100)
    clocks.wall += 0.5
    assert clocks.hearing.is_sure(15)


def test_it_tells_once_by_how_much_the_clock_was_set_back() -> None:
    clocks = Clocks()
    clocks.wall += 3600
    assert clocks.hearing.set_back() == 0
    clocks.run(10)
    clocks.wall -= 3600
    assert not clocks.hearing.is_sure(15)
    assert clocks.hearing.set_back() == 3600
    assert clocks.hearing.set_back() == 0
