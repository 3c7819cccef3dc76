"""Actions on devices: asked for, and followed to the vendor's own end."""

from typing import Any

from flask import abort
from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import ID, Door, known, row_of
from plugin.blueprints.api.seen import devices
from plugin.blueprints.api.values import Answer, Moment, Wish, one_of
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.domain.model import ActionKind, ActionState
from plugin.services import actions
from plugin.services.access import Role
from plugin.store.actions import Action
from plugin.store.mirror import DeviceRow

door = Door("actions", "What was asked of vendors' devices.")


class ActionSchema(Answer):
    """One action on one device."""

    id = fields.Integer()
    wish_id = fields.Integer(
        allow_none=True, metadata={"description": "The wish for several devices it belongs to"}
    )
    vendor_id = fields.Integer()
    device_id = fields.String(
        metadata={"description": "The vendor's own id; empty for a whole workspace"}
    )
    device_name = fields.String()
    action = one_of(ActionKind, attribute="kind")
    state = one_of(ActionState)
    detail = fields.String(metadata={"description": "What the vendor says, or why it failed"})
    asked_by = fields.String()
    asked_at = Moment()
    ended_at = Moment(allow_none=True)


class DeviceActionsSchema(Answer):
    """What can be asked of a device, and what was."""

    offered = fields.List(one_of(ActionKind))
    actions = fields.List(fields.Nested(ActionSchema))


class ActionWishSchema(Wish):
    """What to do."""

    action = one_of(ActionKind, required=True)


def _device(number: int) -> DeviceRow:
    row = row_of(DeviceRow, number)
    return row if scope().shows_workspace(row.vendor_id, row.workspace_id) else abort(404)


@devices.route(f"/{ID}/actions")
class DeviceActions(MethodView):
    """The actions of one device."""

    @allow(Role.VIEWER, limited=True)
    @devices.answers(DeviceActionsSchema)
    def get(self, number: int) -> dict[str, object]:
        """Tell what can be asked of a device, and the newest actions."""
        row = _device(number)
        return {"offered": actions.offered(runtime(), row), "actions": actions.of_device(row)}

    @allow(Role.TECHNICIAN, limited=True)
    @devices.takes(ActionWishSchema)
    @devices.answers(ActionSchema, 201)
    def post(self, given: dict[str, Any], number: int) -> Action:
        """Ask for an action; follow it by its number."""
        kind = ActionKind(given["action"])
        return actions.ask(runtime(), person().name, _device(number), kind)


@door.route(f"/{ID}")
class OneAction(MethodView):
    """One action."""

    @allow(Role.VIEWER, limited=True)
    @door.answers(ActionSchema)
    def get(self, number: int) -> Action:
        """Tell how far an action is."""
        row = known(actions.get, number)
        return row if scope().shows_workspace(row.vendor_id, row.workspace_id) else abort(404)
