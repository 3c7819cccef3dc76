"""What can happen at the cloud emulator: the words of the sandbox's control call."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from plugin.edge.emulator import Clock
from plugin.edge.shelf import Record, Shelf
from plugin.edge.world import World
from plugin.vendors.kaspersky.emulator_cloud_estate import Estate, event
from plugin.vendors.kaspersky.emulator_cloud_facts import (
    CONDITIONS,
    EVENT_TYPES,
    MAILBOXES,
    status_of,
)
from plugin.vendors.kaspersky.emulator_cloud_seed import CloudSeed

WORTH_A_TICKET = tuple(
    name
    for name, kind in EVENT_TYPES.items()
    if kind.about == "device" and kind.severity != "information"
)
CHOICES = {"device", "workspace", "condition"}
"""What of a happening can be told; what is not is chosen."""

Pairs = Iterator[tuple[str, str]]


class CloudStory(CloudSeed):
    """Detections, statuses, devices, seats, licences, administrators; in production unless told."""

    def __init__(
        self, shelf: Shelf | None = None, clock: Clock | None = None, origin: str = ""
    ) -> None:
        """Open the emulator; ``_fresh`` is how far its own choices have come in each estate."""
        super().__init__(shelf, clock, origin)
        self._fresh: dict[tuple[str, str], Pairs] = {}

    def tell(self, what: str, details: Record) -> Record | None:
        """Let ``what`` happen in ``details["environment"]``; None when it is no word of ours."""
        words: Mapping[str, Callable[[Estate, Record], Record | None]] = {
            "detection": self._detection,
            "device-status": self._device_status,
            "device-added": self._device_added,
            "device-removed": self._device_removed,
            "seat-change": self._seat_change,
            "licence-expired": self._licence_expired,
            "administrator-removed": self._administrator_removed,
            "changes-forgotten": self._changes_forgotten,
        }
        estate = self.estates[str(details.get("environment", "production"))]
        told = words[what](estate, details) if what in words else None
        return None if told is None else {"environment": estate.environment, **told}

    def populate(self, world: World) -> None:
        """Fill the shelf, and forget which detections were told."""
        super().populate(world)
        self._fresh.clear()

    # -- detections and statuses ---------------------------------------------------------------

    def _detection(self, estate: Estate, details: Record) -> Record:
        kind = details.get("condition")
        if kind is not None and EVENT_TYPES[str(kind)].about != "device":
            return self._tenant_event(estate, _tenant_like(estate, details), str(kind))
        if "device" in details and kind is not None:
            device = _device_like(estate, details)
        else:
            device, kind = self._next_untold(estate, details)
        record = estate.table("devices")[device]
        happened = event(record["tenant"], str(kind), self.clock(), device, record)
        number = estate.add_event(happened)
        return _told(estate, device, str(kind)) | {"id": estate.event_id(number)}

    def _tenant_event(self, estate: Estate, tenant: str, kind: str) -> Record:
        number = estate.add_event(event(tenant, kind, self.clock()))
        shown = {"workspace": tenant, "workspace_name": estate.table("tenants")[tenant]["name"]}
        return {**shown, "condition": kind, "id": estate.event_id(number)}

    def _next_untold(self, estate: Estate, details: Record) -> tuple[str, str]:
        """Return a device and an event type that were not yet seen together."""
        if CHOICES & details.keys():
            return _first(_untold(estate, details))
        found = self._next_fresh(estate, "untold", _untold)
        # When every device has had everything, a new one comes.
        return found or (self._device_added(estate, {})["device"], WORTH_A_TICKET[0])

    def _next_unset(self, estate: Estate, details: Record) -> tuple[str, str]:
        """Return a device and a condition that does not hold there."""
        if CHOICES & details.keys():
            return _first(_unset(estate, details))
        found = self._next_fresh(estate, "unset", _unset)
        return found or _first(_unset(estate, details))

    def _next_fresh(
        self, estate: Estate, what: str, choices: Callable[[Estate, Record], Pairs]
    ) -> tuple[str, str] | None:
        """Go on where the last choice was made: looking from the start costs the square."""
        pairs = self._fresh.setdefault((estate.environment, what), choices(estate, {}))
        return next(pairs, None)

    def _device_status(self, estate: Estate, details: Record) -> Record:
        """Set one condition of a device (``cleared``: end it)."""
        if "device" in details and "condition" in details:
            device, word = _device_like(estate, details), str(details["condition"])
        else:
            device, word = self._next_unset(estate, details)
        if word not in CONDITIONS:
            raise KeyError(word)
        held = estate.table("devices")[device]["conditions"]
        left = [each for each in held if each != word]
        conditions = left if details.get("cleared") else [*left, word]
        estate.change_device(device, conditions=conditions, seen=self.clock().isoformat())
        return _told(estate, device, word) | {"status": status_of(conditions)}

    # -- devices and seats ---------------------------------------------------------------------

    def _device_added(self, estate: Estate, details: Record) -> Record:
        tenant = _tenant_like(estate, details)
        number = 900_000 + estate.count_up("added")
        name = str(details.get("name") or f"NEW-PC{number}")
        licence, now = _licence_of(estate, tenant), self.clock().isoformat()
        device = self.new_id(estate, "device", number)
        record = {
            "name": name,
            "class": "windows-workstation",
            "system": "Microsoft Windows 11 Pro",
            "serial": f"SN{number:07d}",
            "mac": "-".join(f"{part:02X}" for part in (6, *number.to_bytes(5, "big"))),
            "fqdn": f"{name}.{estate.table('tenants')[tenant]['domain']}".lower(),
            "address": "10.250.0.1",
            "user": f"person{number}",
            "conditions": [],
            "enrolled": now,
            "seen": now,
            "bases": now,
            "tenant": tenant,
            "licence": "" if details.get("protected") is False else licence,
        }
        estate.add_device(device, record)
        return _told(estate, device, "")

    def _device_removed(self, estate: Estate, details: Record) -> Record:
        device = _device_like(estate, details)
        told = _told(estate, device, "")
        estate.remove_device(device)
        return told

    def _seat_change(self, estate: Estate, details: Record) -> Record:
        """Let ``delta`` more (or fewer) devices use the client's licence; new ones if needed.

        With ``mailboxes`` it is the number of protected mailboxes that changes by ``delta``.
        """
        tenant, delta = _tenant_like(estate, details), int(details.get("delta", 1))
        if details.get("mailboxes"):
            licence = _licence_of(estate, tenant, mail=True)
            record = estate.table("licences")[licence]
            record["mailboxes"] = max(0, record["mailboxes"] + delta)
            estate.table("licences")[licence] = record
        else:
            licence = _licence_of(estate, tenant)
            for _ in range(abs(delta)):
                self._change_one_seat(estate, tenant, licence, more=delta > 0)
        return self._told_licence(estate, licence)

    def _change_one_seat(self, estate: Estate, tenant: str, licence: str, *, more: bool) -> None:
        table = estate.table("devices")
        wanted = "" if more else licence
        owned = estate.index.devices.get(tenant, [])
        device = next((each for each in owned if table[each]["licence"] == wanted), None)
        if device is not None:
            estate.change_device(device, licence=licence if more else "")
        elif more:
            self._device_added(estate, {"workspace": tenant})

    def _licence_expired(self, estate: Estate, details: Record) -> Record:
        """Let a client's licence end now; its devices and an event say so."""
        tenant = _tenant_like(estate, details)
        licence = str(details.get("licence") or _licence_of(estate, tenant))
        record, now = estate.table("licences")[licence], self.clock()
        ended = {"state": "expired", "ends": (now - timedelta(seconds=1)).isoformat()}
        estate.table("licences")[licence] = record | ended
        for device in estate.index.devices.get(tenant, []):
            held = estate.table("devices")[device]
            if held["licence"] == licence and "licence-expired" not in held["conditions"]:
                estate.change_device(device, conditions=[*held["conditions"], "licence-expired"])
        told = self._tenant_event(estate, tenant, "licence-expired")
        return told | self._told_licence(estate, licence)

    def _told_licence(self, estate: Estate, licence: str) -> Record:
        record = estate.table("licences")[licence]
        return {
            "workspace": record["tenant"],
            "workspace_name": estate.table("tenants")[record["tenant"]]["name"],
            "licence": licence,
            "product": record["product"],
            "used": estate.used(licence),
            "limit": record["limit"],
        }

    # -- integrations and tokens ---------------------------------------------------------------

    def _administrator_removed(self, estate: Estate, details: Record) -> Record | None:
        """Let a colleague remove an administrator (the newest one) in the vendor's own console."""
        integrations = estate.table("integrations")
        for integration, record in integrations.items():
            emails = [each["email"] for each in record["administrators"]]
            email = str(details.get("email", emails[-1])).casefold()
            fits = details.get("integration", integration) in {integration, record["name"]}
            if fits and email in emails and len(emails) > 1:
                self.end_rights(estate, integration, [email])
                return {"integration": integration, "name": record["name"], "email": email}
        raise KeyError("no integration has an administrator that can be removed")

    def _changes_forgotten(self, estate: Estate, details: Record) -> Record:
        estate.forget_changes()
        return {"forgotten": True}


