"""Scripts at a host that call us: their text, and the secret that signs their calls."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields
from werkzeug.exceptions import NotFound

from plugin.blueprints.api.connections import door
from plugin.blueprints.api.doors import ID, known
from plugin.blueprints.api.values import Answer, Moment, Text, Wish
from plugin.blueprints.guard import allow, person, runtime
from plugin.services import connections, signing
from plugin.services.access import Role
from plugin.services.signing import Replaced
from plugin.store.integrations import Connection

__all__ = ["door"]


class OfferedSchema(Answer):
    """A value that can be chosen."""

    value = fields.String()
    label = fields.String()


class CallsSchema(Answer):
    """What scripts can report, and until when a former secret counts too."""

    events = fields.List(fields.Nested(OfferedSchema))
    former_until = Moment(allow_none=True)


class ScriptWishSchema(Wish):
    """Which script; without a computer it is one for the host's server."""

    event = Text(required=True, least=1, most=60)
    computer_id = Text(most=18, load_default="")


class ScriptSchema(Answer):
    """A script's text, ready to paste; the secret is not in it."""

    script = fields.String()


class SecretSchema(Answer):
    """A new secret, told this once."""

    secret = fields.String()
    former_until = Moment(allow_none=True)


class ComputerWishSchema(Wish):
    """A computer of the host, by its id."""

    computer_id = Text(required=True, least=1, most=18)


class ComputerSecretSchema(Answer):
    """A computer's own secret."""

    secret = fields.String()


def _signing(number: int) -> Connection:
    connection = known(connections.get, number)
    if not signing.signs(runtime(), connection):
        raise NotFound("No script at this kind of connection calls us.")
    return connection


@door.route(f"/{ID}/calls")
class Calls(MethodView):
    """Calls of scripts."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(CallsSchema)
    def get(self, number: int) -> dict[str, object]:
        """Tell what scripts can report, and until when a former secret counts."""
        connection = _signing(number)
        return {
            "events": signing.events(runtime(), connection),
            "former_until": signing.former_until(runtime(), connection),
        }


@door.route(f"/{ID}/calls/script")
class CallScript(MethodView):
    """A script."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(ScriptWishSchema)
    @door.answers(ScriptSchema)
    def post(self, given: dict[str, Any], number: int) -> dict[str, object]:
        """Write the script that reports an event; nothing is changed."""
        connection = _signing(number)
        text = signing.script(runtime(), connection, given["event"], given["computer_id"])
        return {"script": text}


@door.route(f"/{ID}/calls/secret")
class CallSecret(MethodView):
    """The connection's secret."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(SecretSchema)
    def post(self, number: int) -> Replaced:
        """Make a new secret and tell it this once; the present one counts for another day."""
        return signing.replace(runtime(), person().name, _signing(number))


@door.route(f"/{ID}/calls/computer-secret")
class ComputerSecret(MethodView):
    """A computer's own secret."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(ComputerWishSchema)
    @door.answers(ComputerSecretSchema)
    def post(self, given: dict[str, Any], number: int) -> dict[str, object]:
        """Give out the secret of one computer; the audit log says so."""
        connection, asked = _signing(number), given["computer_id"]
        return {"secret": signing.computer_secret(runtime(), person().name, connection, asked)}
