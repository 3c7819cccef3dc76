"""Keys and subscriptions of a virtual server, and the devices that use them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from plugin.domain.model import Device, DeviceClass, Licence, LicenceKind, LicenceState, UsageLine
from plugin.vendors.kaspersky import center_searches as searches
from plugin.vendors.kaspersky import center_wire_keys as wire
from plugin.vendors.kaspersky.center_found import KEYS, Found, Row, Search, restarted
from plugin.vendors.kaspersky.center_session import Server, Sessions

ASSIGNED, ACTIVE, ORDERED = "assigned", "active", "ordered"
"""How usage is counted: devices on which the key is in use, those of them that were seen in the
last 30 days, and what the key allows."""

ACTIVE_DAYS = timedelta(days=30)

STEP = 50
"""Rows in one part of a list of keys or of their devices (the reference's recommendation)."""

BILLED = (LicenceKind.COMMERCIAL, LicenceKind.SUBSCRIPTION)
SHOWN_AT_ZERO = (DeviceClass.WORKSTATION, DeviceClass.SERVER, DeviceClass.OTHER)


@dataclass
class _Used:
    """The devices that use one product, and how many it allows."""

    devices: set[str] = field(default_factory=set)
    ordered: int | None = 0

    def add(self, licence: Licence, devices: Iterator[str]) -> None:
        """Add a key of the product."""
        self.devices.update(devices)
        known = self.ordered is not None and licence.limit is not None
        self.ordered = (self.ordered or 0) + (licence.limit or 0) if known else None


def licences(sessions: Sessions, workspace: tuple[str, Server], now: datetime) -> Iterator[Licence]:
    """Yield the keys that are listed on a virtual server (its id and where it is)."""
    workspace_id, server = workspace
    search = searches.keys(wire.KeyWire)
    for rows in restarted(lambda: _whole_list(sessions, server, search)):
        yield from wire.licences(rows, workspace_id, now)


def usage(
    held: list[Licence],
    devices: Mapping[str, Device],
    users: Mapping[str, Iterator[str]],
    day: date,
) -> Iterator[UsageLine]:
    """Yield what is in use by product and class of device.

    Only unexpired commercial keys and subscriptions count, each device once for a product.
    ``devices`` are the workspace's by id, ``users`` the ids of the devices that use a key.
    """
    products: dict[str, _Used] = {}
    for licence in held:
        if licence.kind in BILLED and licence.state is LicenceState.ACTIVE:
            products.setdefault(licence.product, _Used()).add(licence, users[licence.id])
    for product, used in products.items():
        workspace_id = held[0].workspace_id
        for how, found in (
            (ASSIGNED, [devices[each] for each in used.devices if each in devices]),
            (ACTIVE, [devices[each] for each in used.devices if _active(devices, each, day)]),
        ):
            for device_class, count in _by_class(found).items():
                yield UsageLine(workspace_id, product, day, count, how, device_class)
        if used.ordered is not None:
            yield UsageLine(workspace_id, product, day, used.ordered, ORDERED)


def users(sessions: Sessions, server: Server, serial: str) -> Iterator[str]:
    """Yield the ids of the devices on which a key is the active one."""
    search = searches.key_hosts(serial, wire.KeyHostWire)
    for rows in restarted(lambda: _whole_list(sessions, server, search)):
        yield from wire.key_hosts(rows)


def _whole_list(sessions: Sessions, server: Server, search: Search) -> Iterator[list[Row]]:
    """Yield once, and everything: what was half read and lost is never seen twice."""
    with Found(sessions, server, KEYS, search) as found:
        rows = [row for part, _ in found.parts(STEP) for row in part]
    yield rows


def _active(devices: Mapping[str, Device], device_id: str, day: date) -> bool:
    device = devices.get(device_id)
    if device is None or device.seen_at is None:
        return False
    return device.seen_at >= datetime.combine(day, time(), UTC) - ACTIVE_DAYS


def _by_class(found: list[Device]) -> dict[DeviceClass, int]:
    """Return counts by class; the three that are billed apart are there even when none is."""
    counts = dict.fromkeys(SHOWN_AT_ZERO, 0)
    for device in found:
        counts[device.device_class] = counts.get(device.device_class, 0) + 1
    return counts
