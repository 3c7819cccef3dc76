"""A vendor's customers joined to its workspaces: proposals, confirmed or refused by a person."""

from flask import abort, flash, request

from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, one, show, to
from plugin.domain.errors import EdgeError, RuleError
from plugin.services import connections, customers, lists
from plugin.services.access import Role
from plugin.store.integrations import Connection

blueprint = new_blueprint("customers", __name__)


@blueprint.get("/connections/<int:connection_id>/customers")
@allow(Role.ADMINISTRATOR)
def table(connection_id: int) -> Answer:
    """Show what is joined, and what is proposed with score and reason."""
    return _page(_joining(connection_id))


@blueprint.post("/connections/<int:connection_id>/customers")
@allow(Role.ADMINISTRATOR)
def decide(connection_id: int) -> Answer:
    """Confirm or refuse a proposal, or take a pair apart."""
    row = _joining(connection_id)
    try:
        flash(_decided(row), "ok")
    except RuleError as error:
        return _page(row, error.message), 422
    return to("customers.table", connection_id=connection_id)


def _decided(row: Connection) -> str:
    workspace = request.form.get("workspace", "")[:200]
    customer = request.form.get("customer", "")[:200]
    who, do = person().name, request.form.get("do", "")
    if do == "part":
        customers.part(runtime(), who, row, workspace, scope=scope())
        return "Taken apart. What was joined may be proposed again."
    if do == "refuse":
        customers.refuse(runtime(), who, row, workspace, customer, scope=scope())
        return "Refused. This pair is not proposed again."
    customers.join(runtime(), who, row, workspace, customer, scope=scope())
    return "Joined. Licences and usage of this customer now count for its group."


def _joining(connection_id: int) -> Connection:
    row = one(Connection, connection_id)
    return row if customers.joins(runtime(), row) else abort(404)


def _page(row: Connection, fault: str = "") -> str:
    found, trouble = [], None
    try:
        found = customers.proposals(runtime(), row, scope())
    except EdgeError as error:
        trouble = connections.explained(runtime(), row, error)
    return show(
        "connections/customers.html",
        connection=row,
        words_here=customers.words_of(runtime(), row),
        joined=customers.shown(runtime(), row, scope()),
        names=lists.workspace_names(row.id),
        proposals=found[: lists.SIZES[-1]],
        total=len(found),
        trouble=trouble,
        fault=fault,
    )
