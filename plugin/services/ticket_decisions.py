"""Decides which detections become tickets, in the transaction that stores the detections.

What is decided is written down with its reason; sending is a job of its own (``services/tickets``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.contracts import OpensTickets
from plugin.domain.model import Detection, Severity
from plugin.domain.tickets import (
    DEFAULT_BODY,
    DEFAULT_SUMMARY,
    Circumstances,
    Decision,
    Known,
    Rule,
    Trigger,
    Verdict,
    decide,
    fill,
    note_for,
    ticket_key,
    words_of,
)
from plugin.runtime import Runtime
from plugin.services.journal import log_ticket
from plugin.store.integrations import (
    CompanyMapping,
    Connection,
    Integration,
    IntegrationState,
    MappingState,
    TicketRule,
    WorkspaceLink,
)
from plugin.store.mapping import MappingChoice
from plugin.store.mirror import CompanyRow, DetectionRow, WorkspaceRow
from plugin.store.queue import enqueue
from plugin.store.work import TicketEntry, TicketState

SEND = "ticket"
RECONSIDER_LIMIT = 500


def lane_of(host_id: int) -> str:
    """Return the lane in which a host's tickets are written, one after another."""
    return f"tickets:{host_id}"


def consider(
    runtime: Runtime, session: Session, vendor: Connection, detections: Sequence[Detection]
) -> set[str]:
    """Decide about new detections inside the transaction that stores them.

    Returns the lanes to wake after the commit.
    """
    lanes: set[str] = set()
    for workspace_id in dict.fromkeys(each.workspace_id for each in detections):
        mine = [each for each in detections if each.workspace_id == workspace_id]
        for integration in _ticketing(runtime, session, vendor, workspace_id):
            desk = _Desk(runtime, session, integration, vendor, workspace_id)
            if sum(desk.take(each) for each in mine):
                lanes.add(lane_of(integration.host_id))
    return lanes


def reconsider(
    runtime: Runtime, session: Session, vendor: Connection, workspace_id: str
) -> set[str]:
    """Decide again about recent detections, after a mapping or a rule changed.

    What has a ticket already keeps it: the key sees to that.
    """
    since = runtime.now() - timedelta(seconds=runtime.settings.limits.tickets.lifetime)
    rows = session.scalars(
        select(DetectionRow)
        .where(
            DetectionRow.vendor_id == vendor.id,
            DetectionRow.workspace_id == workspace_id,
            DetectionRow.occurred_at >= since,
        )
        .order_by(DetectionRow.occurred_at, DetectionRow.id)
        .limit(RECONSIDER_LIMIT)
    )
    known = set(
        session.scalars(
            select(TicketEntry.condition + TicketEntry.device_id).where(
                TicketEntry.vendor_id == vendor.id, TicketEntry.workspace_id == workspace_id
            )
        )
    )
    fresh = [detection_of(row) for row in rows if row.kind + row.device_id not in known]
    return consider(runtime, session, vendor, fresh)


def _ticketing(
    runtime: Runtime, session: Session, vendor: Connection, workspace_id: str
) -> list[Integration]:
    query = (
        select(Integration)
        .join(WorkspaceLink)
        .where(
            WorkspaceLink.vendor_id == vendor.id,
            WorkspaceLink.workspace_id == workspace_id,
            Integration.deleted_at.is_(None),
            Integration.state == IntegrationState.ACTIVE,
        )
    )
    return [
        each
        for each in session.scalars(query)
        if issubclass(runtime.adapter_class(each.host.kind), OpensTickets)
    ]


