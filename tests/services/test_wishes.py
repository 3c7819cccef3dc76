"""Wishes for many devices: asked once, each action followed, all of it audited."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from plugin.domain.errors import RuleError
from plugin.domain.model import ActionKind
from plugin.services import action_plans, actions, lists, wishes
from plugin.services.action_plans import Plan, Target
from plugin.services.journal import verify_audit
from plugin.services.lists import Ask
from plugin.store.actions import Action, ActionWish
from plugin.store.base import db
from plugin.store.integrations import CompanyMapping
from plugin.store.journal import AuditEntry
from plugin.store.mirror import DeviceRow, WorkspaceRow
from plugin.store.work import Job
from tests.databases import fresh_sqlite
from tests.house import House, open_house

ESET, CENTER, CLOUD = "eset_protect", "kaspersky_ksc", "kaspersky_cloud"
TECH = "tech@example.com"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as house:
        yield house


@pytest.fixture
def eset(house: House) -> House:
    house.integrate(vendor=ESET)
    return house


def filled() -> WorkspaceRow:
    query = select(WorkspaceRow).where(WorkspaceRow.devices > 2).order_by(WorkspaceRow.id)
    return db.session.scalars(query).all()[0]


def planned(house: House, target: Target, kind: ActionKind = ActionKind.SCAN) -> Plan:
    here = action_plans.reach(lists.scope_of(house.runtime), target)
    assert here is not None
    return action_plans.plan(house.runtime, here, kind)


def picked(number: int = 3) -> Target:
    query = select(DeviceRow.id).where(DeviceRow.workspace_id == filled().workspace_id)
    return Target(devices=tuple(db.session.scalars(query.order_by(DeviceRow.id).limit(number))))


def finish(house: House, kind: str, rounds: int = 12) -> None:
    """Let time pass here and at the vendor until every end is told."""
    house.work_all()
    for _ in range(rounds):
        house.clock.forward(60)
        house.emulators[kind].clock.offset += timedelta(seconds=60)
        house.emulators[kind].background()
        house.work_all()
        db.session.rollback()
        if not db.session.scalar(select(func.count()).where(Action.ended_at.is_(None))):
            break


def counts(wish: ActionWish) -> dict[str, int]:
    return {k: v for k, v in lists.wishes.lines([wish.id])[wish.id].counts.items() if v}


def audited(action: str) -> list[AuditEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def test_each_device_is_followed_to_its_end_and_audited(eset: House) -> None:
    wish = wishes.ask(eset.runtime, TECH, planned(eset, picked()), "token-of-a-form")
    assert (wish.tasks, wish.devices, wish.target) == (3, 3, "3 picked devices")
    assert counts(wish) == {"waiting": 3}
    assert eset.woken[-1] == actions.lane_of(filled().vendor_id)
    entry = audited("action.ask_many")[0]
    assert (entry.actor, entry.subject) == (TECH, "3 picked devices")
    told = entry.after
    assert isinstance(told, dict)
    assert len(told["devices"]) == 3
    finish(eset, ESET)
    assert counts(wish) == {"done": 3}
    assert len(eset.emulators[ESET].table("tasks")) == 3
    assert len(audited("action.end")) == 3
    assert verify_audit(eset.runtime) is None


@pytest.mark.parametrize("kind", [ESET, CENTER, CLOUD])
def test_a_whole_workspace_is_one_task_of_the_vendors_own(house: House, kind: str) -> None:
    house.sync(house.integrate(vendor=kind).vendor)
    wish = None
    for row in db.session.scalars(select(WorkspaceRow).where(WorkspaceRow.devices > 0)).all():
        made = planned(house, Target(workspace=row.id))
        wish = wishes.ask(house.runtime, TECH, made, f"token-{row.id}")
        assert (wish.tasks, wish.devices, wish.target) == (1, row.devices, row.name)
        house.work_all()
        if wishes.actions_of(wish, 1)[0].reference:
            break
    assert wish is not None
    finish(house, kind, 70)
    action = wishes.actions_of(wish, 1)[0]
    assert (action.device_id, action.state) == ("", "done"), action.detail


def test_the_same_form_twice_is_one_wish(eset: House) -> None:
    made = planned(eset, picked())
    first = wishes.ask(eset.runtime, TECH, made, "token-of-a-form")
    again = wishes.ask(eset.runtime, TECH, made, "token-of-a-form")
    assert again.id == first.id
    assert db.session.scalar(select(func.count()).select_from(Action)) == 3
    assert db.session.scalar(select(func.count()).where(Job.kind == actions.RUN)) == 3
    with pytest.raises(RuleError, match="somebody else"):
        wishes.ask(eset.runtime, "eve@example.com", made, "token-of-a-form")


def test_another_form_for_the_same_finds_it_under_way(eset: House) -> None:
    made = planned(eset, picked())
    wishes.ask(eset.runtime, TECH, made, "first-token")
    with pytest.raises(RuleError, match="not possible on any"):
        wishes.ask(eset.runtime, TECH, made, "second-token")
    assert db.session.scalar(select(func.count()).select_from(ActionWish)) == 1


def test_too_many_are_refused(eset: House) -> None:
    made = replace(planned(eset, picked()), too_many=True, most=2)
    with pytest.raises(RuleError, match="At most 2"):
        wishes.ask(eset.runtime, TECH, made, "token-of-a-form")
    assert audited("action.ask_many") == []


def test_one_that_fails_does_not_stop_the_others_and_comes_first(eset: House) -> None:
    target = picked()
    row = db.session.get_one(DeviceRow, target.devices[1])
    table = eset.emulators[ESET].table("devices")
    table[row.device_id] = {**table[row.device_id], "failing": True}
    wish = wishes.ask(eset.runtime, TECH, planned(eset, target), "token-of-a-form")
    assert wishes.state_of(counts(wish)) == "waiting"
    finish(eset, ESET)
    assert counts(wish) == {"done": 2, "failed": 1}
    assert wishes.state_of(counts(wish)) == "partial"
    assert wishes.actions_of(wish, 1)[0].device_id == row.device_id


@pytest.mark.parametrize(
    ("numbers", "state"),
    [
        ({"running": 1, "done": 3}, "running"),
        ({"waiting": 1, "failed": 3}, "running"),
        ({"failed": 3}, "failed"),
        ({"done": 3}, "done"),
    ],
)
def test_the_state_of_all_follows_from_the_counts(numbers: dict[str, int], state: str) -> None:
    assert wishes.state_of(numbers) == state


def test_many_of_one_wish_are_looked_at_in_turn(eset: House) -> None:
    wish = wishes.ask(eset.runtime, TECH, planned(eset, picked()), "token-of-a-form")
    wish.tasks = 500
    action, now = wishes.actions_of(wish, 1)[0], eset.runtime.now()
    assert actions._pause(action, now) == timedelta(seconds=150)
    wish.tasks = 3
    assert actions._pause(action, now) == actions.LOOK_AGAIN
    db.session.rollback()


def test_a_wish_is_shown_to_those_who_may_see_all_of_it(eset: House) -> None:
    wish = wishes.ask(eset.runtime, TECH, planned(eset, picked()), "token-of-a-form")
    place = filled().workspace_id
    mappings = db.session.scalars(select(CompanyMapping)).all()
    own = {(each.host_id, each.company_id) for each in mappings if each.workspace_id == place}
    other = {(each.host_id, each.company_id) for each in mappings} - own
    assert wishes.shown(lists.scope_of(eset.runtime), wish)
    assert wishes.shown(lists.scope_of(eset.runtime, frozenset(own)), wish)
    assert not wishes.shown(lists.scope_of(eset.runtime, frozenset(other)), wish)
    assert wishes.get(wish.id).id == wish.id
    with pytest.raises(RuleError, match="no wish"):
        wishes.get(999)


def test_wishes_are_listed_newest_first_and_filtered(eset: House) -> None:
    wishes.ask(eset.runtime, TECH, planned(eset, picked()), "first-token")
    eset.clock.forward(5)
    restart = planned(eset, picked(1), ActionKind.RESTART)
    wishes.ask(eset.runtime, TECH, restart, "second-token")

    def kinds(**asked: str) -> list[str]:
        return [each.row.kind for each in lists.wishes.page(eset.runtime, Ask.of(asked)).rows]

    assert kinds() == ["restart", "scan"]
    assert kinds(action="scan") == ["scan"]
    assert kinds(q="1 picked") == ["restart"]
    assert kinds(q="nobody") == []
