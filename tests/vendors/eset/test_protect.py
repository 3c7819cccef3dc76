import pytest

from plugin.domain.model import (
    DeviceClass,
    Protection,
)
from plugin.edge.emulator import Happening
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.emulator_estate import identify
from plugin.vendors.eset.protect import EsetProtect
from tests.rig import small_world
from tests.vendors.eset.house import (
    adapter_to,
    adapter_without_msp,
    all_devices,
    make_emulator,
    switch,
)

PROBLEMS = identify("dynamic", "problems")


# -- clients and groups ----------------------------------------------------------------------


def test_every_client_is_a_workspace(protect: EsetProtect) -> None:
    names = [workspace.name for workspace in protect.workspaces()]
    assert names == [client.name for client in small_world().clients]


def test_a_customer_that_nobody_has_joined_is_a_workspace_of_its_own(
    emulator: EsetEmulator,
) -> None:
    protect = adapter_to(emulator, customer_pairs="")
    found = list(protect.workspaces())
    apart = [each for each in found if each.id.startswith("customer:")]
    assert len(found) == 6
    assert [each.name for each in apart] == [client.name for client in small_world().clients]


def test_without_the_second_slot_the_groups_alone_are_workspaces(emulator: EsetEmulator) -> None:
    assert len(list(adapter_without_msp(emulator, customer_pairs="").workspaces())) == 3


def test_groups_tell_static_from_dynamic_and_whose_they_are(protect: EsetProtect) -> None:
    groups = {group.name: group for group in protect.groups()}
    clients = {workspace.name: workspace.id for workspace in protect.workspaces()}
    assert groups["Computers with problems"].dynamic
    assert not groups["Lost & found"].dynamic
    assert groups["Branch"].workspace_id == clients["Birch Architects GmbH"]
    assert groups["All"].parent_id is None
    assert groups["Bridgehead MSP"].workspace_id == ""


def test_joining_and_leaving_a_dynamic_group_shows_between_two_looks(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    before = set(protect.members(PROBLEMS))
    told = emulator.occur(Happening("group-joined", {"group": PROBLEMS}))
    assert told is not None
    assert set(protect.members(PROBLEMS)) - before == {told["device"]}
    emulator.occur(Happening("group-left", {"group": PROBLEMS, "device": told["device"]}))
    assert set(protect.members(PROBLEMS)) == before


@pytest.mark.parametrize("page_max", [1, 3, 1000])
def test_members_are_each_told_once_over_all_pages(emulator: EsetEmulator, page_max: int) -> None:
    switch(emulator, page_max=page_max)
    protect = adapter_to(emulator)
    outdated = identify("dynamic", "outdated-system")
    members = list(protect.members(outdated))
    systems = {device.id: device.operating_system for device in all_devices(protect)}
    assert len(members) == len(set(members))
    assert set(members) == {key for key, system in systems.items() if "Windows 10" in system}


def test_an_empty_group_has_no_members(emulator: EsetEmulator, protect: EsetProtect) -> None:
    assert list(protect.members(identify("group", "Lost & found"))) == []


# -- devices ---------------------------------------------------------------------------------


def test_every_device_is_seen_once_in_its_own_workspace(protect: EsetProtect) -> None:
    devices = all_devices(protect)
    owners = {workspace.id: workspace.name for workspace in protect.workspaces()}
    assert len({device.id for device in devices}) == len(devices) == 24
    for client in small_world().clients:
        serials = {machine.serial for machine in client.machines}
        mine = [device for device in devices if owners[device.workspace_id] == client.name]
        assert len(mine) == len(client.machines)
        assert {device.serial for device in mine} - {""} <= serials


def test_a_device_tells_what_matching_and_billing_need(protect: EsetProtect) -> None:
    machine = small_world().clients[0].machines[0]
    device = next(each for each in all_devices(protect) if each.serial == machine.serial)
    assert device.macs == (machine.mac,)
    assert device.device_class is DeviceClass.SERVER
    assert device.operating_system == machine.operating_system
    assert device.product == "ESET Server Security"
    assert device.product_version == "11.1.12009.0"
    assert device.protection is Protection.OK
    assert device.conditions == ()
    assert device.seen_at == small_world().started_at


def test_a_changed_status_is_seen(emulator: EsetEmulator, protect: EsetProtect) -> None:
    told = emulator.occur(Happening("device-status", {"condition": "attention_required"}))
    assert told is not None
    device = next(each for each in all_devices(protect) if each.id == told["device"])
    assert device.protection is Protection.CRITICAL
    assert device.conditions == ("attention_required",)
    assert device.id in set(protect.members(PROBLEMS))


def test_a_new_device_is_seen_in_the_clients_group(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    client = next(iter(protect.workspaces()))
    told = emulator.occur(Happening("device-added", {"workspace": client.name}))
    assert told is not None
    device = next(each for each in all_devices(protect) if each.id == told["device"])
    assert device.workspace_id == client.id


def test_a_device_outside_every_client_names_no_workspace(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    devices = emulator.table("devices")
    key = next(iter(devices))
    devices[key] = {**devices[key], "group": identify("group", "Lost & found")}
    lost = [device for device in all_devices(protect) if device.workspace_id == ""]
    assert [device.id for device in lost] == [key]


@pytest.mark.parametrize(("page_max", "pages"), [(24, 1), (23, 2), (12, 2), (1, 24), (1000, 1)])
def test_only_the_last_page_of_a_full_listing_is_complete(
    emulator: EsetEmulator, page_max: int, pages: int
) -> None:
    protect = adapter_to(emulator)
    list(protect.workspaces())
    switch(emulator, page_max=page_max)
    found = list(protect.devices("", None))
    assert [page.complete for page in found] == [False] * (pages - 1) + [True]
    assert [page.next_cursor is None for page in found] == [False] * (pages - 1) + [True]
    assert sum(len(page.rows) for page in found) == 24


def test_an_msp_without_devices_has_one_empty_page() -> None:
    emulator = make_emulator(companies=2, devices=0)
    pages = list(adapter_to(emulator).devices("", None))
    assert [(page.rows, page.complete) for page in pages] == [((), True)]


def test_a_broken_off_listing_goes_on_at_its_cursor_and_is_not_complete(
    emulator: EsetEmulator,
) -> None:
    switch(emulator, page_max=10)
    protect = adapter_to(emulator)
    first = next(iter(protect.devices("", None)))
    rest = list(protect.devices("", first.next_cursor))
    seen = [device.id for page in (first, *rest) for device in page.rows]
    assert len(seen) == len(set(seen)) == 24
    assert not any(page.complete for page in rest)


def test_a_cursor_that_eset_has_forgotten_begins_a_new_listing(protect: EsetProtect) -> None:
    pages = list(protect.devices("", "forgotten"))
    assert sum(len(page.rows) for page in pages) == 24
    assert pages[-1].complete


def test_a_scope_without_groups_shows_nothing(emulator: EsetEmulator) -> None:
    switch(emulator, group_scope=False)
    protect = adapter_without_msp(emulator)
    assert list(protect.workspaces()) == []
    assert all_devices(protect) == []
