"""Turns detections into the host's tickets, exactly one per ongoing condition.

Deciding happens in the transaction that stores a page of detections; sending is a job of its own,
which always looks for the key in the host before it creates anything.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.contracts import OpensTickets
from plugin.domain.errors import EdgeError, MissingError, RuleError
from plugin.domain.model import Detection, Severity, TicketDraft, TicketView
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
    marked,
    note_for,
    ticket_key,
    words_of,
)
from plugin.runtime import Runtime
from plugin.services.journal import log_ticket
from plugin.store.base import db, writing
from plugin.store.integrations import (
    CompanyMapping,
    Connection,
    Integration,
    IntegrationState,
    MappingState,
    TicketRule,
    WorkspaceLink,
)
from plugin.store.mirror import CompanyRow, DetectionRow, WorkspaceRow
from plugin.store.queue import Claim, enqueue
from plugin.store.work import TicketEntry, TicketState

SEND = "ticket"
RECONSIDER_LIMIT = 500


def lane_of(host_id: int) -> str:
    """Return the lane in which a host's tickets are written, one after another."""
    return f"tickets:{host_id}"


# -- deciding ----------------------------------------------------------------------------------


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
        self._company_id = _company_of(session, integration, workspace_id)
        self._workspace = _workspace_name(session, vendor.id, workspace_id)

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
            self._log(decision, detection, entry)
        return decision.verdict is not Verdict.SUPPRESS

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


def _company_of(session: Session, integration: Integration, workspace_id: str) -> str:
    mapping = session.scalar(
        select(CompanyMapping).where(
            CompanyMapping.vendor_id == integration.vendor_id,
            CompanyMapping.workspace_id == workspace_id,
            CompanyMapping.host_id == integration.host_id,
            CompanyMapping.state == MappingState.MAPPED,
        )
    )
    return mapping.company_id if mapping else ""


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


# -- sending -----------------------------------------------------------------------------------


def send(runtime: Runtime, claim: Claim) -> datetime | None:
    """Bring one entry's ticket into the state we want: open it, reopen it, append what waits."""
    entry = db.session.get(TicketEntry, int(claim.subject))
    if entry is None:
        return None
    if not runtime.is_active(entry.host) or _asleep(runtime, entry):
        return runtime.now() + timedelta(seconds=60)
    host = cast(OpensTickets, runtime.host(entry.host))
    if entry.state == TicketState.WAITING:
        _open(runtime, host, entry, claim)
    _append_notes(runtime, host, entry, claim)
    return None


def _asleep(runtime: Runtime, entry: TicketEntry) -> bool:
    vendor = db.session.get(Connection, entry.vendor_id)
    return vendor is not None and not runtime.is_active(vendor)


def _open(runtime: Runtime, host: OpensTickets, entry: TicketEntry, claim: Claim) -> None:
    key, reopens = entry.key, entry.reopens
    draft = _draft(host, entry)
    db.session.commit()
    found = host.find_ticket(key)
    if found is not None and (not found.closed or _unclaimed(entry, found.id)):
        again = claim.failures > 0 or claim.attempts > 1
        reason = "found by its key after an unclear answer" if again else "found by its key"
        _opened(runtime, entry, found.id, found.url, f"{reason}; not created twice", claim)
        return
    if reopens and found is not None and found.id == reopens:
        host.reopen_ticket(reopens, "The condition is back.", "")
        _opened(runtime, entry, found.id, found.url, "opened again", claim)
        return
    made = host.open_ticket(draft, key)
    _opened(runtime, entry, made.id, made.url, "created", claim)


def _unclaimed(entry: TicketEntry, ticket_id: str) -> bool:
    """Tell whether no entry has this ticket: then an unclear answer was a success after all."""
    query = select(TicketEntry.id).where(
        TicketEntry.host_id == entry.host_id, TicketEntry.ticket_id == ticket_id
    )
    return db.session.scalar(query) is None


def _draft(host: OpensTickets, entry: TicketEntry) -> TicketDraft:
    return TicketDraft(
        company_id=entry.company_id,
        summary=marked(entry.summary, entry.environment, host.summary_limit),
        body=entry.body,
        severity=Severity(entry.severity),
        fields=tuple(sorted(entry.fields.items())),
    )


def _opened(
    runtime: Runtime, entry: TicketEntry, ticket_id: str, url: str, how: str, claim: Claim
) -> None:
    claim.renew()
    with writing() as session:
        entry.state = TicketState.OPEN
        entry.ticket_id, entry.ticket_url = ticket_id, url
        entry.opened_at, entry.problem, entry.reopens = runtime.now(), "", ""
        _log_entry(session, runtime, entry, "sent", f"ticket {ticket_id} {how}")


