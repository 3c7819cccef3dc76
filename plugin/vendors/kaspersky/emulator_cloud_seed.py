"""Fills the cloud emulator from the made-up MSP; beta and test get small estates of their own."""

import uuid
from datetime import datetime, timedelta
from secrets import token_hex

from plugin.domain.model import DeviceClass
from plugin.edge.shelf import Record
from plugin.edge.world import Client, Machine, World, make_world
from plugin.vendors.kaspersky.emulator_cloud_estate import Estate, event
from plugin.vendors.kaspersky.emulator_cloud_facts import (
    CLOUD,
    CLOUD_PLUS,
    DEVICES,
    EDR,
    MAIL,
    MAILBOXES,
    PASSWORD,
    PER_USER,
    USER,
    USERS,
)
from plugin.vendors.kaspersky.emulator_cloud_tasks import CloudTasks

ELSEWHERE = (2, 8)
"""Companies and devices of the environments that are not production."""

HISTORY = (
    ("object-disinfected", 70),
    ("malware-detected", 52),
    ("object-deleted", 51),
    ("update-failed", 28),
    ("dangerous-link", 9),
)
"""What happened at every client, and how many hours before the story starts."""


class CloudSeed(CloudTasks):
    """Makes a tenant of every client, with devices, licences and a history."""

    has_mail = False

    def populate(self, world: World) -> None:
        """Fill the shelf with this cloud's view of the made-up MSP."""
        for place, (environment, estate) in enumerate(self.estates.items()):
            size = (*ELSEWHERE, world.seed + place, world.started_at)
            own = make_world(*size) if place else world
            estate.table("estate")["world"] = {"seed": own.seed, "mark": token_hex(3)}
            for email, name in USERS.items():
                estate.table("users")[email] = {"name": name, "password": PASSWORD}
            for client in own.clients:
                self._add_tenant(estate, client, own)
            estate.forget_index()
            for tenant in estate.table("tenants"):
                _add_history(estate, tenant, world.started_at)
            if place:
                _mark(estate, environment)

    def new_id(self, estate: Estate, what: str, number: int) -> str:
        """Return an id: a GUID, the same for the same world, another in each environment."""
        seed = estate.table("estate")["world"]["seed"]
        word = f"{self.kind}-{estate.environment}-{seed}-{what}-{number}"
        return str(uuid.uuid5(uuid.NAMESPACE_OID, word))

    def _add_tenant(self, estate: Estate, client: Client, world: World) -> None:
        tenant = self.new_id(estate, "tenant", client.number)
        estate.table("tenants")[tenant] = {
            "name": client.name,
            "domain": client.domain,
            "address": client.city,
            "administrators": [USER],
        }
        used = self._add_licences(estate, tenant, client, world.started_at)
        for place, machine in enumerate(client.machines):
            record = _device(machine, client, world.started_at)
            # Every twelfth device has no protection yet: present, seen, and not billed.
            unprotected = place % 12 == 11
            record |= {"tenant": tenant, "licence": "" if unprotected else used}
            if unprotected:
                record["conditions"] = ["protection-not-installed"]
            estate.table("devices")[self.new_id(estate, "device", machine.number)] = record

    def _add_licences(
        self, estate: Estate, tenant: str, client: Client, started_at: datetime
    ) -> str:
        """Add the client's licences and return the one that its devices use."""
        number, seats = client.number, client.seats
        if number % 3 == 0:
            used = _licence(tenant, CLOUD_PLUS, "subscription", seats) | {"countedIn": PER_USER}
        else:
            limit = None if number % 7 == 0 else seats
            used = _licence(tenant, CLOUD, "subscription" if limit is None else "commercial", limit)
        licences = [(used, 200)]
        if number % 4 == 1:
            licences.append((_licence(tenant, EDR, "trial", seats), 20))
        if number % 5 == 2:
            expired = _licence(tenant, CLOUD, "commercial", seats) | {"state": "expired"}
            licences.append((expired, -30))
        if self.has_mail and number % 2 == 1:
            boxes = {"countedIn": MAILBOXES, "mailboxes": 1 + len(client.machines) // 2}
            licences.append((_licence(tenant, MAIL, "subscription", seats) | boxes, 120))
        ids = []
        for record, days in licences:
            serial = estate.count_up("licences")
            ids.append(f"{0x2B00 + number:04X}-{serial:06d}-{serial * 7919:08X}")
            ends = (started_at + timedelta(days=days)).isoformat()
            estate.table("licences")[ids[-1]] = record | {"ends": ends}
        return ids[0]


def _licence(tenant: str, product: str, kind: str, limit: int | None) -> Record:
    return {
        "tenant": tenant,
        "product": product,
        "kind": kind,
        "state": "active",
        "limit": limit,
        "countedIn": DEVICES,
    }


def _device(machine: Machine, client: Client, started_at: datetime) -> Record:
    """Return a device; like people, the cloud spells some names in small letters."""
    number = machine.number
    conditions = _usual_conditions(number)
    away = timedelta(days=40) if "not-connected" in conditions else timedelta()
    old = timedelta(days=9) if "databases-outdated" in conditions else timedelta()
    return {
        "name": machine.name.lower() if number % 7 == 0 else machine.name,
        "class": _class_of(machine),
        "system": machine.operating_system,
        "serial": machine.serial,
        "mac": machine.mac.upper().replace(":", "-"),
        "fqdn": f"{machine.name}.{client.domain}".lower(),
        "address": machine.address,
        "user": machine.user,
        "conditions": conditions,
        "enrolled": (started_at - timedelta(days=300)).isoformat(),
        "seen": (started_at - away - timedelta(minutes=number % 600)).isoformat(),
        "bases": (started_at - away - old - timedelta(hours=number % 20)).isoformat(),
    }


def _class_of(machine: Machine) -> str:
    if "windows" not in machine.operating_system.casefold():
        return "other"
    server = machine.device_class is DeviceClass.SERVER
    return "windows-server" if server else "windows-workstation"


def _usual_conditions(number: int) -> list[str]:
    if number % 11 == 3:
        return ["databases-outdated"]
    if number % 13 == 5:
        return ["scan-overdue", "restart-required"]
    if number % 29 == 11:
        return ["not-connected"]
    return ["vulnerabilities"] if number % 17 == 7 else []


def _add_history(estate: Estate, tenant: str, started_at: datetime) -> None:
    devices = estate.index.devices.get(tenant, [])
    for place, (kind, hours) in enumerate(HISTORY):
        if devices:
            at = started_at - timedelta(hours=hours, minutes=len(devices) % 60)
            device = devices[place * 3 % len(devices)]
            estate.add_event(event(tenant, kind, at, device, estate.table("devices")[device]))


def _mark(estate: Estate, environment: str) -> None:
    """Let names show that this is not the estate of production."""
    for tenant, record in list(estate.table("tenants").items()):
        estate.table("tenants")[tenant] = record | {"name": f"{record['name']} ({environment})"}
    for device, record in list(estate.table("devices").items()):
        serial = f"{environment[0].upper()}{record['serial']}"
        estate.table("devices")[device] = record | {"serial": serial}
