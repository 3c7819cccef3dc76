"""Mappings: which workspace belongs to which company."""

from typing import Any

from flask import abort
from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import Door, known, named, page_of
from plugin.blueprints.api.seen import WorkspaceNameSchema
from plugin.blueprints.api.values import (
    Answer,
    Moment,
    QueryWhole,
    Text,
    ToldText,
    Whole,
    Wish,
    one_of,
)
from plugin.blueprints.guard import allow, person, runtime
from plugin.services import integrations, lists, mapping
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing, MappingLine

door = Door("mappings", "Workspace to company, for each integration.")


class CompanyNameSchema(Answer):
    """A company's number in Bridgehead, id at the host, and name."""

    id = fields.Integer()
    company_id = fields.String()
    name = fields.String()


class MappingSchema(Answer):
    """A workspace and the company it is mapped to, if it is."""

    workspace = fields.Nested(WorkspaceNameSchema)
    workspace_id = ToldText(lambda line: line.workspace.workspace_id)
    company = fields.Nested(CompanyNameSchema, allow_none=True)
    company_id = ToldText(
        lambda line: line.mapping.company_id if line.mapping else None, allow_none=True
    )
    state = one_of(("mapped", "broken", "ignored", "unmapped"))
    reason = fields.String(metadata={"description": "Why the mapping is broken"})
    made_by = ToldText(lambda line: line.mapping.made_by if line.mapping else "")
    made_at = Moment(attribute="mapping.made_at", allow_none=True, dump_default=None)


class MappingWishSchema(Wish):
    """A workspace and the company it shall belong to."""

    integration_id = Whole(required=True)
    workspace_id = Text(
        required=True, least=1, most=200, metadata={"description": "The vendor's own id"}
    )
    company_id = Text(
        required=True,
        allow_none=True,
        most=100,
        metadata={"description": "The host's own id; null takes the mapping away"},
    )


@door.route()
class Mappings(MethodView):
    """The mappings of an integration."""

    @allow(Role.VIEWER)
    @door.lists(
        MappingSchema,
        sorts=("name", "devices"),
        filters={
            "integration": QueryWhole(required=True),
            "state": one_of(("mapped", "unmapped", "suggested", "broken")),
        },
    )
    def get(self, ask: Ask) -> Listing[MappingLine]:
        """List an integration's workspaces with their companies."""
        integration = known(integrations.get, ask.number("integration") or 0)
        table, bound = lists.mappings(integration, ask)
        return page_of(table, bound)

    @allow(Role.ADMINISTRATOR)
    @door.takes(MappingWishSchema)
    @door.answers(MappingSchema)
    def put(self, given: dict[str, Any]) -> MappingLine:
        """Map a workspace to a company, or take its mapping away."""
        workspace_id, company_id = given["workspace_id"], given["company_id"] or ""
        with named(integration="integration_id", workspace="workspace_id", company="company_id"):
            integration = integrations.get(given["integration_id"])
            mapping.map_company(runtime(), person().name, integration, workspace_id, company_id)
        return lists.mapping_of(integration, workspace_id) or abort(404)
