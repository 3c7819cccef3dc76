"""A vendor's customers joined to its workspaces: proposed, confirmed, refused, taken apart."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields
from werkzeug.exceptions import NotFound

from plugin.blueprints.api.connections import door
from plugin.blueprints.api.doors import ID, known, named
from plugin.blueprints.api.values import Answer, Text, Wish
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.domain.errors import RuleError
from plugin.services import connections, customers
from plugin.services.access import Role

__all__ = ["door"]


class PairSchema(Answer):
    """A workspace and a customer that may be one client."""

    workspace_id = fields.String()
    workspace_name = fields.String()
    customer_id = fields.String()
    customer_name = fields.String()
    score = fields.Integer(metadata={"description": "0 to 100"})
    reason = fields.String()


class CustomersSchema(Answer):
    """What is joined, and what is proposed."""

    joined = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "Workspace id to customer id"},
    )
    proposals = fields.List(fields.Nested(PairSchema))


class PairWishSchema(Wish):
    """A proposed pair, by the ids of both sides."""

    workspace_id = Text(required=True, least=1, most=200)
    customer_id = Text(required=True, least=1, most=200)


class PartWishSchema(Wish):
    """A workspace that is joined."""

    workspace_id = Text(required=True, least=1, most=200)


def _told(number: int) -> dict[str, object]:
    connection = known(connections.get, number)
    try:
        found = customers.proposals(runtime(), connection, scope())
    except RuleError as error:  # there is no such list at this kind of connection
        raise NotFound(error.message) from error
    return {"joined": customers.shown(runtime(), connection, scope()), "proposals": found}


@door.route(f"/{ID}/customers")
class Customers(MethodView):
    """The customers of a vendor's second list."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(CustomersSchema)
    def get(self, number: int) -> dict[str, object]:
        """Tell what is joined, and ask the vendor what else looks like one client."""
        return _told(number)

    @allow(Role.ADMINISTRATOR)
    @door.takes(PairWishSchema)
    @door.answers(CustomersSchema)
    def put(self, given: dict[str, Any], number: int) -> dict[str, object]:
        """Confirm a proposed pair."""
        connection = known(connections.get, number)
        with named(customer="customer_id", workspace="workspace_id"):
            pair = given["workspace_id"], given["customer_id"]
            customers.join(runtime(), person().name, connection, *pair, scope=scope())
        return _told(number)


@door.route(f"/{ID}/customers/refuse")
class CustomerRefusals(MethodView):
    """Proposals that are turned down."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(PairWishSchema)
    @door.answers(CustomersSchema)
    def post(self, given: dict[str, Any], number: int) -> dict[str, object]:
        """Refuse a proposed pair for good."""
        connection = known(connections.get, number)
        with named(customer="customer_id", workspace="workspace_id"):
            pair = given["workspace_id"], given["customer_id"]
            customers.refuse(runtime(), person().name, connection, *pair, scope=scope())
        return _told(number)


@door.route(f"/{ID}/customers/part")
class CustomerPartings(MethodView):
    """Pairs that are taken apart."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(PartWishSchema)
    @door.answers(CustomersSchema)
    def post(self, given: dict[str, Any], number: int) -> dict[str, object]:
        """Take a confirmed pair apart; it may be proposed again."""
        connection = known(connections.get, number)
        with named(workspace="workspace_id"):
            asked = given["workspace_id"]
            customers.part(runtime(), person().name, connection, asked, scope=scope())
        return _told(number)