def _append_notes(runtime: Runtime, host: OpensTickets, entry: TicketEntry, claim: Claim) -> None:
    while entry.notes_waiting and entry.ticket_id:
        note, ticket_id = entry.notes_waiting[0], entry.ticket_id
        db.session.commit()
        host.add_note(ticket_id, note["text"], note["marker"])
        claim.renew()
        with writing() as session:
            entry.notes_waiting = [
                each for each in entry.notes_waiting if each["marker"] != note["marker"]
            ]
            entry.notes_sent += 1
            entry.noted_at = datetime.fromisoformat(note["at"])
            _log_entry(session, runtime, entry, "sent", f"note {note['marker']} appended")


def note_failure(runtime: Runtime, session: Session, claim: Claim, what: str) -> None:
    """Write into the ticket log that sending failed and what happens next."""
    entry = session.get(TicketEntry, int(claim.subject))
    if entry is not None:
        entry.problem = what
        _log_entry(session, runtime, entry, "failed", what)


def _log_entry(
    session: Session, runtime: Runtime, entry: TicketEntry, decision: str, reason: str
) -> None:
    log_ticket(
        session,
        runtime.now(),
        decision,
        reason,
        integration_id=entry.integration_id,
        entry_id=entry.id,
        workspace_id=entry.workspace_id,
        condition=entry.condition,
        ticket_id=entry.ticket_id,
    )


# -- following ---------------------------------------------------------------------------------


def follow(runtime: Runtime, host_connection: Connection, ticket_id: str) -> str:
    """Fetch a ticket again and let our view follow; returns what was seen, in words."""
    entry = db.session.scalar(
        select(TicketEntry)
        .where(TicketEntry.host_id == host_connection.id, TicketEntry.ticket_id == ticket_id)
        .order_by(TicketEntry.id.desc())
        .limit(1)
    )
    if entry is None:
        return "not a ticket of ours"
    host = cast(OpensTickets, runtime.host(host_connection))
    db.session.commit()
    try:
        view = host.ticket(ticket_id)
    except MissingError:
        return _gone(runtime, entry)
    return see(runtime, entry, view)


def see(runtime: Runtime, entry: TicketEntry, view: TicketView) -> str:
    """Let our entry say what the host shows; an older view than the one we have is ignored."""
    with writing() as session:
        if view.updated_at and entry.host_updated_at and view.updated_at < entry.host_updated_at:
            return "older than what is known"
        before = (entry.host_status, entry.closed_at is not None)
        entry.host_status, entry.host_updated_at = view.status[:100], view.updated_at
        _set_closed(runtime, entry, view.closed)
        if before != (entry.host_status, entry.closed_at is not None):
            word = "closed" if view.closed else "open"
            by = f" by {view.updated_by}" if view.updated_by else ""
            reason = f"the host shows status {view.status or '(none)'} ({word}){by}"
            _log_entry(session, runtime, entry, "followed", reason)
            return reason
    return "nothing new"


def _set_closed(runtime: Runtime, entry: TicketEntry, closed: bool) -> None:
    if closed and entry.state == TicketState.OPEN:
        entry.state, entry.open_key, entry.closed_at = TicketState.CLOSED, None, runtime.now()
    elif not closed and entry.state == TicketState.CLOSED and _free(entry):
        entry.state, entry.open_key, entry.closed_at = TicketState.OPEN, entry.key, None


def _free(entry: TicketEntry) -> bool:
    other = db.session.scalar(
        select(TicketEntry.id).where(
            TicketEntry.host_id == entry.host_id, TicketEntry.open_key == entry.key
        )
    )
    return other is None


def _gone(runtime: Runtime, entry: TicketEntry) -> str:
    with writing() as session:
        reason = "the host has no such ticket any more"
        entry.host_status = "deleted"
        _set_closed(runtime, entry, closed=True)
        _log_entry(session, runtime, entry, "followed", reason)
    return reason


def send_test_ticket(runtime: Runtime, integration: Integration, company_id: str) -> str:
    """Create a ticket that says it is a test, and return its id."""
    host = runtime.host(integration.host)
    if not isinstance(host, OpensTickets):
        raise RuleError("integration", "this host does not keep tickets")
    key = ticket_key("test", str(integration.id), "", runtime.now().isoformat())
    draft = TicketDraft(
        company_id=company_id,
        summary=marked("Bridgehead test ticket", integration.vendor.environment, 100),
        body="Somebody pressed Create test ticket. This ticket can be closed.",
    )
    try:
        return host.open_ticket(draft, key).id
    except EdgeError as error:
        raise RuleError("integration", f"the host did not take it: {error.message}") from error
