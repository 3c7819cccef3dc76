"""Workspace → company: by hand, by suggestions, and what broke or was never mapped."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.errors import RuleError
from plugin.domain.matching import Party, Suggestion, suggest
from plugin.runtime import Runtime
from plugin.services import ticket_decisions
from plugin.services.journal import SYSTEM, audit
from plugin.store.base import db, writing
from plugin.store.integrations import (
    CompanyMapping,
    Integration,
    MappingRefusal,
    MappingState,
    WorkspaceLink,
)
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow


@dataclass(frozen=True, slots=True)
class Coverage:
    """How an integration's workspaces stand."""

    mapped: int
    broken: int
    unmapped: int


# -- by hand -------------------------------------------------------------------------------------


def map_company(
    runtime: Runtime, actor: str, integration: Integration, workspace_id: str, company_id: str
) -> None:
    """Map a workspace to a company of the host; an empty company takes the mapping away.

    One-to-one: RuleError when another workspace has that company. Recent detections are
    considered again, so that nothing that waited for the mapping is lost.
    """
    with writing() as session:
        mapping = session.scalar(
            select(CompanyMapping).where(
                CompanyMapping.vendor_id == integration.vendor_id,
                CompanyMapping.workspace_id == workspace_id,
                CompanyMapping.host_id == integration.host_id,
            )
        )
        before = mapping.company_id if mapping else ""
        if not company_id:
            if mapping is not None:
                session.delete(mapping)
        else:
            _refuse_unknown(session, integration, workspace_id)
            _refuse_company(session, integration, workspace_id, company_id)
            if mapping is None:
                mapping = CompanyMapping(
                    vendor_id=integration.vendor_id,
                    workspace_id=workspace_id,
                    host_id=integration.host_id,
                )
                session.add(mapping)
            mapping.company_id, mapping.state = company_id, MappingState.MAPPED
            mapping.reason, mapping.made_by, mapping.made_at = "", actor, runtime.now()
        session.flush()
        audit(
            runtime,
            session,
            actor,
            "mapping.company",
            f"{integration.name}: {workspace_id}",
            before=before,
            after=company_id,
        )
        lanes = ticket_decisions.reconsider(runtime, session, integration.vendor, workspace_id)
    _wake_all(runtime, lanes)


def _refuse_unknown(session: Session, integration: Integration, workspace_id: str) -> None:
    known = select(WorkspaceRow.id).where(
        WorkspaceRow.vendor_id == integration.vendor_id, WorkspaceRow.workspace_id == workspace_id
    )
    if session.scalar(known) is None:
        raise RuleError("workspace", "the vendor lists no such workspace; refresh the workspaces")


def _refuse_company(
    session: Session, integration: Integration, workspace_id: str, company_id: str
) -> None:
    company = session.scalar(
        select(CompanyRow).where(
            CompanyRow.host_id == integration.host_id,
            CompanyRow.company_id == company_id,
            CompanyRow.gone_at.is_(None),
        )
    )
    if company is None:
        raise RuleError("company", "the host lists no such company; refresh the companies")
    other = session.scalar(
        select(CompanyMapping.workspace_id).where(
            CompanyMapping.host_id == integration.host_id,
            CompanyMapping.company_id == company_id,
            CompanyMapping.vendor_id == integration.vendor_id,
            CompanyMapping.workspace_id != workspace_id,
        )
    )
    if other is not None:
        raise RuleError("company", f"{company.name} is mapped to another workspace already")


def _wake_all(runtime: Runtime, lanes: Iterable[str]) -> None:
    for lane in lanes:
        runtime.wake(lane)


# -- suggestions ---------------------------------------------------------------------------------


def suggestions(integration: Integration) -> list[Suggestion]:
    """Suggest companies for the workspaces without a mapping, with score and reasons."""
    taken = set(
        db.session.scalars(
            select(CompanyMapping.company_id).where(
                CompanyMapping.host_id == integration.host_id,
                CompanyMapping.vendor_id == integration.vendor_id,
                CompanyMapping.state == MappingState.MAPPED,
            )
        )
    )
    companies = [each for each in _companies(integration.host_id) if each.id not in taken]
    refused = db.session.execute(
        select(MappingRefusal.workspace_id, MappingRefusal.company_id).where(
            MappingRefusal.vendor_id == integration.vendor_id,
            MappingRefusal.host_id == integration.host_id,
        )
    )
    return suggest(_unmapped(integration), companies, refused.all())


