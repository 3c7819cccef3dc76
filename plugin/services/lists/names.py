"""Single facts that pages show beside a list: names for filters, what a device belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.integrations import CompanyMapping, Connection, Integration
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow
from plugin.store.work import Delivery, TicketEntry

_Host = aliased(Connection)


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device belongs to: vendor, workspace, and the companies it is mapped to."""

    vendor: Connection
    workspace: WorkspaceRow | None
    companies: tuple[tuple[CompanyRow, Connection], ...]


def about_device(device: DeviceRow) -> DeviceFacts:
    """Return what a device belongs to."""
    query = (
        select(Connection, WorkspaceRow, CompanyRow, _Host)
        .outerjoin(
            WorkspaceRow,
            and_(
                WorkspaceRow.vendor_id == Connection.id,
                WorkspaceRow.workspace_id == device.workspace_id,
            ),
        )
        .outerjoin(
            CompanyMapping,
            and_(
                CompanyMapping.vendor_id == Connection.id,
                CompanyMapping.workspace_id == device.workspace_id,
            ),
        )
        .outerjoin(
            CompanyRow,
            and_(
                CompanyRow.host_id == CompanyMapping.host_id,
                CompanyRow.company_id == CompanyMapping.company_id,
            ),
        )
        .outerjoin(_Host, and_(_Host.id == CompanyRow.host_id, _Host.deleted_at.is_(None)))
        .where(Connection.id == device.vendor_id)
    )
    rows = db.session.execute(query).all()
    companies = [(company, host) for _, _, company, host in rows if company and host]
    return DeviceFacts(rows[0][0], rows[0][1], tuple(companies))


def device_of(entry: TicketEntry) -> int | None:
    """Return the row id of the device that a ticket is about, if we have it."""
    return db.session.scalar(
        select(DeviceRow.id).where(
            DeviceRow.vendor_id == entry.vendor_id,
            DeviceRow.workspace_id == entry.workspace_id,
            DeviceRow.device_id == entry.device_id,
        )
    )


def client_names(scope: Scope, most: int) -> list[str]:
    """Return the first workspaces' names, for a person who types one."""
    query = select(WorkspaceRow.name).where(
        WorkspaceRow.gone_at.is_(None), *scope.of_seen(WorkspaceRow.vendor_id)
    )
    query = query.where(*scope.of_clients(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id))
    return list(db.session.scalars(query.order_by(WorkspaceRow.name).limit(most)))


def integration_names(scope: Scope) -> list[tuple[int, str]]:
    """Return the living integrations' ids and names, for a filter."""
    query = select(Integration.id, Integration.name).where(
        Integration.deleted_at.is_(None),
        *scope.of_hosts(Integration.host_id),
        *scope.of_vendors(Integration.vendor_id),
        *scope.of_integrations(Integration.id),
    )
    return list(db.session.execute(query.order_by(Integration.name)))


def connection_names(scope: Scope, *, calling: bool = False) -> list[tuple[int, str]]:
    """Return the living connections' ids and names; with ``calling`` those that receive calls."""
    query = select(Connection.id, Connection.name).where(
        Connection.id.in_(sorted(scope.hosts | scope.vendors))
    )
    if calling:
        query = query.where(Connection.webhook_token.is_not(None))
    return list(db.session.execute(query.order_by(Connection.name)))


def connections_by_environment() -> dict[str, int]:
    """Count the connections of each environment; the empty word stands for all of them."""
    query = (
        select(Connection.environment, func.count())
        .where(Connection.deleted_at.is_(None))
        .group_by(Connection.environment)
    )
    return dict(db.session.execute(query).all())


def of_this_scope(scope: Scope, delivery_ids: Sequence[int]) -> list[int]:
    """Return those of the received calls that belong to a living connection and may be seen."""
    query = select(Delivery.id).where(
        Delivery.id.in_(delivery_ids), *scope.of_calls(Delivery.connection_id)
    )
    return list(db.session.scalars(query.order_by(Delivery.id)))


def workspace_names(vendor_id: int) -> dict[str, str]:
    """Return the names of a vendor's workspaces by the vendor's own ids."""
    query = select(WorkspaceRow.workspace_id, WorkspaceRow.name)
    rows = db.session.execute(query.where(WorkspaceRow.vendor_id == vendor_id))
    return {row.workspace_id: row.name for row in rows}


def integration_of_hosts(scope: Scope) -> dict[int, int]:
    """Return one living integration of each host connection, for a way to its mappings."""
    query = select(Integration.host_id, Integration.id).where(
        Integration.deleted_at.is_(None), *scope.of_hosts(Integration.host_id)
    )
    return dict(db.session.execute(query.order_by(Integration.id.desc())).all())
