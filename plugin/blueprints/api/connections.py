"""Connections: add, look at, change, remove, check."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import ID, Door, Short, known, named
from plugin.blueprints.api.values import (
    Answer,
    Change,
    Moment,
    Switch,
    Text,
    ToldList,
    ToldSwitch,
    ToldText,
    ToldWords,
    Whole,
    Wish,
    one_of,
)
from plugin.blueprints.climbing import climbing, prove_again
from plugin.blueprints.guard import allow, person, runtime
from plugin.domain.errors import FormError, RuleError
from plugin.domain.rights import Access, Holding, Mark, Recipe
from plugin.services import connections, lists, trial_call
from plugin.services.access import Role
from plugin.services.connections import Outcome
from plugin.services.lists import Ask, ConnectionLine, Listing
from plugin.store.integrations import Connection, ConnectionState, Side

door = Door("connections", "Stored addresses and credentials of hosts and vendors.")


def _row(of: ConnectionLine | Connection) -> Connection:
    return of.row if isinstance(of, ConnectionLine) else of


def _is_administrator() -> bool:
    return person().role.covers(Role.ADMINISTRATOR)


def _settings(of: ConnectionLine | Connection) -> dict[str, str] | None:
    return dict(_row(of).settings) if _is_administrator() else None


def _webhook_url(of: ConnectionLine | Connection) -> str | None:
    url = connections.webhook_url(runtime(), _row(of)) if _is_administrator() else ""
    return url or None


class StepSchema(Answer):
    """One step of the connection check; cause and cure are empty unless it failed."""

    name = fields.String()
    outcome = one_of(Outcome)
    seen = fields.String()
    cause = fields.String()
    cure = fields.String()


class RightSchema(Answer):
    """One right that the remote's account needs; the cure is empty unless it is missing."""

    name = fields.String()
    access = one_of(Access)
    needed_for = fields.String()
    without = fields.String(metadata={"description": "What stops without it"})
    holding = one_of(Holding)
    seen = fields.String(metadata={"description": "What the self-test saw, or why it cannot tell"})
    cure = fields.String()


class GuideLineSchema(Answer):
    """One step of the guide that makes the dedicated user, with its mark."""

    text = fields.String()
    recipe = one_of(Recipe)
    mark = one_of(Mark)
    reason = fields.String()


def _guide(of: ConnectionLine | Connection) -> list[connections.GuideLine]:
    kind = runtime().adapters.get(_row(of).kind)
    return connections.guide_of(kind, _row(of)) if kind else []


class ConnectionSchema(Answer):
    """A connection; its secrets are never shown."""

    id = fields.Integer()
    side = one_of(Side)
    kind = fields.String()
    name = fields.String()
    environment = fields.String(metadata={"description": "Empty where there is only one"})
    active = ToldSwitch(lambda of: runtime().is_active(_row(of)))
    settings = ToldWords(
        _settings,
        allow_none=True,
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "Without secrets; for administrators"},
    )
    webhook_url = ToldText(
        _webhook_url,
        allow_none=True,
        metadata={"description": "Where the host calls us, if it does; for administrators"},
    )
    allow_private = fields.Boolean()
    state = one_of(ConnectionState)
    problem = fields.String()
    state_since = Moment(allow_none=True)
    checked_at = Moment(allow_none=True)
    worked_at = Moment(allow_none=True)
    created_at = Moment()
    version = fields.Integer()


class ConnectionLineSchema(ConnectionSchema):
    """A connection with what depends on it."""

    integrations = fields.Integer()
    devices = fields.Integer()


class ConnectionDetailSchema(ConnectionSchema):
    """A connection with its last check and what a deletion would take with it."""

    check_result = ToldList(lambda of: connections.steps_kept(_row(of)), fields.Nested(StepSchema))
    rights = ToldList(lambda of: connections.rights_kept(_row(of)), fields.Nested(RightSchema))
    guide = ToldList(_guide, fields.Nested(GuideLineSchema))
    goes_with = ToldWords(
        lambda of: connections.what_goes_with(_row(of)),
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "What a deletion takes with it, counted"},
    )


class CheckSchema(Answer):
    """How a connection check ended."""

    state = one_of(ConnectionState)
    problem = fields.String()
    steps = fields.List(fields.Nested(StepSchema))
    rights = fields.List(fields.Nested(RightSchema))


class TestCallSchema(Answer):
    """How a test call ended."""

    steps = fields.List(fields.Nested(StepSchema))


