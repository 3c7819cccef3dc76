"""Sends tickets to the host, exactly one per ongoing condition, and follows what becomes of them.

Sending always looks for the key in the host before it creates anything. Which detection deserves a
ticket was decided before (``services/ticket_decisions``).
"""

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.contracts import OpensTickets
from plugin.domain.errors import EdgeError, MissingError, RuleError
from plugin.domain.model import Severity, TicketDraft, TicketView
from plugin.domain.tickets import (
    marked,
    ticket_key,
)
from plugin.runtime import Runtime
from plugin.services.journal import log_ticket
from plugin.store.base import db, writing
from plugin.store.integrations import (
    Connection,
    Integration,
)
from plugin.store.queue import Claim
from plugin.store.work import TicketEntry, TicketState

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
    if vendor is None:
        return False
    return vendor.deleted_at is not None or not runtime.is_active(vendor)


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
