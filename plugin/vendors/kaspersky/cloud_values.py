"""Rows of the cloud, as the schemas of :mod:`.cloud_wire` read them, turned into our values."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from plugin.domain.model import (
    ActionProgress,
    Administrator,
    Detection,
    Device,
    DeviceClass,
    KeptIntegration,
    Licence,
    UsageLine,
    Workspace,
)
from plugin.vendors.kaspersky import cloud_words as words
from plugin.vendors.kaspersky.cloud_wire import STABLE

Row = Mapping[str, Any]


def workspace(row: Row) -> Workspace:
    """Return a tenant as a workspace."""
    return Workspace(
        row["id"], row["name"] or row["id"], row["domain"], row["address"], row["device_count"]
    )


def device(row: Row, workspace_id: str) -> Device:
    """Return a device of ``workspace_id``."""
    return Device(
        id=row["id"],
        workspace_id=workspace_id,
        name=row["name"] or row["fqdn"] or row["id"],
        device_class=row["device_class"],
        operating_system=row["operating_system"],
        serial=row["serial"],
        macs=tuple(row["macs"]),
        fqdn=row["fqdn"],
        address=row["address"],
        user=row["user"],
        protection=row["protection"],
        conditions=tuple(_conditions(row["conditions"])),
        product=row["product"],
        product_version=row["product_version"],
        bases_at=row["bases_at"],
        seen_at=row["seen_at"],
    )


def _conditions(names: list[str]) -> Iterator[str]:
    """Yield our stable words; a name we do not know stays as it is, if it is a word at all."""
    for name in names:
        if name in words.CONDITIONS:
            yield words.CONDITIONS[name]
        elif STABLE.fullmatch(name):
            yield name.replace("-", "_")


def detection(row: Row, workspace_id: str) -> Detection:
    """Return an event of ``workspace_id``; one about the whole tenant names no device."""
    return Detection(
        id=row["id"],
        workspace_id=workspace_id,
        device_id=row["device_id"],
        device_name=row["device_name"],
        kind=row["kind"],
        severity=row["severity"],
        title=row["title"] or row["kind"],
        occurred_at=row["occurred_at"],
        description=row["description"],
        outcome=row["outcome"],
        object_name=row["object_name"],
        user=row["user"],
        sequence=row["sequence"],
    )


def licence(row: Row, workspace_id: str) -> Licence:
    """Return a licence of ``workspace_id``."""
    return Licence(
        id=row["id"],
        workspace_id=workspace_id,
        product=row["product"],
        kind=row["kind"],
        state=row["state"],
        limit=row["limit"],
        used=row["used"],
        expires_at=row["expires_at"],
        per_user=row["counted_in"] in words.PER_USER,
    )


def usage(rows: list[Row], workspace_id: str, day: date) -> Iterator[UsageLine]:
    """Yield the quantities by product, way of counting and class; several licences add up."""
    counts: dict[tuple[str, str, DeviceClass | None], int] = {}
    unlimited = {row["product"] for row in rows if row["ordered"] is None}
    for row in rows:
        for how, device_class, quantity in _quantities(row):
            key = (row["product"], how, device_class)
            counts[key] = counts.get(key, 0) + quantity
    for (product, how, device_class), quantity in counts.items():
        if how != words.ORDERED or product not in unlimited:
            yield UsageLine(workspace_id, product, day, quantity, how, device_class)


def _quantities(row: Row) -> Iterator[tuple[str, DeviceClass | None, int]]:
    for how in (words.ASSIGNED, words.ACTIVE):
        if row["counted_in"] in words.PER_USER:
            yield how, None, row[how]
        else:
            yield from ((how, each, 0) for each in words.SHOWN_AT_ZERO)
            yield from ((how, each["device_class"], each[how]) for each in row["by_class"])
    yield words.ORDERED, None, row["ordered"] or 0


def progress(row: Row) -> ActionProgress:
    """Return how far a task is."""
    detail = f"{row['done']} of {row['devices']} devices"
    if row["failed"]:
        detail += f", {row['failed']} could not be reached"
    return ActionProgress(row["state"], detail)


def integration(row: Row) -> KeptIntegration:
    """Return an integration."""
    return KeptIntegration(
        row["id"],
        row["platform"],
        row["name"],
        tuple(row["tenants"]),
        tuple(Administrator(each["email"], each["alias"]) for each in row["administrators"]),
    )


def shown(text: str, limit: int = 120) -> str:
    """Return the remote's text fit for a message: one line, printable, not endless."""
    return "".join(each if each.isprintable() else " " for each in text[:limit])
