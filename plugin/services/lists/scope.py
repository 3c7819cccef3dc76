"""Which objects are shown: those of living connections, in the environment that holds now.

A person limited to some companies sees what is theirs and nothing else. Nobody sees the workspaces
of an integration on which that person's rights were withdrawn.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, false, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from plugin.domain.model import Companies
from plugin.runtime import ENVIRONMENT_PREFERENCE, Runtime
from plugin.store.base import db
from plugin.store.integrations import (
    CompanyMapping,
    Connection,
    Integration,
    Preference,
    Side,
    WorkspaceLink,
)
from plugin.store.mirror import WorkspaceRow
from plugin.store.registration import WithdrawnRight
from plugin.store.work import TicketEntry

_ByConnection = Mapping[int, Collection[str]]


@dataclass(frozen=True, slots=True)
class Scope:
    """The connections of the moment, by side.

    ``whole`` when there are no others at all, ``all_devices`` when no other has anything: then
    rows need not be asked for their connection, and a list can be cut from its index alone.
    ``now`` is the moment from which ages count; without it nothing has an age.
    ``companies`` and ``workspaces`` hold, by connection, what a limited person may see; None
    limits nothing. ``kept_out`` are the integrations on which the reader's rights were withdrawn,
    ``closed`` their workspaces, and ``withheld`` the connections that they join, whose received
    calls may be about anything of theirs.
    """

    environment: str
    hosts: frozenset[int]
    vendors: frozenset[int]
    whole: bool
    all_devices: bool
    now: datetime | None = None
    companies: _ByConnection | None = None
    workspaces: _ByConnection | None = None
    kept_out: frozenset[int] = frozenset()
    closed: _ByConnection = field(default_factory=dict)
    withheld: frozenset[int] = frozenset()

    @property
    def limited(self) -> bool:
        """Whether only some companies are shown."""
        return self.companies is not None

    def of_clients(
        self, vendor: InstrumentedAttribute[int], workspace: InstrumentedAttribute[str]
    ) -> list[ColumnElement[bool]]:
        """Return the condition that a row's workspace may be seen, if needed."""
        return [*_among(vendor, workspace, self.workspaces), *self.of_open(vendor, workspace)]

    def of_open(
        self, vendor: InstrumentedAttribute[int], workspace: InstrumentedAttribute[str]
    ) -> list[ColumnElement[bool]]:
        """Return the condition that the reader was not kept out of a workspace, if needed."""
        return [~_among(vendor, workspace, self.closed)[0]] if self.closed else []

    def of_integrations(self, column: InstrumentedAttribute[Any]) -> list[ColumnElement[bool]]:
        """Return the condition that the reader was not kept out of an integration, if needed."""
        if not self.kept_out:
            return []
        return [or_(column.is_(None), column.not_in(sorted(self.kept_out)))]

    def of_calls(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Return the condition that calls to a connection may be seen, if needed."""
        withheld = [column.not_in(sorted(self.withheld))] if self.withheld else []
        return [*self.of_any(column), *withheld]

    def shows_calls(self, connection_id: int) -> bool:
        """Tell whether the calls to a connection may be seen."""
        living = connection_id in self.hosts | self.vendors
        return living and connection_id not in self.withheld

    def of_companies(
        self, host: InstrumentedAttribute[int], company: InstrumentedAttribute[str]
    ) -> list[ColumnElement[bool]]:
        """Return the condition that a row's company may be seen, if needed."""
        return _among(host, company, self.companies)

    def shows_workspace(self, vendor_id: int, workspace_id: str) -> bool:
        """Tell whether an object of this workspace may be seen."""
        if not self.is_open(vendor_id, workspace_id):
            return False
        return vendor_id in self.vendors and _holds(self.workspaces, vendor_id, workspace_id)

    def is_open(self, vendor_id: int, workspace_id: str) -> bool:
        """Tell whether the reader was not kept out of a workspace."""
        return workspace_id not in self.closed.get(vendor_id, ())

    def shows_ticket(self, entry: TicketEntry) -> bool:
        """Tell whether a ticket of ours may be seen."""
        if entry.integration_id in self.kept_out:
            return False
        mine = self.is_open(entry.vendor_id, entry.workspace_id)
        return mine and self.shows_company(entry.host_id, entry.company_id)

    def shows_company(self, host_id: int, company_id: str) -> bool:
        """Tell whether an object of this company may be seen."""
        return host_id in self.hosts and _holds(self.companies, host_id, company_id)

    def of_vendors(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Return the condition that a row belongs to a living vendor connection, if needed."""
        return [] if self.whole else [column.in_(sorted(self.vendors))]

    def of_seen(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Return the same for what a sync run stored (devices, detections, licences)."""
        return [] if self.all_devices else [column.in_(sorted(self.vendors))]

    def of_hosts(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Return the condition that a row belongs to a living host connection, if needed."""
        return [] if self.whole else [column.in_(sorted(self.hosts))]

    def of_any(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Return the condition that a row belongs to a living connection, if needed."""
        return [] if self.whole else [column.in_(sorted(self.hosts | self.vendors))]


def _among(
    connection: InstrumentedAttribute[int],
    number: InstrumentedAttribute[str],
    allowed: _ByConnection | None,
) -> list[ColumnElement[bool]]:
    if allowed is None:
        return []
    pairs = (and_(connection == one, number.in_(sorted(ids))) for one, ids in allowed.items())
    return [or_(false(), *pairs)]


def _holds(allowed: _ByConnection | None, connection: int, number: str) -> bool:
    return allowed is None or number in allowed.get(connection, ())


def scope_of(runtime: Runtime, companies: Companies | None = None, *, email: str = "") -> Scope:
    """Return which objects are shown now.

    ``companies``: to somebody limited to these; ``email``: to the person who signs in with it.
    """
    rows = _connections(email.casefold())
    withdrawn = _withdrawn(email.casefold()) if any(row.withdrawn for row in rows) else ()
    closed = [(row.vendor_id, row.workspace_id) for row in withdrawn if row.workspace_id]
    environment = _environment(runtime, [row.picked for row in rows])
    living = [
        row for row in rows if row.deleted_at is None and row.environment in {"", environment}
    ]
    return Scope(
        environment=environment,
        hosts=frozenset(row.id for row in living if row.side == Side.HOST),
        vendors=frozenset(row.id for row in living if row.side == Side.VENDOR),
        whole=len(living) == len(rows),
        all_devices=not any(row.used for row in rows if row not in living),
        now=runtime.now(),
        companies=None if companies is None else _sorted_out(companies),
        workspaces=None if companies is None else _sorted_out(_workspaces_of(companies)),
        kept_out=frozenset(row.integration_id for row in withdrawn),
        closed=_sorted_out(closed),
        withheld=frozenset(each for row in withdrawn for each in (row.host_id, row.vendor_id)),
    )


def _workspaces_of(companies: Companies) -> Sequence[tuple[int, str]]:
    """Return the workspaces that are mapped to these companies, by vendor connection."""
    allowed = _among(CompanyMapping.host_id, CompanyMapping.company_id, _sorted_out(companies))
    query = select(CompanyMapping.vendor_id, CompanyMapping.workspace_id).where(*allowed)
    return [(vendor, workspace) for vendor, workspace in db.session.execute(query)]


def _sorted_out(pairs: Collection[tuple[int, str]]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for connection, number in pairs:
        found.setdefault(connection, set()).add(number)
    return found


def _withdrawn(email: str) -> Sequence[Row[int, int, int, str]]:
    """Read the integrations that a person is kept out of, what they join, their workspaces."""
    columns = (WithdrawnRight.integration_id, Integration.host_id, Integration.vendor_id)
    query = (
        select(*columns, WorkspaceLink.workspace_id)
        .join(Integration, Integration.id == WithdrawnRight.integration_id)
        .outerjoin(WorkspaceLink, WorkspaceLink.integration_id == Integration.id)
    )
    return db.session.execute(query.where(WithdrawnRight.email == email)).all()


def _connections(email: str) -> Sequence[Row[Any]]:
    """Read every connection, whether it has devices, and the environment a person picked.

    Each row says too whether the person was kept out of anything: that spares most a query.
    """
    used = exists().where(WorkspaceRow.vendor_id == Connection.id)
    columns = (Connection.id, Connection.side, Connection.environment, Connection.deleted_at)
    withdrawn = exists().where(WithdrawnRight.email == email)
    told = (used.label("used"), Preference.value.label("picked"), withdrawn.label("withdrawn"))
    query = select(*columns, *told)
    picked = Preference.name == ENVIRONMENT_PREFERENCE
    return db.session.execute(query.outerjoin(Preference, picked)).all()


def _environment(runtime: Runtime, picked: Sequence[str | None]) -> str:
    if not picked:
        return runtime.environment().value.value
    return runtime.settings.effective_environment(picked[0]).value.value
