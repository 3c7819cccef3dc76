"""Bridges at work: they fetch, they are lost, others take over, nothing is doubled."""

from collections import Counter
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import delete, func, select, update

from plugin.bridge.server import Ended, LateError
from plugin.bridge.walking import Adapters, walk
from plugin.domain.errors import RefusedError
from plugin.edge.emulator import Happening
from plugin.services import integrations
from plugin.services.bridges import registry
from plugin.store.base import db, writing
from plugin.store.bridges import Bridge, BridgePage, BridgeTask
from plugin.store.integrations import Connection
from plugin.store.mirror import DetectionRow, DeviceRow, WorkspaceRow
from plugin.store.work import RunState, SyncRun
from tests.bridge.yard import Yard
from tests.house import VENDOR


def devices() -> int:
    return db.session.scalar(select(func.count()).select_from(DeviceRow)) or 0


def runs() -> Counter[str]:
    db.session.rollback()
    return Counter(db.session.scalars(select(SyncRun.state).where(SyncRun.what == "data")))


def empty_mirror() -> None:
    with writing() as session:
        session.execute(delete(DetectionRow))
        session.execute(delete(DeviceRow))
        session.execute(delete(SyncRun))


def test_a_bridge_fetches_what_the_server_would_and_it_is_stored_once(yard: Yard) -> None:
    direct = devices()
    assert direct > 0
    hand = yard.enrol("pc1")
    empty_mirror()
    yard.ask()
    assert devices() == 0, "the server fetched what a bridge should"
    assert hand.work() > 0
    yard.house.work_all()
    assert devices() == direct
    assert set(runs()) == {RunState.DONE}
    assert db.session.scalar(select(func.count()).select_from(BridgePage)) == 0
    assert db.session.scalar(select(func.count()).select_from(BridgeTask)) == 0


def test_what_a_bridges_look_costs_the_vendor_is_counted(yard: Yard) -> None:
    with writing() as session:
        session.execute(update(Connection).values(look_calls=0.0))
    hand = yard.enrol("pc1")
    yard.house.clock.forward(120)
    hand.beat()
    yard.house.work_all()
    assert hand.work() > 0
    yard.house.work_all()
    db.session.expire_all()
    assert yard.vendor.look_calls >= 5


def test_a_lost_bridges_work_goes_to_another_and_its_late_pages_are_refused(yard: Yard) -> None:
    direct = devices()
    dead, living = yard.enrol("pc1"), yard.enrol("pc2")
    yard.keep()
    before = yard.holders()
    assert set(before.values()) == {dead.number, living.number}
    empty_mirror()
    yard.ask()
    task = dead.server.lease([], 1)["tasks"][0]
    yard.house.clock.forward(46)
    living.beat()
    moved = yard.keep()
    after = yard.holders()
    assert moved == sum(holder == dead.number for holder in before.values())
    assert set(after.values()) == {living.number}
    with pytest.raises(LateError):
        dead.server.post(task, 1, "devices", {"rows": []})
    with pytest.raises(LateError):
        dead.server.done(task, Ended(0, 1.0))
    living.work()
    yard.house.work_all()
    assert devices() == direct
    assert set(runs()) == {RunState.DONE}
    assert yard.said(dead)[-1] == "offline"


def test_a_bridge_that_comes_back_takes_only_what_levels_the_load(yard: Yard) -> None:
    back, other = yard.enrol("pc1"), yard.enrol("pc2")
    yard.house.clock.forward(46)
    other.beat()
    yard.keep()
    assert set(yard.holders().values()) == {other.number}
    back.beat()  # a beat after silence settles at once
    assert back.number in yard.holders().values()
    assert yard.keep() == 0


def test_without_a_living_bridge_the_server_works_itself(yard: Yard) -> None:
    direct = devices()
    yard.enrol("pc1")
    empty_mirror()
    yard.ask()
    yard.house.clock.forward(46)
    yard.keep()
    yard.house.work_all()
    assert devices() == direct


def test_what_only_a_bridge_may_reach_waits_and_says_so(yard: Yard) -> None:
    yard.reach("bridge")
    hand = yard.enrol("pc1")
    empty_mirror()
    yard.ask()
    yard.house.clock.forward(46)
    yard.keep()
    yard.house.work_all()
    assert devices() == 0
    db.session.expire_all()
    assert "no bridge is online" in yard.vendor.problem
    hand.beat()
    yard.house.clock.forward(16)
    hand.beat()
    yard.house.work_all()
    hand.work()
    yard.house.work_all()
    assert devices() > 0


def test_a_restarted_bridge_gets_its_work_again_under_a_new_fence(yard: Yard) -> None:
    hand = yard.enrol("pc1")
    empty_mirror()
    yard.ask()
    first = hand.server.lease([], 1)["tasks"][0]
    assert first["id"] not in [each["id"] for each in hand.server.lease([first["id"]], 9)["tasks"]]
    again = hand.server.lease([], 1)["tasks"][0]
    assert (again["id"], again["fence"] > first["fence"]) == (first["id"], True)
    with pytest.raises(LateError):
        hand.server.post(first, 1, "devices", {"rows": []})


