"""Installers: a link for a client's group, shown with what to do with it."""

from flask import abort, request

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, one, show
from plugin.domain.errors import RuleError
from plugin.services import deploying
from plugin.services.access import Role
from plugin.services.deploying import Installer
from plugin.store.mirror import WorkspaceRow

blueprint = new_blueprint("deploying", __name__)


@blueprint.get("/workspaces/<int:number>/installer")
@allow(Role.TECHNICIAN, limited=True)
def choose(number: int) -> Answer:
    """Let a group be chosen."""
    return _page(_workspace(number))


@blueprint.post("/workspaces/<int:number>/installer")
@allow(Role.TECHNICIAN, limited=True)
def make(number: int) -> Answer:
    """Get a link from the vendor; it is shown on this answer alone."""
    row, group = _workspace(number), request.form.get("group_id", "")[:200]
    try:
        made = deploying.make(runtime(), person().name, row, group)
    except RuleError as error:
        return _page(row, group, problem=error.message), 422
    return _page(row, group, made=made)


def _workspace(number: int) -> WorkspaceRow:
    row = one(WorkspaceRow, number)
    return row if scope().shows_workspace(row.vendor_id, row.workspace_id) else abort(404)


def _page(
    row: WorkspaceRow, group: str = "", *, made: Installer | None = None, problem: str = ""
) -> str:
    groups = [(each.group_id, each.name) for each in deploying.groups(row)]
    return show(
        "deploying/installer.html",
        workspace=row,
        offered=deploying.maker_of(runtime(), row) is not None,
        groups=groups or [("", "The client's own group")],
        group=group or row.workspace_id,
        made=made,
        problem=problem,
    )
