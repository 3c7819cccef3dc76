"""How the Automate emulator fills itself from the made-up MSP.

The MSP's own company is client 1; its computers are where bridges run. Names and serial numbers
differ a little from what the security vendor knows, as they do in life.
"""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from plugin.domain.model import DeviceClass
from plugin.edge.shelf import Shelf
from plugin.edge.world import Client, Machine, World
from plugin.hosts.connectwise_automate.emulator_groups import AS_DETECTED, BY_HAND, TAKEN_OFF

Record = dict[str, Any]

CLOUD_BRIDGE = "Kaspersky Endpoint Security Cloud Bridge"
ADMINISTRATION_SERVER = "Kaspersky Security Center Administration Server"
ROLES = {"1": CLOUD_BRIDGE, "2": ADMINISTRATION_SERVER}
BRIDGE_GROUP = "Security integration bridges"
SERVER_GROUP = "Security administration servers"
BRIDGE_FIELD = "Security integration bridge"

USER = "bridgehead"
PASSWORD = "Automate-Sandbox-1"  # noqa: S105 - opens the made-up server only
PASSCODE = "123456"
CLIENT_ID = "5a0f2b7c-7d0e-4c56-9a3b-1f2e3d4c5b6a"
WEBHOOK_SECRET = "sandbox-automate-webhook-secret-01"  # noqa: S105 - as above

_TYPES = {DeviceClass.SERVER: "Server", DeviceClass.WORKSTATION: "Workstation"}
_OWN = (
    ("MSP-BRIDGE01", "Server", "Microsoft Windows Server 2022 Standard x64"),
    ("MSP-BRIDGE02", "Server", "Microsoft Windows Server 2022 Standard x64"),
    ("MSP-KSC01", "Server", "Microsoft Windows Server 2019 Standard x64"),
    ("MSP-FILES01", "Server", "Microsoft Windows Server 2019 Standard x64"),
    ("MSP-ADMIN01", "Workstation", "Microsoft Windows 11 Pro x64"),
)
_BRIDGE_WORDS = ["", CLOUD_BRIDGE, ADMINISTRATION_SERVER]
_FIELDS: tuple[Record, ...] = (
    {"on": "computers", "title": BRIDGE_FIELD, "kind": "dropdown", "options": _BRIDGE_WORDS},
    {"on": "computers", "title": "Security integration id"},
    {"on": "computers", "title": "Protection state"},
    {"on": "computers", "title": "Protection problems"},
    {"on": "computers", "title": "Protection product"},
    {"on": "computers", "title": "Protection last seen"},
    {"on": "computers", "title": "Protection isolated", "kind": "checkbox", "default": False},
    {"on": "computers", "title": "Asset owner", "default": "MSP", "read_only": True},
    {"on": "clients", "title": "Security workspace"},
    {"on": "locations", "title": "Security group"},
)
_USUAL_FIELD: Record = {"kind": "text", "options": [], "default": "", "read_only": False}
_GROUPS = (("All servers", None), (BRIDGE_GROUP, "1"), (SERVER_GROUP, "2"))
_SCRIPTS = (
    ("Bridgehead: alert raised", "alert_raised"),
    ("Bridgehead: alert cleared", "alert_cleared"),
    ("Bridgehead: computer online", "computer_online"),
    ("Bridgehead: computer offline", "computer_offline"),
    ("Bridgehead: bridge result", "bridge_result"),
    ("Restart print spooler", ""),
)


def fill(shelf: Shelf, world: World) -> None:
    """Put the made-up MSP onto an empty shelf."""
    users = shelf.table("users")
    users[USER] = {"password": PASSWORD, "passcodes": [PASSCODE]}
    shelf.table("integrations")[CLIENT_ID] = {"name": "Bridgehead"}
    _fill_own(shelf, world)
    for client in world.clients:
        _fill_client(shelf, client, world)
    _fill_definitions(shelf, world)
    shelf.table("runner")["it"] = {"url": "", "secret": WEBHOOK_SECRET, "key_id": "server"}


