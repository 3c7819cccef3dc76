from collections.abc import Iterator
from datetime import timedelta

import pytest

from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from tests.rig import EPOCH, link_to, small_world

LONG_AGO = EPOCH - timedelta(days=30)


@pytest.fixture
def emulator() -> Iterator[SecurityCenterEmulator]:
    emulator = SecurityCenterEmulator()
    emulator.reset(small_world())
    yield emulator
    assert list(emulator.breaches) == []
    assert emulator.open_sets() == []


@pytest.fixture
def center(emulator: SecurityCenterEmulator) -> SecurityCenter:
    return SecurityCenter(link_to(emulator))


def test_every_client_is_a_virtual_server(center: SecurityCenter) -> None:
    names = [workspace.name for workspace in center.workspaces()]
    assert names == [client.name for client in small_world().clients]


def test_every_device_is_seen_once_in_its_own_workspace(center: SecurityCenter) -> None:
    for workspace, client in zip(center.workspaces(), small_world().clients, strict=True):
        pages = list(center.devices(workspace.id, None))
        devices = [device for page in pages for device in page.rows]
        assert len({device.id for device in devices}) == len(devices) == len(client.machines)
        assert {device.workspace_id for device in devices} == {workspace.id}
        assert [page.complete for page in pages][-1]


def test_events_come_oldest_number_first(center: SecurityCenter) -> None:
    for workspace in center.workspaces():
        pages = list(center.detections(workspace.id, None, LONG_AGO))
        rows = [row for page in pages for row in page.rows]
        assert len(rows) == 6
        assert [row.sequence for row in rows] == sorted(row.sequence for row in rows)
        again = list(center.detections(workspace.id, pages[-1].next_cursor, LONG_AGO))
        assert [row for page in again for row in page.rows] == []
