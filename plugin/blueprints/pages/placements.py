"""Our pages inside a host's screens: registered by a button, listed, removed."""

from collections.abc import Iterable, Mapping

from flask import abort, flash, request

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, one, show, to
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.model import Choice, Placement
from plugin.services import connections, placements
from plugin.services.access import Role
from plugin.services.connections import CheckStep
from plugin.store.integrations import Connection

blueprint = new_blueprint("placements", __name__)


@blueprint.get("/connections/<int:connection_id>/pages")
@allow(Role.ADMINISTRATOR)
def table(connection_id: int) -> Answer:
    """Show what is registered at the host, and the form for one more."""
    return _page(_placing(connection_id), {}, {})


@blueprint.post("/connections/<int:connection_id>/pages")
@allow(Role.ADMINISTRATOR)
def place(connection_id: int) -> Answer:
    """Register a page in the host."""
    row = _placing(connection_id)
    given = {name: request.form.get(name, "")[:200] for name in ("page", "kind", "screen", "title")}
    wanted = Placement(given["kind"], given["screen"], given["title"], given["page"])
    try:
        made = placements.place(runtime(), person().name, row, wanted)
    except RuleError as error:
        return _page(row, given, {error.field: [error.message]}), 422
    except EdgeError as error:
        trouble = connections.explained(runtime(), row, error)
        return _page(row, given, {}, trouble), 502
    flash(f"{made.title} is registered. It shows once the host's screens are loaded anew.", "ok")
    return to("placements.table", connection_id=connection_id)


@blueprint.post("/connections/<int:connection_id>/pages/remove")
@allow(Role.ADMINISTRATOR)
def remove(connection_id: int) -> Answer:
    """Take a page out of the host."""
    row = _placing(connection_id)
    try:
        found = placements.find(runtime(), row, request.form.get("placement", "")[:200])
        placements.remove(runtime(), person().name, row, found)
    except RuleError as error:
        return _page(row, {}, {"": [error.message]}), 422
    except EdgeError as error:
        return _page(row, {}, {}, connections.explained(runtime(), row, error)), 502
    flash("Removed. Windows of the host that are open show it until they are loaded anew.", "ok")
    return to("placements.table", connection_id=connection_id)


def _placing(connection_id: int) -> Connection:
    row = one(Connection, connection_id)
    return row if placements.places(runtime(), row) else abort(404)


def _page(
    row: Connection,
    given: Mapping[str, str],
    errors: Mapping[str, list[str]],
    trouble: CheckStep | None = None,
) -> str:
    found: list[Placement] = []
    screens: tuple[Choice, ...] = ()
    try:
        found = placements.placed(runtime(), row)
        screens = placements.screens(runtime(), row)
    except EdgeError as error:
        trouble = connections.explained(runtime(), row, error)
    kinds = placements.kinds(runtime(), row)
    return show(
        "connections/placements.html",
        connection=row,
        placed=found,
        screens=screens,
        kinds=kinds,
        pages=placements.PAGES,
        kind_names={each.value: each.label for each in kinds},
        screen_names={each.value: each.label for each in screens},
        page_names={each.value: each.label for each in placements.PAGES},
        path_of=placements.path_of,
        pairs=_pairs,
        can_remove=placements.can_remove(runtime(), row),
        given=given,
        errors=errors,
        trouble=trouble,
    )


def _pairs(choices: Iterable[Choice]) -> list[tuple[str, str]]:
    return [(each.value, each.label) for each in choices]