class _Desk:
    """Decides about one workspace's detections for one integration."""

    def __init__(
        self,
        runtime: Runtime,
        session: Session,
        integration: Integration,
        vendor: Connection,
        workspace_id: str,
    ) -> None:
        self._runtime, self._session = runtime, session
        self._integration, self._vendor = integration, vendor
        self._workspace_id = workspace_id
        self._rows = {row.id: row for row in integration.rules}
        self._rules = [rule_of(row) for row in integration.rules]
        self._company_id = company_of(session, integration, workspace_id)
        self._workspace = _workspace_name(session, vendor.id, workspace_id)
        self._caught = ""
        if not self._company_id and (catch_all := catch_all_of(session, integration)):
            self._company_id, self._caught = catch_all.company_id, catch_all.name

    def take(self, detection: Detection) -> bool:
        """Decide, write the decision down; True when there is something to send."""
        key = ticket_key(self._vendor.kind, self._workspace_id, detection.device_id, detection.kind)
        entry = self._session.scalar(
            select(TicketEntry)
            .where(TicketEntry.host_id == self._integration.host_id, TicketEntry.key == key)
            .order_by(TicketEntry.id.desc())
            .limit(1)
        )
        decision = decide(detection, self._rules, self._circumstances(), _known(entry))
        entry = self._act(decision, detection, key, entry)
        if decision.rule is not None or entry is not None:
            self._log(self._told(decision), detection, entry)
        return decision.verdict is not Verdict.SUPPRESS

    def _told(self, decision: Decision) -> Decision:
        """Say in the reason that the ticket goes to the catch-all company."""
        if not self._caught or decision.verdict is not Verdict.MAKE:
            return decision
        why = f"{self._workspace} has no company, so it goes to {self._caught}"
        return replace(decision, reason=f"{decision.reason}; {why}")

    def _circumstances(self) -> Circumstances:
        return Circumstances(
            writes_tickets=self._integration.writes_tickets,
            company_id=self._company_id,
            workspace_name=self._workspace,
            now=self._runtime.now(),
        )

    def _act(
        self, decision: Decision, detection: Detection, key: str, entry: TicketEntry | None
    ) -> TicketEntry | None:
        if decision.verdict is Verdict.MAKE:
            entry = self._new_entry(decision, detection, key)
        elif entry is None:
            return None
        elif decision.verdict is Verdict.REOPEN:
            entry.state, entry.open_key, entry.closed_at = TicketState.WAITING, key, None
            entry.reopens = entry.ticket_id
        if decision.verdict is not Verdict.MAKE and entry.open_key:
            entry.repeats += 1
            entry.last_at = max(entry.last_at, detection.occurred_at)
        if decision.verdict in {Verdict.APPEND, Verdict.REOPEN}:
            self._add_note(entry, detection)
        if decision.verdict is not Verdict.SUPPRESS:
            self._session.flush()
            self._enqueue(entry)
        return entry

    def _new_entry(self, decision: Decision, detection: Detection, key: str) -> TicketEntry:
        row = self._rows[decision.rule.id] if decision.rule else None
        words = words_of(
            detection,
            company=_company_name(self._session, self._integration.host_id, self._company_id),
            workspace=self._workspace,
            vendor=self._runtime.adapter_class(self._vendor.kind).title,
            link=f"{self._runtime.settings.public_url}/devices?q={quote(detection.device_name)}",
        )
        summary = fill((row.summary_template if row else "") or DEFAULT_SUMMARY, words, 300)
        entry = TicketEntry(
            integration_id=self._integration.id,
            host_id=self._integration.host_id,
            vendor_id=self._vendor.id,
            workspace_id=self._workspace_id,
            device_id=detection.device_id,
            condition=detection.kind,
            key=key,
            open_key=key,
            rule_id=row.id if row else None,
            company_id=self._company_id,
            summary=summary,
            body=fill((row.body_template if row else "") or DEFAULT_BODY, words),
            fields=dict(row.fields) if row else {},
            severity=detection.severity.value,
            environment=self._vendor.environment,
            first_at=detection.occurred_at,
            last_at=detection.occurred_at,
            notes_waiting=[],
            repeats=0,
        )
        self._session.add(entry)
        return entry

    def _add_note(self, entry: TicketEntry, detection: Detection) -> None:
        number = entry.notes_sent + len(entry.notes_waiting) + 1
        note = {
            "marker": f"{entry.key}#{number}",
            "text": note_for(detection, entry.repeats + 1),
            "at": self._runtime.now().isoformat(),
        }
        entry.notes_waiting = [*entry.notes_waiting, note]

    def _enqueue(self, entry: TicketEntry) -> None:
        enqueue(
            self._session,
            SEND,
            str(entry.id),
            lane_of(entry.host_id),
            now=self._runtime.now(),
            connection_id=entry.host_id,
        )

    def _log(self, decision: Decision, detection: Detection, entry: TicketEntry | None) -> None:
        log_ticket(
            self._session,
            self._runtime.now(),
            decision.verdict.value,
            decision.reason,
            integration_id=self._integration.id,
            entry_id=entry.id if entry else None,
            detection_id=detection.id,
            workspace_id=detection.workspace_id,
            device_name=detection.device_name,
            condition=detection.kind,
            ticket_id=entry.ticket_id if entry else "",
        )


