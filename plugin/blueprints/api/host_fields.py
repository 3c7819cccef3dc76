"""The protection state in a field of the host's computers."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields
from werkzeug.exceptions import NotFound

from plugin.blueprints.api.doors import ID, known
from plugin.blueprints.api.integrations import door
from plugin.blueprints.api.values import Answer, Moment, Switch, Text, Whole, Wish, one_of
from plugin.blueprints.guard import allow, person, runtime
from plugin.services import host_fields, host_writing, integrations
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing
from plugin.store.host_writes import HostWrite, StateField, WriteState
from plugin.store.integrations import Integration

__all__ = ["door"]

PATH = f"/{ID}/state-field"


class StateFieldSchema(Answer):
    """The chosen field, whether it is written, and the computers by what is known of theirs."""

    field_id = fields.String(allow_none=True)
    title = fields.String(allow_none=True)
    writes = fields.Boolean()
    looked_at = Moment(metadata={"description": "When every computer had been looked at"})
    under_way = fields.Boolean()
    problem = fields.String()
    counts = fields.Dict(keys=one_of(WriteState), values=fields.Integer())
    version = fields.Integer(metadata={"description": "The integration's"})


class HostFieldSchema(Answer):
    """A field of the host's computers; ``unfit`` says why it cannot be used."""

    id = fields.String(attribute="field.id")
    title = fields.String(attribute="field.title")
    unfit = fields.String()


class HostFieldsSchema(Answer):
    """The fields of the host's computers."""

    items = fields.List(fields.Nested(HostFieldSchema))


class HostWriteSchema(Answer):
    """A computer's field: what is wanted there, what was written, what a person has there."""

    computer_id = fields.String()
    computer_name = fields.String()
    workspace_id = fields.String()
    device_id = fields.String()
    device_name = fields.String()
    state = one_of(WriteState)
    wanted = fields.String()
    before = fields.String(allow_none=True)
    written = fields.String(allow_none=True)
    theirs = fields.String(allow_none=True, metadata={"description": "A person's value"})
    overwrite = fields.Function(lambda row: row.allowed is not None)
    problem = fields.String()
    written_at = Moment()
    looked_at = Moment()


class StateFieldWishSchema(Wish):
    """The field to use."""

    field_id = Text(required=True, least=1, most=40)
    version = Whole(least=1, most=2_147_483_647)


class FieldSwitchSchema(Wish):
    """On or off."""

    writes = Switch(required=True)
    version = Whole(least=1, most=2_147_483_647)


class SettleFieldSchema(Wish):
    """A person's value as it was shown, and what becomes of it."""

    computer_id = Text(required=True, least=1, most=100)
    theirs = Text(required=True, least=0, most=100_000)
    overwrite = Switch(required=True)


def _writable(number: int) -> Integration:
    integration = known(integrations.get, number)
    if not host_writing.can_write(runtime(), integration):
        raise NotFound("This host has no field for the protection state.")
    return integration


def _told(integration: Integration) -> dict[str, Any]:
    chosen: StateField | None = host_fields.field_of(integration)
    return {
        "field_id": chosen.field_id if chosen else None,
        "title": chosen.title if chosen else None,
        "writes": integration.writes_extra_fields,
        "looked_at": chosen.looked_at if chosen else None,
        "under_way": host_fields.is_under_way(integration),
        "problem": chosen.problem if chosen else "",
        "counts": host_fields.counts(integration),
        "version": integration.version,
    }


@door.route(PATH)
class OneStateField(MethodView):
    """The field of an integration."""

    @allow(Role.VIEWER)
    @door.answers(StateFieldSchema)
    def get(self, number: int) -> dict[str, Any]:
        """Tell the field and what is known of it on the computers."""
        return _told(_writable(number))

    @allow(Role.ADMINISTRATOR)
    @door.takes(StateFieldWishSchema)
    @door.answers(StateFieldSchema)
    def put(self, given: dict[str, Any], number: int) -> dict[str, Any]:
        """Name the field: writing goes off, each computer is looked at."""
        integration = _writable(number)
        host_fields.choose(
            runtime(), person().name, integration, given["field_id"], given.get("version")
        )
        return _told(integration)


@door.route(f"{PATH}/choices")
class StateFieldChoices(MethodView):
    """The fields that the host has."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(HostFieldsSchema)
    def get(self, number: int) -> dict[str, Any]:
        """List the fields of the host's computers, asking it now."""
        return {"items": host_fields.choices(runtime(), _writable(number))}


@door.route(f"{PATH}/look")
class StateFieldLooks(MethodView):
    """Looking at the field of every computer."""

    @allow(Role.TECHNICIAN)
    @door.answers(status=202)
    def post(self, number: int) -> None:
        """Have every computer looked at anew."""
        host_fields.look_again(runtime(), person().name, _writable(number))


@door.route(f"{PATH}/switch")
class StateFieldSwitch(MethodView):
    """Whether the protection state is written."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(FieldSwitchSchema)
    @door.answers(StateFieldSchema)
    def put(self, given: dict[str, Any], number: int) -> dict[str, Any]:
        """Switch it on, once what it would do was looked at, or off."""
        integration, on = _writable(number), given["writes"]
        host_fields.switch(
            runtime(), person().name, integration, on=on, version=given.get("version")
        )
        return _told(integration)


@door.route(f"{PATH}/computers")
class StateFieldComputers(MethodView):
    """The field on each computer."""

    @allow(Role.VIEWER)
    @door.lists(
        HostWriteSchema,
        sorts=("written_at",),
        filters={"state": one_of(WriteState, load_default=WriteState.WRITTEN.value)},
    )
    def get(self, ask: Ask, number: int) -> Listing[HostWrite]:
        """List the computers in one state, the last written first."""
        return host_fields.listed(_writable(number), ask, ask.filters["state"])


@door.route(f"{PATH}/settle")
class StateFieldSettlements(MethodView):
    """People's values that are settled."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(SettleFieldSchema)
    @door.answers(status=204)
    def post(self, given: dict[str, Any], number: int) -> None:
        """Overwrite a person's value once, or leave it; 409 when another one stands there."""
        host_fields.settle(
            runtime(),
            person().name,
            _writable(number),
            given["computer_id"],
            given["theirs"],
            overwrite=given["overwrite"],
        )
