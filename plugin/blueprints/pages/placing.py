"""Our pages in a host's screens: what stands there, and one more or less."""

from typing import Any

from flask import abort, flash, request

from plugin.blueprints.forms import Faults, Form, faults_in, text
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, one, show, to
from plugin.domain.errors import EdgeError, RuleError
from plugin.services import placing
from plugin.services.access import Role
from plugin.store.integrations import Connection

blueprint = new_blueprint("placing", __name__)


class PlaceForm(Form):
    """The form of a new place."""

    kind = text(40)
    screen = text(100, required="Choose a screen.")
    title = text(50)


@blueprint.get("/connections/<int:connection_id>/pages")
@allow(Role.ADMINISTRATOR)
def table(connection_id: int) -> Answer:
    """Show our pages in the host's screens."""
    return _page(_host(connection_id), {}, {})


@blueprint.post("/connections/<int:connection_id>/pages")
@allow(Role.ADMINISTRATOR)
def place(connection_id: int) -> Answer:
    """Place a page."""
    connection = _host(connection_id)
    given, faults = PlaceForm.read(request.form)
    try:
        if not faults:
            placing.place(
                runtime(),
                person().name,
                connection,
                given["kind"],
                given["screen"],
                given["title"],
            )
    except RuleError as error:
        faults = faults_in(error)
    except EdgeError as error:
        faults = {"": [f"{error}."]}
    if faults:
        return _page(connection, given, faults), 422
    flash("The page stands in the host now. A screen that is open there must be loaded anew.", "ok")
    return to("placing.table", connection_id=connection_id)


@blueprint.post("/connections/<int:connection_id>/pages/remove")
@allow(Role.ADMINISTRATOR)
def remove(connection_id: int) -> Answer:
    """Take a page away."""
    connection = _host(connection_id)
    try:
        placing.remove(runtime(), person().name, connection, request.form.get("id", "")[:100])
    except (RuleError, EdgeError) as error:
        flash(error.message, "warning")
    else:
        flash("The page was taken out of the host's screens.", "ok")
    return to("placing.table", connection_id=connection_id)


def _host(connection_id: int) -> Connection:
    found = one(Connection, connection_id)
    return found if placing.can(runtime(), found) else abort(404)


def _page(connection: Connection, given: dict[str, Any], faults: Faults) -> str:
    trouble = ""
    try:
        placed, screens = (
            placing.placed(runtime(), connection),
            placing.screens(runtime(), connection),
        )
    except EdgeError as error:
        placed, screens, trouble = [], (), str(error)
    return show(
        "connections/pages.html",
        connection=connection,
        adapter=runtime().hosts[connection.kind],
        address=placing.address(runtime(), connection),
        placed=placed,
        screens=[(each.value, each.label) for each in screens],
        kinds=[(each.value, each.label) for each in placing.kinds(runtime(), connection)],
        given=given,
        errors=faults,
        trouble=trouble,
    )
