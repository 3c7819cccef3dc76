"""The adapter over real sockets: Host headers, keep-alive, lost connections."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from plugin.domain.errors import TransientError
from plugin.edge.addresses import AddressGuard
from plugin.edge.emulator import serve
from plugin.edge.http import Http, Timeouts
from plugin.edge.link import Classify, Link
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.protect import EsetProtect
from tests.rig import small_world
from tests.vendors.eset.house import ADDRESSES, CONSOLE, all_devices


@pytest.fixture
def emulator() -> EsetEmulator:
    emulator = EsetEmulator()
    emulator.reset(small_world())
    return emulator


@pytest.fixture
def origin(emulator: EsetEmulator) -> Iterator[str]:
    with serve(emulator) as origin:
        yield origin
    assert list(emulator.breaches) == []


def connect(origin: str, settings: dict[str, str]) -> EsetProtect:
    def open_http(base: str, *, who: str, classify: Classify | None = None) -> Http:
        return Http(
            base,
            who=who,
            classify=classify,
            guard=AddressGuard(),
            override=origin,
            timeouts=Timeouts(connect=2.0, read=5.0),
            sleep=lambda seconds: None,
        )

    return EsetProtect(Link(open_http, settings, lambda: datetime.now(UTC), ADDRESSES))


def test_both_systems_are_reached_through_one_origin(emulator: EsetEmulator, origin: str) -> None:
    protect = connect(origin, emulator.connection_settings())
    assert [rung.run() for rung in protect.rungs()]
    assert len(all_devices(protect)) == 24
    assert list(protect.usage("", date(2026, 11, 2)))


def test_a_console_is_reached_through_the_same_origin(emulator: EsetEmulator, origin: str) -> None:
    assert len(all_devices(connect(origin, CONSOLE))) == 24


@pytest.mark.parametrize("fault", ["cut", "refuse"])
def test_a_lost_connection_is_tried_again_and_then_told(
    emulator: EsetEmulator, origin: str, fault: str
) -> None:
    protect = connect(origin, emulator.connection_settings())
    emulator.add_fault(fault, 1, "/v1/devices")
    assert len(all_devices(protect)) == 24
    emulator.add_fault(fault, 9, "/v1/devices")
    with pytest.raises(TransientError):
        all_devices(protect)
