"""Scans and updates: which task is taken, and how far it is."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from plugin.domain.errors import AnswerError, MissingError, RefusedError, TransientError
from plugin.domain.model import ActionKind, ActionState, ActionTarget
from plugin.vendors.kaspersky import center_wire_tasks as wire
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.center_tasks import choose
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator

Make = Callable[..., SecurityCenter]
Switch = Callable[..., None]
WHOLE = ActionTarget("11")


def passes(emulator: SecurityCenterEmulator, **time: float) -> None:
    emulator.clock.move(emulator.clock() + timedelta(**time))


def started(emulator: SecurityCenterEmulator) -> list[str]:
    return [task["name"] for task in emulator.table("tasks").values() if task["started"]]


@pytest.mark.parametrize(
    ("action", "name"),
    [(ActionKind.SCAN, "Virus scan"), (ActionKind.UPDATE, "Update databases")],
)
def test_an_action_runs_the_clients_own_task_and_no_other(
    emulator: SecurityCenterEmulator, center: SecurityCenter, action: ActionKind, name: str
) -> None:
    center.start(action, WHOLE)
    assert started(emulator) == [name]


def test_a_task_is_followed_from_waiting_to_done(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    reference = center.start(ActionKind.SCAN, WHOLE)
    states = [center.progress(reference).state]
    for seconds in (10, 60):
        passes(emulator, seconds=seconds)
        states.append(center.progress(reference).state)
    assert states == [ActionState.WAITING, ActionState.RUNNING, ActionState.DONE]


def test_a_run_from_before_is_not_taken_for_this_one(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    center.start(ActionKind.SCAN, WHOLE)
    passes(emulator, minutes=5)
    reference = center.start(ActionKind.SCAN, WHOLE)
    assert center.progress(reference).state is ActionState.WAITING
    passes(emulator, minutes=5)
    assert center.progress(reference).state is ActionState.DONE


def test_a_failed_task_says_on_how_many_devices(
    emulator: SecurityCenterEmulator, center: SecurityCenter, switch: Switch
) -> None:
    switch("task_fails", True)
    reference = center.start(ActionKind.UPDATE, WHOLE)
    passes(emulator, minutes=2)
    progress = center.progress(reference)
    assert progress.state is ActionState.FAILED
    assert "1 failed" in progress.detail


def test_devices_that_are_away_are_waited_for_only_so_long(
    emulator: SecurityCenterEmulator, center: SecurityCenter, switch: Switch
) -> None:
    switch("tasks_away", 2)
    reference = center.start(ActionKind.SCAN, WHOLE)
    passes(emulator, minutes=30)
    assert center.progress(reference).state is ActionState.RUNNING
    passes(emulator, minutes=31)
    progress = center.progress(reference)
    assert progress.state is ActionState.DONE
    assert "2 to come" in progress.detail


def test_newer_versions_count_by_another_call(
    emulator: SecurityCenterEmulator, center: SecurityCenter, switch: Switch
) -> None:
    switch("new_version", True)
    reference = center.start(ActionKind.SCAN, WHOLE)
    passes(emulator, minutes=2)
    assert center.progress(reference).state is ActionState.DONE


def test_a_task_listed_by_its_unique_id_is_found_by_its_digital_one(
    emulator: SecurityCenterEmulator, center: SecurityCenter, switch: Switch
) -> None:
    switch("unique_task_ids", True)
    center.start(ActionKind.SCAN, WHOLE)
    assert started(emulator) == ["Virus scan"]


def test_a_name_of_the_connection_beats_the_usual_ones(
    emulator: SecurityCenterEmulator, make: Make
) -> None:
    make(scan_task="  update DATABASES ").start(ActionKind.SCAN, WHOLE)
    assert started(emulator) == ["Update databases"]


def test_a_task_that_nobody_made_is_missing(make: Make) -> None:
    with pytest.raises(MissingError, match="Nightly") as caught:
        make(scan_task="Nightly").start(ActionKind.SCAN, WHOLE)
    assert caught.value.code == "no_task"


def test_tasks_of_the_agent_are_never_taken() -> None:
    agent = wire.Task("1", "Update", "1103", "1.0.0.0")
    ours = wire.Task("2", "Update", "KES", "12.0.0.0")
    assert choose([agent, ours], ActionKind.UPDATE, "") == ours
    with pytest.raises(MissingError):
        choose([agent], ActionKind.UPDATE, "Update")


def test_a_user_who_may_not_see_tasks_is_refused(center: SecurityCenter, switch: Switch) -> None:
    switch("no_right_to_tasks", True)
    with pytest.raises(RefusedError):
        center.start(ActionKind.SCAN, WHOLE)


def test_a_start_is_never_repeated(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    emulator.add_fault("busy", path="RunTask")
    with pytest.raises(TransientError):
        center.start(ActionKind.SCAN, WHOLE)
    assert started(emulator) == []


@pytest.mark.parametrize("reference", ["", "x", "[]", "{}", '{"workspace": "11"}'])
def test_a_reference_of_nobody_is_an_answer_error(center: SecurityCenter, reference: str) -> None:
    with pytest.raises(AnswerError) as caught:
        center.progress(reference)
    assert caught.value.code == "reference"


# -- one device --------------------------------------------------------------------------------


def a_device(emulator: SecurityCenterEmulator, *, online: bool) -> ActionTarget:
    host = next(
        each
        for each in emulator.index.hosts[11]
        if emulator.table("hosts")[each]["online"] is online
    )
    return ActionTarget("11", host)


def test_one_device_is_scanned_through_its_agent(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    reference = center.start(ActionKind.SCAN, a_device(emulator, online=True))
    assert started(emulator) == []
    assert center.progress(reference).state is ActionState.RUNNING
    passes(emulator, minutes=2)
    assert center.progress(reference).state is ActionState.DONE


def test_the_session_on_an_agent_is_ended_at_once(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    center.start(ActionKind.UPDATE, a_device(emulator, online=True))
    assert [session.agent for session in emulator.sessions.values() if session.agent] == []


def test_a_device_that_is_off_is_tried_again_later(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    with pytest.raises(TransientError, match="off or away") as caught:
        center.start(ActionKind.SCAN, a_device(emulator, online=False))
    assert caught.value.code == "device_away"
    assert caught.value.retry_after == 600


def test_a_device_of_another_client_is_missing(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    stranger = emulator.index.hosts[12][0]
    with pytest.raises(MissingError):
        center.start(ActionKind.SCAN, ActionTarget("11", stranger))


def test_another_failure_on_the_way_to_an_agent_keeps_its_own_name(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    target = a_device(emulator, online=True)
    emulator.add_fault("500", times=9, path="GetNagentLocation")
    with pytest.raises(TransientError) as caught:
        center.start(ActionKind.SCAN, target)
    assert caught.value.code != "device_away"


# -- odd shapes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"TASK_UNIQUE_ID": "1"},
        {"TASK_UNIQUE_ID": "1", "TASK_INFO_PARAMS": {}},
        {"TASK_UNIQUE_ID": "1", "TASK_INFO_PARAMS": "x"},
        {"TASK_UNIQUE_ID": [], "TASK_INFO_PARAMS": {"DisplayName": "x"}},
        "x",
    ],
)
def test_a_task_of_an_odd_shape_is_an_answer_error(row: object) -> None:
    with pytest.raises(AnswerError):
        wire.task(row)


@pytest.mark.parametrize("value", [None, 7, "", {}])
def test_what_is_no_id_is_an_answer_error(value: object) -> None:
    with pytest.raises(AnswerError):
        wire.identity(value)


@pytest.mark.parametrize("told", [None, "x", {}, {"klhst-rt-TskInfo": 7}, {"klhst-rt-TskInfo": {}}])
def test_an_agent_that_tells_nothing_runs_nothing(told: object) -> None:
    assert not wire.runs(told, "KES", "1")
