"""What an action on many devices would do: reached by scope, planned by vendor, bounded."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from plugin.domain.model import ActionKind
from plugin.services import action_plans, actions, lists
from plugin.services.action_plans import Plan, Reach, Target
from plugin.store.base import db, writing
from plugin.store.groups import VendorGroup
from plugin.store.integrations import CompanyMapping
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow
from tests.databases import fresh_sqlite
from tests.house import House, open_house

ESET, CENTER = "eset_protect", "kaspersky_ksc"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as house:
        yield house


@pytest.fixture
def eset(house: House) -> House:
    house.sync(house.integrate(vendor=ESET).vendor)
    return house


def filled() -> list[WorkspaceRow]:
    query = select(WorkspaceRow).where(WorkspaceRow.devices > 0).order_by(WorkspaceRow.id)
    return list(db.session.scalars(query))


def devices_of(row: WorkspaceRow) -> list[DeviceRow]:
    query = select(DeviceRow).where(DeviceRow.workspace_id == row.workspace_id)
    return list(db.session.scalars(query.order_by(DeviceRow.name, DeviceRow.id)))


def reached(house: House, target: Target) -> Reach:
    found = action_plans.reach(lists.scope_of(house.runtime), target)
    assert found is not None
    return found


def planned(house: House, target: Target, kind: ActionKind = ActionKind.SCAN) -> Plan:
    return action_plans.plan(house.runtime, reached(house, target), kind)


def test_picked_devices_are_one_action_each(eset: House) -> None:
    rows = devices_of(filled()[0])[:2]
    made = planned(eset, Target(devices=tuple(row.id for row in rows)))
    assert [part.device_id for part in made.parts] == [row.device_id for row in rows]
    assert (made.devices, made.left_out, made.too_many, made.whole) == (2, [], False, [])
    assert made.by_vendor() == [(rows[0].vendor_id, 2)]


def test_a_workspace_is_left_to_the_vendors_own_task_where_it_has_one(eset: House) -> None:
    row = filled()[0]
    made = planned(eset, Target(workspace=row.id))
    assert [(part.device_id, part.devices) for part in made.parts] == [("", row.devices)]
    assert made.whole == made.parts
    restart = planned(eset, Target(workspace=row.id), ActionKind.RESTART)
    assert len(restart.parts) == row.devices == restart.devices
    assert restart.whole == []


def test_a_task_that_would_reach_another_client_too_is_not_used(eset: House) -> None:
    outer, inner = filled()[:2]
    with writing() as session:
        group = select(VendorGroup).where(VendorGroup.group_id == inner.workspace_id)
        session.scalars(group).one().parent_id = outer.workspace_id
    made = planned(eset, Target(workspace=outer.id))
    assert made.whole == []
    assert made.devices == outer.devices
    assert planned(eset, Target(workspace=inner.id)).whole


def test_a_task_is_not_used_before_the_groups_are_known(eset: House) -> None:
    with writing() as session:
        session.execute(delete(VendorGroup))
    assert planned(eset, Target(workspace=filled()[0].id)).whole == []


def test_a_company_is_all_of_its_workspaces(house: House) -> None:
    house.sync(house.integrate(vendor=CENTER).vendor)
    mapping = db.session.scalars(select(CompanyMapping)).first()
    assert mapping is not None
    company = db.session.scalars(
        select(CompanyRow).where(CompanyRow.company_id == mapping.company_id)
    ).one()
    made = planned(house, Target(company=company.id), ActionKind.UPDATE)
    assert made.name == company.name
    assert {part.workspace_id for part in made.parts} == {mapping.workspace_id}
    assert planned(house, Target(company=company.id), ActionKind.RESTART).parts == []


def test_what_cannot_be_done_says_why(eset: House) -> None:
    first, second, third = devices_of(filled()[0])[:3]
    with writing():
        first.gone_at, second.isolated, third.isolated = eset.runtime.now(), True, False
    target = Target(devices=(first.id, second.id, third.id))
    made = planned(eset, target, ActionKind.ISOLATE)
    assert [part.device_id for part in made.parts] == [third.device_id]
    why = {each.name: each.why for each in made.left_out}
    assert why == {
        first.name: "the vendor no longer reports it",
        second.name: "it is isolated already",
    }
    update = planned(eset, target, ActionKind.UPDATE)
    assert update.parts == []
    assert {each.why for each in update.left_out} == {"its vendor does not offer this"}
    here = reached(eset, target)
    assert {each.kind for each in action_plans.offered(eset.runtime, here)} == {
        ActionKind.SCAN,
        ActionKind.ISOLATE,
        ActionKind.END_ISOLATION,
        ActionKind.RESTART,
    }


def test_in_a_workspace_the_senseless_ones_are_counted(eset: House) -> None:
    row = filled()[0]
    with writing():
        devices_of(row)[0].isolated = True
    made = planned(eset, Target(workspace=row.id), ActionKind.ISOLATE)
    assert len(made.parts) == row.devices - 1
    assert [each.why for each in made.left_out] == ["1 of its devices: isolated already"]


def test_what_is_under_way_is_not_asked_again(eset: House) -> None:
    first, second = devices_of(filled()[0])[:2]
    actions.ask(eset.runtime, "tech@example.com", first, ActionKind.SCAN)
    made = planned(eset, Target(devices=(first.id, second.id)))
    assert [part.device_id for part in made.parts] == [second.device_id]
    assert [each.why for each in made.left_out] == [action_plans.UNDER_WAY]


def test_more_than_the_bound_is_told_and_not_listed(eset: House) -> None:
    row = filled()[0]
    limits = eset.runtime.settings.limits
    few = replace(limits, actions=replace(limits.actions, at_once=1))
    small = replace(eset.runtime, settings=replace(eset.runtime.settings, limits=few))
    here = reached(eset, Target(workspace=row.id))
    made = action_plans.plan(small, here, ActionKind.RESTART)
    assert (made.too_many, len(made.parts), made.most) == (True, 2, 1)
    assert not action_plans.plan(small, here, ActionKind.SCAN).too_many


def test_an_empty_workspace_and_one_without_actions_are_left_out(eset: House) -> None:
    row = filled()[0]
    with writing():
        row.devices = 0
    made = planned(eset, Target(workspace=row.id))
    assert made.parts == []
    assert [each.why for each in made.left_out] == ["no device is known there"]
    update = planned(eset, Target(workspace=row.id), ActionKind.UPDATE)
    assert [each.why for each in update.left_out] == ["its vendor does not offer this"]


def test_the_seal_changes_with_what_is_done(eset: House) -> None:
    first, second = devices_of(filled()[0])[:2]
    both = planned(eset, Target(devices=(first.id, second.id)))
    assert both.seal == planned(eset, Target(devices=(second.id, first.id))).seal
    assert both.seal != planned(eset, Target(devices=(first.id,))).seal
    assert (
        both.seal != planned(eset, Target(devices=(first.id, second.id)), ActionKind.RESTART).seal
    )


def test_nobody_reaches_what_is_not_his(eset: House) -> None:
    mapping = db.session.scalars(select(CompanyMapping)).first()
    assert mapping is not None
    limit = frozenset({(mapping.host_id, mapping.company_id)})
    mine = lists.scope_of(eset.runtime, limit)
    rows = {row.workspace_id: row for row in filled()}
    ours = rows.pop(mapping.workspace_id)
    others = next(iter(rows.values()))
    reach = action_plans.reach
    assert reach(mine, Target(workspace=ours.id)) is not None
    assert reach(mine, Target(workspace=others.id)) is None
    mixed = (devices_of(ours)[0].id, devices_of(others)[0].id)
    assert reach(mine, Target(devices=mixed)) is None
    assert reach(mine, Target(devices=mixed[:1])) is not None
    companies = {row.company_id: row.id for row in db.session.scalars(select(CompanyRow))}
    assert reach(mine, Target(company=companies.pop(mapping.company_id))) is not None
    assert all(reach(mine, Target(company=each)) is None for each in companies.values())
    assert reach(mine, Target()) is None
    assert reach(mine, Target(devices=(99_999,))) is None
