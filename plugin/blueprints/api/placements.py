"""Our pages inside a host's screens."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields
from werkzeug.exceptions import NotFound

from plugin.blueprints.api.customers import door
from plugin.blueprints.api.doors import ID, known
from plugin.blueprints.api.values import Answer, Text, Wish
from plugin.blueprints.guard import allow, person, runtime
from plugin.domain.model import Placement
from plugin.services import connections, placements
from plugin.services.access import Role
from plugin.store.integrations import Connection

__all__ = ["door"]


class OfferedSchema(Answer):
    """A value that can be chosen; a screen with a ``parent`` serves that kind alone."""

    value = fields.String()
    label = fields.String()
    parent = fields.String()


class PlacementSchema(Answer):
    """A page of ours at a place in the host."""

    id = fields.String()
    kind = fields.String()
    screen = fields.String()
    title = fields.String()
    url = fields.String()


class PlacementsSchema(Answer):
    """What is registered at the host, and what can be."""

    placed = fields.List(fields.Nested(PlacementSchema))
    pages = fields.List(fields.Nested(OfferedSchema))
    kinds = fields.List(fields.Nested(OfferedSchema))
    screens = fields.List(fields.Nested(OfferedSchema))
    can_remove = fields.Boolean()


class PlacementWishSchema(Wish):
    """A page to register: values of the lists that GET tells."""

    page = Text(required=True, least=1, most=200)
    kind = Text(required=True, least=1, most=40)
    screen = Text(required=True, least=1, most=100)
    title = Text(required=True, least=1, most=placements.LONGEST_TITLE)


def _placing(number: int) -> Connection:
    connection = known(connections.get, number)
    if not placements.places(runtime(), connection):
        raise NotFound("This kind of connection shows no pages of ours.")
    return connection


@door.route(f"/{ID}/pages")
class Placements(MethodView):
    """The pages of ours that a host shows."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(PlacementsSchema)
    def get(self, number: int) -> dict[str, object]:
        """Ask the host what is registered there, and where more can be placed."""
        connection = _placing(number)
        return {
            "placed": placements.placed(runtime(), connection),
            "pages": placements.PAGES,
            "kinds": placements.kinds(runtime(), connection),
            "screens": placements.screens(runtime(), connection),
            "can_remove": placements.can_remove(runtime(), connection),
        }

    @allow(Role.ADMINISTRATOR)
    @door.takes(PlacementWishSchema)
    @door.answers(PlacementSchema, status=201)
    def post(self, given: dict[str, Any], number: int) -> Placement:
        """Register a page in the host; harmless when it is there."""
        wanted = Placement(given["kind"], given["screen"], given["title"], given["page"])
        return placements.place(runtime(), person().name, _placing(number), wanted)


@door.route(f"/{ID}/pages/<string:placement_id>")
class OnePlacement(MethodView):
    """One page of ours at the host."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(status=204)
    def delete(self, number: int, placement_id: str) -> None:
        """Take a page out of the host."""
        connection = _placing(number)

        def find(_: int) -> Placement:
            return placements.find(runtime(), connection, placement_id)

        placements.remove(runtime(), person().name, connection, known(find, number))
