"""Fills the Security Center emulator from the made-up MSP."""

import uuid
from datetime import datetime, timedelta

from plugin.edge.shelf import Record
from plugin.edge.world import Client, Machine, World
from plugin.vendors.kaspersky.emulator_center_facts import (
    CRITICAL_BITS,
    EVENT_TYPES,
    HOST_CRITICAL,
    HOST_WARNING,
    MASK_BITS,
    OK,
)
from plugin.vendors.kaspersky.emulator_center_rows import CenterRows

ADVANCED = "Kaspersky Endpoint Security for Business - Advanced"
SELECT = "Kaspersky Endpoint Security for Business - Select"
OPTIMUM = "Kaspersky EDR Optimum (trial)"

COMMERCIAL, TRIAL, SUBSCRIPTION = 1, 3, 6

HISTORY = (
    ("GNRL_EV_OBJECT_CURED", 70),
    ("GNRL_EV_VIRUS_FOUND", 52),
    ("GNRL_EV_OBJECT_DELETED", 51),
    ("KLPRCI_TaskState", 28),
    ("GNRL_EV_PASSWD_ARCHIVE_FOUND", 9),
)
"""What happened at every client, and how many hours before the story starts."""

TASKS = (
    ("Virus scan", "KES", "12.6.0.0"),
    ("Update databases", "KES", "12.6.0.0"),
    ("Find vulnerabilities and required updates", "1103", "1.0.0.0"),
    ("Install required updates and fix vulnerabilities", "1103", "1.0.0.0"),
)


