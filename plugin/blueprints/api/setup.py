"""The guided set-up: how it stands, and its steps."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import Door
from plugin.blueprints.api.values import Answer, Switch, Text, Whole, Wish, one_of
from plugin.blueprints.guard import allow, person, runtime
from plugin.domain.errors import FormError, RuleError
from plugin.services import guided
from plugin.services.access import Role
from plugin.services.guided import Setup, Step

door = Door("setup", "The guided set-up, from the environment to the first dry run.")


class SetupStepSchema(Answer):
    """One step as it stands."""

    step = one_of(Step)
    done = fields.Boolean()
    told = fields.String(metadata={"description": "What was chosen, in a few words"})


class DryRunSchema(Answer):
    """What would be written if every ticket rule were on; nothing was written."""

    workspaces = fields.Integer()
    mapped = fields.Integer()
    devices = fields.Integer()
    tickets = fields.Integer()
    reasons = fields.Dict(keys=fields.String(), values=fields.Integer())
    runs_living = fields.Integer(metadata={"description": "Sync runs still under way"})


class SetupSchema(Answer):
    """The set-up as it stands."""

    current = one_of(Step, allow_none=True)
    integration_id = fields.Integer(allow_none=True)
    steps = fields.List(fields.Nested(SetupStepSchema))
    dry_run = fields.Nested(DryRunSchema, allow_none=True)


class BeginSchema(Wish):
    """A beginning."""

    anew = Switch(load_default=False, metadata={"description": "Forget what was chosen so far"})


class TakeSchema(Wish):
    """What is chosen in a step; a step that is only passed needs nothing."""

    step = one_of(Step, required=True)
    connection_id = Whole(metadata={"description": "For vendor and host"})
    workspaces = fields.List(Text(least=1, most=200), metadata={"description": "For workspaces"})
    administrators = Text(most=20_000, metadata={"description": "email;alias, one per line"})


def _told(setup: Setup) -> dict[str, object]:
    joined = setup.integration
    return {
        "current": setup.current,
        "integration_id": joined.id if joined else None,
        "steps": setup.steps,
        "dry_run": guided.dry_run(runtime(), joined) if joined else None,
    }


@door.route()
class GuidedSetup(MethodView):
    """The guided set-up."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(SetupSchema)
    def get(self) -> dict[str, object]:
        """Tell how the set-up stands, with the count of a dry run once there is an integration."""
        return _told(guided.look(runtime()))

    @allow(Role.ADMINISTRATOR)
    @door.takes(BeginSchema)
    @door.answers(SetupSchema)
    def post(self, given: dict[str, Any]) -> dict[str, object]:
        """Begin the set-up, or go on with the one under way."""
        guided.begin(runtime(), person().name, anew=given["anew"])
        return _told(guided.look(runtime()))

    @allow(Role.ADMINISTRATOR)
    @door.takes(TakeSchema)
    @door.answers(SetupSchema)
    def put(self, given: dict[str, Any]) -> dict[str, object]:
        """Take what is chosen in a step."""
        _take(Step(given["step"]), given)
        return _told(guided.look(runtime()))


def _take(step: Step, given: dict[str, Any]) -> None:
    who, number = person().name, given.get("connection_id", 0)
    if step is Step.VENDOR:
        guided.choose_vendor(runtime(), who, number)
    elif step is Step.WORKSPACES:
        guided.choose_workspaces(runtime(), who, given.get("workspaces", []))
    elif step is Step.ADMINISTRATORS:
        lines = guided.choose_administrators(runtime(), who, given.get("administrators", ""))
        faults = [RuleError("administrators", each.fault) for each in lines if each.fault]
        if faults:
            raise FormError(faults)
    elif step is Step.HOST:
        guided.choose_host(runtime(), who, number)
    else:
        guided.go_on(runtime(), who, step)
