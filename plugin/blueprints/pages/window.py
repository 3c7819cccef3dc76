"""The window of the vendors' own plug-ins: Statistics, Events, Licensing, over all or one client.

Its fourth page, Computers, is the list of devices.
"""

from collections.abc import Iterator

from plugin.blueprints.guard import allow, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import window_words, words
from plugin.blueprints.pages.clients import chosen_client
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.remembering import remembers
from plugin.blueprints.pages.showing import (
    Answer,
    ask,
    csv_file,
    fragment,
    show,
    wants_csv,
)
from plugin.blueprints.pages.window_words import Chart
from plugin.services import lists
from plugin.services.access import Role
from plugin.services.lists import Ask

blueprint = new_blueprint("window", __name__)

MANY_CLIENTS = 500
WORST = 8
STATISTICS = ("Chart", "Part", "Devices", "Percent")
EVENTS = (
    "Time (UTC)",
    "Client",
    "Computer",
    "Severity",
    "Event",
    "Type",
    "Object",
    "Outcome",
    "User",
    "Resolved",
)
LICENCES = (
    "Product",
    "Client",
    "Key",
    "Kind",
    "State",
    "Used",
    "Allowed",
    "Percent used",
    "Note",
    "Expires (UTC)",
)


@blueprint.get("/statistics")
@allow(Role.VIEWER, limited=True)
@remembers
def statistics() -> Answer:
    """Show how the devices stand, as charts with the same numbers as text."""
    asked = ask()
    figures = lists.figures(runtime(), scope(), asked)
    charts = _charts(figures)
    if wants_csv():
        return csv_file("statistics", STATISTICS, _statistics_cells(charts))
    return show(
        "window/statistics.html",
        figures=figures,
        charts=charts,
        worst=lists.worst_clients(scope(), WORST) if not _narrowed(asked) else [],
        syncing=lists.syncing(scope()),
        **_client(asked),
    )


@blueprint.get("/statistics/syncing")
@allow(Role.VIEWER, polled=True, limited=True)
def syncing() -> Answer:
    """Show what is being fetched, for the line that keeps itself fresh."""
    return fragment("window/_syncing.html", syncing=lists.syncing(scope()), was_syncing=True)


def _charts(figures: lists.Figures) -> tuple[Chart, ...]:
    return (
        Chart(
            "Protection status",
            "The vendors' verdict on each device.",
            window_words.slices("protection", figures.protection),
        ),
        Chart(
            "Deployment",
            "Whether the security application is installed and runs.",
            window_words.slices("deployment", figures.deployment),
        ),
        Chart(
            "Age of databases",
            "Up to date: at most 12 hours old. Ages are counted anew every 10 minutes.",
            window_words.slices("bases", figures.databases),
        ),
    )


def _statistics_cells(charts: tuple[Chart, ...]) -> Iterator[tuple[object, ...]]:
    for chart in charts:
        for part in chart.parts:
            share = round(100 * part.number / chart.total) if chart.total else 0
            yield chart.title, part.label, part.number, share


@blueprint.get("/events")
@allow(Role.VIEWER, limited=True)
@remembers
def events() -> Answer:
    """List what vendors reported on devices, newest first."""
    asked = ask()
    if wants_csv():
        return csv_file("events", EVENTS, _event_cells(asked))
    return show(
        "window/events.html",
        listing=lists.detections.page(runtime(), asked, scope()),
        **_client(asked),
    )


def _event_cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for line in lists.detections.walk(runtime(), asked, scope()):
        row = line.row
        yield (
            row.occurred_at,
            line.workspace.name if line.workspace else row.workspace_id,
            row.device_name,
            words.state(words.SEVERITY, row.severity)[0],
            row.title,
            row.kind,
            row.object_name,
            row.outcome,
            row.user,
            "yes" if row.resolved else "no",
        )


@blueprint.get("/licensing")
@allow(Role.VIEWER, limited=True)
@remembers
def licensing() -> Answer:
    """List keys and subscriptions, with those marked that are nearly or more than used up."""
    asked = ask()
    if wants_csv():
        return csv_file("licensing", LICENCES, _licence_cells(asked))
    return show(
        "window/licensing.html",
        listing=lists.licences.page(runtime(), asked, scope()),
        figures=lists.licence_figures(scope(), asked),
        told=window_words,
        **_client(asked),
    )


def _licence_cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for line in lists.licences.walk(runtime(), asked, scope()):
        row = line.row
        yield (
            row.product,
            line.workspace.name if line.workspace else row.workspace_id,
            row.licence_id,
            window_words.LICENCE_KIND.get(row.kind, row.kind),
            words.state(window_words.LICENCE_STATE, row.state)[0],
            row.used,
            "unlimited" if row.limit is None else row.limit,
            line.share,
            words.state(window_words.LICENCE_USE, line.use)[0] if line.use else "",
            row.expires_at,
        )


def _narrowed(asked: Ask) -> bool:
    return bool(asked.text("workspace") or asked.text("client"))


def _client(asked: Ask) -> dict[str, object]:
    """Return what the choice of one client needs, the same on every page of the window."""
    number = asked.number("workspace")
    return {
        "ask": asked,
        "clients": lists.client_names(scope(), MANY_CLIENTS),
        "chosen": chosen_client(number),
        "filtered": bool(asked.q or asked.filters.keys() - {"chosen", "embedded"}),
    }