class CenterSeed(CenterRows):
    """Makes a virtual server of every client, with groups, hosts, keys, tasks and a history."""

    def populate(self, world: World) -> None:
        """Fill the shelf with this server's view of the made-up MSP."""
        self.sessions.clear()
        self.forget_index()
        self.table("world")["world"] = {
            "seed": world.seed,
            "started_at": world.started_at.isoformat(),
        }
        for client in world.clients:
            self._add_server(client, world)
        self.forget_index()
        for server in self.table("servers"):
            self._add_history(int(server), world.started_at)

    def _add_server(self, client: Client, world: World) -> None:
        number, groups = 10 + client.number, 1000 + client.number * 10
        self.table("servers")[str(number)] = {
            "name": client.name,
            "uid": f"VS{number:04d}-{client.short}",
            "groups": groups,
            "created": (world.started_at - timedelta(days=400)).isoformat(),
            "domain": client.domain,
            "client": client.number,
        }
        self._add_groups(number, groups)
        serial = self._add_keys(number, client, world.started_at)
        self._add_tasks(number, groups)
        for place, machine in enumerate(client.machines):
            record = self._host(machine, client, world.started_at)
            record |= {"server": number, "group": groups + (3 if record["is_server"] else 4)}
            # Every twelfth device has no protection yet: present, seen, and not billed.
            record["key"] = "" if place % 12 == 11 else serial
            self.table("hosts")[host_id(world.seed, machine.number)] = record

    def _add_groups(self, server: int, groups: int) -> None:
        names = ("Managed devices", "Primary server", "Unassigned devices")
        for place, name in enumerate((*names, "Servers", "Workstations")):
            parent = groups if place > 2 else 0
            record = {"server": server, "name": name, "parent": parent}
            self.table("groups")[str(groups + place)] = record

    def _add_keys(self, server: int, client: Client, started_at: datetime) -> str:
        """Add the client's keys and return the serial number of the one in use."""
        subscribed = client.number % 3 == 0
        kind = SUBSCRIPTION if subscribed else COMMERCIAL
        product = SELECT if client.number % 2 else ADVANCED
        serial = self.add_key(server, (product, kind, client.seats), started_at, days=200)
        if client.number % 4 == 1:
            self.add_key(server, (OPTIMUM, TRIAL, client.seats), started_at, days=20)
        if client.number % 5 == 2:
            self.add_key(server, (product, COMMERCIAL, client.seats), started_at, days=-30)
        return serial

    def add_key(
        self, server: int, what: tuple[str, int, int], started_at: datetime, days: int
    ) -> str:
        """Keep a new key (product, type, limit) and return its serial number."""
        number = self.shelf.count_up("keys", 0)
        serial = f"{0x1700 + server:04X}-{number:06d}-{number * 7919:08X}"
        product, kind, limit = what
        self.table("keys")[serial] = {
            "server": server,
            "product": product,
            "type": kind,
            "limit": limit,
            "ends": (started_at + timedelta(days=days)).isoformat(),
            "subscription": kind == SUBSCRIPTION,
            "state": 0,
            "unlimited": kind == SUBSCRIPTION and server % 2 == 0,
            "next": 0,
        }
        return serial

    def _add_tasks(self, server: int, groups: int) -> None:
        for name, product, version in TASKS:
            number = str(self.shelf.count_up("tasks", 100))
            self.table("tasks")[number] = {
                "server": server,
                "name": name,
                "product": product,
                "version": version,
                "group": groups,
                "started": "",
            }

    def _host(self, machine: Machine, client: Client, started_at: datetime) -> Record:
        """Return a host; like people, the server spells some names in small letters."""
        number = machine.number
        mask = _usual_mask(number)
        system = machine.operating_system
        return {
            "name": machine.name.lower() if number % 7 == 0 else machine.name,
            "fqdn": f"{machine.name}.{client.domain}".lower(),
            "system": system,
            "is_server": machine.device_class == "server",
            "user": machine.user,
            "mask": mask,
            "status": status_of(mask),
            "online": number % 5 != 0,
            "created": (started_at - timedelta(days=300)).isoformat(),
            "seen": (started_at - timedelta(minutes=number % 600)).isoformat(),
            "bases": (started_at - timedelta(hours=_bases_age(mask, number))).isoformat(),
        }

    def _add_history(self, server: int, started_at: datetime) -> None:
        hosts = self.index.hosts.get(server, [])
        for place, (kind, hours) in enumerate(HISTORY):
            if hosts:
                at = started_at - timedelta(hours=hours, minutes=server % 60)
                host = hosts[place * 3 % len(hosts)]
                self.add_event(event(server, host, kind, at))
        if hosts:
            self.add_incident(server, hosts[-1], started_at - timedelta(hours=40))

    def add_incident(self, server: int, host: str, at: datetime) -> str:
        """Keep a new incident and return its number."""
        number = str(self.shelf.count_up("incidents", 0))
        self.table("incidents")[number] = {
            "server": server,
            "host": host,
            "severity": 2,
            "at": at.isoformat(),
            "body": "Removable drive connected outside working hours",
            "handled": False,
            "type": "DEVICE_CONTROL",
        }
        self.index.incidents.setdefault(server, []).append(number)
        return number


def host_id(seed: int, number: int) -> str:
    """Return the id of a machine's host: a GUID, the same for the same world."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"center-{seed}-{number}"))


def event(server: int, host: str, kind: str, at: datetime) -> Record:
    """Return the record of an event; KeyError when the server has no such type."""
    return {"server": server, "host": host, "type": EVENT_TYPES[kind].name, "at": at.isoformat()}


def status_of(mask: int) -> int:
    """Return the status that a mask of status descriptions makes."""
    bits = {bit for bit in range(len(MASK_BITS)) if mask >> bit & 1}
    if bits & CRITICAL_BITS:
        return HOST_CRITICAL
    return HOST_WARNING if bits else OK


def _usual_mask(number: int) -> int:
    if number % 11 == 3:
        return 1 << 7
    if number % 13 == 5:
        return 1 << 6 | 1 << 11
    return 1 << 13 if number % 17 == 7 else 0


def _bases_age(mask: int, number: int) -> int:
    """Return hours: old databases where the mask says so."""
    return 24 * 9 if mask >> 7 & 1 else number % 20
