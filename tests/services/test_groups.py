"""Discovering a vendor's groups: a state with progress, from the first look to a whole list."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.edge.emulator import Happening
from plugin.services import groups, sync
from plugin.services.scopes import scopes_of
from plugin.store.base import db, writing
from plugin.store.groups import VendorGroup
from plugin.store.work import SyncRun
from tests.databases import fresh_sqlite
from tests.house import HOST, House, open_house
from tests.scene import START

ESET = "eset_protect"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as opened:
        yield opened


def test_groups_are_being_discovered_until_the_first_are_there(house: House) -> None:
    made = house.connect(ESET)
    assert groups.discovery(house.runtime, made).finding
    house.sync(made)
    found = groups.discovery(house.runtime, made)
    table = house.emulators[ESET].state()["groups"]
    assert (found.finding, found.total) == (False, len(table))
    assert found.static > 0
    assert found.dynamic > 0


def show_groups(house: House, *, shown: bool) -> None:
    """Let the user's permission set have the group scope All, or none."""
    house.emulators[ESET].occur(Happening("switch", {"name": "group_scope", "value": shown}))


def test_a_vendor_that_shows_none_yet_is_asked_again_every_minute(house: House) -> None:
    made = house.connect(ESET)
    show_groups(house, shown=False)
    house.sync(made)
    assert groups.discovery(house.runtime, made).finding
    show_groups(house, shown=True)
    house.clock.forward(groups.AGAIN_SECONDS + 1)
    sync.schedule(house.runtime)
    house.work_all()
    assert groups.discovery(house.runtime, made).total > 0


def test_without_any_group_the_discovery_ends_after_half_an_hour(house: House) -> None:
    made = house.connect(ESET)
    show_groups(house, shown=False)
    house.sync(made)
    house.clock.forward(groups.PATIENCE.total_seconds() + 1)
    found = groups.discovery(house.runtime, made)
    assert (found.finding, found.total) == (False, 0)


def test_a_group_that_is_gone_is_forgotten_but_lost_rights_forget_none(house: House) -> None:
    made = house.connect(ESET)
    house.sync(made)
    with writing() as session:
        gone = VendorGroup(vendor_id=made.id, group_id="gone", name="Gone", first_seen_at=START)
        gone.seen_at = START
        session.add(gone)
    house.sync(made)
    known = {each.group_id for each in groups.of_connection(made)}
    assert "gone" not in known
    show_groups(house, shown=False)
    house.sync(made)
    assert {each.group_id for each in groups.of_connection(made)} == known


def test_only_a_vendor_with_groups_is_asked(house: House) -> None:
    made = house.connect(HOST)
    house.sync(made)
    assert not groups.has_groups(house.runtime, made)
    assert groups.GROUPS not in set(db.session.scalars(select(SyncRun.what)))


def test_groups_that_cost_calls_for_each_workspace_come_with_its_devices_once_a_day(
    house: House,
) -> None:
    vendor = house.integrate().vendor
    assert vendor.kind == "kaspersky_ksc"
    owners = {each.workspace_id for each in groups.of_connection(vendor)}
    assert owners == set(scopes_of(house.runtime, vendor))
    asked = []
    for hours in (0.1, 24, 0):
        house.emulators[vendor.kind].requests.clear()
        house.sync(vendor)
        asked.append(searches_for_groups(house))
        house.clock.forward(hours * 3600)
    assert asked == [0, 0, len(owners)]
    assert not groups.discovery(house.runtime, vendor).finding


def searches_for_groups(house: House) -> int:
    """Return how often the Security Center was asked for the groups of a virtual server."""
    heard = [each["path"] for each in house.emulators["kaspersky_ksc"].requests]
    return sum(path.endswith("HostGroup.FindGroups") for path in heard)


def test_a_group_that_left_its_workspace_is_forgotten_and_others_stay(house: House) -> None:
    vendor = house.integrate().vendor
    known = {each.group_id for each in groups.of_connection(vendor)}
    here, there = scopes_of(house.runtime, vendor)[0], "another"
    with writing() as session:
        for name, place in (("gone", here), ("foreign", there)):
            row = VendorGroup(vendor_id=vendor.id, group_id=name, name=name, first_seen_at=START)
            row.seen_at, row.workspace_id = START, place
            session.add(row)
    house.clock.forward(24 * 3600)
    house.sync(vendor)
    assert {each.group_id for each in groups.of_connection(vendor)} == known | {"foreign"}
