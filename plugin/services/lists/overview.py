"""The numbers over everything: dashboard, menu badges, statistics, connections, integrations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import case, func, or_, select

from plugin.runtime import Runtime
from plugin.services.lists.mapping import Coverage, coverage
from plugin.services.lists.paging import contains
from plugin.services.lists.scope import Scope, scope_of
from plugin.store.base import db
from plugin.store.integrations import Connection, Integration
from plugin.store.mirror import WorkspaceRow
from plugin.store.work import Delivery, DeliveryState, SyncRun, TicketEntry, TicketState

_NOTHING = Coverage(0, 0)


@dataclass(frozen=True, slots=True)
class Statistics:
    """How many workspaces and devices there are, and how well they are protected.

    ``with_devices`` counts workspaces: the others mostly belong to vendors that nothing serves yet.
    """

    workspaces: int
    with_devices: int
    devices: int
    ok: int
    warning: int
    critical: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person or for its turn."""

    connections: int
    deliveries_waiting: int
    deliveries_dead: int
    tickets_open: int
    tickets_waiting: int
    tickets_failing: int


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """A connection with what depends on it."""

    row: Connection
    integrations: int
    devices: int


@dataclass(frozen=True, slots=True)
class IntegrationLine:
    """An integration with what it serves."""

    row: Integration
    coverage: Coverage
    tickets_open: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the dashboard shows."""

    connections: tuple[Connection, ...]
    integrations: tuple[IntegrationLine, ...]
    statistics: Statistics
    runs: tuple[SyncRun, ...]


def overview(runtime: Runtime, scope: Scope) -> Overview:
    """Return the dashboard's numbers."""
    return Overview(
        connections=_living(scope),
        integrations=tuple(_with_coverage(_joined(scope))),
        statistics=statistics(runtime, scope),
        runs=last_runs(scope),
    )


def _living(scope: Scope, side: str = "", q: str = "") -> tuple[Connection, ...]:
    query = select(Connection).where(Connection.id.in_(sorted(scope.hosts | scope.vendors)))
    if side:
        query = query.where(Connection.side == side)
    if q:
        query = query.where(contains(q, Connection.name, Connection.kind))
    return tuple(db.session.scalars(query.order_by(Connection.side, Connection.name)))


def _joined(scope: Scope, q: str = "") -> Sequence[Integration]:
    query = select(Integration).where(
        Integration.deleted_at.is_(None),
        Integration.host_id.in_(sorted(scope.hosts)),
        Integration.vendor_id.in_(sorted(scope.vendors)),
        *scope.of_integrations(Integration.id),
    )
    if q:
        query = query.where(contains(q, Integration.name))
    return db.session.scalars(query.order_by(Integration.name, Integration.id)).all()


def _with_coverage(rows: Sequence[Integration]) -> list[IntegrationLine]:
    covered = coverage([row.id for row in rows]) if rows else {}
    return [IntegrationLine(row, covered.get(row.id, _NOTHING)) for row in rows]


def last_runs(scope: Scope, most: int = 8) -> tuple[SyncRun, ...]:
    """Return the newest runs, those that still live first."""
    mine = select(SyncRun.id).where(
        *scope.of_any(SyncRun.connection_id), *scope.of_open(SyncRun.connection_id, SyncRun.scope)
    )
    living = mine.where(SyncRun.living.is_not(None)).order_by(SyncRun.id).limit(most)
    newest = mine.order_by(SyncRun.asked_at.desc(), SyncRun.id.desc()).limit(most)
    chosen = or_(SyncRun.id.in_(living), SyncRun.id.in_(newest))
    found = db.session.scalars(select(SyncRun).where(chosen)).all()
    ordered = sorted(found, key=lambda run: (run.asked_at, run.id), reverse=True)
    return tuple(sorted(ordered, key=lambda run: run.living is None)[:most])


