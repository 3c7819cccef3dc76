"""What ESET MSP Administrator knows of the made-up MSP: companies, licences and their use."""

import base64
import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from plugin.edge.world import World
from plugin.vendors.eset.emulator_estate import identify

Record = dict[str, Any]

NORMAL, SUSPENDED, WARNING = 1, 3, 4
FULL, TRIAL = 1, 4
ENTITY_TYPES = ("HQ", "Distributor", "Division", "MSP Manager", "MSP", "Managed MSP", "Customer")
MSP_TYPE, CUSTOMER_TYPE = 5, 7
STATES = ("Error", "Normal", "Obsolete", "Suspended", "Warning")
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def companies_of(world: World) -> Iterator[tuple[str, Record]]:
    """Yield the MSP itself and every customer of it."""
    msp = identify("msp")
    yield msp, company("Bridgehead MSP", "", MSP_TYPE, "office@bridgehead.example", "")
    for client in world.clients:
        record = company(client.name, msp, CUSTOMER_TYPE, f"it@{client.domain}", client.short)
        yield customer_id(client.number), record


def customer_id(number: int) -> str:
    """Return the id of a client's company."""
    return identify("customer", number)


def company(name: str, parent: str, kind: int, email: str, custom: str) -> Record:
    """Return the record of a company."""
    return {"name": name, "parent": parent, "type": kind, "email": email, "custom": custom}


def licences_of(world: World) -> Iterator[tuple[str, Record]]:
    """Yield every licence: a bundle each, some with a second product, a trial, one suspended."""
    since = world.started_at.date().isoformat()
    for client in world.clients:
        used, place = len(client.machines), client.number * 4
        advanced = ("1112", "ESET PROTECT Advanced")
        main = licence(customer_id(client.number), advanced, since, (client.seats, used))
        yield public_key(place), {**main, "state": SUSPENDED if client.number % 13 == 0 else NORMAL}
        if client.number % 2 == 0:
            office = ("870", "ESET Cloud Office Security")
            counts = (client.seats, max(0, used - 1))
            yield public_key(place + 1), licence(customer_id(client.number), office, since, counts)
        if client.number % 4 == 1:
            elite = ("1130", "ESET PROTECT Elite")
            trial = licence(customer_id(client.number), elite, since, (5, 1))
            yield public_key(place + 2), {**trial, "type": TRIAL}


def licence(customer: str, product: tuple[str, str], since: str, counts: tuple[int, int]) -> Record:
    """Return the record of a licence; ``counts`` are its ordered and its activated units."""
    return {
        "customer": customer,
        "code": product[0],
        "name": product[1],
        "type": FULL,
        "state": NORMAL,
        "ordered": [[since, counts[0]]],
        "used": [[since, counts[1]]],
    }


def public_key(number: int) -> str:
    """Return a public licence key, three groups of three."""
    digits = ""
    for _ in range(9):
        number, rest = divmod(number * 7 + 11, 36)
        digits += _LETTERS[rest]
        number += rest * 5
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def on_day(history: list[list[Any]], day: str) -> int:
    """Return the count that held at the end of ``day``; before the first entry the first one."""
    count: int = history[0][1]
    for since, value in history:
        if since <= day:
            count = value
    return count


def use_of(record: Record, first: date, last: date) -> Record:
    """Return a licence's line of a usage report over ``first`` to ``last``, both included."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    per_day = [{"date": str(d), "usage": on_day(record["used"], str(d))} for d in days]
    seats = 0 if record["state"] == SUSPENDED else on_day(record["ordered"], str(last))
    return {
        "code": record["code"],
        "name": record["name"],
        "licenseType": record["type"],
        "seatDays": sum(each["usage"] for each in per_day),
        "seats": seats,
        "usagePerDays": per_day,
    }


def detail_of(key: str, record: Record) -> Record:
    """Return a licence as ``License/Detail`` shows it."""
    trial = record["type"] == TRIAL
    return {
        "customerId": record["customer"],
        "publicLicenseKey": key,
        "productCode": record["code"],
        "productName": record["name"],
        "quantity": record["ordered"][-1][1],
        "usage": record["used"][-1][1],
        "state": record["state"],
        "trial": trial,
        "trialExpiration": "2026-12-01T00:00:00" if trial else None,
        "trialExtensions": 0 if trial else None,
        "bundleProducts": [],
        "lastUpdate": record["ordered"][-1][0],
        "lastUpdateBy": "office@bridgehead.example",
    }


def access_token(user: str, now: float, seconds: int, mark: str) -> str:
    """Return a token in the form of a JWT; nobody but this emulator checks its signature."""
    claims = {"sub": user, "nbf": int(now), "exp": int(now) + seconds, "jti": mark}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    shown = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join((*shown, base64.urlsafe_b64encode(mark.encode()).rstrip(b"="))).decode()
