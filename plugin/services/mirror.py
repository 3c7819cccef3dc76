"""Stores what remotes show, a page at a time, and only what changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from plugin.domain.figures import deployment_of
from plugin.domain.model import Company, Detection, Device, Licence, Workspace
from plugin.domain.reconcile import Guard, SeenRows, fingerprint
from plugin.store.base import Base, db
from plugin.store.mirror import (
    CompanyRow,
    Cursor,
    DetectionRow,
    DeviceRow,
    LicenceRow,
    WorkspaceRow,
)
from plugin.store.upsert import insert_into

Value = TypeVar("Value")

FIGURES = ("seen", "created", "updated", "unchanged", "removed", "failed", "withheld")
"""What a run counts, by the names of :class:`Counts` and of its row."""

CHUNK = 500
AT_ONCE = {"insertmanyvalues_page_size": 25}
"""Rows in one INSERT that gives rows back: each number of rows is a statement of its own, which
every connection keeps prepared, and one of hundreds of rows takes half a MiB."""


@dataclass
class Counts:
    """What a run did to the mirror."""

    seen: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    withheld: int = 0
    touched: set[str] = field(default_factory=set)

    @property
    def changed(self) -> bool:
        """Whether any row was written."""
        return bool(self.created or self.updated or self.removed)


def clean(text: str, limit: int) -> str:
    """Make a remote's text fit a column: no control characters, at most ``limit`` long."""
    if not text.isprintable():
        text = "".join(each if each.isprintable() else " " for each in text)
    return text[:limit]


# -- devices -----------------------------------------------------------------------------------


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
    newest = session.scalar(select(func.max(DeviceRow.id))) or 0
    session.execute(insert(Base.metadata.tables[DeviceRow.__tablename__]), fresh)
    ours = DeviceRow.id > newest, DeviceRow.vendor_id == fresh[0]["vendor_id"]
    for number in session.scalars(select(DeviceRow.id).where(*ours)):
        seen.add(number)


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


# -- detections --------------------------------------------------------------------------------


def store_detections(
    session: Session, vendor_id: int, detections: Sequence[Detection], now: datetime, counts: Counts
) -> list[Detection]:
    """Store one page of detections; return those that were new, oldest first."""
    by_id = {each.id: each for each in detections}
    counts.seen += len(by_id)
    if not by_id:
        return []
    statement = (
        insert_into(session, DetectionRow)
        .on_conflict_do_nothing(index_elements=["vendor_id", "detection_id"])
        .returning(DetectionRow.detection_id)
    )
    rows = [_detection_values(vendor_id, each, now) for each in by_id.values()]
    new = set(session.scalars(statement, rows, execution_options=AT_ONCE))
    counts.created += len(new)
    counts.unchanged += len(by_id) - len(new)
    return [each for each in by_id.values() if clean(each.id, 200) in new]


def _detection_values(vendor_id: int, detection: Detection, now: datetime) -> dict[str, Any]:
    return {
        "vendor_id": vendor_id,
        "workspace_id": detection.workspace_id,
        "detection_id": clean(detection.id, 200),
        "device_id": clean(detection.device_id, 200),
        "device_name": clean(detection.device_name, 300),
        "kind": clean(detection.kind, 120),
        "severity": detection.severity.value,
        "title": clean(detection.title, 500),
        "description": detection.description.replace("\x00", "")[:4000],
        "outcome": clean(detection.outcome, 300),
        "object_name": clean(detection.object_name, 1000),
        "user": clean(detection.user, 200),
        "resolved": detection.resolved,
        "occurred_at": detection.occurred_at,
        "stored_at": now,
    }


# -- workspaces, companies, licences: small enough to compare as a whole ------------------------


def store_workspaces(
    session: Session, vendor_id: int, workspaces: Sequence[Workspace], now: datetime, counts: Counts
) -> None:
    """Make the rows say what the vendor lists now; unlisted ones are marked gone."""
    held = {
        row.workspace_id: row
        for row in session.scalars(select(WorkspaceRow).where(WorkspaceRow.vendor_id == vendor_id))
    }
    for workspace in workspaces:
        values = {
            "name": clean(workspace.name, 300),
            "domain": clean(workspace.domain, 255),
            "address": clean(workspace.address, 300),
            "gone_at": None,
        }
        row = held.pop(workspace.id, None)
        fixed = {"vendor_id": vendor_id, "workspace_id": workspace.id, "first_seen_at": now}
        _compare(session, WorkspaceRow, row, values, fixed | {"seen_at": now}, counts)
    _mark_rows_gone(held, now, counts)


