"""Our pages in a host's screens."""

from typing import Any

from flask import abort
from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.customers import door
from plugin.blueprints.api.doors import ID, known
from plugin.blueprints.api.values import Answer, Text, Wish
from plugin.blueprints.guard import allow, person, runtime
from plugin.domain.model import Placement
from plugin.services import connections, placing
from plugin.services.access import Role
from plugin.store.integrations import Connection

__all__ = ["door"]


class PlacementSchema(Answer):
    """A page of ours in a host's screen."""

    id = fields.String()
    kind = fields.String()
    screen = fields.String()
    title = fields.String()
    url = fields.String()


class PlacementsSchema(Answer):
    """Our pages in a host's screens."""

    items = fields.List(fields.Nested(PlacementSchema))


class PlaceWishSchema(Wish):
    """Where to show our page; the words are the host's."""

    kind = Text(required=True, least=1, most=40)
    screen = Text(required=True, least=1, most=100)
    title = Text(required=True, least=1, most=50)


def _host(number: int) -> Connection:
    found = known(connections.get, number)
    if not placing.can(runtime(), found):
        abort(404, "This connection has no way to show pages of other programs.")
    return found


@door.route(f"/{ID}/pages")
class Pages(MethodView):
    """The pages in one host's screens."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(PlacementsSchema)
    def get(self, number: int) -> dict[str, list[Placement]]:
        """Tell which pages of ours stand in the host now."""
        return {"items": placing.placed(runtime(), _host(number))}

    @allow(Role.ADMINISTRATOR)
    @door.takes(PlaceWishSchema)
    @door.answers(PlacementSchema, 201)
    def post(self, given: dict[str, Any], number: int) -> Placement:
        """Place a page, or tell of the same one that stands there."""
        return placing.place(
            runtime(),
            person().name,
            _host(number),
            given["kind"],
            given["screen"],
            given["title"],
        )


@door.route(f"/{ID}/pages/<string(maxlength=100):page>")
class OnePage(MethodView):
    """One page in a host's screens."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(status=204)
    def delete(self, number: int, page: str) -> None:
        """Take a page away; harmless when it is gone."""
        placing.remove(runtime(), person().name, _host(number), page)
