import time
from threading import Thread

import pytest
from pyrate_limiter import InMemoryBucket, Rate

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


def test_two_paces_on_one_bucket_share_the_count() -> None:
    bucket = InMemoryBucket([Rate(1, 60_000)])
    first, second = Pace(1, bucket=bucket), Pace(1, bucket=bucket)
    assert first.take() == 0.0
    assert second.take() == pytest.approx(60, abs=1)


def test_each_thread_knows_how_many_permits_it_took_itself() -> None:
    pace = Pace(per_second=1, burst=3)
    other = Thread(target=pace.take)
    other.start()
    other.join()
    assert pace.taken_here == 0
    for _ in range(5):
        pace.take()
    assert pace.taken_here == 2
