"""One environment of the cloud emulator: its records, and which of them belong together."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from secrets import token_hex
from typing import Any, TypeVar

from plugin.edge.shelf import Record, Shelf, Table
from plugin.vendors.kaspersky.emulator_cloud_facts import (
    DEVICES,
    EVENT_TYPES,
    MAILBOXES,
    VERSION,
    status_of,
)

Key = TypeVar("Key", int, str)


class Index:
    """Which ids belong together, so that no answer looks at every record."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.devices: dict[str, list[str]] = {}
        self.events: dict[str, list[int]] = {}
        self.changes: dict[str, list[int]] = {}
        self.changed: dict[str, int] = {}
        self.last_change = 0
        self.licences: dict[str, list[str]] = {}
        self.using: Counter[str] = Counter()
        self.told: set[tuple[str, str]] = set()
        self.bound: dict[str, dict[str, str]] = {}
        self.unsettled: set[str] = set()


class Estate:
    """The tenants of one environment with all they have; nothing of it is known to another."""

    def __init__(self, shelf: Shelf, environment: str) -> None:
        """Open the estate of ``environment`` on ``shelf``."""
        self.environment = environment
        self._shelf = shelf

    def table(self, name: str) -> Table:
        """Return one of this estate's tables."""
        return self._shelf.table(f"{self.environment}.{name}")

    def count_up(self, name: str) -> int:
        """Return a number of this estate that was never given out before."""
        return self._shelf.count_up(f"{self.environment}.{name}", 0)

    @property
    def generation(self) -> str:
        """What change tokens must have been issued under."""
        if "generation" not in self.table("estate"):
            self.forget_changes()
        return str(self.table("estate")["generation"]["word"])

    @property
    def mark(self) -> str:
        """What begins the ids of events: another word after every reset, as numbers start anew."""
        return str(self.table("estate")["world"]["mark"])

    def event_id(self, number: int) -> str:
        """Return the id under which an event is shown."""
        return f"{self.mark}-{number:08d}"

    def forget_changes(self) -> None:
        """Make every change token that was issued too old."""
        self.table("estate")["generation"] = {"word": token_hex(4)}

    # -- relations -----------------------------------------------------------------------------

    @cached_property
    def index(self) -> Index:
        """The relations between the records; read from the shelf when first asked for."""
        index = Index()
        for device, record in self.table("devices").items():
            index.devices.setdefault(record["tenant"], []).append(device)
            index.using[record["licence"]] += 1
        for devices in index.devices.values():
            devices.sort()
        for number, event in self.table("events").items():
            index.events.setdefault(event["tenant"], []).append(int(number))
            index.told.add((event["device"], event["type"]))
        for number, change in self.table("changes").items():
            index.changes.setdefault(change["tenant"], []).append(int(number))
            index.changed[change["device"]] = int(number)
            index.last_change = max(index.last_change, int(number))
        for licence, record in self.table("licences").items():
            index.licences.setdefault(record["tenant"], []).append(licence)
        for integration, record in self.table("integrations").items():
            bind(index, integration, record)
        tasks = self.table("tasks").items()
        index.unsettled = {task for task, record in tasks if not record["settled"]}
        return index

    def forget_index(self) -> None:
        """Read the relations again when next asked."""
        vars(self).pop("index", None)

    # -- changing ------------------------------------------------------------------------------

    def add_device(self, device: str, record: Record) -> None:
        """Keep a new device."""
        self.table("devices")[device] = record
        insort(self.index.devices.setdefault(record["tenant"], []), device)
        self.index.using[record["licence"]] += 1
        self._note_change(device, record["tenant"], removed=False)

    def change_device(self, device: str, **values: Any) -> Record:
        """Change a device and return its record."""
        record = self.table("devices")[device]
        if "licence" in values:
            self.index.using[record["licence"]] -= 1
            self.index.using[values["licence"]] += 1
        record |= values
        self.table("devices")[device] = record
        self._note_change(device, record["tenant"], removed=False)
        return record

    def remove_device(self, device: str) -> None:
        """Forget a device; what is left of it is the change."""
        index = self.index  # it is made when first asked for, so before the device goes
        record = self.table("devices").pop(device)
        owned = index.devices[record["tenant"]]
        del owned[bisect_left(owned, device)]
        index.using[record["licence"]] -= 1
        self._note_change(device, record["tenant"], removed=True)

    def _note_change(self, device: str, tenant: str, *, removed: bool) -> None:
        """Keep the latest change of a device only: a delta shows it as it is now."""
        index = self.index
        numbers = index.changes.setdefault(tenant, [])
        earlier = index.changed.get(device)
        if earlier is not None:
            del numbers[bisect_left(numbers, earlier)]
            del self.table("changes")[str(earlier)]
        number = self.count_up("changes")
        self.table("changes")[str(number)] = {
            "tenant": tenant,
            "device": device,
            "removed": removed,
        }
        numbers.append(number)
        index.changed[device] = index.last_change = number

    def add_event(self, record: Record) -> int:
        """Keep a new event and return its number."""
        number = self.count_up("events")
        self.table("events")[str(number)] = record
        self.index.events.setdefault(record["tenant"], []).append(number)
        self.index.told.add((record["device"], record["type"]))
        return number

    def add_licence(self, licence: str, record: Record) -> None:
        """Keep a new licence."""
        self.table("licences")[licence] = record
        self.index.licences.setdefault(record["tenant"], []).append(licence)

    def bind_all(self) -> None:
        """Look afresh at which tenant belongs to which integration."""
        self.index.bound.clear()
        for integration, record in self.table("integrations").items():
            bind(self.index, integration, record)

    # -- reading -------------------------------------------------------------------------------

    def devices_after(self, tenant: str, last: str, limit: int) -> tuple[list[str], bool]:
        """Return at most ``limit`` devices by id above ``last``, and whether there are more."""
        return _part(self.index.devices.get(tenant, []), last, limit)

    def changes_after(self, tenant: str, number: int, limit: int) -> tuple[list[int], bool]:
        """Return at most ``limit`` changes above ``number``, and whether there are more."""
        return _part(self.index.changes.get(tenant, []), number, limit)

    def events_after(
        self, tenant: str, number: int, since: datetime | None, limit: int
    ) -> tuple[list[int], int, bool]:
        """Return events above ``number`` not before ``since``, how far it was looked, more."""
        numbers, table = self.index.events.get(tenant, []), self.table("events")
        found: list[int] = []
        for place in range(bisect_right(numbers, number), len(numbers)):
            if len(found) == limit:
                return found, number, True
            number = numbers[place]
            if since is None or datetime.fromisoformat(table[str(number)]["at"]) >= since:
                found.append(number)
        return found, number, False

    # -- shown ---------------------------------------------------------------------------------

    def tenant_row(self, tenant: str) -> Record:
        """Return a tenant."""
        record, integrations = self.table("tenants")[tenant], self.table("integrations")
        return {
            "id": tenant,
            "name": record["name"],
            "domain": record["domain"],
            "address": record["address"],
            "deviceCount": len(self.index.devices.get(tenant, [])),
            "integrations": [
                {"id": each, "name": integrations[each]["name"], "platform": platform}
                for platform, each in self.index.bound.get(tenant, {}).items()
            ],
        }

    def device_row(self, device: str) -> Record:
        """Return a device."""
        record = self.table("devices")[device]
        licence = self.table("licences").get(record["licence"])
        return {
            "id": device,
            "name": record["name"],
            "class": record["class"],
            "operatingSystem": record["system"],
            "serialNumber": record["serial"],
            "macAddresses": [record["mac"]],
            "fqdn": record["fqdn"],
            "address": record["address"],
            "user": record["user"],
            "status": status_of(record["conditions"]),
            "conditions": record["conditions"],
            "product": licence["product"] if licence else "",
            "productVersion": VERSION if licence else "",
            "databasesAt": record["bases"] if licence else None,
            "seenAt": record["seen"],
        }

    def event_row(self, number: int) -> Record:
        """Return an event."""
        record = self.table("events")[str(number)]
        kind = EVENT_TYPES[record["type"]]
        return {
            "id": self.event_id(number),
            "sequence": number,
            "type": record["type"],
            "severity": kind.severity,
            "title": kind.title,
            "description": f"{kind.title}. {record['name'] or 'The whole tenant is concerned.'}",
            "outcome": kind.outcome,
            "object": kind.found.format(user=record["user"] or "SYSTEM"),
            "user": record["user"],
            "deviceId": record["device"] or None,
            "deviceName": record["name"],
            "occurredAt": record["at"],
        }

    def licence_row(self, licence: str, now: datetime) -> Record:
        """Return a licence with its use, as it stands at ``now``."""
        record = self.table("licences")[licence]
        return {
            "id": licence,
            "product": record["product"],
            "kind": record["kind"],
            "state": self.licence_state(licence, now),
            "limit": record["limit"],
            "used": self.used(licence),
            "expiresAt": record["ends"],
            "countedIn": record["countedIn"],
        }

    def licence_state(self, licence: str, now: datetime) -> str:
        """Return whether a licence is good at ``now``."""
        record = self.table("licences")[licence]
        ended = datetime.fromisoformat(record["ends"]) <= now
        return "expired" if ended else str(record["state"])

    def used(self, licence: str) -> int:
        """Return how much of a licence is in use."""
        record = self.table("licences")[licence]
        if record["countedIn"] == MAILBOXES:
            return int(record["mailboxes"])
        if record["countedIn"] == DEVICES:
            return self.index.using[licence]
        devices = self.table("devices")
        users = (
            devices[device]["user"]
            for device in self.index.devices.get(record["tenant"], [])
            if devices[device]["licence"] == licence
        )
        return len({user for user in users if user})


def bind(index: Index, integration: str, record: Record) -> None:
    """Note an integration's tenants."""
    for tenant in record["tenants"]:
        index.bound.setdefault(tenant, {})[record["platform"]] = integration


def event(
    tenant: str, kind: str, at: datetime, device: str = "", record: Record | None = None
) -> Record:
    """Return the record of an event; KeyError when there is no such kind."""
    if kind not in EVENT_TYPES:
        raise KeyError(kind)
    return {
        "tenant": tenant,
        "device": device,
        "type": kind,
        "at": at.isoformat(),
        "name": record["name"] if record else "",
        "user": record["user"] if record else "",
    }


def _part(ids: list[Key], last: Key, limit: int) -> tuple[list[Key], bool]:
    start = bisect_right(ids, last)
    return ids[start : start + limit], start + limit < len(ids)


def rows(table: Table) -> Iterator[Record]:
    """Yield a table's records with their ids."""
    for key, record in table.items():
        yield {"id": key, **record}
