"""Reading a server's times, whatever zone they stand in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from plugin.hosts.connectwise_automate.clock import ServerClock, date_of

NOW = datetime(2026, 11, 2, 8, 0, 7, tzinfo=UTC)
BARE = NOW.replace(tzinfo=None)


@pytest.mark.parametrize("minutes", [-570, -300, -60, 0, 60, 330, 345, 525, 765, 840])
@pytest.mark.parametrize("wrong", [-4000, -3, 0, 200, 900])
def test_the_zone_is_found_whatever_the_clock_says(minutes: int, wrong: int) -> None:
    there = BARE + timedelta(minutes=minutes, seconds=wrong)
    clock = ServerClock(there, NOW + timedelta(seconds=wrong + 1), NOW)
    assert clock.zone == timedelta(minutes=minutes)
    assert clock.skew == timedelta(seconds=wrong + 1)
    assert clock.instant(there) == NOW + timedelta(seconds=wrong)


def test_without_a_date_header_our_clock_tells_the_zone() -> None:
    clock = ServerClock(BARE - timedelta(hours=5, seconds=20), None, NOW)
    assert clock.zone == timedelta(hours=-5)
    assert clock.skew == timedelta(seconds=-20)


def test_a_reading_with_its_zone_is_believed() -> None:
    there = (NOW + timedelta(seconds=40)).astimezone(timezone(timedelta(hours=2)))
    clock = ServerClock(there, None, NOW)
    assert clock.zone == timedelta(hours=2)
    assert clock.skew == timedelta(seconds=40)
    assert clock.instant(there) == NOW + timedelta(seconds=40)
    assert clock.instant(None) is None


def test_how_long_it_is_until_a_moment_does_not_depend_on_zone_or_clock() -> None:
    there = BARE + timedelta(hours=-5, minutes=13)
    clock = ServerClock(there, NOW + timedelta(minutes=13), NOW)
    later = NOW + timedelta(minutes=10)
    assert clock.until(there + timedelta(hours=1), later) == timedelta(minutes=50)
    aware = NOW + timedelta(minutes=13 + 60)
    assert clock.until(aware, later) == timedelta(minutes=50)


@pytest.mark.parametrize("header", ["", "soon", "Mon, 99 Foo 2026", "0"])
def test_an_odd_date_header_is_none(header: str) -> None:
    assert date_of(header) is None
