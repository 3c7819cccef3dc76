"""Stores devices as vendors list them, a page at a time, and marks those that are gone."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from plugin.domain.figures import deployment_of
from plugin.domain.model import Device
from plugin.domain.reconcile import Guard, SeenRows, fingerprint
from plugin.services.mirror import CHUNK, Counts, clean
from plugin.store.base import Base
from plugin.store.bulk import insert_many
from plugin.store.mirror import DeviceRow

Value = TypeVar("Value")


def store_devices(
    session: Session,
    vendor_id: int,
    devices: Sequence[Device],
    now: datetime,
    counts: Counts,
    seen: SeenRows,
) -> None:
    """Store one page of devices: new rows in one insert, changed ones in one update."""
    held = _held_devices(session, vendor_id, devices)
    fresh, changed = [], []
    for device in {(each.workspace_id, each.id): each for each in devices}.values():
        counts.seen += 1
        row = held.get((device.workspace_id, device.id))
        values = _device_values(device)
        if row is None:
            fresh.append(
                values
                | {
                    "vendor_id": vendor_id,
                    "workspace_id": device.workspace_id,
                    "device_id": device.id,
                    "first_seen_at": now,
                }
            )
        else:
            seen.add(row.id)
            if row.fingerprint == values["fingerprint"] and row.gone_at is None:
                counts.unchanged += 1
                continue
            changed.append(values | {"id": row.id, "gone_at": None})
        counts.touched.add(device.workspace_id)
    _write_devices(session, fresh, changed, counts, seen)


def _held_devices(session: Session, vendor_id: int, devices: Sequence[Device]) -> dict[Any, Any]:
    wanted: dict[str, list[str]] = {}
    for device in devices:
        wanted.setdefault(device.workspace_id, []).append(device.id)
    held = {}
    for workspace_id, ids in wanted.items():
        for start in range(0, len(ids), CHUNK):
            query = select(
                DeviceRow.id, DeviceRow.device_id, DeviceRow.fingerprint, DeviceRow.gone_at
            ).where(
                DeviceRow.vendor_id == vendor_id,
                DeviceRow.workspace_id == workspace_id,
                DeviceRow.device_id.in_(_padded(ids[start : start + CHUNK])),
            )
            for row in session.execute(query):
                held[(workspace_id, row.device_id)] = row
    return held


def _padded(values: Sequence[Value]) -> list[Value]:
    """Repeat the last value up to a power of two: few lengths are few statements to keep.

    >>> _padded([7, 8, 9])
    [7, 8, 9, 9]
    """
    missing = (1 << (len(values) - 1).bit_length()) - len(values) if values else 0
    return list(values) + list(values[-1:]) * missing


def _device_values(device: Device) -> dict[str, Any]:
    return {
        "name": clean(device.name, 300),
        "device_class": device.device_class.value,
        "operating_system": clean(device.operating_system, 200),
        "serial": clean(device.serial, 120),
        "macs": [clean(mac, 40) for mac in device.macs[:20]],
        "fqdn": clean(device.fqdn, 300),
        "address": clean(device.address, 100),
        "user": clean(device.user, 200),
        "protection": device.protection.value,
        "conditions": [clean(each, 80) for each in device.conditions[:40]],
        "groups": [clean(each, 80) for each in device.groups[:100]],
        "product": clean(device.product, 200),
        "product_version": clean(device.product_version, 80),
        "isolated": device.isolated,
        "bases_at": device.bases_at,
        "deployment": deployment_of(device).value,
        "last_contact_at": device.seen_at,
        "fingerprint": fingerprint(device),
    }


def _write_devices(
    session: Session,
    fresh: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    counts: Counts,
    seen: SeenRows,
) -> None:
    if fresh:
        _insert_devices(session, fresh, seen)
    if changed:
        session.execute(update(DeviceRow), changed)
    counts.created += len(fresh)
    counts.updated += len(changed)


def _insert_devices(session: Session, fresh: list[dict[str, Any]], seen: SeenRows) -> None:
    """Insert rows and learn their numbers, which only grow: asking at once beats one by one."""
    newest = _newest(session)
    insert_many(session, Base.metadata.tables[DeviceRow.__tablename__], fresh)
    last = _newest(session)
    if last - newest == len(fresh):  # nobody else has inserted meanwhile
        numbers: Iterable[int] = range(newest + 1, last + 1)
    else:
        ours = DeviceRow.id > newest, DeviceRow.vendor_id == fresh[0]["vendor_id"]
        numbers = session.scalars(select(DeviceRow.id).where(*ours))
    for number in numbers:
        seen.add(number)


def _newest(session: Session) -> int:
    return session.scalar(select(func.max(DeviceRow.id))) or 0


def remove_unseen_devices(
    session: Session,
    vendor_id: int,
    workspace_id: str | None,
    seen: SeenRows,
    guard: Guard,
    now: datetime,
    counts: Counts,
) -> None:
    """Mark devices that a complete listing did not show as gone, workspace by workspace.

    Where the guard finds too many, that workspace's removals are withheld and counted.
    """
    query = select(DeviceRow.workspace_id, DeviceRow.id).where(
        DeviceRow.vendor_id == vendor_id, DeviceRow.gone_at.is_(None)
    )
    if workspace_id is not None:
        query = query.where(DeviceRow.workspace_id == workspace_id)
    held: dict[str, int] = {}
    vanished: dict[str, list[int]] = {}
    for owner, number in session.execute(query.execution_options(yield_per=2000)):
        held[owner] = held.get(owner, 0) + 1
        if number not in seen:
            vanished.setdefault(owner, []).append(number)
    for owner, numbers in vanished.items():
        if guard.withholds(len(numbers), held[owner]):
            counts.withheld += len(numbers)
        else:
            _mark_gone(session, numbers, now)
            counts.removed += len(numbers)
            counts.touched.add(owner)


def remove_devices(
    session: Session,
    vendor_id: int,
    workspace_id: str | None,
    device_ids: Sequence[str],
    now: datetime,
    counts: Counts,
) -> None:
    """Mark devices as gone that the vendor names as removed."""
    for start in range(0, len(device_ids), CHUNK):
        query = select(DeviceRow.id, DeviceRow.workspace_id).where(
            DeviceRow.vendor_id == vendor_id,
            DeviceRow.device_id.in_(_padded(device_ids[start : start + CHUNK])),
            DeviceRow.gone_at.is_(None),
        )
        if workspace_id is not None:
            query = query.where(DeviceRow.workspace_id == workspace_id)
        found = session.execute(query).all()
        _mark_gone(session, [row.id for row in found], now)
        counts.removed += len(found)
        counts.touched |= {row.workspace_id for row in found}


def _mark_gone(session: Session, numbers: list[int], now: datetime) -> None:
    for start in range(0, len(numbers), CHUNK):
        chosen = DeviceRow.id.in_(_padded(numbers[start : start + CHUNK]))
        session.execute(update(DeviceRow).where(chosen).values(gone_at=now))
