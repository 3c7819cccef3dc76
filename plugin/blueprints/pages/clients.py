"""The client that a page is narrowed to."""

from flask import abort

from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import one
from plugin.store.mirror import WorkspaceRow


def chosen_client(number: int | None) -> WorkspaceRow | None:
    """Return the chosen client, or nothing when all are shown; 404 for one of somebody else."""
    if not number or number < 0:
        return None
    row = one(WorkspaceRow, number)
    return row if scope().shows_workspace(row.vendor_id, row.workspace_id) else abort(404)