# -- choosing ------------------------------------------------------------------------------------


def _first(pairs: Pairs) -> tuple[str, str]:
    found = next(pairs, None)
    if found is None:
        raise KeyError("no device is left for that")
    return found


def _untold(estate: Estate, details: Record) -> Pairs:
    kinds = (str(details["condition"]),) if "condition" in details else WORTH_A_TICKET
    for kind in kinds:
        for device in _devices_like(estate, details):
            if (device, kind) not in estate.index.told:
                yield device, kind


def _unset(estate: Estate, details: Record) -> Pairs:
    words = (str(details["condition"]),) if "condition" in details else CONDITIONS[:9]
    for word in words:
        for device in _devices_like(estate, details):
            if word not in estate.table("devices")[device]["conditions"]:
                yield device, word


def _devices_like(estate: Estate, details: Record) -> Iterator[str]:
    if "device" in details:
        yield _device_like(estate, details)
    elif "workspace" in details:
        yield from list(estate.index.devices.get(_tenant_like(estate, details), []))
    else:
        yield from _devices_in_turn(estate)


def _devices_in_turn(estate: Estate) -> Iterator[str]:
    """Yield the first device of every client, then the second of every client, and so on."""
    owned = list(map(list, estate.index.devices.values()))
    for place in range(max(map(len, owned), default=0)):
        for devices in owned:
            if place < len(devices) and devices[place] in estate.table("devices"):
                yield devices[place]


