"""Integrations: pair a host with a vendor, choose workspaces, switch, synchronise."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.activity import RunSchema
from plugin.blueprints.api.doors import ID, Door, Short, known, named
from plugin.blueprints.api.values import (
    Answer,
    Change,
    Moment,
    Switch,
    Text,
    ToldText,
    Whole,
    Wish,
    one_of,
)
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.services import connections, integration_changes, integrations, lists, registration
from plugin.services.access import Role
from plugin.services.lists import Ask, IntegrationLine, Listing, WorkspaceChoice
from plugin.store.integrations import Integration, IntegrationState
from plugin.store.work import SyncRun

VERSION = "The version that was looked at; without it nothing is compared"
door = Door("integrations", "Pairings of a host connection and a vendor connection.")


def _row(of: IntegrationLine | Integration) -> Integration:
    return of.row if isinstance(of, IntegrationLine) else of


class IntegrationSchema(Answer):
    """An integration; ``id`` is the Bridgehead reference."""

    id = fields.Integer()
    name = fields.String()
    state = one_of(IntegrationState)
    host_id = fields.Integer()
    host = ToldText(lambda of: _row(of).host.name)
    vendor_id = fields.Integer()
    vendor = ToldText(lambda of: _row(of).vendor.name)
    integration_id = fields.String(
        attribute="vendor_reference", metadata={"description": "Issued by the vendor, if it does"}
    )
    vendor_problem = ToldText(
        lambda of: record.problem if (record := registration.record_of(_row(of))) else "",
        metadata={"description": "Why the vendor does not have it as it is here; empty if it does"},
    )
    writes_tickets = fields.Boolean()
    created_at = Moment()
    version = fields.Integer()


class CoverageSchema(Answer):
    """How many workspaces are served and how many of them have a company."""

    workspaces = fields.Integer()
    mapped = fields.Integer()


class IntegrationLineSchema(IntegrationSchema):
    """An integration with what it serves."""

    coverage = fields.Nested(CoverageSchema)
    tickets_open = fields.Integer()


class NewIntegrationSchema(Wish):
    """An integration to be made; without a name it gets the usual one."""

    host_id = Whole(required=True)
    vendor_id = Whole(required=True)
    name = Text(least=1, most=200)


class IntegrationChangeSchema(Change):
    """What to change."""

    version = Whole(required=True, metadata={"description": "The version that was looked at"})
    name = Text(least=1, most=200)
    writes_tickets = Switch()


class WorkspaceChoiceSchema(Answer):
    """A workspace of the vendor as this integration may choose it."""

    id = fields.Integer()
    workspace_id = fields.String()
    name = fields.String()
    devices = fields.Integer()
    chosen = fields.Boolean()
    owner = ToldText(
        lambda choice: choice.owner.name if choice.owner else None,
        allow_none=True,
        metadata={"description": "Another integration of this platform that serves it"},
    )


class WorkspaceWishSchema(Wish):
    """Exactly the workspaces to serve, by the vendor's ids."""

    version = Whole(metadata={"description": VERSION})
    workspaces = fields.List(
        Text(least=1, most=200),
        required=True,
        metadata={"description": "Ids as `workspace_id` tells them; others stop synchronising"},
    )


class MoveSchema(Wish):
    """Where to move an integration."""

    host_id = Whole(required=True, metadata={"description": "Another host connection"})
    version = Whole(metadata={"description": VERSION})


class SyncWishSchema(Wish):
    """How much to fetch."""

    may_be_left_out = True

    full = Switch(
        load_default=False,
        metadata={"description": "Everything, and let vanished devices go without a question"},
    )
    workspace_id = Text(
        load_default="",
        metadata={"description": "Only this workspace, by the id the vendor gives it"},
    )


class RunsSchema(Answer):
    """The runs that were asked for, or lived already."""

    runs = fields.List(fields.Nested(RunSchema))


@door.route()
class Integrations(MethodView):
    """All integrations of the environment."""

    @allow(Role.VIEWER)
    @door.lists(IntegrationLineSchema, sorts=("name", "state"))
    def get(self, ask: Ask) -> Listing[IntegrationLine]:
        """List the integrations."""
        return Short(
            lists.integrations(runtime(), q=ask.q, scope=scope()),
            name=lambda line: line.row.name.casefold(),
            state=lambda line: line.row.state,
        ).page(ask)

    @allow(Role.ADMINISTRATOR)
    @door.takes(NewIntegrationSchema)
    @door.answers(IntegrationSchema, 201)
    def post(self, given: dict[str, Any]) -> Integration:
        """Pair two connections; all rules and switches start as off."""
        with named(connection="host_id"):
            host = connections.get(given["host_id"])
        with named(connection="vendor_id"):
            vendor = connections.get(given["vendor_id"])
        name = given.get("name") or integrations.default_name(runtime(), host)
        with named(host="host_id", vendor="vendor_id"):
            return integrations.create(runtime(), person().name, host, vendor, name)


