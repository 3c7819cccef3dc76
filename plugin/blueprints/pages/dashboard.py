"""The dashboard: how everything stands, and "Sync now"."""

from flask import flash

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, fragment, show, to
from plugin.services import connections, guided, lists, sync
from plugin.services.access import Role

blueprint = new_blueprint("dashboard", __name__)


@blueprint.get("/")
@allow(Role.VIEWER, limited=True)
def home() -> Answer:
    """Show how everything stands; whoever is limited to some companies starts at their devices."""
    if scope().limited:
        return to("devices.table")
    return show(
        "dashboard/home.html",
        overview=lists.overview(runtime(), scope()),
        environment=scope().environment,
        setup_waits=_setup_waits(),
    )


def _setup_waits() -> bool:
    return person().role.covers(Role.ADMINISTRATOR) and guided.is_under_way()


@blueprint.get("/dashboard/runs")
@allow(Role.VIEWER, polled=True)
def runs() -> Answer:
    """Show the last runs, for the part of the page that keeps itself fresh."""
    return fragment("dashboard/_runs.html", runs=lists.last_runs(scope()))


@blueprint.post("/sync")
@allow(Role.TECHNICIAN)
def sync_now() -> Answer:
    """Ask for everything of every connection."""
    asked = sum(
        len(sync.ask_all(runtime(), connection, by=person().name))
        for connection in connections.living(runtime())
    )
    if asked:
        flash(f"{words.count(asked, 'sync run')} asked for. You can leave this page.", "ok")
    else:
        flash("There is nothing to synchronise yet: add a connection first.", "info")
    return to("dashboard.home")