def _companies(host_id: int) -> list[Party]:
    rows = db.session.scalars(
        select(CompanyRow).where(
            CompanyRow.host_id == host_id,
            CompanyRow.gone_at.is_(None),
            CompanyRow.active.is_(True),
        )
    )
    return [Party(row.company_id, row.name, row.domain, row.address) for row in rows]


def _unmapped(integration: Integration) -> list[Party]:
    mapped = select(CompanyMapping.workspace_id).where(
        CompanyMapping.vendor_id == integration.vendor_id,
        CompanyMapping.host_id == integration.host_id,
    )
    rows = db.session.scalars(
        select(WorkspaceRow).where(
            WorkspaceRow.vendor_id == integration.vendor_id,
            WorkspaceRow.gone_at.is_(None),
            WorkspaceRow.workspace_id.not_in(mapped),
        )
    ).all()
    serials: dict[str, set[str]] = {}
    for owner, serial in db.session.execute(
        select(DeviceRow.workspace_id, DeviceRow.serial).where(
            DeviceRow.vendor_id == integration.vendor_id,
            DeviceRow.gone_at.is_(None),
            DeviceRow.serial != "",
        )
    ):
        serials.setdefault(owner, set()).add(serial)
    return [
        Party(
            row.workspace_id,
            row.name,
            row.domain,
            row.address,
            frozenset(serials.get(row.workspace_id, ())),
        )
        for row in rows
    ]


def accept_sure(runtime: Runtime, actor: str, integration: Integration) -> int:
    """Map every workspace whose company is beyond doubt; returns how many."""
    sure = [each for each in suggestions(integration) if each.sure]
    for each in sure:
        map_company(runtime, actor, integration, each.workspace_id, each.company_id)
    return len(sure)


def refuse(
    runtime: Runtime, actor: str, integration: Integration, workspace_id: str, company_id: str
) -> None:
    """Remember that a suggested pair is wrong."""
    with writing() as session:
        session.merge(
            MappingRefusal(
                vendor_id=integration.vendor_id,
                workspace_id=workspace_id,
                host_id=integration.host_id,
                company_id=company_id,
                refused_by=actor,
                refused_at=runtime.now(),
            )
        )
        audit(
            runtime,
            session,
            actor,
            "mapping.refuse",
            f"{integration.name}: {workspace_id}",
            after=company_id,
        )


# -- what broke ----------------------------------------------------------------------------------


def mark_broken(runtime: Runtime, session: Session, host_id: int) -> None:
    """Turn mappings to vanished or inactive companies broken, and whole again when they are back.

    For the transaction that stores a host's companies.
    """
    companies = {
        row.company_id: row
        for row in session.scalars(select(CompanyRow).where(CompanyRow.host_id == host_id))
    }
    for mapping in session.scalars(
        select(CompanyMapping).where(
            CompanyMapping.host_id == host_id, CompanyMapping.state != MappingState.IGNORED
        )
    ):
        reason = _why_broken(companies.get(mapping.company_id))
        state = MappingState.BROKEN if reason else MappingState.MAPPED
        if mapping.state != state:
            mapping.state, mapping.reason = state, reason
            audit(
                runtime,
                session,
                SYSTEM,
                f"mapping.{state.value}",
                mapping.workspace_id,
                after=reason or mapping.company_id,
            )


def _why_broken(company: CompanyRow | None) -> str:
    if company is None or company.gone_at is not None:
        return "the host no longer has this company"
    if not company.active:
        return f"{company.name} is not active in the host"
    return ""


def coverage(integration: Integration) -> Coverage:
    """Count how an integration's workspaces stand."""
    states = db.session.execute(
        select(WorkspaceLink.workspace_id, CompanyMapping.state)
        .outerjoin(
            CompanyMapping,
            (CompanyMapping.vendor_id == WorkspaceLink.vendor_id)
            & (CompanyMapping.workspace_id == WorkspaceLink.workspace_id)
            & (CompanyMapping.host_id == integration.host_id),
        )
        .where(WorkspaceLink.integration_id == integration.id)
    ).all()
    found = [state for _, state in states]
    mapped = found.count(MappingState.MAPPED)
    broken = found.count(MappingState.BROKEN)
    return Coverage(mapped, broken, len(found) - mapped - broken)