def test_a_vendors_failure_at_the_bridge_is_a_failure_of_the_run(yard: Yard) -> None:
    hand = yard.enrol("pc1")
    yard.ask()
    details = {"name": "no_right_to_devices", "value": True}
    assert yard.house.emulators[VENDOR].occur(Happening("switch", details)) is not None
    hand.work()
    yard.house.work_all()
    db.session.expire_all()
    assert yard.vendor.state == "attention"
    assert yard.bridge(hand).last_error


def test_a_bridge_that_was_turned_out_is_refused_at_once(yard: Yard) -> None:
    hand = yard.enrol("pc1")
    registry.revoke(yard.house.runtime, "tester", yard.bridge(hand))
    with pytest.raises(RefusedError):
        hand.beat()
    with pytest.raises(RefusedError):
        hand.server.lease([], 1)


def test_a_token_works_once_and_not_for_ever(yard: Yard) -> None:
    runtime = yard.house.runtime
    bridge = registry.name(runtime, "tester", "pc9")
    token = registry.new_token(runtime, "tester", bridge)
    yard.house.clock.forward(25 * 3600)
    with pytest.raises(registry.StrangerError):
        registry.enrol(runtime, token, "1")
    token = registry.new_token(runtime, "tester", bridge)
    registry.enrol(runtime, token, "1")
    with pytest.raises(registry.StrangerError):
        registry.enrol(runtime, token, "1")


def test_a_lost_only_bridge_is_replaced_by_a_lent_one_until_it_is_back(yard: Yard) -> None:
    house = yard.house
    second_vendor = house.connect("eset_protect")
    second = integrations.create(
        house.runtime, "tester", yard.integration.host, second_vendor, "Second"
    )
    house.work_all()
    spaces = list(
        db.session.scalars(
            select(WorkspaceRow.workspace_id).where(WorkspaceRow.vendor_id == second_vendor.id)
        )
    )
    integrations.choose_workspaces(house.runtime, "tester", second, spaces)
    lost, other = yard.enrol("pc1"), yard.enrol("pc2", second)
    yard.keep()
    assert set(yard.holders().values()) == {lost.number, other.number}
    house.clock.forward(46)
    other.beat()
    yard.keep()
    assert set(yard.holders().values()) == {other.number}
    assert "lent" in yard.said(other)
    lost.beat()
    yard.keep()
    assert lost.number in yard.holders().values()
    assert yard.holders()[""] == other.number


def test_a_slow_bridge_finishes_what_it_has_and_nothing_is_done_twice(yard: Yard) -> None:
    direct = devices()
    slow, quick = yard.enrol("pc1"), yard.enrol("pc2")
    yard.keep()
    empty_mirror()
    yard.ask()
    task = slow.server.lease([], 1)["tasks"][0]
    for hand, seconds in ((slow, 9.0), (quick, 1.0)):
        with writing() as session:
            values = {"pace": seconds, "tasks_done": 10}
            session.execute(update(Bridge).where(Bridge.id == hand.number).values(**values))
    yard.keep()
    assert yard.bridge(slow).draining == "slow"
    holders = yard.holders()
    assert holders.pop(task["scope"]) == slow.number, "it was to finish what it has"
    assert set(holders.values()) == {quick.number}
    walk(slow.server, Adapters(yard.house.runtime.vendors), task, Event())
    yard.house.work_all()
    yard.keep()
    assert set(yard.holders().values()) == {quick.number}
    quick.work()
    yard.house.work_all()
    assert devices() == direct
    assert set(runs()) == {RunState.DONE}
    walks = sum(yard.bridge(hand).tasks_done - 10 for hand in (slow, quick))
    assert walks == 2 * len(yard.holders()), "devices and detections of each, once"
    yard.house.clock.forward(601)
    for hand in (slow, quick):
        hand.beat()
    yard.keep()
    assert yard.bridge(slow).draining == ""


def test_how_fast_a_bridge_is_does_not_depend_on_what_it_holds(yard: Yard) -> None:
    hand = yard.enrol("pc1")
    yard.ask()
    task = hand.server.lease([], 1)["tasks"][0]
    hand.server.done(task, Ended(0, seconds=6.0, calls=12))
    assert yard.bridge(hand).pace == 0.5


def test_nobody_is_lost_because_our_own_clock_was_moved(yard: Yard) -> None:
    hand = yard.enrol("pc1")
    before = yard.holders()
    yard.house.clock.forward(31)
    hand.beat()
    for hours in (1, -1):
        yard.house.clock.moved = timedelta(hours=hours)
        assert yard.keep() == 0
        assert yard.bridge(hand).online
    assert yard.holders() == before


def test_a_bridge_that_died_before_the_clock_was_set_back_is_noticed(yard: Yard) -> None:
    dead, living = yard.enrol("pc1"), yard.enrol("pc2")
    yard.keep()
    yard.house.clock.moved = timedelta(hours=-1)
    for _ in range(3):
        living.beat()
        yard.keep()
        yard.house.clock.forward(16)
    living.beat()
    yard.keep()
    assert set(yard.holders().values()) == {living.number}
    assert yard.said(dead)[-1] == "offline"
