"""A made-up but realistic MSP, the same for every emulator and for every run with one seed.

The host's emulators show its clients as companies with computers, the vendors' as workspaces with
devices, so that names, serial numbers and MAC addresses agree between them as they do in life,
including the small differences in spelling that people introduce.
"""

import random
from dataclasses import dataclass
from datetime import datetime

from plugin.domain.model import DeviceClass

SIZES = {"small": (12, 120), "large": (300, 30_000)}

_FIRST = (
    "Northwind Alder Birch Cedar Harbour Lakeside Meridian Nordlicht Oakfield Pinnacle Quarry "
    "Riverbend Silverline Thornton Umber Vale Westgate Yarrow Zenith Ashcroft Brightwater "
    "Copperfield Dunmore Eastbrook Fairview Glenwood Hillcrest Ironbridge Juniper Kingsley"
).split()
_TRADE = (
    "Dental|Logistics|Architects|Legal|Bakery|Clinic|Foods|Insurance|Motors|Printing|Roofing|"
    "Surveyors|Travel|Veterinary|Accounting|Electrical|Interiors|Joinery|Media|Optics"
).split("|")
_FORM = ("Ltd", "GmbH", "LLC", "Inc.", "& Sons", "Group", "Partners", "AG")
_PEOPLE = "adams baker clark dietrich evans fischer garcia hughes ivanov jones keller lopez".split()
_CITIES = "Leeds Bremen Austin Porto Lyon Turin Gent Malmo Graz Brno Cork Bergen".split()


@dataclass(frozen=True, slots=True)
class Machine:
    """A computer of a client, as both its RMM and its protection see it."""

    number: int
    name: str
    serial: str
    mac: str
    operating_system: str
    device_class: DeviceClass
    user: str
    address: str


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the MSP with its computers; ``seats`` is what it ordered."""

    number: int
    name: str
    short: str
    domain: str
    city: str
    seats: int
    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True)
class World:
    """The MSP: its clients, and the moment its story starts."""

    seed: int
    started_at: datetime
    clients: tuple[Client, ...]


def make_world(companies: int, devices: int, seed: int, started_at: datetime) -> World:
    """Make an MSP with exactly this many clients and computers, repeatable from ``seed``."""
    # S311: realism, not secrecy: the same seed must give the same world.
    dice = random.Random(seed)  # noqa: S311 - a made-up world
    shares = _shares(companies, devices, dice)
    clients = []
    first_machine = 1
    for number in range(1, companies + 1):
        clients.append(_client(number, shares[number - 1], first_machine, dice))
        first_machine += shares[number - 1]
    return World(seed, started_at, tuple(clients))


def _shares(companies: int, devices: int, dice: random.Random) -> list[int]:
    """Spread the computers unevenly, as clients are: a few large ones, many small ones."""
    if companies == 0:
        return []
    weights = [dice.paretovariate(1.6) for _ in range(companies)]
    total = sum(weights)
    shares = [int(devices * weight / total) for weight in weights]
    for index in range(devices - sum(shares)):
        shares[index % companies] += 1
    return shares


def _client(number: int, machines: int, first_machine: int, dice: random.Random) -> Client:
    block, place = divmod(number - 1, len(_FIRST) * len(_TRADE))
    first = _FIRST[place % len(_FIRST)]
    trade = _TRADE[(place // len(_FIRST) + place) % len(_TRADE)]
    suffix = f" {block + 1}" if block else ""
    name = f"{first} {trade}{suffix} {dice.choice(_FORM)}"
    short = f"{first[:4]}{trade[:4]}{number}".upper()
    domain = f"{first}-{trade}{block or ''}.example".lower()
    computers = tuple(
        _machine(first_machine + index, index, short, dice) for index in range(machines)
    )
    return Client(number, name, short, domain, dice.choice(_CITIES), machines + 2, computers)


def _machine(number: int, index: int, short: str, dice: random.Random) -> Machine:
    server = index % 9 == 0
    prefix = "SRV" if server else dice.choice(("PC", "NB"))
    system = dice.choice(
        ("Microsoft Windows Server 2022", "Microsoft Windows Server 2019")
        if server
        else ("Microsoft Windows 11 Pro", "Microsoft Windows 10 Pro", "macOS 15")
    )
    return Machine(
        number=number,
        name=f"{short[:6]}-{prefix}{index + 1:03d}",
        serial=f"SN{number:07d}",
        mac=":".join(f"{part:02x}" for part in (2, *number.to_bytes(5, "big"))),
        operating_system=system,
        device_class=DeviceClass.SERVER if server else DeviceClass.WORKSTATION,
        user="" if server else dice.choice(_PEOPLE),
        address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
    )