def store_companies(
    session: Session, host_id: int, companies: Sequence[Company], now: datetime, counts: Counts
) -> None:
    """Make the rows say what the host lists now; unlisted ones are marked gone."""
    held = {
        row.company_id: row
        for row in session.scalars(select(CompanyRow).where(CompanyRow.host_id == host_id))
    }
    for company in companies:
        row = held.pop(company.id, None)
        fixed = {"host_id": host_id, "company_id": company.id, "seen_at": now}
        _compare(session, CompanyRow, row, company_values(company), fixed, counts)
    _mark_rows_gone(held, now, counts)


def company_values(company: Company) -> dict[str, Any]:
    """Return the columns of a company's row."""
    return {
        "name": clean(company.name, 300),
        "identifier": clean(company.identifier, 100),
        "domain": clean(company.domain, 255),
        "address": clean(company.address, 300),
        "status": clean(company.status, 100),
        "active": company.active,
        "gone_at": None,
    }


def store_licences(
    session: Session,
    vendor_id: int,
    workspace_id: str | None,
    licences: Sequence[Licence],
    now: datetime,
    counts: Counts,
) -> None:
    """Make the rows say which licences the workspace (or all, when None) has now."""
    query = select(LicenceRow).where(LicenceRow.vendor_id == vendor_id)
    if workspace_id is not None:
        query = query.where(LicenceRow.workspace_id == workspace_id)
    held = {(row.workspace_id, row.licence_id): row for row in session.scalars(query)}
    for licence in licences:
        values = {
            "product": clean(licence.product, 300),
            "kind": licence.kind.value,
            "state": licence.state.value,
            "limit": licence.limit,
            "used": licence.used,
            "per_user": licence.per_user,
            "expires_at": licence.expires_at,
            "gone_at": None,
        }
        row = held.pop((licence.workspace_id, licence.id), None)
        fixed = {
            "vendor_id": vendor_id,
            "workspace_id": licence.workspace_id,
            "licence_id": licence.id,
            "seen_at": now,
        }
        _compare(session, LicenceRow, row, values, fixed, counts)
    _mark_rows_gone(held, now, counts)


def _compare(
    session: Session,
    table: type[Base],
    row: Base | None,
    values: dict[str, Any],
    fixed: dict[str, Any],
    counts: Counts,
) -> None:
    counts.seen += 1
    if row is None:
        session.add(table(**values, **fixed))
        counts.created += 1
    elif all(getattr(row, name) == value for name, value in values.items()):
        counts.unchanged += 1
    else:
        for name, value in values.items():
            setattr(row, name, value)
        counts.updated += 1


def _mark_rows_gone(held: dict[Any, Any], now: datetime, counts: Counts) -> None:
    for row in held.values():
        if row.gone_at is None:
            row.gone_at = now
            counts.removed += 1


# -- cursors -----------------------------------------------------------------------------------


def cursor_of(connection_id: int, scope: str, what: str) -> Cursor | None:
    """Return how far a walk has come, or None when it never started."""
    return db.session.get(Cursor, (connection_id, scope, what))


def move_cursor(
    session: Session,
    connection_id: int,
    scope: str,
    what: str,
    cursor: str | None,
    now: datetime,
    *,
    full: bool = False,
) -> None:
    """Remember how far a walk has come, in the transaction of the rows it covers.

    An unchanged cursor is not written, so that a run without news leaves no trace.
    """
    row = session.get(Cursor, (connection_id, scope, what))
    if row is None:
        row = Cursor(connection_id=connection_id, scope=scope, what=what, cursor=None)
        session.add(row)
    elif row.cursor == cursor and not full:
        return
    row.cursor, row.moved_at = cursor, now
    if full:
        row.full_at = now
