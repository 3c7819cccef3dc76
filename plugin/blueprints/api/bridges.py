"""Bridges: named, enrolled, mapped, balanced, turned out."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import ID, Door, Short, known, row_of
from plugin.blueprints.api.values import Answer, Moment, Switch, Text, Whole, Wish, one_of
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.services.access import Role
from plugin.services.bridges import history, leases, planning, registry, roles
from plugin.services.bridges.planning import DIRECT, Line, Proposals
from plugin.services.lists import Ask, Listing
from plugin.store.bridges import Bridge, BridgeEvent
from plugin.store.integrations import Connection

door = Door("bridges", "Computers that talk to vendors for integrations, and who holds what.")


class BridgeSchema(Answer):
    """A bridge with what it carries, in devices, as they weigh."""

    id = fields.Integer()
    name = fields.String()
    host_id = fields.Integer(allow_none=True)
    computer_id = fields.String(allow_none=True)
    roles = fields.List(fields.String())
    enrolled = fields.Boolean()
    online = fields.Boolean()
    host_online = fields.Boolean(allow_none=True)
    beat_at = Moment(allow_none=True)
    integration_id = fields.Integer(allow_none=True)
    integration = fields.String()
    capacity = fields.Integer(metadata={"description": "0 for any"})
    draining = fields.String(metadata={"description": "Empty, or why"})
    workspaces = fields.Integer()
    carries = fields.Float(attribute="load")
    version = fields.String()
    last_error = fields.String()


class NewBridgeSchema(Wish):
    """A bridge named by hand, for a host that lists no computers."""

    name = Text(required=True, least=1, most=200)


class BridgeChangeSchema(Wish):
    """What to change; ``integration_id`` null takes it off its integration."""

    integration_id = Whole(allow_none=True)
    capacity = Whole(least=0, most=10_000_000)
    draining = Switch()


class BridgeTokenSchema(Answer):
    """A one-time token; it is never shown again."""

    token = fields.String()


class BridgeEventSchema(Answer):
    """One line of the history."""

    at = Moment()
    kind = fields.String()
    text = fields.String()
    vendor_id = fields.Integer(allow_none=True)
    scope = fields.String()


class BridgeHistorySchema(Answer):
    """The newest lines of a bridge's history."""

    items = fields.List(fields.Nested(BridgeEventSchema))


class BridgeOntoSchema(Answer):
    """A bridge that would be mapped onto another integration."""

    bridge_id = fields.Integer()
    bridge = fields.String()
    before = fields.String()
    after = fields.String()


class BridgeLoadSchema(Answer):
    """What a bridge carries before and after."""

    bridge_id = fields.Integer()
    bridge = fields.String()
    before = fields.Float()
    after = fields.Float()


class BridgeMoveSchema(Answer):
    """A workspace that would change hands."""

    workspace = fields.String()
    weight = fields.Float()
    before = fields.String()
    after = fields.String()


class BridgeProposalSchema(Answer):
    """The plan for one integration."""

    integration_id = fields.Integer()
    integration = fields.String()
    bridges = fields.List(fields.Nested(BridgeLoadSchema), attribute="loads")
    moves = fields.List(fields.Nested(BridgeMoveSchema))


class BridgePlanSchema(Answer):
    """Everything a plan would change."""

    mappings = fields.List(fields.Nested(BridgeOntoSchema))
    integrations = fields.List(fields.Nested(BridgeProposalSchema))


class BridgeAppliedSchema(Answer):
    """What a plan changed."""

    moved = fields.Integer()


class BridgeAutomaticSchema(Answer):
    """Whether plans apply themselves, and from what imbalance on, in per cent."""

    automatic = fields.Boolean()
    threshold = fields.Integer()


class BridgeAutomaticWishSchema(Wish):
    """The same as a wish."""

    automatic = Switch(required=True)
    threshold = Whole(required=True, most=1000)


class BridgePinWishSchema(Wish):
    """Which bridge should hold a workspace; null for whichever."""

    vendor_id = Whole(required=True)
    workspace_id = Text(required=True, most=200)
    bridge_id = Whole(required=True, allow_none=True)


class BridgeReachWishSchema(Wish):
    """How a vendor connection is reached."""

    vendor_id = Whole(required=True)
    reach = one_of((DIRECT, history.BRIDGE_ONLY), required=True)


def _line(bridge: Bridge) -> Line:
    return planning.lines(runtime(), [bridge])[0]


@door.route()
class Bridges(MethodView):
    """All bridges."""

    @allow(Role.VIEWER)
    @door.lists(BridgeSchema, sorts=("name",))
    def get(self, ask: Ask) -> Listing[Line]:
        """List the bridges that were not turned out."""
        wanted = ask.q.casefold()
        rows = [each for each in registry.everyone() if wanted in each.name.casefold()]
        return Short(planning.lines(runtime(), rows), name=lambda line: line.row.name).page(ask)

    @allow(Role.ADMINISTRATOR)
    @door.takes(NewBridgeSchema)
    @door.answers(BridgeSchema, 201)
    def post(self, given: dict[str, Any]) -> Line:
        """Name a bridge by hand."""
        return _line(registry.name(runtime(), person().name, given["name"]))