def _device_like(estate: Estate, details: Record) -> str:
    """Return a device by its id or its name; KeyError when there is none."""
    wanted, devices = str(details["device"]), estate.table("devices")
    if wanted in devices:
        return wanted
    tenant = _tenant_like(estate, details) if "workspace" in details else None
    for device, record in devices.items():
        same = record["name"].casefold() == wanted.casefold()
        if same and tenant in {None, record["tenant"]}:
            return device
    raise KeyError(wanted)


def _tenant_like(estate: Estate, details: Record) -> str:
    """Return a tenant by its id or its name, the first one when none is named."""
    wanted = details.get("workspace")
    for tenant, record in estate.table("tenants").items():
        if wanted is None or str(wanted) in {tenant, record["name"]}:
            return tenant
    raise KeyError(str(wanted))


def _licence_of(estate: Estate, tenant: str, *, mail: bool = False) -> str:
    """Return the licence that a tenant's devices (or mailboxes) use; KeyError without one."""
    for licence in estate.index.licences.get(tenant, []):
        record = estate.table("licences")[licence]
        if record["state"] == "active" and (record["countedIn"] == MAILBOXES) is mail:
            return licence
    raise KeyError(f"no licence of {tenant}")


def _told(estate: Estate, device: str, condition: str) -> dict[str, Any]:
    record = estate.table("devices")[device]
    return {
        "workspace": record["tenant"],
        "workspace_name": estate.table("tenants")[record["tenant"]]["name"],
        "device": device,
        "device_name": record["name"],
        "condition": condition,
    }
