"""The counts on workspace rows follow the devices, and ages grow without news."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from plugin.domain.figures import DatabaseAge
from plugin.domain.model import Device, Protection, Workspace
from plugin.domain.reconcile import SeenRows
from plugin.services import counting, lists, mirror, mirror_devices
from plugin.services.lists import Ask
from plugin.services.mirror import Counts
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Side
from plugin.store.mirror import WorkspaceRow
from tests.scene import START, Scene, scene

OLD = {"a": 1, "b": 20, "c": 50, "d": 100, "e": 300, "f": None}
"""Devices, and how many hours old their databases are."""


@pytest.fixture
def played(database: str) -> Iterator[Scene]:
    with scene(database) as opened:
        with writing() as session:
            session.add(Connection(id=1, side=Side.VENDOR, kind="x", name="V", created_at=START))
            session.flush()
            mirror.store_workspaces(session, 1, [Workspace("w", "Acme")], START, Counts())
            devices = [_device(name, hours) for name, hours in OLD.items()]
            mirror_devices.store_devices(session, 1, devices, START, Counts(), SeenRows())
            session.flush()
            counting.recount(session, 1, ["w"], START)
        yield opened


def _device(name: str, hours: float | None) -> Device:
    return Device(
        id=name,
        workspace_id="w",
        name=name,
        protection=Protection.OK if name < "d" else Protection.CRITICAL,
        conditions=("antivirus_not_running",) if name == "e" else (),
        product="" if hours is None else "Shield",
        bases_at=None if hours is None else START - timedelta(hours=hours),
    )


def counts() -> dict[str, int]:
    """Return the counts that are not zero, by their column."""
    row = db.session.scalars(select(WorkspaceRow)).one()
    db.session.refresh(row)
    names = [
        each.name
        for each in WorkspaceRow.__table__.columns
        if each.name.startswith(("devices", "deployed", "bases"))
    ]
    return {name: value for name in names if (value := getattr(row, name))}


def test_every_count_is_of_the_devices_that_are_there(played: Scene) -> None:
    assert counts() == {
        "devices": 6,
        "devices_ok": 3,
        "devices_critical": 3,
        "deployed_running": 4,
        "deployed_not_running": 1,
        "deployed_untold": 1,
        "bases_current": 1,
        "bases_day": 1,
        "bases_three_days": 1,
        "bases_week": 1,
        "bases_older": 1,
        "bases_untold": 1,
    }


def test_ages_grow_by_themselves_and_nothing_is_written_without_need(played: Scene) -> None:
    assert counting.recount_all(played.runtime) == 0
    played.clock.move(days=1)
    assert counting.recount_all(played.runtime) == 1
    found = {name: number for name, number in counts().items() if name.startswith("bases_")}
    assert found == {
        "bases_three_days": 2,
        "bases_week": 2,
        "bases_older": 1,
        "bases_untold": 1,
    }


def test_a_list_by_age_holds_the_devices_that_the_chart_counts(played: Scene) -> None:
    for age in DatabaseAge:
        found = lists.devices.page(played.runtime, Ask(filters={"bases": age.value}))
        assert found.total == len(found.rows) == counts()[f"bases_{age.value}"] == 1
    assert lists.devices.page(played.runtime, Ask(filters={"bases": "x"})).total == 0


def test_a_list_by_deployment_has_the_total_of_the_chart(played: Scene) -> None:
    for word, total in (("running", 4), ("not_running", 1), ("not_installed", 0), ("x", 0)):
        found = lists.devices.page(played.runtime, Ask(filters={"deployment": word}))
        assert (found.total, len(found.rows)) == (total, total)


def test_counts_that_went_wrong_are_put_right(played: Scene) -> None:
    before = counts()
    with writing() as session:
        row = session.scalars(select(WorkspaceRow)).one()
        row.devices = row.deployed_running = row.devices_warning = 99
    assert counting.recount_all(played.runtime) == 1
    assert counts() == before