@door.route(f"/{ID}")
class OneBridge(MethodView):
    """One bridge."""

    @allow(Role.VIEWER)
    @door.answers(BridgeSchema)
    def get(self, number: int) -> Line:
        """Tell how a bridge is."""
        return _line(known(history.get, number))

    @allow(Role.ADMINISTRATOR)
    @door.takes(BridgeChangeSchema)
    @door.answers(BridgeSchema)
    def patch(self, given: dict[str, Any], number: int) -> Line:
        """Map a bridge onto an integration, limit it, or drain it."""
        bridge = known(history.get, number)
        who = person().name
        if "integration_id" in given:
            registry.place(runtime(), who, bridge, given["integration_id"])
        if "capacity" in given:
            registry.set_capacity(runtime(), who, bridge, given["capacity"])
        if "draining" in given:
            registry.drain(runtime(), who, bridge, on=given["draining"])
        leases.keep(runtime())
        return _line(bridge)

    @allow(Role.ADMINISTRATOR)
    @door.answers(BridgeSchema)
    def delete(self, number: int) -> Line:
        """Turn a bridge out at once."""
        bridge = known(history.get, number)
        registry.revoke(runtime(), person().name, bridge)
        leases.keep(runtime())
        return _line(bridge)


@door.route(f"/{ID}/token")
class BridgeToken(MethodView):
    """The one-time token of a bridge."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(BridgeTokenSchema, 201)
    def post(self, number: int) -> dict[str, str]:
        """Make a one-time token with which the program enrols."""
        bridge = known(history.get, number)
        return {"token": registry.new_token(runtime(), person().name, bridge)}


@door.route(f"/{ID}/company")
class BridgeCompany(MethodView):
    """The company of a bridge's computer."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(BridgeSchema)
    def post(self, number: int) -> Line:
        """Allow bridges on the computers of this company."""
        bridge = known(history.get, number)
        registry.allow_company(runtime(), person().name, bridge)
        return _line(bridge)


@door.route(f"/{ID}/history")
class BridgeHistory(MethodView):
    """What happened to a bridge."""

    @allow(Role.VIEWER)
    @door.answers(BridgeHistorySchema)
    def get(self, number: int) -> dict[str, list[BridgeEvent]]:
        """Tell the newest lines of its history."""
        return {"items": history.of_bridge(known(history.get, number).id)}


@door.route("/plan")
class BridgePlan(MethodView):
    """The plan of now."""

    @allow(Role.VIEWER)
    @door.answers(BridgePlanSchema)
    def get(self) -> Proposals:
        """Tell what a plan would change; nothing is written."""
        return planning.propose(runtime(), scope().is_open)


@door.route("/apply")
class BridgeApply(MethodView):
    """Applying a plan."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(BridgeAppliedSchema)
    def post(self) -> dict[str, int]:
        """Make the plan of now so."""
        return {"moved": planning.apply(runtime(), person().name)}


@door.route("/automatic")
class BridgeAutomatic(MethodView):
    """Plans that apply themselves."""

    @allow(Role.VIEWER)
    @door.answers(BridgeAutomaticSchema)
    def get(self) -> dict[str, object]:
        """Tell whether plans apply themselves."""
        on, threshold = history.automatic()
        return {"automatic": on, "threshold": threshold}

    @allow(Role.ADMINISTRATOR)
    @door.takes(BridgeAutomaticWishSchema)
    @door.answers(BridgeAutomaticSchema)
    def put(self, given: dict[str, Any]) -> dict[str, object]:
        """Let plans apply themselves, or not."""
        planning.set_automatic(
            runtime(), person().name, on=given["automatic"], threshold=given["threshold"]
        )
        return given


@door.route("/pins")
class BridgePins(MethodView):
    """Workspaces pinned to bridges."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(BridgePinWishSchema)
    @door.answers(BridgeAppliedSchema)
    def put(self, given: dict[str, Any]) -> dict[str, int]:
        """Pin a workspace to a bridge, or end that."""
        wanted = given["bridge_id"]
        bridge = known(history.get, wanted) if wanted is not None else None
        planning.pin(runtime(), person().name, given["vendor_id"], given["workspace_id"], bridge)
        return {"moved": leases.keep(runtime())}


@door.route("/reach")
class BridgeReach(MethodView):
    """How vendors are reached."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(BridgeReachWishSchema)
    @door.answers(BridgeAppliedSchema)
    def put(self, given: dict[str, Any]) -> dict[str, int]:
        """Say whether a vendor is reached direct or by bridge only."""
        connection = row_of(Connection, given["vendor_id"])
        planning.set_reach(runtime(), person().name, connection, given["reach"])
        return {"moved": leases.keep(runtime())}


@door.route("/look")
class BridgeLook(MethodView):
    """Looking for role computers."""

    @allow(Role.TECHNICIAN)
    @door.answers(BridgeAppliedSchema)
    def post(self) -> dict[str, int]:
        """Have the hosts' role computers looked at now."""
        return {"moved": roles.ask_all(runtime(), person().name)}
