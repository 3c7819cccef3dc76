"""Workspaces, companies, and which belongs to which."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from plugin.services.lists.paging import Ask, Table, by_id, contains, ordered
from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.integrations import (
    CompanyMapping,
    Integration,
    MappingState,
    WorkspaceLink,
)
from plugin.store.mapping import SuggestionRow
from plugin.store.mirror import CompanyRow, WorkspaceRow

UNMAPPED = "unmapped"


@dataclass(frozen=True, slots=True)
class WorkspaceChoice:
    """A workspace as an integration may choose it; ``owner`` is another one that has it."""

    row: WorkspaceRow
    chosen: bool
    owner: Integration | None


@dataclass(frozen=True, slots=True)
class MappingLine:
    """A workspace of an integration with the company it is mapped to, if it is."""

    workspace: WorkspaceRow
    mapping: CompanyMapping | None
    company: CompanyRow | None
    best: SuggestionRow | None = None
    suggested: CompanyRow | None = None

    @property
    def state(self) -> str:
        """Say ``unmapped``, or the mapping's own state; what vanished breaks it."""
        if self.mapping is None:
            return UNMAPPED
        return MappingState.BROKEN.value if self.reason else self.mapping.state

    @property
    def reason(self) -> str:
        """Say why the mapping is broken, or nothing."""
        if self.mapping is None or not self.mapping.company_id:
            return ""
        return why_broken(self.workspace, self.company)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many workspaces an integration serves, and how many of them have a company."""

    workspaces: int
    mapped: int


def why_broken(workspace: WorkspaceRow | None, company: CompanyRow | None) -> str:
    """Say why a workspace and a company cannot belong together any more, or nothing."""
    if company is None or company.gone_at is not None:
        name = company.name if company else "this company"
        return f"the host no longer has {name}"
    if not company.active:
        return f"{company.name} is not active in the host"
    if workspace is None or workspace.gone_at is not None:
        return "the vendor no longer lists this workspace"
    return ""


# -- workspaces --------------------------------------------------------------------------------

_WAYS = {
    "name": (WorkspaceRow.name, WorkspaceRow.id),
    "devices": (WorkspaceRow.devices, WorkspaceRow.id),
}


def _workspace_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(WorkspaceRow.id).where(
        WorkspaceRow.gone_at.is_(None), *scope.of_vendors(WorkspaceRow.vendor_id)
    )
    query = query.where(*scope.of_clients(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id))
    if (vendor := ask.number("vendor")) is not None:
        query = query.where(WorkspaceRow.vendor_id == vendor)
    if (integration := ask.number("integration")) is not None:
        query = query.join(WorkspaceLink, _linked()).where(
            WorkspaceLink.integration_id == integration
        )
    if ask.q:
        query = query.where(contains(ask.q, WorkspaceRow.name, WorkspaceRow.domain))
    return ordered(query, ask, _WAYS, "name")


def _linked() -> ColumnElement[bool]:
    return and_(
        WorkspaceLink.vendor_id == WorkspaceRow.vendor_id,
        WorkspaceLink.workspace_id == WorkspaceRow.workspace_id,
    )


def _workspace_rows(ids: Sequence[int]) -> dict[int, WorkspaceRow]:
    return by_id(db.session.scalars(select(WorkspaceRow).where(WorkspaceRow.id.in_(ids))).all())


workspaces: Table[WorkspaceRow] = Table(_workspace_ids, _workspace_rows)
"""Workspaces with their device counts. Filters: ``vendor``, ``integration``. Sorts: ``name``,
``devices``."""


def workspace_choices(integration: Integration, q: str = "") -> list[WorkspaceChoice]:
    """Return every workspace of the integration's vendor, with who has it on this platform."""
    owner = aliased(Integration)
    taken = and_(_linked(), WorkspaceLink.platform == integration.host.kind)
    query = (
        select(WorkspaceRow, owner)
        .outerjoin(WorkspaceLink, taken)
        .outerjoin(owner, owner.id == WorkspaceLink.integration_id)
        .where(WorkspaceRow.vendor_id == integration.vendor_id, WorkspaceRow.gone_at.is_(None))
        .order_by(WorkspaceRow.name, WorkspaceRow.id)
    )
    if q:
        query = query.where(contains(q, WorkspaceRow.name, WorkspaceRow.domain))
    rows = db.session.execute(query)
    return [_choice(row, holder, integration) for row, holder in rows]