def roles_at_first(shelf: Shelf) -> Iterator[tuple[str, str, int, bool]]:
    """Yield computer, role, type and detection of the memberships at the beginning."""
    own = {record["name"]: number for number, record in own_computers(shelf)}
    yield own["MSP-BRIDGE01"], "1", AS_DETECTED, True
    yield own["MSP-BRIDGE02"], "1", BY_HAND, False
    yield own["MSP-KSC01"], "2", AS_DETECTED, True
    # Detected, but a person has taken the role off: the product does not count it.
    yield own["MSP-FILES01"], "1", TAKEN_OFF, True


def own_computers(shelf: Shelf) -> Iterator[tuple[str, Record]]:
    """Yield the MSP's own computers, which come first."""
    for number in map(str, range(1, len(_OWN) + 1)):
        yield number, shelf.table("computers")[number]


def _fill_own(shelf: Shelf, world: World) -> None:
    shelf.table("clients")["1"] = {"name": "Harbour Point IT", "city": "Leeds", "external": "1"}
    shelf.table("locations")["1"] = {"client": "1", "name": "Main", "city": "Leeds"}
    for index, (name, kind, system) in enumerate(_OWN, start=1):
        shelf.table("computers")[str(index)] = {
            "name": name,
            "client": "1",
            "location": "1",
            "serial": f"MSP{index:05d}",
            "mac": f"02-FF-00-00-00-{index:02X}",
            "ip": f"10.255.0.{index}",
            "os": system,
            "type": kind,
            "domain": "harbourpoint.example",
            "user": "",
            "online": True,
            "seen": int(world.started_at.timestamp()),
        }


def _fill_client(shelf: Shelf, client: Client, world: World) -> None:
    number = str(client.number + 1)
    name = client.name.removesuffix(" Ltd") if client.number % 5 == 0 else client.name
    external = str(client.number + 100)
    shelf.table("clients")[number] = {"name": name, "city": client.city, "external": external}
    places = [str(2 * client.number), str(2 * client.number + 1)]
    for place, label in zip(places, ("Main", "Remote staff"), strict=True):
        shelf.table("locations")[place] = {"client": number, "name": label, "city": client.city}
    for machine in client.machines:
        record = _computer(machine, world)
        place = places[1] if machine.number % 10 == 0 else places[0]
        shelf.table("computers")[str(machine.number + len(_OWN))] = {
            **record,
            "client": number,
            "location": place,
            "domain": client.domain,
        }


def _computer(machine: Machine, world: World) -> Record:
    last = world.started_at - timedelta(hours=machine.number % 200)
    virtual = machine.number % 23 == 0
    return {
        "name": machine.name.upper()[:15],
        "serial": "To be filled by O.E.M." if virtual else machine.serial,
        "mac": machine.mac.upper().replace(":", "-" if machine.number % 2 else ":"),
        "ip": machine.address,
        "os": f"{machine.operating_system} x64".removesuffix("15 x64"),
        "type": _TYPES.get(machine.device_class, "Workstation"),
        "user": machine.user,
        "online": machine.number % 8 != 0,
        "seen": int(last.timestamp()),
    }


def _fill_definitions(shelf: Shelf, world: World) -> None:
    for number, name in ROLES.items():
        shelf.table("roledefinitions")[number] = {
            "RoleName": name,
            "RoleDetectionGuid": _guid(name),
            "DetectionString": "{%@sc.exe query bridgehead@%}",
            "ComparisonOperator": "rl",
            "ComparisonResult": "RUNNING",
        }
        shelf.table("searches")[number] = {"name": f"Has role {name}", "role": number}
    for index, (name, search) in enumerate(_GROUPS, start=1):
        group = {"name": name, "full": name, "guid": _guid(name), "search": search}
        shelf.table("groups")[str(index)] = group
    for index, field in enumerate(_FIELDS, start=1):
        shelf.table("fields")[str(index)] = {**_USUAL_FIELD, **field}
    for index, (name, event) in enumerate(_SCRIPTS, start=1):
        folder = "Bridgehead" if event else "Maintenance"
        shelf.table("scripts")[str(index)] = {"name": name, "folder": folder, "event": event}
    at = int(world.started_at.timestamp()) - 7200
    shelf.table("tickets")["1"] = {"client": "1", "subject": "Rotate backup disks", "at": at}


def _guid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