def rule_of(row: TicketRule) -> Rule:
    """Return a rule as the decision needs it."""
    return Rule(
        id=row.id,
        workspace_id=row.workspace_id,
        trigger=Trigger(row.trigger),
        matches=row.matches,
        enabled=row.enabled,
        lifetime=timedelta(seconds=row.lifetime),
        note_interval=timedelta(seconds=row.note_interval),
        reopen_within=timedelta(days=row.reopen_days),
    )


def _known(entry: TicketEntry | None) -> Known | None:
    if entry is None:
        return None
    last = entry.notes_waiting[-1]["at"] if entry.notes_waiting else None
    return Known(
        entry_id=entry.id,
        open=entry.open_key is not None,
        last_note_at=datetime.fromisoformat(last) if last else entry.noted_at,
        closed_at=entry.closed_at,
        ticket_id=entry.ticket_id,
    )


def company_of(session: Session, integration: Integration, workspace_id: str) -> str:
    """Return the host's id of the company a workspace is mapped to, or an empty text."""
    mapping = session.scalar(
        select(CompanyMapping).where(
            CompanyMapping.vendor_id == integration.vendor_id,
            CompanyMapping.workspace_id == workspace_id,
            CompanyMapping.host_id == integration.host_id,
            CompanyMapping.state == MappingState.MAPPED,
        )
    )
    return mapping.company_id if mapping else ""


def catch_all_of(session: Session, integration: Integration) -> CompanyRow | None:
    """Return the company that takes tickets of workspaces without one, if it can take them."""
    return session.scalar(
        select(CompanyRow)
        .join(
            MappingChoice,
            (MappingChoice.catch_all_id == CompanyRow.company_id)
            & (MappingChoice.catch_all_id != ""),
        )
        .where(
            MappingChoice.integration_id == integration.id,
            CompanyRow.host_id == integration.host_id,
            CompanyRow.gone_at.is_(None),
            CompanyRow.active.is_(True),
        )
    )


def _workspace_name(session: Session, vendor_id: int, workspace_id: str) -> str:
    name = session.scalar(
        select(WorkspaceRow.name).where(
            WorkspaceRow.vendor_id == vendor_id, WorkspaceRow.workspace_id == workspace_id
        )
    )
    return name or workspace_id


def _company_name(session: Session, host_id: int, company_id: str) -> str:
    name = session.scalar(
        select(CompanyRow.name).where(
            CompanyRow.host_id == host_id, CompanyRow.company_id == company_id
        )
    )
    return name or company_id


def detection_of(row: DetectionRow) -> Detection:
    """Return a stored detection as the value it was."""
    return Detection(
        id=row.detection_id,
        workspace_id=row.workspace_id,
        device_id=row.device_id,
        device_name=row.device_name,
        kind=row.kind,
        severity=Severity(row.severity),
        title=row.title,
        occurred_at=row.occurred_at,
        description=row.description,
        outcome=row.outcome,
        object_name=row.object_name,
        user=row.user,
        resolved=row.resolved,
    )