@door.route(f"/{ID}")
class OneIntegration(MethodView):
    """One integration."""

    @allow(Role.VIEWER)
    @door.answers(IntegrationSchema)
    def get(self, number: int) -> Integration:
        """Tell one integration."""
        return known(integrations.get, number)

    @allow(Role.ADMINISTRATOR)
    @door.takes(IntegrationChangeSchema)
    @door.answers(IntegrationSchema)
    def patch(self, given: dict[str, Any], number: int) -> Integration:
        """Rename it or turn its switches; 409 when somebody else did so since ``version``."""
        integration, version = known(integrations.get, number), given["version"]
        if "name" in given:
            integrations.rename(runtime(), person().name, integration, given["name"], version)
            version = integration.version
        if "writes_tickets" in given:
            on = given["writes_tickets"]
            integrations.switch_tickets(
                runtime(), person().name, integration, on=on, version=version
            )
        return integration

    @allow(Role.ADMINISTRATOR)
    @door.answers(status=204, says="It is deleted.")
    def delete(self, number: int) -> None:
        """End it: workspaces are free to join another integration, administrators are told."""
        integration_changes.delete(runtime(), person().name, known(integrations.get, number))


@door.route(f"/{ID}/move")
class IntegrationMove(MethodView):
    """Moving an integration to another platform."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(MoveSchema)
    @door.answers(IntegrationSchema)
    def post(self, given: dict[str, Any], number: int) -> Integration:
        """Move it: workspaces, administrators and rules stay, companies are mapped anew."""
        integration = known(integrations.get, number)
        with named(connection="host_id"):
            host = connections.get(given["host_id"])
        with named(host="host_id"):
            integration_changes.move(
                runtime(), person().name, integration, host, given.get("version")
            )
        return integration


@door.route(f"/{ID}/register")
class IntegrationRegistration(MethodView):
    """The vendor's record of an integration."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(IntegrationSchema, 202)
    def post(self, number: int) -> Integration:
        """Bring the vendor's record in step now; one that the vendor has lost is made anew."""
        integration = known(integrations.get, number)
        registration.try_again(runtime(), person().name, integration)
        return integration


@door.route(f"/{ID}/workspaces")
class IntegrationWorkspaces(MethodView):
    """The workspaces of an integration."""

    @allow(Role.VIEWER)
    @door.lists(WorkspaceChoiceSchema, sorts=("name", "devices"))
    def get(self, ask: Ask, number: int) -> Listing[WorkspaceChoice]:
        """List the vendor's workspaces and which of them this integration serves."""
        return _choices(known(integrations.get, number), ask)

    @allow(Role.ADMINISTRATOR)
    @door.takes(WorkspaceWishSchema)
    @door.answers(IntegrationSchema)
    def put(self, given: dict[str, Any], number: int) -> Integration:
        """Serve exactly these workspaces."""
        integration = known(integrations.get, number)
        integrations.choose_workspaces(
            runtime(), person().name, integration, given["workspaces"], given.get("version")
        )
        return integration


def _choices(integration: Integration, ask: Ask) -> Listing[WorkspaceChoice]:
    return Short(
        lists.workspace_choices(integration, ask.q),
        name=lambda choice: choice.row.name.casefold(),
        devices=lambda choice: choice.row.devices,
    ).page(ask)


@door.route(f"/{ID}/sync")
class IntegrationSync(MethodView):
    """Synchronising an integration."""

    @allow(Role.TECHNICIAN)
    @door.takes(SyncWishSchema)
    @door.answers(RunsSchema, 202)
    def post(self, given: dict[str, Any], number: int) -> dict[str, list[SyncRun]]:
        """Ask for everything the integration needs, or for one workspace; watch the runs."""
        integration = known(integrations.get, number)
        who, full = person().name, given["full"]
        if workspace_id := given["workspace_id"]:
            run = integrations.sync_workspace(runtime(), who, integration, workspace_id, full=full)
            return {"runs": [run]}
        return {"runs": integrations.sync_now(runtime(), who, integration, full=full)}
