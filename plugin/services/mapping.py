"""Workspace → company: by hand, what an integration chooses, and what broke."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services import suggesting, ticket_decisions
from plugin.services.journal import SYSTEM, audit
from plugin.services.lists.mapping import why_broken
from plugin.store.base import db, writing
from plugin.store.integrations import (
    CompanyMapping,
    Integration,
    MappingState,
    WorkspaceLink,
)
from plugin.store.mapping import MappingChoice
from plugin.store.mirror import CompanyRow, DetectionRow, WorkspaceRow

# -- by hand -------------------------------------------------------------------------------------


def map_company(
    runtime: Runtime, actor: str, integration: Integration, workspace_id: str, company_id: str
) -> None:
    """Map a workspace to a company of the host; an empty company takes the mapping away.

    One-to-one unless the integration lets several workspaces have one company: RuleError when
    another workspace has it. Recent detections are considered again, so that nothing that waited
    for the mapping is lost.
    """
    with writing() as session:
        before = _mapping_of(session, integration, workspace_id)
        former = before.company_id if before else ""
        if company_id:
            _refuse_unknown(session, integration, workspace_id)
            _refuse_company(session, integration, workspace_id, company_id)
            _set(runtime, session, actor, integration, workspace_id, company_id)
        elif before is not None:
            session.delete(before)
        session.flush()
        subject = f"{integration.name}: {workspace_id}"
        audit(runtime, session, actor, "mapping.company", subject, before=former, after=company_id)
        lanes = ticket_decisions.reconsider(runtime, session, integration.vendor, workspace_id)
        if former and former != company_id:
            lanes.add(suggesting.ask(runtime, session, integration))
    wake_all(runtime, lanes)


def _mapping_of(
    session: Session, integration: Integration, workspace_id: str
) -> CompanyMapping | None:
    return session.scalar(
        select(CompanyMapping).where(
            CompanyMapping.vendor_id == integration.vendor_id,
            CompanyMapping.workspace_id == workspace_id,
            CompanyMapping.host_id == integration.host_id,
        )
    )


def _set(
    runtime: Runtime,
    session: Session,
    actor: str,
    integration: Integration,
    workspace_id: str,
    company_id: str,
) -> None:
    """Write one mapping and take out the suggestions that it answers."""
    mapping = _mapping_of(session, integration, workspace_id)
    if mapping is None:
        mapping = CompanyMapping(
            vendor_id=integration.vendor_id, workspace_id=workspace_id, host_id=integration.host_id
        )
        session.add(mapping)
    mapping.company_id, mapping.state = company_id, MappingState.MAPPED
    mapping.reason, mapping.made_by, mapping.made_at = "", actor, runtime.now()
    companies = [] if choice_of(integration).several else [company_id]
    suggesting.answer(session, integration.id, [workspace_id], companies)


def _refuse_unknown(session: Session, integration: Integration, workspace_id: str) -> None:
    known = select(WorkspaceRow.id).where(
        WorkspaceRow.vendor_id == integration.vendor_id, WorkspaceRow.workspace_id == workspace_id
    )
    if session.scalar(known) is None:
        raise RuleError("workspace", "the vendor lists no such workspace; refresh the workspaces")


def _refuse_company(
    session: Session, integration: Integration, workspace_id: str, company_id: str
) -> None:
    company = _known_company(session, integration, company_id)
    other = session.scalar(
        select(CompanyMapping.workspace_id).where(
            CompanyMapping.host_id == integration.host_id,
            CompanyMapping.company_id == company_id,
            CompanyMapping.vendor_id == integration.vendor_id,
            CompanyMapping.workspace_id != workspace_id,
        )
    )
    if other is not None and not choice_of(integration).several:
        raise RuleError("company", f"{company.name} is mapped to another workspace already")


def _known_company(session: Session, integration: Integration, company_id: str) -> CompanyRow:
    company = session.scalar(
        select(CompanyRow).where(
            CompanyRow.host_id == integration.host_id,
            CompanyRow.company_id == company_id,
            CompanyRow.gone_at.is_(None),
        )
    )
    if company is None:
        raise RuleError("company", "the host lists no such company; refresh the companies")
    return company


def wake_all(runtime: Runtime, lanes: Iterable[str]) -> None:
    """Wake these lanes, after the commit."""
    for lane in lanes:
        runtime.wake(lane)


# -- choices -------------------------------------------------------------------------------------


def choice_of(integration: Integration) -> MappingChoice:
    """Return how an integration maps; everything is off until a person switches it on."""
    found = db.session.get(MappingChoice, integration.id)
    return found or MappingChoice(
        integration_id=integration.id, several=False, catch_all_id="", suggested_at=None
    )


def choose(
    runtime: Runtime, actor: str, integration: Integration, *, several: bool, catch_all_id: str
) -> None:
    """Say whether several workspaces may have one company, and who takes unmapped work.

    RuleError on ``catch_all`` when the host lists no such active company. Recent detections of
    workspaces without a company are considered again.
    """
    with writing() as session:
        choice = session.get(MappingChoice, integration.id)
        if choice is None:
            choice = MappingChoice(integration_id=integration.id, several=False, catch_all_id="")
            session.add(choice)
        before = {"several": choice.several, "catch_all": choice.catch_all_id}
        if catch_all_id and catch_all_id != choice.catch_all_id:
            _refuse_catch_all(session, integration, catch_all_id)
        choice.several, choice.catch_all_id = several, catch_all_id
        session.flush()
        after = {"several": several, "catch_all": catch_all_id}
        audit(
            runtime,
            session,
            actor,
            "mapping.choices",
            integration.name,
            before=before,
            after=after,
        )
        lanes = {suggesting.ask(runtime, session, integration)}
        if catch_all_id and before["catch_all"] != catch_all_id:
            lanes |= reconsider(runtime, session, integration, _served(session, integration))
    wake_all(runtime, lanes)


def _refuse_catch_all(session: Session, integration: Integration, company_id: str) -> None:
    try:
        company = _known_company(session, integration, company_id)
    except RuleError as error:
        raise RuleError("catch_all", error.message) from error
    if not company.active:
        raise RuleError("catch_all", f"{company.name} is not active in the host; choose another")


def _served(session: Session, integration: Integration) -> set[str]:
    query = select(WorkspaceLink.workspace_id)
    return set(session.scalars(query.where(WorkspaceLink.integration_id == integration.id)))


def reconsider(
    runtime: Runtime, session: Session, integration: Integration, workspace_ids: set[str]
) -> set[str]:
    """Decide again about recent detections of those workspaces that have any."""
    since = runtime.now() - timedelta(seconds=runtime.settings.limits.tickets.lifetime)
    recent = session.scalars(
        select(DetectionRow.workspace_id)
        .where(DetectionRow.vendor_id == integration.vendor_id, DetectionRow.occurred_at >= since)
        .distinct()
    )
    lanes: set[str] = set()
    for workspace_id in sorted(workspace_ids.intersection(recent)):
        lanes |= ticket_decisions.reconsider(runtime, session, integration.vendor, workspace_id)
    return lanes


# -- what broke ----------------------------------------------------------------------------------


def mark_broken(runtime: Runtime, session: Session, connection_id: int) -> set[str]:
    """Turn mappings broken whose company or workspace is gone, and whole again when it is back.

    For the transaction that stores a connection's companies or workspaces; returns the lanes to
    wake after the commit.
    """
    query = (
        select(CompanyMapping, WorkspaceRow, CompanyRow)
        .outerjoin(
            WorkspaceRow,
            (WorkspaceRow.vendor_id == CompanyMapping.vendor_id)
            & (WorkspaceRow.workspace_id == CompanyMapping.workspace_id),
        )
        .outerjoin(
            CompanyRow,
            (CompanyRow.host_id == CompanyMapping.host_id)
            & (CompanyRow.company_id == CompanyMapping.company_id),
        )
        .where(
            (CompanyMapping.host_id == connection_id) | (CompanyMapping.vendor_id == connection_id),
            CompanyMapping.state != MappingState.IGNORED,
        )
    )
    whole = []
    for mapping, workspace, company in session.execute(query).all():
        reason = why_broken(workspace, company)
        state = MappingState.BROKEN if reason else MappingState.MAPPED
        if mapping.state != state:
            mapping.state, mapping.reason = state, reason
            told = reason or mapping.company_id
            name = workspace.name if workspace else mapping.workspace_id
            audit(runtime, session, SYSTEM, f"mapping.{state.value}", name, after=told)
            whole += [] if reason else [mapping]
    session.flush()
    return _resume(runtime, session, whole)


def _resume(runtime: Runtime, session: Session, whole: Sequence[CompanyMapping]) -> set[str]:
    """Decide about what waited while mappings were broken."""
    lanes: set[str] = set()
    for mapping in whole:
        integration = session.scalar(
            select(Integration).where(
                Integration.vendor_id == mapping.vendor_id,
                Integration.host_id == mapping.host_id,
                Integration.deleted_at.is_(None),
            )
        )
        if integration is not None:
            lanes |= reconsider(runtime, session, integration, {mapping.workspace_id})
    return lanes
