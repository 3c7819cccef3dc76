"""What vendors show: devices and detections."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from plugin.domain.figures import DatabaseAge, Deployment
from plugin.domain.model import Protection
from plugin.services.counting import is_of_age
from plugin.services.lists.paging import Ask, Table, contains, ordered
from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.bridges import BridgeLease
from plugin.store.mirror import DetectionRow, DeviceRow, WorkspaceRow

URGENCY = case(
    {
        Protection.CRITICAL.value: 0,
        Protection.WARNING.value: 1,
        Protection.UNKNOWN.value: 2,
        Protection.OK.value: 3,
    },
    value=DeviceRow.protection,
    else_=2,
)
FEW_WORKSPACES = 100
_COUNTS = {
    "": WorkspaceRow.devices,
    Protection.OK.value: WorkspaceRow.devices_ok,
    Protection.WARNING.value: WorkspaceRow.devices_warning,
    Protection.CRITICAL.value: WorkspaceRow.devices_critical,
    Protection.UNKNOWN.value: WorkspaceRow.devices_unknown,
}
_DEPLOYED = {each.value: getattr(WorkspaceRow, f"deployed_{each.value}") for each in Deployment}


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A device with the workspace it belongs to."""

    row: DeviceRow
    workspace: WorkspaceRow


@dataclass(frozen=True, slots=True)
class DetectionLine:
    """A detection with the workspace it belongs to."""

    row: DetectionRow
    workspace: WorkspaceRow | None


# -- devices -----------------------------------------------------------------------------------


def _device_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(DeviceRow.id).where(DeviceRow.gone_at.is_(None))
    query = query.where(*scope.of_seen(DeviceRow.vendor_id))
    query = query.where(*scope.of_clients(DeviceRow.vendor_id, DeviceRow.workspace_id))
    query = of_workspaces(query, ask, DeviceRow.vendor_id, DeviceRow.workspace_id)
    if protection := ask.text("protection"):
        query = query.where(DeviceRow.protection == protection)
    if device_class := ask.text("class"):
        query = query.where(DeviceRow.device_class == device_class)
    if deployment := ask.text("deployment"):
        query = query.where(DeviceRow.deployment == deployment)
    if age := ask.text("bases"):
        query = query.where(_of_age(age, scope))
    if ask.q:
        # On its own, so that SQLite reads the table once from end to end instead of jumping about
        # in it in the order of an index: a third of the time at 100,000 devices.
        found = aliased(DeviceRow)
        query = query.where(DeviceRow.id.in_(select(found.id).where(_mentions(found, ask.q))))
    ways = {
        "name": (DeviceRow.name, DeviceRow.id),
        "protection": (URGENCY, DeviceRow.name, DeviceRow.id),
        "contact": (DeviceRow.last_contact_at, DeviceRow.id),
        "bases": (DeviceRow.bases_at, DeviceRow.id),
    }
    # In the order of the index that finds them, so that not all of them have to be sorted.
    return ordered(query, ask, ways, "bases" if ask.text("bases") else "name")


def _of_age(word: str, scope: Scope) -> ColumnElement[bool]:
    if word not in set(DatabaseAge) or scope.now is None:
        return false()
    return is_of_age(DatabaseAge(word), scope.now)


def _mentions(found: type[DeviceRow], text: str) -> ColumnElement[bool]:
    return contains(
        text,
        found.name,
        found.user,
        found.serial,
        found.fqdn,
        found.address,
        found.operating_system,
    )


def _device_total(scope: Scope, ask: Ask) -> int | None:
    """Add up the counts on the workspace rows; None where they do not answer the question."""
    protection, deployment = ask.text("protection"), ask.text("deployment")
    if ask.q or ask.text("class") or ask.text("bases") or (protection and deployment):
        return None
    column = _DEPLOYED.get(deployment) if deployment else _COUNTS.get(protection)
    if column is None:
        return 0
    query = select(func.coalesce(func.sum(column), 0))
    query = query.where(*scope.of_seen(WorkspaceRow.vendor_id), *named(ask))
    query = query.where(*scope.of_clients(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id))
    return db.session.scalar(query)


