"""What ESET PROTECT knows of the made-up MSP: groups and devices, kept small, shown whole."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from plugin.domain.model import DeviceClass
from plugin.edge.shelf import Table
from plugin.edge.world import Client, Machine, World

Record = dict[str, Any]

ALL, LOST, MSP = "All", "Lost & found", "Bridgehead MSP"
DYNAMIC = {
    "problems": "Computers with problems",
    "outdated-system": "Computers with outdated operating system",
    "outdated-modules": "Not updated modules",
}
AGENT_VERSION, ENDPOINT_VERSION, SERVER_VERSION = "12.3.1105.0", "12.0.2045.0", "11.1.12009.0"
_SPACE = uuid.UUID("5ad1a5d4-7f5b-4a61-9a6c-6c3a1f6f3e01")
_STATUS = "DEVICE_FUNCTIONALITY_STATUS_"
_TYPES = {DeviceClass.SERVER: "SERVER", DeviceClass.WORKSTATION: "DESKTOP"}


def identify(*parts: object) -> str:
    """Return the identifier of a thing; the same thing has the same one in every run."""
    return str(uuid.uuid5(_SPACE, "/".join(map(str, parts))))


def groups_of(world: World) -> Iterator[tuple[str, Record]]:
    """Yield every group: the MSP's tree as ESET's own synchronisation builds it, and dynamic ones.

    Large clients have a subgroup for their servers, every third one a site.
    """
    root, msp = identify("group", ALL), identify("group", MSP)
    yield root, group(ALL)
    yield identify("group", LOST), group(LOST, root)
    yield msp, group(MSP, root, linked="MSP")
    for client in world.clients:
        company = company_group(client.number)
        yield company, group(client.name, msp, linked="COMPANY")
        if len(client.machines) >= 5:
            yield server_group(client), group("Servers", company)
        if client.number % 3 == 0:
            yield identify("site", client.number), group("Branch", company, linked="SITE")
    for key, name in DYNAMIC.items():
        yield identify("dynamic", key), group(name, root, dynamic=True)


def group(
    name: str, parent: str = "", *, linked: str = "UNSPECIFIED", dynamic: bool = False
) -> Record:
    """Return the record of a group."""
    return {"name": name, "parent": parent, "linked": linked, "dynamic": dynamic}


def company_group(number: int) -> str:
    """Return the id of a client's group."""
    return identify("company group", number)


def server_group(client: Client) -> str:
    """Return the id of the subgroup that holds a large client's servers."""
    return identify("server group", client.number)


def device_of(client: Client, machine: Machine, seen: str) -> tuple[str, Record]:
    """Return a device's id and record; names and addresses are spelled as agents report them."""
    server = machine.device_class is DeviceClass.SERVER
    deep = server and len(client.machines) >= 5
    whole_name = machine.name.lower() + "." + client.domain
    return identify("device", machine.number), {
        "name": whole_name if machine.number % 5 == 0 else machine.name,
        "group": server_group(client) if deep else company_group(client.number),
        "type": _TYPES.get(machine.device_class, "UNSPECIFIED"),
        "system": machine.operating_system,
        "serial": "" if machine.number % 11 == 0 else machine.serial,
        "mac": machine.mac.upper().replace(":", "-"),
        "address": machine.address,
        "status": "OK",
        "problems": 0,
        "seen": seen,
    }


def show_group(identifier: str, record: Record) -> Record:
    """Return a group as the interface shows it."""
    return {
        "uuid": identifier,
        "displayName": record["name"],
        "parentGroupUuid": record["parent"],
        "isSecurityGroup": not record["dynamic"],
        "linkedEntityType": "DEVICE_GROUP_ENTITY_TYPE_" + record["linked"],
        "etag": "1",
    }


def show_device(identifier: str, record: Record) -> Record:
    """Return a device as the interface shows it."""
    windows = record["system"].startswith("Microsoft")
    return {
        "uuid": identifier,
        "displayName": record["name"],
        "originalDisplayName": record["name"],
        "description": "",
        "parentGroupUuid": record["group"],
        "deviceType": "DEVICE_TYPE_" + record["type"],
        "operatingSystem": {
            "displayName": record["system"],
            "familyId": 1 if windows else 3,
            "version": {"name": "10.0.26100" if windows else "15.1", "id": "4503629627"},
        },
        "functionalityStatus": _STATUS + record["status"],
        "functionalityProblemCount": record["problems"],
        "enrollmentStatus": "DEVICE_ENROLLMENT_STATUS_FINISHED",
        "lastSyncTime": record["seen"],
        "isMuted": False,
        "isMobile": False,
        "isMaster": False,
        "primaryLocalIpAddress": record["address"],
        "publicIpAddress": "203.0.113.10",
        "hardwareProfiles": [
            {
                "bios": {"manufacturer": "Contoso", "serialNumber": record["serial"]},
                "networkAdapters": [{"caption": "Ethernet", "macAddress": record["mac"]}],
                "model": "M1",
            }
        ],
        "deployedComponents": list(_components(record)),
        "activeProducts": [{"id": 1011, "name": "ESET PROTECT Advanced"}],
        "managementDomain": "",
        "tags": [],
        "etag": "1",
        "ownerUuid": "",
    }


def _components(record: Record) -> Iterator[Record]:
    agent = {"displayName": "ESET Management Agent", "version": {"name": AGENT_VERSION}}
    server = record["type"] == "SERVER"
    name = "ESET Server Security" if server else "ESET Endpoint Security"
    version = SERVER_VERSION if server else ENDPOINT_VERSION
    yield {**agent, "id": 1, "name": "AGENT"}
    yield {"displayName": name, "id": 2, "name": "ENDPOINT", "version": {"name": version}}


class Estate:
    """Index over the tables of groups and devices, so that no answer walks through all of them."""

    def __init__(self, groups: Table, devices: Table, members: Table) -> None:
        """Read the tables once."""
        self.group_ids = list(groups)
        self.device_ids = list(devices)
        self.child_groups: dict[str, list[str]] = {}
        self._direct: dict[str, list[str]] = {}
        self._members = members
        for identifier, record in groups.items():
            self.child_groups.setdefault(record["parent"], []).append(identifier)
        for identifier, device in devices.items():
            self._direct.setdefault(device["group"], []).append(identifier)

    def add(self, identifier: str, device: Mapping[str, Any]) -> None:
        """Take a new device in."""
        self.device_ids.append(identifier)
        self._direct.setdefault(device["group"], []).append(identifier)

    def remove(self, identifier: str, device: Mapping[str, Any]) -> None:
        """Let a device go, from dynamic groups too."""
        self.device_ids.remove(identifier)
        self._direct[device["group"]].remove(identifier)
        for group_id, members in list(self._members.items()):
            if identifier in members:
                self._members[group_id] = {k: v for k, v in members.items() if k != identifier}

    def members(self, group_id: str, *, deep: bool) -> list[tuple[str, str]]:
        """Return (group, device) of a static or dynamic group's members, subgroups' too if deep."""
        found = [(group_id, device) for device in self._direct.get(group_id, ())]
        found += [(group_id, device) for device in self._members.get(group_id, ())]
        for child in self.child_groups.get(group_id, ()) if deep else ():
            found += self.members(child, deep=True)
        return found
