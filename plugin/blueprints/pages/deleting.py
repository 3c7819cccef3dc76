"""Deleting a connection: what goes with it, a file of it first, and taking the deletion back."""

from dataclasses import dataclass
from datetime import datetime

from flask import Response, abort, flash, request, stream_with_context

from plugin.blueprints.forms import DeleteForm, Faults
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, one, show, to
from plugin.blueprints.pages.words import count
from plugin.domain.errors import ConflictError, RuleError
from plugin.services import connections
from plugin.services.access import Role
from plugin.store.integrations import Connection

blueprint = new_blueprint("deleting", __name__)


@dataclass(frozen=True, slots=True)
class DeletedLine:
    """A deleted connection that can be brought back, until when, and what its host still has."""

    row: Connection
    name: str
    until: datetime
    not_left: str


def lines() -> list[DeletedLine]:
    """Return what can still be brought back, for the list of connections."""
    return [
        DeletedLine(
            row,
            connections.former_name(row),
            connections.removed_at(runtime(), row),
            connections.not_left(row),
        )
        for row in connections.deleted(runtime())
    ]


@blueprint.get("/connections/<int:connection_id>/delete")
@allow(Role.ADMINISTRATOR)
def ask(connection_id: int) -> Answer:
    """Show what a deletion takes with it."""
    return _page(one(Connection, connection_id), {})


@blueprint.post("/connections/<int:connection_id>/delete")
@allow(Role.ADMINISTRATOR)
def delete(connection_id: int) -> Answer:
    """Delete after the name was typed in."""
    row = one(Connection, connection_id)
    given, faults = DeleteForm.read(request.form)
    if given["typed"].strip() != row.name:
        faults = {"typed": [f"Type the name exactly as it stands: {row.name}"]}
    if faults:
        return _page(row, faults), 422
    name, version = row.name, request.form.get("version", "")
    shown = int(version) if version.isdecimal() else None
    connections.delete(runtime(), person().name, row, shown)
    days = runtime().settings.limits.keep.undo_days
    flash(f"{name} was deleted. For {count(days, 'day')} it can be brought back from here.", "ok")
    return to("connections.table")


@blueprint.post("/connections/<int:connection_id>/export")
@allow(Role.ADMINISTRATOR)
def export(connection_id: int) -> Answer:
    """Send everything about a connection as a file, its secrets left out."""
    row = one(Connection, connection_id)
    pieces = connections.export(runtime(), person().name, row)
    answer = Response(stream_with_context(pieces), content_type="application/json")
    file = f"bridgehead-connection-{connection_id}-{runtime().now():%Y-%m-%d}.json"
    answer.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/connections/<int:connection_id>/undo")
@allow(Role.ADMINISTRATOR)
def undo(connection_id: int) -> Answer:
    """Bring a deleted connection back."""
    try:
        row = connections.get_deleted(runtime(), connection_id)
        taken = connections.undo(runtime(), person().name, row)
    except ConflictError:
        raise
    except RuleError as error:
        flash(f"It was not brought back: {error.message}", "warning")
        return to("connections.table")
    flash(f"{row.name} is back and goes on where it stopped.", "ok")
    if taken:
        told = count(len(taken), "workspace")
        flash(f"{told} went to another integration meanwhile and stay there.", "warning")
    return to("connections.connection", connection_id=connection_id)


@blueprint.post("/connections/<int:connection_id>/leave")
@allow(Role.ADMINISTRATOR)
def leave(connection_id: int) -> Answer:
    """Try once more to take away what the host of a deleted connection still has of us."""
    try:
        row = connections.get_deleted(runtime(), connection_id)
    except RuleError:
        abort(404)
    connections.leave_again(runtime(), person().name, row)
    flash("It is tried again now; load this page again in a moment.", "ok")
    return to("connections.table")


def _page(row: Connection, faults: Faults) -> str:
    counts = connections.what_goes_with(row)
    if row.webhook_token:
        counts.pop("callbacks at the host")
    at_host = connections.registered(runtime(), row)
    told = [(number, _noun(number, noun)) for noun, number in counts.items() if number]
    return show(
        "connections/delete.html",
        connection=row,
        consequences=told + _at_host(at_host),
        problem=at_host.problem,
        days=runtime().settings.limits.keep.undo_days,
        errors=faults,
    )


def _at_host(found: connections.Registered) -> list[tuple[int, str]]:
    told = [
        (found.callbacks, _noun(found.callbacks, "callbacks at the host")),
        (found.pages, _noun(found.pages, "tabs and menu entries at the host")),
    ]
    return [(number, f"{noun}, removed there") for number, noun in told if number]


def _noun(number: int, plural: str) -> str:
    """Return "open ticket" for one of "open tickets", "callback at the host" likewise."""
    if number != 1:
        return plural
    if plural.startswith("tabs"):
        return "tab or menu entry at the host"
    first, of_it, rest = plural.partition(" at ")
    return f"{first.removesuffix('s')}{of_it}{rest}"
