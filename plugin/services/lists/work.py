"""What was done and what waits: tickets and their log, received calls, runs, the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import defer

from plugin.services.lists.paging import Ask, Table, by_id, contains, ordered
from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.integrations import Integration
from plugin.store.journal import TicketLog
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow
from plugin.store.work import Delivery, DeliveryState, Job, SyncRun, TicketEntry


@dataclass(frozen=True, slots=True)
class TicketLine:
    """A ticket of ours with the names of what it is about; empty where they are gone."""

    row: TicketEntry
    integration: str
    company: str
    workspace: str
    device: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One decision with the names of its integration and workspace."""

    row: TicketLog
    integration: str
    workspace: str


# -- tickets -----------------------------------------------------------------------------------


def _ticket_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(TicketEntry.id).where(
        TicketEntry.environment.in_(["", scope.environment]),
        *scope.of_hosts(TicketEntry.host_id),
        *scope.of_companies(TicketEntry.host_id, TicketEntry.company_id),
        *scope.of_open(TicketEntry.vendor_id, TicketEntry.workspace_id),
        *scope.of_integrations(TicketEntry.integration_id),
    )
    state = ask.text("state")
    if state == "problem":
        query = query.where(TicketEntry.problem != "")
    elif state:
        query = query.where(TicketEntry.state == state)
    if (integration := ask.number("integration")) is not None:
        query = query.where(TicketEntry.integration_id == integration)
    if company := ask.text("company"):
        of_name = select(CompanyRow.company_id).where(
            CompanyRow.host_id == TicketEntry.host_id, contains(company, CompanyRow.name)
        )
        same = or_(TicketEntry.company_id == company, TicketEntry.company_id.in_(of_name))
        query = query.where(same)
    if device := ask.text("device"):
        query = query.where(TicketEntry.device_id == device)
    if place := ask.text("place"):
        query = query.where(TicketEntry.workspace_id == place)
    if (vendor := ask.number("vendor")) is not None:
        query = query.where(TicketEntry.vendor_id == vendor)
    if ask.q:
        query = query.where(
            contains(ask.q, TicketEntry.summary, TicketEntry.ticket_id, TicketEntry.key)
        )
    ways = {
        "last": (TicketEntry.last_at, TicketEntry.id),
        "first": (TicketEntry.first_at, TicketEntry.id),
        "repeats": (TicketEntry.repeats, TicketEntry.id),
    }
    return ordered(query, ask, ways, "-last")


def _ticket_lines(ids: Sequence[int]) -> dict[int, TicketLine]:
    query = (
        select(
            TicketEntry,
            func.coalesce(Integration.name, ""),
            func.coalesce(CompanyRow.name, ""),
            func.coalesce(WorkspaceRow.name, ""),
            func.coalesce(DeviceRow.name, ""),
        )
        .outerjoin(Integration, Integration.id == TicketEntry.integration_id)
        .outerjoin(
            CompanyRow,
            and_(
                CompanyRow.host_id == TicketEntry.host_id,
                CompanyRow.company_id == TicketEntry.company_id,
            ),
        )
        .outerjoin(
            WorkspaceRow,
            and_(
                WorkspaceRow.vendor_id == TicketEntry.vendor_id,
                WorkspaceRow.workspace_id == TicketEntry.workspace_id,
            ),
        )
        .outerjoin(
            DeviceRow,
            and_(
                DeviceRow.vendor_id == TicketEntry.vendor_id,
                DeviceRow.workspace_id == TicketEntry.workspace_id,
                DeviceRow.device_id == TicketEntry.device_id,
            ),
        )
        .where(TicketEntry.id.in_(ids))
    )
    return {each[0].id: TicketLine(*each) for each in db.session.execute(query)}


tickets: Table[TicketLine] = Table(_ticket_ids, _ticket_lines)
"""Tickets. Filters: ``state`` (waiting, open, closed, problem), ``integration``, ``company`` (id
or part of its name), ``vendor``, ``place`` and ``device`` (the vendor's own ids). Sorts:
``last``, ``first``, ``repeats``."""


def _log_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(TicketLog.id).where(*scope.of_integrations(TicketLog.integration_id))
    if scope.limited or scope.closed:
        query = query.join(Integration, Integration.id == TicketLog.integration_id)
        query = query.where(*scope.of_clients(Integration.vendor_id, TicketLog.workspace_id))
    if decision := ask.text("decision"):
        query = query.where(TicketLog.decision == decision)
    if (integration := ask.number("integration")) is not None:
        query = query.where(TicketLog.integration_id == integration)
    if (entry := ask.number("ticket")) is not None:
        query = query.where(TicketLog.entry_id == entry)
    if ask.q:
        columns = (TicketLog.reason, TicketLog.device_name, TicketLog.condition)
        query = query.where(contains(ask.q, *columns, TicketLog.ticket_id))
    return ordered(query, ask, {"time": (TicketLog.at, TicketLog.id)}, "-time")


