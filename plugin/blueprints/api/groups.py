"""A vendor's groups, and how far their discovery is."""

from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.deletions import door
from plugin.blueprints.api.doors import ID, Short, known
from plugin.blueprints.api.values import Answer, Moment
from plugin.blueprints.guard import allow, runtime
from plugin.services import connections, groups
from plugin.services.access import Role
from plugin.services.groups import Discovery
from plugin.services.lists import Ask, Listing
from plugin.store.groups import VendorGroup

__all__ = ["door"]


class GroupSchema(Answer):
    """A static or dynamic group under its vendor's own id."""

    group_id = fields.String()
    name = fields.String()
    dynamic = fields.Boolean()
    workspace_id = fields.String()
    parent_id = fields.String()
    seen_at = Moment()


class DiscoverySchema(Answer):
    """How far the discovery of groups is."""

    finding = fields.Boolean(metadata={"description": "It goes on; ask again"})
    seen = fields.Integer(metadata={"description": "Found so far by the run that goes on"})
    static = fields.Integer()
    dynamic = fields.Integer()
    problem = fields.String()


@door.route(f"/{ID}/groups")
class Groups(MethodView):
    """The groups of a connection."""

    @allow(Role.VIEWER)
    @door.lists(GroupSchema, sorts=("name",))
    def get(self, ask: Ask, number: int) -> Listing[VendorGroup]:
        """List the groups of a connection, by name."""
        rows = groups.of_connection(known(connections.get, number))
        wanted = ask.q.casefold()
        found = [row for row in rows if wanted in row.name.casefold()]
        return Short(found, name=lambda row: row.name.casefold()).page(ask)


@door.route(f"/{ID}/discovery")
class GroupDiscovery(MethodView):
    """The discovery of groups."""

    @allow(Role.VIEWER)
    @door.answers(DiscoverySchema)
    def get(self, number: int) -> Discovery:
        """Tell how far the discovery of groups is."""
        return groups.discovery(runtime(), known(connections.get, number))