def named(ask: Ask) -> list[ColumnElement[bool]]:
    """Return the conditions on the workspace: filters ``workspace``, ``client`` and ``bridge``."""
    conditions: list[ColumnElement[bool]] = []
    if (number := ask.number("workspace")) is not None:
        conditions.append(WorkspaceRow.id == number)
    if name := ask.text("client"):
        conditions.append(contains(name, WorkspaceRow.name))
    if (bridge := ask.number("bridge")) is not None:
        conditions.append(_held_by(bridge))
    return conditions


def _held_by(bridge: int) -> ColumnElement[bool]:
    """Tell whether a bridge holds a workspace, alone or with all of its vendor's."""
    held = select(BridgeLease.scope).where(
        BridgeLease.bridge_id == bridge,
        BridgeLease.vendor_id == WorkspaceRow.vendor_id,
        BridgeLease.scope.in_(["", WorkspaceRow.workspace_id]),
    )
    return held.exists()


def of_workspaces(
    query: Select[Any],
    ask: Ask,
    vendor: InstrumentedAttribute[int],
    workspace: InstrumentedAttribute[str],
) -> Select[Any]:
    """Narrow a query to the workspaces that the filters of ``named`` tell."""
    conditions = named(ask)
    if not conditions:
        return query
    columns = select(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id).where(*conditions)
    pairs = db.session.execute(columns.limit(FEW_WORKSPACES + 1)).all()
    if len(pairs) > FEW_WORKSPACES:
        return query.join(WorkspaceRow, same_workspace(vendor, workspace)).where(*conditions)
    # Few ones are named outright: joined, SQLite walks all devices in the order of the list.
    return query.where(or_(false(), *(and_(vendor == one, workspace == two) for one, two in pairs)))


def _device_lines(ids: Sequence[int]) -> dict[int, DeviceLine]:
    query = (
        select(DeviceRow, WorkspaceRow)
        .join(WorkspaceRow, same_workspace(DeviceRow.vendor_id, DeviceRow.workspace_id))
        .where(DeviceRow.id.in_(ids))
    )
    return {row.id: DeviceLine(row, owner) for row, owner in db.session.execute(query)}


def same_workspace(
    vendor: InstrumentedAttribute[int], workspace: InstrumentedAttribute[str]
) -> ColumnElement[bool]:
    """Return the condition that a row is of a workspace."""
    return and_(WorkspaceRow.vendor_id == vendor, WorkspaceRow.workspace_id == workspace)


devices: Table[DeviceLine] = Table(_device_ids, _device_lines, _device_total)
"""Devices. Filters: ``protection``, ``class``, ``deployment``, ``bases`` (age of databases),
``workspace`` (row id), ``client`` (part of its name), ``bridge`` (that holds the workspace).
Sorts: ``name``, ``protection`` (most urgent first), ``contact``, ``bases``."""


# -- detections --------------------------------------------------------------------------------


def _detection_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(DetectionRow.id)
    query = query.where(*scope.of_seen(DetectionRow.vendor_id))
    query = query.where(*scope.of_clients(DetectionRow.vendor_id, DetectionRow.workspace_id))
    query = of_workspaces(query, ask, DetectionRow.vendor_id, DetectionRow.workspace_id)
    if device_id := ask.text("device"):
        query = query.where(DetectionRow.device_id == device_id)
    if place := ask.text("place"):
        query = query.where(DetectionRow.workspace_id == place)
    if (vendor := ask.number("vendor")) is not None:
        query = query.where(DetectionRow.vendor_id == vendor)
    if severity := ask.text("severity"):
        query = query.where(DetectionRow.severity == severity)
    if ask.q:
        query = query.where(
            contains(ask.q, DetectionRow.title, DetectionRow.device_name, DetectionRow.object_name)
        )
    ways = {"time": (DetectionRow.occurred_at, DetectionRow.id)}
    return ordered(query, ask, ways, "-time")


def _detection_lines(ids: Sequence[int]) -> dict[int, DetectionLine]:
    query = (
        select(DetectionRow, WorkspaceRow)
        .outerjoin(WorkspaceRow, same_workspace(DetectionRow.vendor_id, DetectionRow.workspace_id))
        .where(DetectionRow.id.in_(ids))
    )
    return {row.id: DetectionLine(row, owner) for row, owner in db.session.execute(query)}


detections: Table[DetectionLine] = Table(_detection_ids, _detection_lines)
"""Detections. Filters: ``severity``, ``workspace``, ``client``, ``bridge``, ``device``,
``place`` (a workspace) (the vendor's own ids), ``vendor``. Sorts: ``time``."""
