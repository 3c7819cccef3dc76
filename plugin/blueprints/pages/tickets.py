"""Tickets that Bridgehead made, and the log of every decision about them."""

from collections.abc import Iterator

from flask import abort

from plugin.blueprints.guard import allow, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, ask, csv_file, one, show, wants_csv
from plugin.services import lists, ticket_decisions
from plugin.services.access import Role
from plugin.services.lists import Ask
from plugin.store.work import TicketEntry

blueprint = new_blueprint("tickets", __name__)

COLUMNS = (
    "Ticket",
    "Summary",
    "State",
    "Status at the host",
    "Company",
    "Device",
    "Severity",
    "Integration",
    "First seen (UTC)",
    "Last seen (UTC)",
    "Repeats",
    "Problem",
)
LOG_COLUMNS = (
    "When (UTC)",
    "Decision",
    "Reason",
    "Device",
    "Condition",
    "Client",
    "Integration",
    "Ticket",
)


@blueprint.get("/tickets")
@allow(Role.VIEWER, limited=True)
def table() -> Answer:
    """List the tickets."""
    asked = ask()
    if wants_csv():
        return csv_file("tickets", COLUMNS, _cells(asked))
    return show(
        "tickets/table.html",
        listing=lists.tickets.page(runtime(), asked, scope()),
        integrations=lists.integration_names(scope()),
        ask=asked,
    )


def _cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for line in lists.tickets.walk(runtime(), asked, scope()):
        row = line.row
        yield (
            row.ticket_id,
            row.summary,
            words.state(words.TICKET, row.state)[0],
            row.host_status,
            line.company,
            line.device,
            words.state(words.SEVERITY, row.severity)[0],
            line.integration,
            row.first_at,
            row.last_at,
            row.repeats,
            row.problem,
        )


@blueprint.get("/tickets/<int:entry_id>")
@allow(Role.VIEWER, limited=True)
def ticket(entry_id: int) -> Answer:
    """Show one ticket with every decision about it."""
    row = one(TicketEntry, entry_id)
    if not scope().shows_ticket(row):
        abort(404)
    return show(
        "tickets/one.html",
        line=lists.tickets.lines([row.id])[row.id],
        log=lists.ticket_log_of(row),
        job=lists.job_of(ticket_decisions.SEND, row.id),
        device_id=lists.device_of(row),
    )


@blueprint.get("/tickets/log")
@allow(Role.VIEWER, limited=True)
def log() -> Answer:
    """List every decision about tickets with its reason."""
    asked = ask()
    if wants_csv():
        return csv_file("ticket-log", LOG_COLUMNS, _log_cells(asked))
    return show(
        "tickets/log.html",
        listing=lists.ticket_log.page(runtime(), asked, scope()),
        integrations=lists.integration_names(scope()),
        ask=asked,
    )


def _log_cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for line in lists.ticket_log.walk(runtime(), asked, scope()):
        row = line.row
        yield (
            row.at,
            words.state(words.DECISION, row.decision)[0],
            row.reason,
            row.device_name,
            row.condition,
            line.workspace,
            line.integration,
            row.ticket_id,
        )
