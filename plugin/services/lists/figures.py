"""The numbers behind the charts: protection, deployment, age of databases, over all clients or one.

They are sums of the counts on the workspace rows: as quick for 100,000 devices as for ten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, case, func, select

from plugin.domain.contracts import Vendor
from plugin.domain.figures import DatabaseAge, Deployment, Fact
from plugin.domain.model import Protection
from plugin.runtime import Runtime
from plugin.services.lists.devices import named
from plugin.services.lists.paging import Ask
from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.mirror import WorkspaceRow
from plugin.store.work import SyncRun

_PROTECTION = {each.value: f"devices_{each.value}" for each in Protection}
_DEPLOYMENT = {each.value: f"deployed_{each.value}" for each in Deployment}
_DATABASES = {each.value: f"bases_{each.value}" for each in DatabaseAge}
_COLUMNS = (*_PROTECTION.values(), *_DEPLOYMENT.values(), *_DATABASES.values())


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a chart: its word, how many devices, and for what is not told the vendor."""

    word: str
    number: int
    vendor: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many clients and devices there are, and how their devices stand.

    ``with_devices`` counts workspaces: the others mostly belong to vendors that nothing serves yet.
    """

    workspaces: int
    with_devices: int
    devices: int
    protection: tuple[Part, ...]
    deployment: tuple[Part, ...]
    databases: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Syncing:
    """What is being fetched now."""

    runs: int
    seen: int


def figures(runtime: Runtime, scope: Scope, ask: Ask) -> Figures:
    """Add up the counts, of all clients or of those that ``workspace`` and ``client`` name."""
    rows = _by_vendor(scope, ask)
    return Figures(
        workspaces=sum(row.workspaces for row in rows),
        with_devices=sum(row.with_devices for row in rows),
        devices=sum(row.devices for row in rows),
        protection=_parts(rows, _PROTECTION, {}),
        deployment=_parts(rows, _DEPLOYMENT, _silent(runtime, rows, Fact.DEPLOYMENT)),
        databases=_parts(rows, _DATABASES, _silent(runtime, rows, Fact.DATABASES)),
    )


def _by_vendor(scope: Scope, ask: Ask) -> Sequence[Row[tuple[int, ...]]]:
    names = ("devices", *_COLUMNS)
    sums = [func.sum(getattr(WorkspaceRow, name)).label(name) for name in names]
    query = (
        select(
            Connection.kind,
            func.count(WorkspaceRow.id).label("workspaces"),
            func.count(case((WorkspaceRow.devices > 0, 1))).label("with_devices"),
            *sums,
        )
        .join(Connection, Connection.id == WorkspaceRow.vendor_id)
        .where(
            WorkspaceRow.gone_at.is_(None),
            WorkspaceRow.vendor_id.in_(sorted(scope.vendors)),
            *scope.of_clients(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id),
            *named(ask),
        )
        .group_by(Connection.kind)
        .order_by(Connection.kind)
    )
    return db.session.execute(query).all()


def _silent(runtime: Runtime, rows: Sequence[Row[tuple[int, ...]]], fact: Fact) -> dict[str, str]:
    """Return the titles of the vendors, by kind, that tell a fact of no device."""
    kinds = {row.kind: runtime.adapter_class(row.kind) for row in rows}
    return {
        kind: adapter.title
        for kind, adapter in kinds.items()
        if issubclass(adapter, Vendor) and fact in adapter.untold
    }


def _parts(
    rows: Sequence[Row[tuple[int, ...]]], columns: Mapping[str, str], silent: Mapping[str, str]
) -> tuple[Part, ...]:
    """Return the parts of a chart; what a vendor never tells stands apart, under its name."""
    untold = "untold"
    found = []
    for word, column in columns.items():
        numbers = [getattr(row, column) for row in rows if word != untold or row.kind not in silent]
        found.append(Part(word, int(sum(numbers))))
    quiet = [
        (silent[row.kind], getattr(row, columns[untold])) for row in rows if row.kind in silent
    ]
    return (*found, *(Part(untold, int(number), title) for title, number in quiet if number))


def worst_clients(scope: Scope, most: int) -> list[WorkspaceRow]:
    """Return the clients with the most critical devices, those that have any."""
    query = select(WorkspaceRow).where(
        WorkspaceRow.gone_at.is_(None),
        WorkspaceRow.devices_critical > 0,
        *scope.of_vendors(WorkspaceRow.vendor_id),
        *scope.of_clients(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id),
    )
    order = (WorkspaceRow.devices_critical.desc(), WorkspaceRow.name, WorkspaceRow.id)
    return list(db.session.scalars(query.order_by(*order).limit(most)))


def syncing(scope: Scope) -> Syncing:
    """Return how many runs are under way, and how much they have seen so far."""
    query = select(func.count(SyncRun.id), func.coalesce(func.sum(SyncRun.seen), 0)).where(
        SyncRun.living.is_not(None), *scope.of_any(SyncRun.connection_id)
    )
    row = db.session.execute(query).one()
    return Syncing(int(row[0]), int(row[1]))
