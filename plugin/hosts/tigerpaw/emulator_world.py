"""How the Tigerpaw emulator fills itself from the made-up MSP.

The MSP's own account is number 1000; names differ a little from what the security vendor knows, as
they do in life. Keys and passwords open the made-up server only.
"""

from datetime import timedelta
from typing import Any

from plugin.edge.shelf import Shelf
from plugin.edge.world import Client, World

Record = dict[str, Any]

PUBLIC_KEY = "5b0f3c8e-2d41-4f7a-9c55-7a1e60d2b9f4"
PRIVATE_KEY = "C1D2E3F4-0A1B-4C2D-8E3F-4A5B6C7D8E9F"
SOAP_USER, SOAP_PASSWORD = "bridgehead", "Tigerpaw-Sandbox-1"
EXTERNAL_PRODUCT = "Bridgehead"
REP = 7

FIRST_ACCOUNT, FIRST_AGREEMENT, FIRST_CHARGE = 1000, 1200, 70

_ITEMS = (
    ("KESC-PLUS", "Kaspersky Endpoint Security Cloud Plus", "S", 3.1),
    ("KESC-PRO", "Kaspersky Endpoint Security Cloud Pro", "S", 4.6),
    ("KSC-NODE", "Managed workstation protection", "S", 2.75),
    ("KSC-SERVER", "Managed server protection", "S", 9.5),
    ("ESET-PROTECT", "ESET PROTECT Advanced seat", "S", 2.9),
    ("LAB-HOUR", "Technician, one hour", "L", 95.0),
    ("BACKUP-DISK", "Backup disk 8 TB", "M", 240.0),
)
_TABLES: dict[str, tuple[Record, ...]] = {
    "serviceorders/statuses": (
        {"Status": "New", "SystemDefault": True, "Rank": 1},
        {"Status": "In Progress", "SystemDefault": False, "Rank": 2},
        {"Status": "Waiting", "SystemDefault": False, "Rank": 3},
        {"Status": "Closed", "SystemDefault": False, "Rank": 4},
    ),
    "serviceorders/types": (
        {"Type": "Service", "SystemDefault": True},
        {"Type": "Security", "SystemDefault": False},
    ),
    "priorities": (
        {"Priority": "High", "Rank": 1, "SystemDefault": False},
        {"Priority": "Normal", "Rank": 2, "SystemDefault": True},
    ),
    "severities": (
        {"ServiceOrderSeverityNumber": 1, "Severity": "Whole company", "Rank": 1},
        {"ServiceOrderSeverityNumber": 2, "Severity": "One user", "Rank": 2},
    ),
    "dispatchboards": (
        {"DispatchBoardId": 1, "Description": "Service desk"},
        {"DispatchBoardId": 2, "Description": "Security"},
    ),
    "reps": (
        {"RepNumber": REP, "DisplayName": "Bridgehead", "Inactive": False},
        {"RepNumber": 8, "DisplayName": "Service desk", "Inactive": False},
        {"RepNumber": 9, "DisplayName": "Former rep", "Inactive": True},
    ),
    "resolutions": ({"Id": 1, "Value": "Cleaned"}, {"Id": 2, "Value": "False alarm"}),
}


def fill(shelf: Shelf, world: World) -> None:
    """Put the made-up MSP onto an empty shelf."""
    shelf.table("keys")[PUBLIC_KEY] = {"private": PRIVATE_KEY, "rep": REP}
    user = {"password": SOAP_PASSWORD, "product": EXTERNAL_PRODUCT}
    shelf.table("soap_users")[SOAP_USER] = user
    shelf.table("externalproducts")["1"] = {"name": EXTERNAL_PRODUCT, "active": True}
    shelf.table("externalproducts")["2"] = {"name": "Old backup", "active": False}
    for name, rows in _TABLES.items():
        for place, row in enumerate(rows, start=1):
            shelf.table(name)[str(place)] = {"shown": row}
    for place, (item, name, kind, price) in enumerate(_ITEMS, start=1):
        shelf.table("pricebook")[str(place)] = {
            "id": item,
            "name": name,
            "type": kind,
            "price": price,
        }
    _account(shelf, FIRST_ACCOUNT, "Harbour Point IT", "HARBOUR", "harbourpoint.example", "Leeds")
    for client in world.clients:
        _fill_client(shelf, client, world)


def _fill_client(shelf: Shelf, client: Client, world: World) -> None:
    number = FIRST_ACCOUNT + client.number
    name = client.name.removesuffix(" Ltd") if client.number % 4 == 0 else client.name
    _account(shelf, number, name, client.short, client.domain, client.city)
    agreement = FIRST_AGREEMENT + client.number
    start = world.started_at - timedelta(days=300)
    shelf.table("agreements")[str(agreement)] = {
        "account": str(number),
        "product": EXTERNAL_PRODUCT,
        "type": "Managed security",
        "start": start.timestamp(),
        "end": None,
        "polled": (world.started_at - timedelta(days=2)).timestamp(),
        "next": (world.started_at + timedelta(days=28)).timestamp(),
    }
    for place in (2, 3):
        item, text, _, price = _ITEMS[place]
        charge = FIRST_CHARGE + 2 * client.number + place
        shelf.table("charges")[str(charge)] = {
            "agreement": str(agreement),
            "item": item,
            "name": text,
            "quantity": client.seats if place == 2 else 1,
            "price": price,
            "flat": False,
            "print_zero": False,
            "once": False,
        }


def _account(shelf: Shelf, number: int, *told: str) -> None:
    name, short, domain, city = told
    status = "Inactive" if number % 9 == 0 else "Active"
    record = {"name": name, "short": short, "domain": domain, "city": city, "status": status}
    shelf.table("accounts")[str(number)] = record
