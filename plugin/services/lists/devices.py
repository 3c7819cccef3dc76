"""What vendors show: devices, detections, licences."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from plugin.domain.model import Protection
from plugin.services.lists.paging import Ask, Table, contains, ordered
from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.mirror import DetectionRow, DeviceRow, LicenceRow, WorkspaceRow

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


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A device, detection or licence with the workspace it belongs to."""

    row: DeviceRow
    workspace: WorkspaceRow


@dataclass(frozen=True, slots=True)
class DetectionLine:
    """A detection with the workspace it belongs to."""

    row: DetectionRow
    workspace: WorkspaceRow | None


@dataclass(frozen=True, slots=True)
class LicenceLine:
    """A licence with the workspace it belongs to."""

    row: LicenceRow
    workspace: WorkspaceRow | None


# -- devices -----------------------------------------------------------------------------------


def _device_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(DeviceRow.id).where(DeviceRow.gone_at.is_(None))
    query = query.where(*scope.of_seen(DeviceRow.vendor_id))
    query = query.where(*scope.of_clients(DeviceRow.vendor_id, DeviceRow.workspace_id))
    query = _of_workspaces(query, ask, DeviceRow.vendor_id, DeviceRow.workspace_id)
    if protection := ask.text("protection"):
        query = query.where(DeviceRow.protection == protection)
    if device_class := ask.text("class"):
        query = query.where(DeviceRow.device_class == device_class)
    if ask.q:
        # On its own, so that SQLite reads the table once from end to end instead of jumping about
        # in it in the order of an index: a third of the time at 100,000 devices.
        found = aliased(DeviceRow)
        query = query.where(DeviceRow.id.in_(select(found.id).where(_mentions(found, ask.q))))
    ways = {
        "name": (DeviceRow.name, DeviceRow.id),
        "protection": (URGENCY, DeviceRow.name, DeviceRow.id),
        "contact": (DeviceRow.last_contact_at, DeviceRow.id),
    }
    return ordered(query, ask, ways, "name")


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
    if ask.q or ask.text("class"):
        return None
    column = _COUNTS.get(ask.text("protection"))
    if column is None:
        return 0
    query = select(func.coalesce(func.sum(column), 0))
    query = query.where(*scope.of_seen(WorkspaceRow.vendor_id), *_named(ask))
    query = query.where(*scope.of_clients(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id))
    return db.session.scalar(query)


def _named(ask: Ask) -> list[ColumnElement[bool]]:
    """Return the conditions on the workspace that the filters ``workspace`` and ``client`` say."""
    conditions = []
    if (number := ask.number("workspace")) is not None:
        conditions.append(WorkspaceRow.id == number)
    if name := ask.text("client"):
        conditions.append(contains(name, WorkspaceRow.name))
    return conditions


def _of_workspaces(
    query: Select[int],
    ask: Ask,
    vendor: InstrumentedAttribute[int],
    workspace: InstrumentedAttribute[str],
) -> Select[int]:
    conditions = _named(ask)
    if not conditions:
        return query
    columns = select(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id).where(*conditions)
    pairs = db.session.execute(columns.limit(FEW_WORKSPACES + 1)).all()
    if len(pairs) > FEW_WORKSPACES:
        return query.join(WorkspaceRow, _same_workspace(vendor, workspace)).where(*conditions)
    # Few ones are named outright: joined, SQLite walks all devices in the order of the list.
    return query.where(or_(false(), *(and_(vendor == one, workspace == two) for one, two in pairs)))


def _device_lines(ids: Sequence[int]) -> dict[int, DeviceLine]:
    query = (
        select(DeviceRow, WorkspaceRow)
        .join(WorkspaceRow, _same_workspace(DeviceRow.vendor_id, DeviceRow.workspace_id))
        .where(DeviceRow.id.in_(ids))
    )
    return {row.id: DeviceLine(row, owner) for row, owner in db.session.execute(query)}


def _same_workspace(
    vendor: InstrumentedAttribute[int], workspace: InstrumentedAttribute[str]
) -> ColumnElement[bool]:
    return and_(WorkspaceRow.vendor_id == vendor, WorkspaceRow.workspace_id == workspace)


devices: Table[DeviceLine] = Table(_device_ids, _device_lines, _device_total)
"""Devices. Filters: ``protection``, ``class``, ``workspace`` (row id), ``client`` (part of its
name). Sorts: ``name``, ``protection`` (most urgent first), ``contact``."""


# -- detections --------------------------------------------------------------------------------


def _detection_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(DetectionRow.id)
    query = query.where(*scope.of_seen(DetectionRow.vendor_id))
    query = query.where(*scope.of_clients(DetectionRow.vendor_id, DetectionRow.workspace_id))
    query = _of_workspaces(query, ask, DetectionRow.vendor_id, DetectionRow.workspace_id)
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
        .outerjoin(WorkspaceRow, _same_workspace(DetectionRow.vendor_id, DetectionRow.workspace_id))
        .where(DetectionRow.id.in_(ids))
    )
    return {row.id: DetectionLine(row, owner) for row, owner in db.session.execute(query)}


detections: Table[DetectionLine] = Table(_detection_ids, _detection_lines)
"""Detections. Filters: ``severity``, ``workspace``, ``client``, ``device``,
``place`` (a workspace) (the vendor's own ids), ``vendor``. Sorts: ``time``."""


# -- licences ----------------------------------------------------------------------------------


def _licence_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(LicenceRow.id).where(
        LicenceRow.gone_at.is_(None), *scope.of_seen(LicenceRow.vendor_id)
    )
    query = query.where(*scope.of_clients(LicenceRow.vendor_id, LicenceRow.workspace_id))
    query = _of_workspaces(query, ask, LicenceRow.vendor_id, LicenceRow.workspace_id)
    if state := ask.text("state"):
        query = query.where(LicenceRow.state == state)
    if ask.q:
        query = query.where(contains(ask.q, LicenceRow.product, LicenceRow.licence_id))
    ways = {
        "product": (LicenceRow.product, LicenceRow.id),
        "expires": (LicenceRow.expires_at, LicenceRow.id),
        "used": (LicenceRow.used, LicenceRow.id),
    }
    return ordered(query, ask, ways, "product")


def _licence_lines(ids: Sequence[int]) -> dict[int, LicenceLine]:
    query = (
        select(LicenceRow, WorkspaceRow)
        .outerjoin(WorkspaceRow, _same_workspace(LicenceRow.vendor_id, LicenceRow.workspace_id))
        .where(LicenceRow.id.in_(ids))
    )
    return {row.id: LicenceLine(row, owner) for row, owner in db.session.execute(query)}


licences: Table[LicenceLine] = Table(_licence_ids, _licence_lines)
"""Licences. Filters: ``state``, ``workspace``, ``client``. Sorts: ``product``, ``expires``,
``used``."""
