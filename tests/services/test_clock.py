"""The clock is set back: what waits does not wait for the hour to come twice."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from plugin.services import clock
from plugin.services.watch import LOOK
from plugin.store import queue
from plugin.store.base import db, writing
from plugin.store.work import Job
from tests.house import House, open_house

HOUR = timedelta(hours=1)


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path) as opened:
        yield opened


def waits(house: House) -> list[float]:
    """Return in how many seconds each scope is looked at next."""
    db.session.rollback()
    due = db.session.scalars(select(Job.due_at).where(Job.kind == LOOK)).all()
    return [(each - house.clock()).total_seconds() for each in due]


def test_what_was_to_come_in_a_minute_still_does(house: House) -> None:
    house.clock.moved = HOUR
    house.integrate()
    clock.watch(house.runtime)
    house.clock.moved = timedelta()
    assert min(waits(house)) > 3500
    assert clock.watch(house.runtime) >= 3
    assert max(waits(house)) <= 60
    assert clock.watch(house.runtime) == 0


def test_a_clock_that_only_runs_changes_nothing(house: House) -> None:
    house.integrate()
    clock.watch(house.runtime)
    house.clock.forward(20)
    before = waits(house)
    assert clock.watch(house.runtime) == 0
    assert waits(house) == pytest.approx(before, abs=5)


def test_no_lease_lasts_longer_than_one(house: House) -> None:
    house.integrate()
    length = timedelta(seconds=60)
    with writing() as session:
        session.execute(update(Job).values(leased_until=house.clock() + HOUR, leased_by="dead"))
    with writing() as session:
        queue.bring_forward(session, house.clock(), HOUR, length)
    left = db.session.scalars(select(Job.leased_until)).all()
    assert all(each is not None and each <= house.clock() + length for each in left)
