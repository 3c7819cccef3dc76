"""Deleting connections: what the host has of us, a copy first, and taking a deletion back."""

from typing import Any

from flask import Response, stream_with_context
from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.connections import ConnectionDetailSchema
from plugin.blueprints.api.customers import door
from plugin.blueprints.api.doors import ID, Short, known
from plugin.blueprints.api.values import Answer, Moment
from plugin.blueprints.guard import allow, person, runtime
from plugin.services import connections
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing
from plugin.store.integrations import Connection

__all__ = ["door"]


class DeletedSchema(Answer):
    """A deleted connection that can still be brought back."""

    id = fields.Integer()
    kind = fields.String()
    name = fields.String()
    deleted_at = Moment()
    removed_at = Moment(metadata={"description": "When it is removed for good"})
    not_left = fields.String(
        metadata={"description": "Why its host still has what we registered there, or empty"}
    )


class RegisteredSchema(Answer):
    """What the host has registered of us for this connection."""

    callbacks = fields.Integer()
    pages = fields.Integer(metadata={"description": "Tabs, pods and menu entries"})
    problem = fields.String(metadata={"description": "Why the host could not be asked, or empty"})


class CopySchema(Answer):
    """Everything we hold about a connection, by table; no secret is in it."""

    connection = fields.Dict()
    tables = fields.Dict(keys=fields.String(), values=fields.List(fields.Dict()))


@door.route("/deleted")
class DeletedConnections(MethodView):
    """Connections in their grace period."""

    @allow(Role.ADMINISTRATOR)
    @door.lists(DeletedSchema, sorts=("name",))
    def get(self, ask: Ask) -> Listing[dict[str, Any]]:
        """List the deleted connections that can be brought back."""
        found = [_told(row) for row in connections.deleted(runtime())]
        wanted = ask.q.casefold()
        rows = [row for row in found if wanted in str(row["name"]).casefold()]
        return Short(rows, name=lambda row: str(row["name"]).casefold()).page(ask)


def _told(row: Connection) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "name": connections.former_name(row),
        "deleted_at": row.deleted_at,
        "removed_at": connections.removed_at(runtime(), row),
        "not_left": connections.not_left(row),
    }


@door.route(f"/{ID}/leave")
class Leave(MethodView):
    """Taking away what the host of a deleted connection still has of us."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(DeletedSchema, status=202)
    def post(self, number: int) -> dict[str, Any]:
        """Try again now, after failures too."""
        row = known(lambda wanted: connections.get_deleted(runtime(), wanted), number)
        connections.leave_again(runtime(), person().name, row)
        return _told(row)


@door.route(f"/{ID}/undo")
class Undo(MethodView):
    """Bringing a deleted connection back."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(ConnectionDetailSchema)
    def post(self, number: int) -> Connection:
        """Bring a deleted connection back, with its integrations."""
        row = known(lambda wanted: connections.get_deleted(runtime(), wanted), number)
        connections.undo(runtime(), person().name, row)
        return row


@door.route(f"/{ID}/registered")
class Registrations(MethodView):
    """What a deletion removes at the host."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(RegisteredSchema)
    def get(self, number: int) -> connections.Registered:
        """Ask the host what it has registered of us."""
        return connections.registered(runtime(), known(connections.get, number))


@door.route(f"/{ID}/export")
class Export(MethodView):
    """A copy of everything about a connection."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(CopySchema)
    def post(self, number: int) -> Response:
        """Give everything about a connection but its secrets; the act is audited."""
        row = known(connections.get, number)
        pieces = connections.export(runtime(), person().name, row)
        return Response(stream_with_context(pieces), content_type="application/json")
