"""Suggested companies, and companies that nothing protects."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, exists, func, select

from plugin.services.lists.paging import Ask, Table, contains, ordered
from plugin.services.lists.scope import Scope
from plugin.store.base import db
from plugin.store.integrations import CompanyMapping, Integration, MappingRefusal, MappingState
from plugin.store.mapping import SuggestionRow
from plugin.store.mirror import CompanyRow, WorkspaceRow


@dataclass(frozen=True, slots=True)
class SuggestionLine:
    """A suggestion with the workspace and the company that it is about."""

    row: SuggestionRow
    workspace: WorkspaceRow
    company: CompanyRow


@dataclass(frozen=True, slots=True)
class UncoveredLine:
    """A company without any protected device; ``workspace`` is one mapped to it, if any is."""

    row: CompanyRow
    workspace: WorkspaceRow | None


# -- suggestions ---------------------------------------------------------------------------------


def _suggestion_ids(_scope: Scope, ask: Ask) -> Select[int]:
    integration = db.session.get(Integration, ask.number("integration") or -1)
    number = integration.id if integration else -1
    query = (
        select(SuggestionRow.id)
        .join(WorkspaceRow, _its_workspace(integration.vendor_id if integration else -1))
        .join(CompanyRow, _its_company(integration.host_id if integration else -1))
        .where(SuggestionRow.integration_id == number)
    )
    if ask.text("exact") in {"1", "true"}:
        query = query.where(SuggestionRow.sure.is_(True))
    if workspace_id := ask.text("workspace_id"):
        query = query.where(SuggestionRow.workspace_id == workspace_id)
    if ask.q:
        query = query.where(contains(ask.q, WorkspaceRow.name, CompanyRow.name))
    ways = {
        "score": (SuggestionRow.sure, SuggestionRow.score, SuggestionRow.id),
        "name": (WorkspaceRow.name, SuggestionRow.place, SuggestionRow.id),
    }
    return ordered(query, ask, ways, "-score")


def _its_workspace(vendor_id: int) -> ColumnElement[bool]:
    return and_(
        WorkspaceRow.workspace_id == SuggestionRow.workspace_id, WorkspaceRow.vendor_id == vendor_id
    )


def _its_company(host_id: int) -> ColumnElement[bool]:
    return and_(CompanyRow.company_id == SuggestionRow.company_id, CompanyRow.host_id == host_id)


def _suggestion_lines(ids: Sequence[int]) -> dict[int, SuggestionLine]:
    query = (
        select(SuggestionRow, WorkspaceRow, CompanyRow)
        .join(Integration, Integration.id == SuggestionRow.integration_id)
        .join(
            WorkspaceRow,
            and_(
                WorkspaceRow.workspace_id == SuggestionRow.workspace_id,
                WorkspaceRow.vendor_id == Integration.vendor_id,
            ),
        )
        .join(
            CompanyRow,
            and_(
                CompanyRow.company_id == SuggestionRow.company_id,
                CompanyRow.host_id == Integration.host_id,
            ),
        )
        .where(SuggestionRow.id.in_(ids))
    )
    return {row[0].id: SuggestionLine(*row) for row in db.session.execute(query)}


suggestions: Table[SuggestionLine] = Table(_suggestion_ids, _suggestion_lines)
"""Suggested companies. Filters: ``integration`` (needed), ``exact``, ``workspace_id`` (the
vendor's own). Sorts: ``score``, ``name``."""


def number_of_exact(integration: Integration) -> int:
    """Count the suggestions that can be accepted without a look."""
    query = select(func.count(SuggestionRow.id)).where(
        SuggestionRow.integration_id == integration.id, SuggestionRow.sure.is_(True)
    )
    return db.session.scalar(query) or 0


def number_of_refusals(integration: Integration) -> int:
    """Count the pairs that are not suggested any more."""
    query = select(func.count()).where(
        MappingRefusal.vendor_id == integration.vendor_id,
        MappingRefusal.host_id == integration.host_id,
    )
    return db.session.scalar(query) or 0


# -- coverage ------------------------------------------------------------------------------------


def _uncovered_ids(scope: Scope, ask: Ask) -> Select[int]:
    protected = (
        select(CompanyMapping.id)
        .join(
            WorkspaceRow,
            and_(
                WorkspaceRow.vendor_id == CompanyMapping.vendor_id,
                WorkspaceRow.workspace_id == CompanyMapping.workspace_id,
            ),
        )
        .where(
            CompanyMapping.host_id == CompanyRow.host_id,
            CompanyMapping.company_id == CompanyRow.company_id,
            CompanyMapping.state == MappingState.MAPPED,
            WorkspaceRow.devices > WorkspaceRow.deployed_not_installed,
            WorkspaceRow.gone_at.is_(None),
            *scope.of_vendors(WorkspaceRow.vendor_id),
        )
    )
    query = select(CompanyRow.id).where(
        CompanyRow.gone_at.is_(None),
        CompanyRow.active.is_(True),
        CompanyRow.host_id.in_(sorted(scope.hosts)),
        ~protected.exists(),
    )
    for still_open in scope.of_open(CompanyMapping.vendor_id, CompanyMapping.workspace_id):
        # The line would name the workspace.
        theirs = exists().where(
            CompanyMapping.host_id == CompanyRow.host_id,
            CompanyMapping.company_id == CompanyRow.company_id,
            ~still_open,
        )
        query = query.where(~theirs)
    if (host := ask.number("host")) is not None:
        query = query.where(CompanyRow.host_id == host)
    if ask.q:
        query = query.where(contains(ask.q, CompanyRow.name, CompanyRow.identifier))
    return ordered(query, ask, {"name": (CompanyRow.name, CompanyRow.id)}, "name")


def _uncovered_lines(ids: Sequence[int]) -> dict[int, UncoveredLine]:
    query = (
        select(CompanyRow, WorkspaceRow)
        .outerjoin(
            CompanyMapping,
            and_(
                CompanyMapping.host_id == CompanyRow.host_id,
                CompanyMapping.company_id == CompanyRow.company_id,
            ),
        )
        .outerjoin(
            WorkspaceRow,
            and_(
                WorkspaceRow.vendor_id == CompanyMapping.vendor_id,
                WorkspaceRow.workspace_id == CompanyMapping.workspace_id,
            ),
        )
        .where(CompanyRow.id.in_(ids))
        .order_by(CompanyMapping.id)
    )
    return {row[0].id: UncoveredLine(*row) for row in db.session.execute(query)}


uncovered: Table[UncoveredLine] = Table(_uncovered_ids, _uncovered_lines)
"""Active companies without any protected device. Filters: ``host``. Sorts: ``name``."""