def _choice(
    row: WorkspaceRow, holder: Integration | None, integration: Integration
) -> WorkspaceChoice:
    mine = holder is not None and holder.id == integration.id
    return WorkspaceChoice(row, chosen=mine, owner=None if mine else holder)


# -- companies ---------------------------------------------------------------------------------


def _company_ids(scope: Scope, ask: Ask) -> Select[int]:
    query = select(CompanyRow.id).where(
        CompanyRow.gone_at.is_(None), *scope.of_hosts(CompanyRow.host_id)
    )
    query = query.where(*scope.of_companies(CompanyRow.host_id, CompanyRow.company_id))
    if (host := ask.number("host")) is not None:
        query = query.where(CompanyRow.host_id == host)
    if active := ask.text("active"):
        query = query.where(CompanyRow.active.is_(active in {"1", "true", "yes"}))
    if ask.q:
        query = query.where(contains(ask.q, CompanyRow.name, CompanyRow.identifier))
    return ordered(query, ask, {"name": (CompanyRow.name, CompanyRow.id)}, "name")


def _company_rows(ids: Sequence[int]) -> dict[int, CompanyRow]:
    return by_id(db.session.scalars(select(CompanyRow).where(CompanyRow.id.in_(ids))).all())


companies: Table[CompanyRow] = Table(_company_ids, _company_rows)
"""The host's companies. Filters: ``host``, ``active``. Sorts: ``name``."""


def companies_of(host_id: int, q: str = "", most: int = 1000) -> list[CompanyRow]:
    """Return a host's active companies by name, the first of them, for a person to choose from."""
    query = select(CompanyRow).where(
        CompanyRow.host_id == host_id, CompanyRow.gone_at.is_(None), CompanyRow.active
    )
    if q:
        query = query.where(contains(q, CompanyRow.name, CompanyRow.identifier))
    return list(db.session.scalars(query.order_by(CompanyRow.name, CompanyRow.id).limit(most)))


def number_of_companies(host_id: int) -> int:
    """Count a host's active companies."""
    query = select(func.count(CompanyRow.id)).where(
        CompanyRow.host_id == host_id, CompanyRow.gone_at.is_(None), CompanyRow.active
    )
    return db.session.scalar(query) or 0


def company_of(host_id: int, company_id: str) -> CompanyRow | None:
    """Return a host's company by the host's own id, gone or not."""
    query = select(CompanyRow).where(
        CompanyRow.host_id == host_id, CompanyRow.company_id == company_id
    )
    return db.session.scalar(query)


def companies_called(host_id: int, typed: str) -> list[CompanyRow]:
    """Return the active companies that a person may mean: by ``name #id``, name or identifier."""
    name, mark, company_id = typed.rpartition(" #")
    query = select(CompanyRow).where(
        CompanyRow.host_id == host_id, CompanyRow.gone_at.is_(None), CompanyRow.active
    )
    if mark:
        exact = and_(CompanyRow.company_id == company_id, CompanyRow.name == name)
        if found := list(db.session.scalars(query.where(exact))):
            return found
    wanted = typed.casefold()
    named = or_(func.lower(CompanyRow.name) == wanted, func.lower(CompanyRow.identifier) == wanted)
    if found := list(db.session.scalars(query.where(named).limit(10))):
        return found
    # A database's lower() knows ASCII alone: the rest is compared here, among what looks alike.
    alike = query.where(contains(typed, CompanyRow.name, CompanyRow.identifier)).limit(100)
    return [each for each in db.session.scalars(alike) if wanted == each.name.casefold()]


# -- mappings ----------------------------------------------------------------------------------


def _mapping_ids(_scope: Scope, ask: Ask) -> Select[int]:
    integration = db.session.get(Integration, ask.number("integration") or -1)
    host_id = integration.host_id if integration else -1
    query = (
        select(WorkspaceRow.id)
        .join(WorkspaceLink, _linked())
        .outerjoin(CompanyMapping, _mapped_at(host_id))
        .outerjoin(CompanyRow, _its_company())
        .where(WorkspaceLink.integration_id == (integration.id if integration else -1))
    )
    broken = and_(
        CompanyMapping.id.is_not(None),
        CompanyRow.id.is_(None)
        | CompanyRow.gone_at.is_not(None)
        | ~CompanyRow.active
        | WorkspaceRow.gone_at.is_not(None),
    )
    match ask.text("state"):
        case "unmapped":
            query = query.where(CompanyMapping.id.is_(None))
        case "suggested":
            query = query.where(CompanyMapping.id.is_(None), _suggested(ask))
        case "broken":
            query = query.where(broken)
        case "mapped":
            query = query.where(CompanyMapping.id.is_not(None), ~broken)
    if ask.q:
        query = query.where(contains(ask.q, WorkspaceRow.name, CompanyRow.name))
    return ordered(query, ask, _WAYS, "name")


