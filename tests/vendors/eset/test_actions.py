from collections.abc import Callable
from datetime import timedelta

import pytest

from plugin.domain.errors import MissingError, RefusedError, RuleError, TransientError
from plugin.domain.model import (
    ActionKind,
    ActionState,
    ActionTarget,
)
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.emulator_estate import identify
from plugin.vendors.eset.protect import EsetProtect
from tests.rig import small_world
from tests.vendors.eset.house import (
    adapter_to,
    all_devices,
    asked,
    clock_of,
    switch,
)

# -- actions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (ActionKind.SCAN, "OnDemandScan"),
        (ActionKind.ISOLATE, "StartNetworkIsolation"),
        (ActionKind.END_ISOLATION, "EndNetworkIsolation"),
        (ActionKind.RESTART, "ShutdownComputer"),
    ],
)
def test_an_action_on_a_device_is_followed_to_its_end(
    emulator: EsetEmulator, protect: EsetProtect, action: ActionKind, name: str
) -> None:
    device = all_devices(protect)[0]
    reference = protect.start(action, ActionTarget(device.workspace_id, device.id))
    task = emulator.table("tasks")[reference]["task"]
    assert task["action"]["name"] == name
    assert protect.progress(reference).state is ActionState.WAITING
    clock_of(emulator).go(seconds=2)
    assert protect.progress(reference).state is ActionState.RUNNING
    clock_of(emulator).go(seconds=2)
    assert protect.progress(reference).state is ActionState.DONE


def test_a_restart_does_not_shut_down_for_good(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    device = all_devices(protect)[0]
    reference = protect.start(ActionKind.RESTART, ActionTarget("", device.id))
    assert emulator.table("tasks")[reference]["task"]["action"]["params"]["restart"] is True


def test_isolation_takes_effect(emulator: EsetEmulator, protect: EsetProtect) -> None:
    device = all_devices(protect)[0]
    protect.start(ActionKind.ISOLATE, ActionTarget("", device.id))
    assert emulator.table("devices")[device.id]["isolated"] is True
    protect.start(ActionKind.END_ISOLATION, ActionTarget("", device.id))
    assert emulator.table("devices")[device.id]["isolated"] is False


def test_an_action_on_a_client_reaches_all_its_devices(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    switch(emulator, page_max=2)
    client, machines = next(iter(protect.workspaces())), small_world().clients[0].machines
    reference = protect.start(ActionKind.SCAN, ActionTarget(client.id))
    failing = emulator.table("tasks")[reference]["devices"][0]
    emulator.table("devices")[failing] = {**emulator.table("devices")[failing], "failing": True}
    clock_of(emulator).go(seconds=9)
    progress = protect.progress(reference)
    assert progress.state is ActionState.FAILED
    assert progress.detail == f"{len(machines) - 1} done, 1 failed of {len(machines)}"


def test_the_same_action_twice_shares_its_template(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    device = all_devices(protect)[0]
    target = ActionTarget("", device.id)
    first = protect.start(ActionKind.SCAN, target)
    clock_of(emulator).go(hours=5)
    second = protect.start(ActionKind.SCAN, target)
    tasks = emulator.table("tasks")
    for name in ("displayName", "description", "action"):
        assert tasks[first]["task"][name] == tasks[second]["task"][name]


def test_eset_has_no_update_action(protect: EsetProtect) -> None:
    assert ActionKind.UPDATE not in protect.actions
    with pytest.raises(RuleError):
        protect.start(ActionKind.UPDATE, ActionTarget("w", "d"))


def test_a_customer_without_a_group_cannot_be_acted_on(protect: EsetProtect) -> None:
    with pytest.raises(RuleError):
        protect.start(ActionKind.SCAN, ActionTarget("customer:1"))
    with pytest.raises(RuleError):
        protect.installer("customer:1", "")


def test_a_read_only_user_reads_all_and_changes_nothing(emulator: EsetEmulator) -> None:
    switch(emulator, write_access=False)
    protect = adapter_to(emulator)
    device, client = all_devices(protect)[0], next(iter(protect.workspaces()))
    calls: tuple[Callable[[], object], ...] = (
        lambda: protect.start(ActionKind.SCAN, ActionTarget("", device.id)),
        lambda: protect.resolve(next(iter(emulator.table("detections"))), "done"),
        lambda: protect.installer(client.id, ""),
    )
    for call in calls:
        with pytest.raises(RefusedError) as caught:
            call()
        assert caught.value.code == "read_only"
        advice = protect.advice("", caught.value)
        assert advice is not None
        assert "may only read" in advice.cause


def test_an_action_is_never_sent_twice(emulator: EsetEmulator, protect: EsetProtect) -> None:
    device = all_devices(protect)[0]
    emulator.add_fault("500", 1, "/v1/device_tasks")
    with pytest.raises(TransientError):
        protect.start(ActionKind.SCAN, ActionTarget("", device.id))
    assert asked(emulator, "/v1/device_tasks") == 0
    assert not emulator.faults.waiting


def test_a_task_that_is_gone_is_missing(protect: EsetProtect) -> None:
    with pytest.raises(MissingError):
        protect.progress("11111111-2222-3333-4444-555555555555")


def test_a_task_that_no_device_has_fetched_is_waiting(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    lost = identify("group", "Lost & found")
    reference = protect.start(ActionKind.SCAN, ActionTarget(lost))
    assert protect.progress(reference).state is ActionState.WAITING


# -- installers ------------------------------------------------------------------------------


def test_an_installer_is_made_once_for_a_group(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    client = next(iter(protect.workspaces()))
    address = protect.installer(client.id, "")
    assert address.startswith("https://")
    assert protect.installer(client.id, "") == address
    assert len(emulator.table("installers")) == 1
    assert protect.installer("", identify("group", "Lost & found")) != address


def test_an_expired_installer_is_replaced(emulator: EsetEmulator, protect: EsetProtect) -> None:
    client = next(iter(protect.workspaces()))
    address = protect.installer(client.id, "")
    clock_of(emulator).now += timedelta(days=200)
    assert protect.installer(client.id, "") != address


def test_what_was_started_is_found_again_by_target_action_and_time(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    one, other = all_devices(protect)[:2]
    target, before = ActionTarget("", one.id), emulator.clock()
    reference = protect.start(ActionKind.SCAN, target)
    protect.start(ActionKind.SCAN, ActionTarget("", other.id))
    protect.start(ActionKind.RESTART, target)
    assert list(protect.started(ActionKind.SCAN, target, before)) == [reference]
    clock_of(emulator).go(seconds=5)
    assert list(protect.started(ActionKind.SCAN, target, emulator.clock())) == []