def statistics(runtime: Runtime, scope: Scope | None = None) -> Statistics:
    """Add up the counts on the workspace rows: as quick for 100,000 devices as for ten."""
    scope = scope or scope_of(runtime)
    columns = (
        WorkspaceRow.devices,
        WorkspaceRow.devices_ok,
        WorkspaceRow.devices_warning,
        WorkspaceRow.devices_critical,
        WorkspaceRow.devices_unknown,
    )
    sums = [func.coalesce(func.sum(column), 0) for column in columns]
    filled = func.count(case((WorkspaceRow.devices > 0, 1)))
    row = db.session.execute(
        select(func.count(WorkspaceRow.id), filled, *sums).where(
            WorkspaceRow.gone_at.is_(None),
            *scope.of_vendors(WorkspaceRow.vendor_id),
            *scope.of_clients(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id),
        )
    ).one()
    return Statistics(*(int(value) for value in row))


def waiting(runtime: Runtime, scope: Scope | None = None) -> Waiting:
    """Count what waits, in one query."""
    scope = scope or scope_of(runtime)
    calls = select(func.count(Delivery.id)).where(*scope.of_any(Delivery.connection_id))
    mine = select(func.count(TicketEntry.id)).where(
        TicketEntry.environment.in_(["", scope.environment]),
        *scope.of_hosts(TicketEntry.host_id),
        *scope.of_companies(TicketEntry.host_id, TicketEntry.company_id),
        *scope.of_open(TicketEntry.vendor_id, TicketEntry.workspace_id),
        *scope.of_integrations(TicketEntry.integration_id),
    )
    bad = select(func.count(Connection.id)).where(
        Connection.state == "attention", Connection.id.in_(sorted(scope.hosts | scope.vendors))
    )
    queued = (DeliveryState.WAITING, DeliveryState.PARKED)
    row = db.session.execute(
        select(
            bad.scalar_subquery(),
            calls.where(Delivery.state.in_(queued)).scalar_subquery(),
            calls.where(Delivery.state == DeliveryState.DEAD).scalar_subquery(),
            mine.where(TicketEntry.state == TicketState.OPEN).scalar_subquery(),
            mine.where(TicketEntry.state == TicketState.WAITING).scalar_subquery(),
            mine.where(
                TicketEntry.problem != "", TicketEntry.open_key.is_not(None)
            ).scalar_subquery(),
        )
    ).one()
    counts = [int(value or 0) for value in row]
    if scope.limited:  # connections and received calls belong to no company
        counts[:3] = [0, 0, 0]
    return Waiting(*counts)


def connections(
    runtime: Runtime, *, side: str = "", q: str = "", scope: Scope | None = None
) -> list[ConnectionLine]:
    """Return the living connections of the environment by side and name, with their weight."""
    rows = _living(scope or scope_of(runtime), side, q)
    used = _integrations_of([row.id for row in rows])
    devices = _devices_of([row.id for row in rows])
    return [ConnectionLine(row, used.get(row.id, 0), devices.get(row.id, 0)) for row in rows]


def _integrations_of(ids: Sequence[int]) -> dict[int, int]:
    pairs = db.session.execute(
        select(Integration.host_id, Integration.vendor_id).where(
            Integration.deleted_at.is_(None),
            or_(Integration.host_id.in_(ids), Integration.vendor_id.in_(ids)),
        )
    )
    counts: dict[int, int] = {}
    for pair in pairs:
        for number in pair:
            counts[number] = counts.get(number, 0) + 1
    return counts


def _devices_of(ids: Sequence[int]) -> dict[int, int]:
    query = (
        select(WorkspaceRow.vendor_id, func.sum(WorkspaceRow.devices))
        .where(WorkspaceRow.vendor_id.in_(ids))
        .group_by(WorkspaceRow.vendor_id)
    )
    return {vendor: int(number) for vendor, number in db.session.execute(query)}


def integrations(
    runtime: Runtime, *, q: str = "", scope: Scope | None = None
) -> list[IntegrationLine]:
    """Return the integrations of the environment by name, with what they serve."""
    rows = _joined(scope or scope_of(runtime), q)
    open_ones = _open_tickets([row.id for row in rows])
    return [
        replace(line, tickets_open=open_ones.get(line.row.id, 0)) for line in _with_coverage(rows)
    ]


def _open_tickets(ids: Sequence[int]) -> dict[int, int]:
    query = (
        select(TicketEntry.integration_id, func.count(TicketEntry.id))
        .where(TicketEntry.integration_id.in_(ids), TicketEntry.state == TicketState.OPEN)
        .group_by(TicketEntry.integration_id)
    )
    return dict(db.session.execute(query).all())