def _suggested(ask: Ask) -> ColumnElement[bool]:
    return exists().where(
        SuggestionRow.integration_id == (ask.number("integration") or -1),
        SuggestionRow.workspace_id == WorkspaceRow.workspace_id,
    )


def _mapped_at(host_id: int) -> ColumnElement[bool]:
    return and_(
        CompanyMapping.vendor_id == WorkspaceRow.vendor_id,
        CompanyMapping.workspace_id == WorkspaceRow.workspace_id,
        CompanyMapping.host_id == host_id,
    )


def _its_company() -> ColumnElement[bool]:
    return and_(
        CompanyRow.host_id == CompanyMapping.host_id,
        CompanyRow.company_id == CompanyMapping.company_id,
    )


def mappings(integration: Integration, ask: Ask) -> tuple[Table[MappingLine], Ask]:
    """Return the mapping table of an integration, and the question bound to it.

    Filters: ``state`` (mapped, unmapped, suggested, broken). Sorts: ``name``, ``devices``.
    """

    def lines(ids: Sequence[int]) -> dict[int, MappingLine]:
        query = _with_companies(integration.host_id).where(WorkspaceRow.id.in_(ids))
        rows = db.session.execute(query).all()
        best = _best(integration, [each[0].workspace_id for each in rows if each[1] is None])
        return {
            each[0].id: MappingLine(*each, *best.get(each[0].workspace_id, ())) for each in rows
        }

    return Table(_mapping_ids, lines), ask.with_filters(integration=integration.id)


def _best(
    integration: Integration, workspace_ids: Sequence[str]
) -> dict[str, tuple[SuggestionRow, CompanyRow]]:
    """Return the best suggestion of each of these workspaces, with its company."""
    query = (
        select(SuggestionRow, CompanyRow)
        .join(
            CompanyRow,
            and_(
                CompanyRow.company_id == SuggestionRow.company_id,
                CompanyRow.host_id == integration.host_id,
            ),
        )
        .where(
            SuggestionRow.integration_id == integration.id,
            SuggestionRow.workspace_id.in_(workspace_ids),
        )
        .order_by(SuggestionRow.place.desc())
    )
    return {row[0].workspace_id: (row[0], row[1]) for row in db.session.execute(query)}


def mapping_of(integration: Integration, workspace_id: str) -> MappingLine | None:
    """Return one workspace with its company; None when the vendor lists no such workspace."""
    query = _with_companies(integration.host_id).where(
        WorkspaceRow.vendor_id == integration.vendor_id, WorkspaceRow.workspace_id == workspace_id
    )
    found = db.session.execute(query).first()
    return MappingLine(*found) if found else None


def _with_companies(host_id: int) -> Select[WorkspaceRow, CompanyMapping, CompanyRow]:
    return (
        select(WorkspaceRow, CompanyMapping, CompanyRow)
        .outerjoin(CompanyMapping, _mapped_at(host_id))
        .outerjoin(CompanyRow, _its_company())
    )


def coverage(integration_ids: Sequence[int]) -> dict[int, Coverage]:
    """Count each integration's workspaces, and those mapped to a company of its host."""
    query = (
        select(
            WorkspaceLink.integration_id,
            func.count(WorkspaceLink.id),
            func.count(CompanyMapping.id),
        )
        .join(Integration, Integration.id == WorkspaceLink.integration_id)
        .outerjoin(
            CompanyMapping,
            and_(
                CompanyMapping.vendor_id == WorkspaceLink.vendor_id,
                CompanyMapping.workspace_id == WorkspaceLink.workspace_id,
                CompanyMapping.host_id == Integration.host_id,
            ),
        )
        .where(WorkspaceLink.integration_id.in_(integration_ids))
        .group_by(WorkspaceLink.integration_id)
    )
    return {row[0]: Coverage(row[1], row[2]) for row in db.session.execute(query)}
