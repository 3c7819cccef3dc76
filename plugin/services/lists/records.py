"""What belongs to one record of a host: a company, a ticket, a computer."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, func, or_, select

from plugin.services.lists.devices import URGENCY, DeviceLine, devices
from plugin.services.lists.scope import Scope
from plugin.services.lists.work import TicketLine, tickets
from plugin.store.base import db
from plugin.store.bridges import Bridge
from plugin.store.integrations import CompanyMapping
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow
from plugin.store.work import TicketEntry

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Client:
    """A host's company with the workspaces mapped to it, what is urgent there and what is open."""

    company: CompanyRow
    workspaces: tuple[WorkspaceRow, ...]
    devices: tuple[DeviceLine, ...]
    tickets: tuple[TicketLine, ...]

    def count(self, column: str = "devices") -> int:
        """Add up a count over the workspaces: ``devices``, ``devices_critical`` …"""
        return sum(int(getattr(each, column)) for each in self.workspaces)


def client(scope: Scope, host_id: int, company_id: str) -> Client | None:
    """Return a company of a host; None when there is none, or the reader may not see it."""
    query = select(CompanyRow).where(
        CompanyRow.host_id == host_id, CompanyRow.company_id == company_id
    )
    company = db.session.scalar(query)
    if company is None or not scope.shows_company(host_id, company_id):
        return None
    workspaces = _workspaces(scope, host_id, company_id)
    return Client(company, workspaces, _urgent(workspaces), _open(scope, host_id, company_id))


def _workspaces(scope: Scope, host_id: int, company_id: str) -> tuple[WorkspaceRow, ...]:
    mapped = and_(
        CompanyMapping.vendor_id == WorkspaceRow.vendor_id,
        CompanyMapping.workspace_id == WorkspaceRow.workspace_id,
        CompanyMapping.host_id == host_id,
        CompanyMapping.company_id == company_id,
    )
    query = select(WorkspaceRow).join(CompanyMapping, mapped)
    query = query.where(*scope.of_vendors(WorkspaceRow.vendor_id), WorkspaceRow.gone_at.is_(None))
    query = query.where(*scope.of_open(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id))
    return tuple(db.session.scalars(query.order_by(WorkspaceRow.name)))


def _of(workspaces: Sequence[WorkspaceRow]) -> ColumnElement[bool]:
    pairs = (
        and_(DeviceRow.vendor_id == each.vendor_id, DeviceRow.workspace_id == each.workspace_id)
        for each in workspaces
    )
    return or_(false(), *pairs)


def _urgent(workspaces: Sequence[WorkspaceRow]) -> tuple[DeviceLine, ...]:
    query = select(DeviceRow.id).where(_of(workspaces), DeviceRow.gone_at.is_(None))
    ids = db.session.scalars(query.order_by(URGENCY, DeviceRow.name).limit(SHOWN)).all()
    found = devices.lines(ids)
    return tuple(found[each] for each in ids)


def _open(scope: Scope, host_id: int, company_id: str) -> tuple[TicketLine, ...]:
    query = select(TicketEntry.id).where(
        TicketEntry.host_id == host_id,
        TicketEntry.company_id == company_id,
        TicketEntry.open_key.is_not(None),
        *scope.of_open(TicketEntry.vendor_id, TicketEntry.workspace_id),
        *scope.of_integrations(TicketEntry.integration_id),
    )
    ids = db.session.scalars(query.order_by(TicketEntry.last_at.desc()).limit(SHOWN)).all()
    found = tickets.lines(ids)
    return tuple(found[each] for each in ids)


def ticket(scope: Scope, host_id: int, ticket_id: str) -> TicketEntry | None:
    """Return our entry behind a host's ticket, the newest when there are several."""
    query = select(TicketEntry).where(
        TicketEntry.host_id == host_id, TicketEntry.ticket_id == ticket_id
    )
    found = db.session.scalar(query.order_by(TicketEntry.id.desc()).limit(1))
    if found is None or not scope.shows_ticket(found):
        return None
    return found


def computer(scope: Scope, *, name: str, serial: str = "", company: str = "") -> list[DeviceRow]:
    """Return the devices that a host's computer may be: by its serial number, else by its name.

    ``company`` (a part of its name) tells apart computers of one name at several clients.
    """
    here = [
        DeviceRow.gone_at.is_(None),
        *scope.of_seen(DeviceRow.vendor_id),
        *scope.of_clients(DeviceRow.vendor_id, DeviceRow.workspace_id),
    ]
    by_serial = _found(DeviceRow.serial == serial, *here) if serial else []
    if by_serial or not name:
        return by_serial
    found = _found(func.lower(DeviceRow.name) == name.lower(), *here)
    return _at(company, found) if company and len(found) > 1 else found


def bridge(host_id: int, computer_id: str) -> Bridge | None:
    """Return the bridge that a host's computer is; None for one that holds no bridge role."""
    query = select(Bridge).where(
        Bridge.host_id == host_id,
        Bridge.computer_id == computer_id,
        Bridge.role_lost_at.is_(None),
    )
    return db.session.scalar(query)


def _found(*conditions: ColumnElement[bool]) -> list[DeviceRow]:
    return list(db.session.scalars(select(DeviceRow).where(*conditions).limit(SHOWN)))


def _at(company: str, found: Sequence[DeviceRow]) -> list[DeviceRow]:
    lines = devices.lines([each.id for each in found])
    wanted = company.casefold()
    near = [each for each in found if wanted in lines[each.id].workspace.name.casefold()]
    return near or list(found)
