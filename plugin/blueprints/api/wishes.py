"""Actions on many devices: what they would do, asking for them once, and how far they are."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import abort
from flask.views import MethodView
from marshmallow import ValidationError, fields, validate, validates_schema

from plugin.blueprints.api.actions import ActionSchema
from plugin.blueprints.api.doors import ID, Door, known, page_of
from plugin.blueprints.api.values import Answer, Moment, Text, Whole, Wish, one_of
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.domain.errors import RuleError
from plugin.domain.model import ActionKind
from plugin.services import action_plans, lists, wishes
from plugin.services.access import Role
from plugin.services.action_plans import Plan, Target
from plugin.services.lists import Ask, Listing, WishLine
from plugin.store.actions import Action, ActionWish

door = Door("action-wishes", "What was asked of several devices at once.")

MOST = 1000
STATES = ("waiting", "running", "done", "partial", "failed")


class LeftOutSchema(Answer):
    """What an action cannot be done on, and why."""

    name = fields.String()
    why = fields.String()


class PlanPartSchema(Answer):
    """One action that would be started."""

    name = fields.String()
    vendor_id = fields.Integer()
    device_id = fields.String(
        metadata={"description": "The vendor's own id; empty for a whole workspace"}
    )
    devices = fields.Integer()


class PlanSchema(Answer):
    """What a wish would do."""

    devices = fields.Integer()
    too_many = fields.Boolean()
    most = fields.Integer(metadata={"description": "How many can be asked for at once"})
    seal = fields.String(metadata={"description": "Send it with the wish to get exactly this"})
    parts = fields.List(fields.Nested(PlanPartSchema))
    left_out = fields.List(fields.Nested(LeftOutSchema))


class CountsSchema(Answer):
    """How many actions are in each state."""

    waiting = fields.Integer()
    running = fields.Integer()
    done = fields.Integer()
    failed = fields.Integer()


class ActionWishLineSchema(Answer):
    """What was asked for, and how far it is."""

    id = fields.Integer()
    action = one_of(ActionKind, attribute="kind")
    target = fields.String()
    devices = fields.Integer()
    tasks = fields.Integer()
    counts = fields.Nested(CountsSchema)
    asked_by = fields.String()
    asked_at = Moment()


class ActionWishToldSchema(ActionWishLineSchema):
    """A wish with each of its actions."""

    state = one_of(STATES)
    left_out = fields.List(fields.Nested(LeftOutSchema))
    actions = fields.List(fields.Nested(ActionSchema))


class TargetSchema(Wish):
    """On what: some devices, a workspace or a host's company, by our numbers; one of the three."""

    action = one_of(ActionKind, required=True)
    devices = fields.List(Whole(), validate=validate.Length(1, MOST))
    workspace = Whole()
    company = Whole()

    @validates_schema
    def names_one(self, data: Mapping[str, object], **_: object) -> None:
        """Refuse a wish for nothing, and one that can be read two ways."""
        if len(data.keys() & {"devices", "workspace", "company"}) != 1:
            raise ValidationError("Name devices, or a workspace, or a company.")


class ManyActionsWishSchema(TargetSchema):
    """What to do, and on what."""

    key = Text(
        least=8,
        most=64,
        metadata={"description": "Your own; a second wish with it returns the first"},
    )
    seal = Text(most=32, metadata={"description": "Of the plan; refused when that has changed"})


@dataclass(frozen=True, slots=True)
class Told:
    """A wish as it is told with its actions."""

    row: ActionWish
    counts: Mapping[str, int]
    actions: list[Action]

    @property
    def state(self) -> str:
        """How far it is."""
        return wishes.state_of(self.counts)


def _told(row: ActionWish) -> Told:
    counts = lists.wishes.lines([row.id])[row.id].counts
    return Told(row, counts, wishes.actions_of(row, row.tasks))


def _plan(given: Mapping[str, Any]) -> Plan:
    target = Target(
        tuple(given.get("devices", ())), given.get("workspace", 0), given.get("company", 0)
    )
    here = action_plans.reach(scope(), target)
    if here is None:
        abort(404, "There is no such device, workspace or company.")
    return action_plans.plan(runtime(), here, ActionKind(given["action"]))


@door.route()
class ActionWishes(MethodView):
    """All wishes."""

    @allow(Role.VIEWER)
    @door.lists(ActionWishLineSchema, sorts=("time",), filters={"action": one_of(ActionKind)})
    def get(self, ask: Ask) -> Listing[WishLine]:
        """List what was asked of several devices, newest first."""
        return page_of(lists.wishes, ask)

    @allow(Role.TECHNICIAN, limited=True)
    @door.takes(ManyActionsWishSchema)
    @door.answers(ActionWishToldSchema, 201)
    def post(self, given: dict[str, Any]) -> Told:
        """Ask for an action on several devices; follow it by its number."""
        who, token = person().name, given.get("key") or secrets.token_urlsafe(24)
        found = wishes.asked(who, token)
        if found is not None:
            return _told(found)
        made = _plan(given)
        if given.get("seal", made.seal) != made.seal:
            raise RuleError("seal", "What this is about has changed; ask for the plan again.")
        return _told(wishes.ask(runtime(), who, made, token))


@door.route("/plan")
class ActionPlan(MethodView):
    """What a wish would do."""

    @allow(Role.TECHNICIAN, limited=True)
    @door.takes(TargetSchema)
    @door.answers(PlanSchema)
    def post(self, given: dict[str, Any]) -> Plan:
        """Tell on what an action would be done and on what not; changes nothing."""
        return _plan(given)


@door.route(f"/{ID}")
class OneActionWish(MethodView):
    """One wish."""

    @allow(Role.VIEWER, limited=True)
    @door.answers(ActionWishToldSchema)
    def get(self, number: int) -> Told:
        """Tell how far a wish is."""
        row = known(wishes.get, number)
        return _told(row) if wishes.shown(scope(), row) else abort(404)