def _values(**options: Any) -> fields.Dict:
    about = "By the names that the kind's fields have; secrets are taken and never given back"
    name, value = Text(least=1, most=80), Text(most=20_000)
    return fields.Dict(keys=name, values=value, metadata={"description": about}, **options)


class NewConnectionSchema(Wish):
    """A connection to be made."""

    kind = Text(required=True, least=1, most=40)
    name = Text(required=True, least=1, most=100)
    settings = _values(required=True)
    allow_private = Switch(
        load_default=False,
        metadata={"description": "The server stands in a private network, and that is right"},
    )


class ConnectionChangeSchema(Change):
    """What to change; a secret that is left out keeps its value."""

    version = Whole(required=True, metadata={"description": "The version that was looked at"})
    name = Text(least=1, most=100)
    settings = _values()


@door.route()
class Connections(MethodView):
    """All connections of the environment."""

    @allow(Role.VIEWER)
    @door.lists(
        ConnectionLineSchema, sorts=("name", "kind", "state"), filters={"side": one_of(Side)}
    )
    def get(self, ask: Ask) -> Listing[ConnectionLine]:
        """List the connections."""
        lines = lists.connections(runtime(), side=ask.text("side"), q=ask.q)
        return Short(
            lines,
            name=lambda line: line.row.name.casefold(),
            kind=lambda line: line.row.kind,
            state=lambda line: line.row.state,
        ).page(ask)

    @allow(Role.ADMINISTRATOR)
    @door.takes(NewConnectionSchema)
    @door.answers(ConnectionDetailSchema, 201)
    def post(self, given: dict[str, Any]) -> Connection:
        """Add a connection in the environment that holds now."""
        kind, settings = given["kind"], given["settings"]
        with _settings_named(kind, settings):
            return connections.create(
                runtime(),
                person().name,
                kind,
                given["name"],
                settings,
                allow_private=given["allow_private"],
            )


@contextmanager
def _settings_named(kind: str, settings: Mapping[str, str]) -> Iterator[None]:
    """Refuse settings that the kind does not have; let faults of the others name their place."""
    known_names = {each.name for each in runtime().adapter_class(kind).fields}
    unknown = sorted(settings.keys() - known_names)
    if unknown:
        raise FormError([RuleError(f"settings.{each}", "Unknown field.") for each in unknown])
    with named(**{each: f"settings.{each}" for each in known_names}):
        yield


@door.route(f"/{ID}")
class OneConnection(MethodView):
    """One connection."""

    @allow(Role.VIEWER)
    @door.answers(ConnectionDetailSchema)
    def get(self, number: int) -> Connection:
        """Tell one connection."""
        return known(connections.get, number)

    @allow(Role.ADMINISTRATOR)
    @door.takes(ConnectionChangeSchema)
    @door.answers(ConnectionDetailSchema)
    def patch(self, given: dict[str, Any], number: int) -> Connection:
        """Change name or settings; 409 when somebody else did so since ``version``.

        Another secret is tried first: one that works stays until the new one does.
        """
        connection = known(connections.get, number)
        changed, name = given.get("settings", {}), given.get("name", connection.name)
        settings = {**connection.settings, **changed}
        with _settings_named(connection.kind, changed):
            with climbing():
                connections.demand_working(runtime(), connection, name, settings)
            prove_again(Role.ADMINISTRATOR)
            connections.edit(runtime(), person().name, connection, name, settings, given["version"])
        return connection

    @allow(Role.ADMINISTRATOR)
    @door.answers(status=204)
    def delete(self, number: int) -> None:
        """Take a connection out of use, with what goes with it."""
        connections.delete(runtime(), person().name, known(connections.get, number))


@door.route(f"/{ID}/check")
class ConnectionCheck(MethodView):
    """The connection check."""

    @allow(Role.TECHNICIAN)
    @door.answers(CheckSchema)
    def post(self, number: int) -> dict[str, object]:
        """Make the smallest real calls in order, test each right, and tell how each ended."""
        connection = known(connections.get, number)
        with climbing():
            steps = connections.check(runtime(), connection)
        return {
            "state": connection.state,
            "problem": connection.problem,
            "steps": steps,
            "rights": connections.rights_kept(connection),
        }


@door.route(f"/{ID}/test-call")
class ConnectionTestCall(MethodView):
    """A test call from the host to us."""

    @allow(Role.TECHNICIAN)
    @door.answers(TestCallSchema)
    def post(self, number: int) -> dict[str, object]:
        """Save something harmless at the host and wait up to 15 seconds until its call arrives."""
        connection = known(connections.get, number)
        return {"steps": trial_call.send(runtime(), person().name, connection)}
