"""Virtual servers, devices and groups, as they come from the server."""

from collections.abc import Callable

import pytest

from plugin.domain.contracts import FieldKind
from plugin.domain.errors import AnswerError, MissingError, RefusedError
from plugin.domain.model import DeviceClass, Protection
from plugin.edge.emulator import Happening
from plugin.edge.world import make_world
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from tests.rig import EPOCH, link_to, small_world
from tests.vendors.kaspersky.conftest import WatchedCenter

Make = Callable[..., SecurityCenter]
Switch = Callable[..., None]


def test_every_client_is_a_virtual_server_with_its_number_of_devices(
    center: SecurityCenter,
) -> None:
    found = [(each.id, each.name, each.device_count) for each in center.workspaces()]
    clients = small_world().clients
    assert found == [(str(10 + c.number), c.name, len(c.machines)) for c in clients]


def test_an_old_server_tells_no_device_counts(center: SecurityCenter, switch: Switch) -> None:
    switch("old_version", True)
    assert {each.device_count for each in center.workspaces()} == {None}


def test_one_virtual_server_is_enough_for_a_connection(make: Make, switch: Switch) -> None:
    switch("no_right_to_servers", True)
    name = small_world().clients[1].name
    center = make(virtual_server=name)
    assert [(each.id, each.name) for each in center.workspaces()] == [("12", name)]
    assert {row.workspace_id for page in center.devices("12", None) for row in page.rows} == {"12"}
    with pytest.raises(MissingError):
        list(center.devices("11", None))


def test_a_virtual_server_that_does_not_exist_is_refused(make: Make) -> None:
    with pytest.raises(RefusedError) as caught:
        list(make(virtual_server="Nobody").workspaces())
    assert caught.value.code == "virtual_server"


def test_a_server_that_takes_no_notice_of_the_virtual_one_shows_us_nothing(
    center: SecurityCenter, switch: Switch
) -> None:
    switch("ignores_virtual_server", True)
    with pytest.raises(AnswerError) as caught:
        list(center.devices("11", None))
    assert caught.value.code == "other_server"


def test_the_unique_name_is_used_where_the_display_name_is_not_known(
    center: SecurityCenter, switch: Switch
) -> None:
    switch("server_names", "unique")
    assert list(center.devices("11", None))


def test_clients_of_one_name_are_kept_apart(
    emulator: SecurityCenterEmulator, make: Make, switch: Switch
) -> None:
    switch("server_names", "unique")
    for number in ("11", "12"):
        record = emulator.table("servers")[number]
        record["name"] = "The Twins Ltd"
        emulator.table("servers")[number] = record
    center = make()
    devices = [{d.id for p in center.devices(each, None) for d in p.rows} for each in ("11", "12")]
    assert devices[0] & devices[1] == set()


@pytest.mark.parametrize("devices", [0, 1, 4, 5, 10])
@pytest.mark.parametrize("inclusive", [False, True])
def test_pages_hold_every_device_once_whatever_the_sizes(devices: int, inclusive: bool) -> None:
    emulator = SecurityCenterEmulator()
    emulator.reset(make_world(1, devices, 3, EPOCH))
    settings = {"name": "end_belongs_to_range", "value": inclusive}
    emulator.occur(Happening("switch", settings))
    center = SecurityCenter(link_to(emulator))
    center.page_size = 5
    pages = list(center.devices("11", None))
    assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
    assert len({row.id for page in pages for row in page.rows}) == devices
    assert all(len(page.rows) <= 5 for page in pages)
    assert emulator.open_sets() == []