def _log_lines(ids: Sequence[int]) -> dict[int, LogLine]:
    query = (
        select(TicketLog, func.coalesce(Integration.name, ""), func.coalesce(WorkspaceRow.name, ""))
        .outerjoin(Integration, Integration.id == TicketLog.integration_id)
        .outerjoin(
            WorkspaceRow,
            and_(
                WorkspaceRow.vendor_id == Integration.vendor_id,
                WorkspaceRow.workspace_id == TicketLog.workspace_id,
            ),
        )
        .where(TicketLog.id.in_(ids))
    )
    return {each[0].id: LogLine(*each) for each in db.session.execute(query)}


ticket_log: Table[LogLine] = Table(_log_ids, _log_lines)
"""The ticket log. Filters: ``decision``, ``integration``, ``ticket`` (our id). Sorts: ``time``."""


def ticket_log_of(entry: TicketEntry, most: int = 200) -> list[TicketLog]:
    """Return the newest decisions about one ticket, newest first."""
    query = (
        select(TicketLog)
        .where(TicketLog.entry_id == entry.id)
        .order_by(TicketLog.at.desc(), TicketLog.id.desc())
        .limit(most)
    )
    return list(db.session.scalars(query))


# -- received calls ----------------------------------------------------------------------------


def _delivery_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(Delivery.id).where(*scope.of_calls(Delivery.connection_id))
    if state := ask.text("state"):
        query = query.where(Delivery.state == state)
    if (connection := ask.number("connection")) is not None:
        query = query.where(Delivery.connection_id == connection)
    if kind := ask.text("kind"):
        query = query.where(Delivery.event_kind == ("" if kind == "unread" else kind))
    if ask.q:
        query = query.where(
            contains(ask.q, Delivery.entity_id, Delivery.message_id, Delivery.reason)
        )
    return ordered(query, ask, {"time": (Delivery.received_at, Delivery.id)}, "-time")


def _delivery_rows(ids: Sequence[int]) -> dict[int, Delivery]:
    # Bodies may be a megabyte each; a list shows none of them.
    query = select(Delivery).options(defer(Delivery.body), defer(Delivery.headers))
    return by_id(db.session.scalars(query.where(Delivery.id.in_(ids))).all())


deliveries: Table[Delivery] = Table(_delivery_ids, _delivery_rows)
"""Received calls. Filters: ``state``, ``connection``, ``kind`` (of event; ``unread`` for none).
Sorts: ``time``."""


MOST_REPLAYED = 10_000


def calls_since(
    scope: Scope, since: datetime | None, *, dead: bool, most: int = MOST_REPLAYED
) -> list[int]:
    """Return the calls received since a moment (all when None), oldest first; or dead ones only."""
    query = select(Delivery.id).where(*scope.of_calls(Delivery.connection_id))
    if dead:
        query = query.where(Delivery.state == DeliveryState.DEAD)
    if since is not None:
        query = query.where(Delivery.received_at >= since)
    return list(db.session.scalars(query.order_by(Delivery.received_at, Delivery.id).limit(most)))


def job_of(kind: str, subject: int) -> Job | None:
    """Return the job that waits, is parked or died for a row; None when it is done."""
    query = select(Job).where(Job.kind == kind, Job.subject == str(subject))
    return db.session.scalar(query)


# -- runs --------------------------------------------------------------------------------------


def _run_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(SyncRun.id).where(
        *scope.of_any(SyncRun.connection_id), *scope.of_open(SyncRun.connection_id, SyncRun.scope)
    )
    if state := ask.text("state"):
        query = query.where(SyncRun.state == state)
    if (connection := ask.number("connection")) is not None:
        query = query.where(SyncRun.connection_id == connection)
    if what := ask.text("what"):
        query = query.where(SyncRun.what == what)
    if ask.q:
        query = query.where(contains(ask.q, SyncRun.scope_name, SyncRun.problem))
    return ordered(query, ask, {"time": (SyncRun.asked_at, SyncRun.id)}, "-time")


def _run_rows(ids: Sequence[int]) -> dict[int, SyncRun]:
    return by_id(db.session.scalars(select(SyncRun).where(SyncRun.id.in_(ids))).all())


runs: Table[SyncRun] = Table(_run_ids, _run_rows)
"""Sync runs. Filters: ``state``, ``connection``, ``what``. Sorts: ``time``."""


def runs_of(connection_id: int, most: int = 5) -> list[SyncRun]:
    """Return the newest runs of a connection, newest first."""
    query = select(SyncRun).where(SyncRun.connection_id == connection_id)
    return list(db.session.scalars(query.order_by(SyncRun.id.desc()).limit(most)))


# -- the queue ---------------------------------------------------------------------------------


def queue_figures(now: datetime) -> tuple[Mapping[tuple[str, str], int], float]:
    """Return the jobs by kind and state, and how long the oldest due one has waited, in seconds."""
    counts = db.session.execute(
        select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)
    )
    oldest = db.session.scalar(
        select(func.min(Job.due_at)).where(Job.state == "due", Job.due_at <= now)
    )
    age = max((now - oldest).total_seconds(), 0.0) if oldest else 0.0
    return {(kind, state): number for kind, state, number in counts}, age
