"""Installers of a workspace: the groups there are, and a link for one."""

from typing import Any

from flask import abort
from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import ID, row_of
from plugin.blueprints.api.seen import workspaces as door
from plugin.blueprints.api.values import Answer, Text, Wish
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.services import deploying
from plugin.services.access import Role
from plugin.services.deploying import Installer
from plugin.store.mirror import WorkspaceRow

__all__ = ["door"]


class InstallerGroupSchema(Answer):
    """A group that a computer can be enrolled into."""

    group_id = fields.String()
    name = fields.String()


class InstallersSchema(Answer):
    """Whether there are installers for a workspace, and for which groups."""

    offered = fields.Boolean()
    groups = fields.List(fields.Nested(InstallerGroupSchema))


class InstallerSchema(Answer):
    """A link that enrols computers; treat it like a password."""

    url = fields.String()
    script = fields.String(metadata={"description": "PowerShell for an RMM; not run on Windows"})
    why_no_script = fields.String()


class InstallerWishSchema(Wish):
    """For which group; empty means the client's own."""

    group_id = Text(most=200, load_default="")


def _workspace(number: int) -> WorkspaceRow:
    row = row_of(WorkspaceRow, number)
    return row if scope().shows_workspace(row.vendor_id, row.workspace_id) else abort(404)


@door.route(f"/{ID}/installer")
class WorkspaceInstaller(MethodView):
    """The installer of a workspace."""

    @allow(Role.VIEWER, limited=True)
    @door.answers(InstallersSchema)
    def get(self, number: int) -> dict[str, object]:
        """Tell for which groups there is an installer."""
        row = _workspace(number)
        offered = deploying.maker_of(runtime(), row) is not None
        return {"offered": offered, "groups": deploying.groups(row) if offered else []}

    @allow(Role.TECHNICIAN, limited=True)
    @door.takes(InstallerWishSchema)
    @door.answers(InstallerSchema)
    def post(self, given: dict[str, Any], number: int) -> Installer:
        """Get an installer's link and the script that uses it; the wish is audited."""
        row = _workspace(number)
        return deploying.make(runtime(), person().name, row, given["group_id"])
