"""Storing pages: what it costs in statements, which every connection keeps prepared."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event, func, select

from plugin.domain.model import Detection, Device, Severity
from plugin.domain.reconcile import SeenRows
from plugin.services import mirror, mirror_devices
from plugin.services.mirror import Counts
from plugin.store.base import db, writing
from plugin.store.mirror import DetectionRow, DeviceRow
from tests.scene import START, Scene, scene

SIZES = range(1, 130, 3)
FEW = 40


@pytest.fixture
def play(sqlite: str) -> Iterator[Scene]:
    with scene(sqlite) as played:
        yield played


@pytest.fixture
def statements(play: Scene) -> Iterator[set[str]]:
    seen: set[str] = set()

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        seen.add(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def page(workspace: int, size: int) -> list[Device]:
    return [Device(f"d{n}", f"w{workspace}", f"PC{n}") for n in range(size)]


def test_pages_of_any_length_are_few_statements(play: Scene, statements: set[str]) -> None:
    vendor, counts, seen = play.add_connection().id, Counts(), SeenRows()
    for size in SIZES:
        with writing() as session:
            mirror_devices.store_devices(session, vendor, page(size, size), START, counts, seen)
    assert counts.created == sum(SIZES)
    numbers = db.session.scalars(select(DeviceRow.id)).all()
    assert len(numbers) == sum(SIZES)
    assert list(seen.missing_from(numbers)) == []
    assert len(statements) < FEW


def test_detections_of_any_number_are_few_statements(play: Scene, statements: set[str]) -> None:
    vendor = play.add_connection().id
    for size in SIZES:
        found = [
            Detection(f"{size}-{n}", f"w{size}", "", "", "virus", Severity.CRITICAL, "Virus", START)
            for n in range(size)
        ]
        with writing() as session:
            new = mirror.store_detections(session, vendor, found, START, Counts())
        assert new == found
    assert db.session.scalar(select(func.count(DetectionRow.id))) == sum(SIZES)
    assert len(statements) < FEW


def test_who_is_named_as_removed_is_marked_and_nobody_else(play: Scene) -> None:
    vendor, counts = play.add_connection().id, Counts()
    with writing() as session:
        mirror_devices.store_devices(session, vendor, page(1, 9), START, counts, SeenRows())
        mirror_devices.remove_devices(session, vendor, "w1", ["d1", "d2", "d3"], START, counts)
        mirror_devices.remove_devices(session, vendor, "w1", [], START, counts)
    gone = select(DeviceRow.device_id).where(DeviceRow.gone_at.is_not(None))
    assert set(db.session.scalars(gone)) == {"d1", "d2", "d3"}
    assert counts.removed == 3
