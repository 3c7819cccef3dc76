"""Actions on devices: done when the vendor says so, searched for after a lost answer."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

import plugin.vendors
from plugin.domain.contracts import RunsActions
from plugin.domain.errors import RuleError
from plugin.domain.model import ActionKind
from plugin.edge.discovery import find_adapters
from plugin.edge.emulator import Happening
from plugin.services import actions
from plugin.services.journal import SYSTEM, verify_audit
from plugin.store.actions import Action
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.journal import AuditEntry
from plugin.store.mirror import DeviceRow
from tests.databases import fresh_sqlite
from tests.house import House, open_house

ESET = "eset_protect"
RUNNERS = sorted(
    kind for kind, each in find_adapters(plugin.vendors).items() if issubclass(each, RunsActions)
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as house:
        yield house


@pytest.fixture
def eset(house: House) -> House:
    house.integrate(vendor=ESET)
    return house


def devices(house: House) -> list[DeviceRow]:
    db.session.rollback()
    return list(db.session.scalars(select(DeviceRow).order_by(DeviceRow.id)))


def later(house: House, kind: str, seconds: float) -> None:
    """Let time pass here and at the vendor, and do what is due."""
    house.clock.forward(seconds)
    emulator = house.emulators[kind]
    emulator.clock.offset += timedelta(seconds=seconds)
    emulator.background()
    house.work_all()


def asked(house: House, kind: ActionKind = ActionKind.SCAN) -> Action:
    action = actions.ask(house.runtime, "tech@example.com", devices(house)[0], kind)
    db.session.commit()
    return action


def tasks(house: House) -> int:
    return len(house.emulators[ESET].table("tasks"))


def audited(action: str) -> list[AuditEntry]:
    db.session.rollback()
    query = select(AuditEntry).where(AuditEntry.action == action)
    return list(db.session.scalars(query.order_by(AuditEntry.id)))


@pytest.mark.parametrize("kind", RUNNERS)
def test_every_vendors_action_is_followed_to_the_end_it_tells(house: House, kind: str) -> None:
    house.integrate(vendor=kind)
    runtime = house.runtime
    for device in devices(house):
        wanted = actions.offered(runtime, device)[0]
        action = actions.ask(runtime, "tech@example.com", device, wanted)
        house.work_all()
        db.session.refresh(action)
        if action.reference:
            break
    assert action.reference, action.detail
    assert (action.state, action.ended_at) != ("done", None)
    for _ in range(60):
        later(house, kind, 60)
        db.session.refresh(action)
        if action.ended_at:
            break
    assert action.state == "done", action.detail
    assert action.ended_at is not None
    assert action.living is None
    ended = [each for each in audited("action.end") if (each.after or {})["id"] == action.id]
    assert [each.actor for each in ended] == [SYSTEM]
    assert verify_audit(runtime) is None


def test_it_is_not_done_before_the_vendor_says_so(eset: House) -> None:
    action = asked(eset)
    assert (action.state, action.asked_by) == ("waiting", "tech@example.com")
    assert audited("action.ask")[0].actor == "tech@example.com"
    eset.work_all()
    assert (action.state, action.reference != "") == ("waiting", True)
    later(eset, ESET, 15)
    assert (action.state, action.living) == ("done", None)


def test_what_the_vendor_calls_failed_is_failed(eset: House) -> None:
    device = devices(eset)[0]
    table = eset.emulators[ESET].table("devices")
    table[device.device_id] = {**table[device.device_id], "failing": True}
    action = asked(eset)
    eset.work_all()
    later(eset, ESET, 15)
    assert action.state == "failed"
    assert action.ended_at is not None


def test_a_lost_answer_is_searched_and_not_repeated(eset: House) -> None:
    eset.emulators[ESET].add_fault("done-but-timeout", path="/v1/device_tasks$")
    action = asked(eset)
    eset.work_all()
    assert tasks(eset) == 1
    assert action.reference == ""
    assert "searching the vendor first" in action.detail
    later(eset, ESET, 60)
    assert tasks(eset) == 1
    assert action.reference in eset.emulators[ESET].table("tasks")
    later(eset, ESET, 60)
    assert action.state == "done"


def test_a_call_that_never_arrived_is_made_again_once(eset: House) -> None:
    eset.emulators[ESET].add_fault("refuse", path="/v1/device_tasks$")
    action = asked(eset)
    eset.work_all()
    assert tasks(eset) == 0
    later(eset, ESET, 60)
    assert tasks(eset) == 1
    later(eset, ESET, 60)
    assert action.state == "done"


def test_an_earlier_action_is_not_taken_for_the_lost_one(eset: House) -> None:
    first = asked(eset)
    eset.work_all()
    later(eset, ESET, 15)
    assert first.state == "done"
    eset.emulators[ESET].add_fault("refuse", path="/v1/device_tasks$")
    second = asked(eset)
    eset.work_all()
    later(eset, ESET, 60)
    assert second.reference not in {"", first.reference}
    assert tasks(eset) == 2


def test_a_read_only_user_gets_cause_and_cure_and_the_connection_goes_on(eset: House) -> None:
    emulator = eset.emulators[ESET]
    emulator.occur(Happening("switch", {"name": "write_access", "value": False}))
    action = asked(eset)
    eset.work_all()
    assert action.state == "failed"
    assert "may only read" in action.detail
    assert "My Company: Write" in action.detail
    assert db.session.get_one(Connection, action.vendor_id).state != "attention"
    assert tasks(eset) == 0


def test_the_same_is_not_asked_twice_while_it_lives(eset: House) -> None:
    asked(eset)
    with pytest.raises(RuleError, match="under way"):
        asked(eset)
    asked(eset, ActionKind.RESTART)
    eset.work_all()
    later(eset, ESET, 15)
    asked(eset)
    eset.work_all()
    assert tasks(eset) == 3


def test_only_what_makes_sense_is_offered(eset: House) -> None:
    device = devices(eset)[0]
    for isolated, senseless in ((True, ActionKind.ISOLATE), (False, ActionKind.END_ISOLATION)):
        with writing():
            device.isolated = isolated
        assert senseless not in actions.offered(eset.runtime, device)
        with pytest.raises(RuleError, match="not possible"):
            actions.ask(eset.runtime, "tester", device, senseless)
    assert ActionKind.UPDATE not in actions.offered(eset.runtime, device)
    with writing():
        device.gone_at = eset.runtime.now()
    assert actions.offered(eset.runtime, device) == []


def test_a_task_that_vanished_has_failed_and_says_why(eset: House) -> None:
    action = asked(eset)
    eset.work_all()
    del eset.emulators[ESET].table("tasks")[action.reference]
    later(eset, ESET, 15)
    assert action.state == "failed"
    assert action.detail
    assert action.living is None


def test_an_action_without_an_end_is_given_up_and_says_so(eset: House) -> None:
    action = asked(eset)
    eset.work_all()
    table = eset.emulators[ESET].table("tasks")
    table[action.reference] = {**table[action.reference], "devices": []}
    eset.clock.forward(3 * 86_400)
    eset.work_all()
    assert action.state == "failed"
    assert "told no end" in action.detail