def test_a_device_is_told_in_our_words(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    told = emulator.occur(Happening("device-status", {"condition": "bases_outdated"}))
    assert told is not None
    devices = {d.id: d for page in center.devices(told["workspace"], None) for d in page.rows}
    device = devices[told["device"]]
    assert device.protection is Protection.CRITICAL
    assert device.conditions == ("bases_outdated",)
    assert device.seen_at is not None
    assert device.bases_at is not None
    assert device.fqdn.endswith(".example")
    assert device.groups == (f"{told['workspace']}:1013",)
    assert device.product_version


def test_a_condition_that_no_longer_holds_is_gone(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    told = emulator.occur(Happening("device-status", {"condition": "vulnerabilities"})) or {}
    where = {"device": told["device"], "condition": "vulnerabilities", "cleared": True}
    emulator.occur(Happening("device-status", where))
    devices = {d.id: d for page in center.devices(told["workspace"], None) for d in page.rows}
    assert devices[told["device"]].protection is Protection.OK
    assert devices[told["device"]].conditions == ()


def test_devices_have_the_classes_they_are_billed_by(center: SecurityCenter) -> None:
    rows = [row for page in center.devices("11", None) for row in page.rows]
    for row in rows:
        system = row.operating_system
        if "Server" in system:
            assert row.device_class is DeviceClass.SERVER
        elif "Windows" in system:
            assert row.device_class is DeviceClass.WORKSTATION
        else:
            assert row.device_class is DeviceClass.OTHER


def test_an_added_device_appears_and_a_removed_one_is_gone(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    added = emulator.occur(Happening("device-added", {"workspace": "12", "name": "NEW-ONE"})) or {}
    names = {row.id: row.name for page in center.devices("12", None) for row in page.rows}
    assert names[added["device"]] == "NEW-ONE"
    emulator.occur(Happening("device-removed", {"device": "NEW-ONE"}))
    assert added["device"] not in {r.id for page in center.devices("12", None) for r in page.rows}


def test_groups_know_their_parents_and_which_devices_are_in_them(center: SecurityCenter) -> None:
    named = {group.name: group for group in center.workspace_groups("11")}
    assert {group.workspace_id for group in named.values()} == {"11"}
    assert named["Servers"].parent_id == named["Managed devices"].id
    assert named["Managed devices"].parent_id is None
    rows = [row for page in center.devices("11", None) for row in page.rows]
    inside = {row.id for row in rows if named["Servers"].id in row.groups}
    assert inside == {row.id for row in rows if row.device_class is DeviceClass.SERVER} != set()


def test_a_reader_who_stops_early_leaves_nothing_behind(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    center.page_size = 2
    walk = center.devices("11", None)
    next(walk)
    assert emulator.open_sets() == ["host"]
    walk.close()  # type: ignore[attr-defined]
    assert emulator.open_sets() == []


def test_the_form_has_the_fields_of_the_manual() -> None:
    fields = {field.name: field for field in SecurityCenter.fields}
    assert [f.label for f in SecurityCenter.fields[:7]] == [
        "Server address",
        "Port",
        "User",
        "Password",
        "Internal user",
        "Virtual server",
        "Server certificate",
    ]
    assert fields["port"].default == "13299"
    assert fields["password"].secret
    assert fields["internal_user"].default == "true"
    assert fields["certificate"].kind is FieldKind.CERTIFICATE
    assert not fields["certificate"].required


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"port": "13291"}, "port"),
        ({"port": "0"}, "port"),
        ({"port": "70000"}, "port"),
        ({"server": "https://ksc.example"}, "server"),
        ({"server": "ksc.example:13299"}, "server"),
    ],
)
def test_the_form_tells_what_is_wrong(changed: dict[str, str], field: str) -> None:
    faults = SecurityCenter.validate({"server": "ksc.example", "port": "13299", **changed})
    assert [fault.field for fault in faults] == [field]


def test_a_good_form_passes() -> None:
    assert SecurityCenter.validate({"server": "ksc.example", "port": "13299"}) == ()
    assert SecurityCenter.validate({"server": "[fd00::1]", "port": ""}) == ()


def test_the_address_and_port_are_the_customers_own(emulator: WatchedCenter, make: Make) -> None:
    list(make(server="ksc.client.example", port="14000").workspaces())
    assert {headers["host"] for headers in emulator.seen} == {"ksc.client.example:14000"}
