"""What writing tickets would do now, counted without writing anything."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, select

from plugin.domain.tickets import Circumstances, Verdict, decide
from plugin.runtime import Runtime
from plugin.services import ticket_decisions
from plugin.store.base import db
from plugin.store.integrations import CompanyMapping, Integration, WorkspaceLink
from plugin.store.mirror import DetectionRow, WorkspaceRow
from plugin.store.work import TicketEntry

PREVIEWED = 2000
"""How many recent detections a preview looks at."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What writing tickets would do now: how many it would make, and why others make none."""

    made: int
    reasons: dict[str, int]


def ticket_preview(runtime: Runtime, integration: Integration, *, all_on: bool = False) -> Preview:
    """Decide about the recent detections as if writing tickets were on; nothing is written.

    With ``all_on`` as if every rule were on too.
    """
    now = runtime.now()
    since = now - timedelta(seconds=runtime.settings.limits.tickets.lifetime)
    rules = [ticket_decisions.rule_of(row) for row in integration.rules]
    if all_on:
        rules = [replace(rule, enabled=True) for rule in rules]
    known, reasons, made = _ticketed(integration), dict[str, int](), set[tuple[str, str, str]]()
    catch_all = ticket_decisions.catch_all_of(db.session(), integration)
    caught = catch_all.company_id if catch_all else ""
    for row, company_id, name in _recent(integration, since):
        key = (row.workspace_id, row.device_id, row.kind)
        if key in known or key in made:
            continue
        about = Circumstances(
            writes_tickets=True,
            company_id=company_id or caught,
            workspace_name=name or row.workspace_id,
            now=now,
        )
        decision = decide(ticket_decisions.detection_of(row), rules, about, None)
        if decision.verdict is Verdict.MAKE:
            made.add(key)
        else:
            reasons[decision.reason] = reasons.get(decision.reason, 0) + 1
    return Preview(len(made), reasons)


def _ticketed(integration: Integration) -> set[tuple[str, str, str]]:
    query = select(TicketEntry.workspace_id, TicketEntry.device_id, TicketEntry.condition).where(
        TicketEntry.host_id == integration.host_id, TicketEntry.open_key.is_not(None)
    )
    return set(db.session.execute(query))


def _recent(
    integration: Integration, since: datetime
) -> list[tuple[DetectionRow, str | None, str | None]]:
    """Return the recent detections of the integration's workspaces, with company and name."""
    linked = and_(
        WorkspaceLink.vendor_id == DetectionRow.vendor_id,
        WorkspaceLink.workspace_id == DetectionRow.workspace_id,
        WorkspaceLink.integration_id == integration.id,
    )
    mapped = and_(
        CompanyMapping.vendor_id == DetectionRow.vendor_id,
        CompanyMapping.workspace_id == DetectionRow.workspace_id,
        CompanyMapping.host_id == integration.host_id,
        CompanyMapping.state == "mapped",
    )
    shown = and_(
        WorkspaceRow.vendor_id == DetectionRow.vendor_id,
        WorkspaceRow.workspace_id == DetectionRow.workspace_id,
    )
    query = (
        select(DetectionRow, CompanyMapping.company_id, WorkspaceRow.name)
        .join(WorkspaceLink, linked)
        .outerjoin(CompanyMapping, mapped)
        .outerjoin(WorkspaceRow, shown)
        .where(DetectionRow.vendor_id == integration.vendor_id)
        .where(DetectionRow.occurred_at >= since)
        .order_by(DetectionRow.occurred_at.desc())
        .limit(PREVIEWED)
    )
    return list(db.session.execute(query))
