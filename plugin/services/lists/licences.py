"""Keys and subscriptions, and how much of them is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, select

from plugin.domain.model import LicenceState
from plugin.services.lists.devices import of_workspaces, same_workspace
from plugin.services.lists.paging import Ask, Table, contains, ordered
from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.mirror import LicenceRow, WorkspaceRow

EXCEEDED, NEARLY_USED_UP = "exceeded", "nearly_used_up"
"""A licence that more use than it allows, and one of which over 90 % are used: the vendor's own
Licensing window highlights these two."""


@dataclass(frozen=True, slots=True)
class LicenceLine:
    """A licence with the workspace it belongs to."""

    row: LicenceRow
    workspace: WorkspaceRow | None

    @property
    def share(self) -> int | None:
        """How much of what the licence allows is used, in percent; None where nobody can say."""
        if self.row.used is None or not self.row.limit:
            return None
        return 100 * self.row.used // self.row.limit

    @property
    def use(self) -> str:
        """Say ``exceeded``, ``nearly_used_up``, or nothing."""
        used, limit = self.row.used, self.row.limit
        if used is None or limit is None:
            return ""
        if used > limit:
            return EXCEEDED
        return NEARLY_USED_UP if 10 * used > 9 * limit else ""


_USES: dict[str, ColumnElement[bool]] = {
    EXCEEDED: LicenceRow.used > LicenceRow.limit,
    NEARLY_USED_UP: and_(
        LicenceRow.used <= LicenceRow.limit, 10 * LicenceRow.used > 9 * LicenceRow.limit
    ),
}


def _licence_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(LicenceRow.id).where(
        LicenceRow.gone_at.is_(None), *scope.of_seen(LicenceRow.vendor_id)
    )
    query = query.where(*scope.of_clients(LicenceRow.vendor_id, LicenceRow.workspace_id))
    query = of_workspaces(query, ask, LicenceRow.vendor_id, LicenceRow.workspace_id)
    if state := ask.text("state"):
        query = query.where(LicenceRow.state == state)
    if use := ask.text("use"):
        query = query.where(_USES.get(use, false()))
    if ask.q:
        query = query.where(contains(ask.q, LicenceRow.product, LicenceRow.licence_id))
    ways: dict[str, tuple[Any, ...]] = {
        "product": (LicenceRow.product, LicenceRow.id),
        "expires": (LicenceRow.expires_at, LicenceRow.id),
        "used": (LicenceRow.used, LicenceRow.id),
        "share": (100 * LicenceRow.used / func.nullif(LicenceRow.limit, 0), LicenceRow.id),
    }
    return ordered(query, ask, ways, "product")


def _licence_lines(ids: Sequence[int]) -> dict[int, LicenceLine]:
    query = (
        select(LicenceRow, WorkspaceRow)
        .outerjoin(WorkspaceRow, same_workspace(LicenceRow.vendor_id, LicenceRow.workspace_id))
        .where(LicenceRow.id.in_(ids))
    )
    return {row.id: LicenceLine(row, owner) for row, owner in db.session.execute(query)}


licences: Table[LicenceLine] = Table(_licence_ids, _licence_lines)
"""Licences. Filters: ``state``, ``use`` (exceeded, nearly_used_up), ``workspace``, ``client``.
Sorts: ``product``, ``expires``, ``used``, ``share`` (of what is allowed)."""


@dataclass(frozen=True, slots=True)
class LicenceFigures:
    """How many licences there are, and how many want a look."""

    licences: int
    exceeded: int
    nearly_used_up: int
    expired: int


def licence_figures(scope: Scope, ask: Ask) -> LicenceFigures:
    """Count licences, of all clients or of those that ``workspace`` and ``client`` name."""
    expired = LicenceRow.state == LicenceState.EXPIRED.value
    wanted = (*_USES.values(), expired)
    query = select(
        func.count(LicenceRow.id),
        *(func.coalesce(func.sum(case((each, 1), else_=0)), 0) for each in wanted),
    ).where(LicenceRow.gone_at.is_(None), *scope.of_seen(LicenceRow.vendor_id))
    query = query.where(*scope.of_clients(LicenceRow.vendor_id, LicenceRow.workspace_id))
    chosen = ask.only("workspace", "client")
    row = db.session.execute(
        of_workspaces(query, chosen, LicenceRow.vendor_id, LicenceRow.workspace_id)
    ).one()
    return LicenceFigures(*(int(value) for value in row))
