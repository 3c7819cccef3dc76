"""Looks for detections: what they cost is counted, and many scopes are looked at less often."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from plugin.services import watch
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Integration
from plugin.store.work import Job
from tests.house import House, open_house


@pytest.fixture
def house(sqlite: str, tmp_path: Path) -> Iterator[House]:
    with open_house(sqlite, tmp_path) as opened:
        yield opened


@pytest.fixture
def integration(house: House) -> Integration:
    return house.integrate()


def look_calls(house: House) -> float:
    db.session.rollback()
    return db.session.scalars(select(Connection.look_calls).order_by(Connection.id.desc())).all()[0]


def remember(integration: Integration, calls: float) -> None:
    where = Connection.id == integration.vendor_id
    with writing() as session:
        session.execute(update(Connection).where(where).values(look_calls=calls))


def pauses(house: House) -> list[float]:
    """Look at every scope; returns in how many seconds each will be looked at again."""
    house.clock.forward(3600)
    now = house.clock()
    house.work_all()
    db.session.rollback()
    due = db.session.scalars(select(Job.due_at).where(Job.kind == watch.LOOK)).all()
    return [(each - now).total_seconds() for each in due]


def test_what_a_look_costs_is_counted_in_calls(house: House, integration: Integration) -> None:
    house.happen("detection")
    house.clock.forward(3600)
    house.work_all()
    assert 5 <= look_calls(house) <= 20


def test_few_scopes_are_looked_at_as_often_as_wanted(
    house: House, integration: Integration
) -> None:
    wanted = house.runtime.settings.limits.sync.watch
    assert all(wanted <= each < wanted + 30 for each in pauses(house))
    assert watch.minutes_if_stretched(house.runtime, integration.vendor) == 0


def test_looks_that_would_take_more_than_half_of_the_calls_are_spaced(
    house: House, integration: Integration
) -> None:
    remember(integration, 100_000)  # of 1,000 calls a second, for three scopes
    assert watch.minutes_if_stretched(house.runtime, integration.vendor) == 10
    first = pauses(house)
    assert min(first) > 100
    assert len(set(map(int, first))) > 1, "they would all come at once again"


def test_a_measurement_is_no_edit(house: House, integration: Integration) -> None:
    before = db.session.get_one(Connection, integration.vendor_id).version
    remember(integration, 100_000)
    pauses(house)
    db.session.expire_all()
    assert look_calls(house) < 100_000
    assert db.session.get_one(Connection, integration.vendor_id).version == before
