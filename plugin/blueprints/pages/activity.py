"""Sync runs: what was fetched, with progress, counts and the cause of a failure."""

from collections.abc import Iterator

from flask import abort, flash

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import (
    Answer,
    ask,
    csv_file,
    fragment,
    one,
    show,
    to,
    wants_csv,
)
from plugin.services import lists, sync
from plugin.services.access import Role
from plugin.services.lists import Ask
from plugin.store.work import SyncRun

blueprint = new_blueprint("activity", __name__)

COLUMNS = (
    "Asked (UTC)",
    "Connection",
    "What",
    "Scope",
    "State",
    "Asked by",
    "Started (UTC)",
    "Ended (UTC)",
    "Seen",
    "Created",
    "Updated",
    "Removed",
    "Withheld",
    "Failed",
    "Remark",
)


@blueprint.get("/runs")
@allow(Role.VIEWER)
def table() -> Answer:
    """List the runs."""
    asked = ask()
    if wants_csv():
        return csv_file("runs", COLUMNS, _cells(asked))
    return show(
        "runs/table.html",
        listing=lists.runs.page(runtime(), asked, scope()),
        connections=lists.connection_names(scope()),
        ask=asked,
    )


def _cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for row in lists.runs.walk(runtime(), asked, scope()):
        yield (
            row.asked_at,
            row.connection.name,
            words.RUN_WHAT.get(row.what, row.what),
            row.scope_name,
            words.state(words.RUN, row.state)[0],
            row.asked_by or "schedule",
            row.started_at,
            row.ended_at,
            row.seen,
            row.created,
            row.updated,
            row.removed,
            row.withheld,
            row.failed,
            row.problem,
        )


def _run(run_id: int) -> SyncRun:
    row = one(SyncRun, run_id)
    if row.connection_id not in scope().hosts | scope().vendors:
        abort(404)
    if not scope().is_open(row.connection_id, row.scope):
        abort(404)
    return row


@blueprint.get("/runs/<int:run_id>")
@allow(Role.VIEWER)
def run(run_id: int) -> Answer:
    """Show one run with its progress."""
    row = _run(run_id)
    return show("runs/one.html", run=row, job=lists.job_of(sync.RUN, row.id))


@blueprint.get("/runs/<int:run_id>/progress")
@allow(Role.VIEWER, polled=True)
def progress(run_id: int) -> Answer:
    """Show how far a run is, for the part of the page that keeps itself fresh."""
    row = _run(run_id)
    return fragment("runs/_progress.html", run=row, job=lists.job_of(sync.RUN, row.id))


@blueprint.post("/runs/<int:run_id>/cancel")
@allow(Role.TECHNICIAN)
def cancel(run_id: int) -> Answer:
    """Ask a run to end at its next page."""
    sync.cancel(runtime(), person().name, _run(run_id))
    flash("The run ends at its next page. What it stored until then stays.", "info")
    return to("activity.run", run_id=run_id)


@blueprint.post("/runs/<int:run_id>/again")
@allow(Role.TECHNICIAN)
def again(run_id: int) -> Answer:
    """Ask for the same run once more."""
    row = _run(run_id)
    asked = sync.again(runtime(), person().name, row)
    return to("activity.run", run_id=asked.id)
