"""What helps with mapping: suggestions, options, and companies that nothing protects."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import ID, Door, known, named, page_of
from plugin.blueprints.api.mappings import CompanyNameSchema, door
from plugin.blueprints.api.seen import WorkspaceNameSchema
from plugin.blueprints.api.values import (
    Answer,
    Moment,
    QueryWhole,
    Switch,
    Text,
    ToldSwitch,
    ToldText,
    Whole,
    Wish,
    one_of,
)
from plugin.blueprints.guard import allow, person, runtime
from plugin.services import accepting, integrations, lists, mapping, suggesting
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing, SuggestionLine, UncoveredLine
from plugin.store.integrations import Integration
from plugin.store.mapping import MappingChoice

coverage = Door("coverage", "Companies of the hosts without any protected device.")


class SuggestionSchema(Answer):
    """A company that a workspace without one may be."""

    id = fields.Integer()
    workspace = fields.Nested(WorkspaceNameSchema)
    workspace_id = ToldText(lambda line: line.row.workspace_id)
    company = fields.Nested(CompanyNameSchema)
    company_id = ToldText(lambda line: line.row.company_id)
    score = fields.Integer(metadata={"description": "0 to 100"})
    reasons = fields.List(fields.String())
    exact = ToldSwitch(
        lambda line: line.row.sure,
        metadata={"description": "Can be accepted without a look: equal, unique, uncontradicted"},
    )


class DecisionWishSchema(Wish):
    """Which suggestions of an integration are decided; accepting none means all exact ones."""

    integration_id = Whole(required=True)
    suggestions = fields.List(Whole(), validate=lambda given: len(given) <= accepting.MOST_AT_ONCE)


class RefusalWishSchema(Wish):
    """Which suggestions of an integration are wrong."""

    integration_id = Whole(required=True)
    suggestions = fields.List(
        Whole(), required=True, validate=lambda given: len(given) <= accepting.MOST_AT_ONCE
    )


class AcceptedSchema(Answer):
    """How many were mapped, and why others were not."""

    mapped = fields.Integer()
    left_out = fields.List(fields.String())


class RefusedSchema(Answer):
    """How many pairs are not suggested any more."""

    refused = fields.Integer()


class OptionsSchema(Answer):
    """How an integration maps."""

    integration_id = fields.Integer()
    several = fields.Boolean(
        metadata={"description": "Several workspaces may belong to one company"}
    )
    catch_all_id = fields.String(
        metadata={"description": "The host's id of the company for unmapped work; empty: none"}
    )
    suggested_at = Moment(allow_none=True)


class OptionsWishSchema(Wish):
    """What shall be different in how an integration maps."""

    several = Switch()
    catch_all_id = Text(most=100)


class UncoveredSchema(Answer):
    """An active company without any protected device."""

    id = fields.Integer()
    host_id = fields.Integer()
    company_id = fields.String()
    name = fields.String()
    identifier = fields.String()
    workspace = fields.Nested(
        WorkspaceNameSchema,
        allow_none=True,
        metadata={"description": "A workspace that is mapped to it but protects nothing"},
    )


@door.route("/suggestions")
class Suggestions(MethodView):
    """Which company each unmapped workspace of an integration probably is."""

    @allow(Role.VIEWER)
    @door.lists(
        SuggestionSchema,
        sorts=("score", "name"),
        filters={
            "integration": QueryWhole(required=True),
            "exact": one_of(("true",)),
            "workspace_id": Text(most=200),
        },
    )
    def get(self, ask: Ask) -> Listing[SuggestionLine]:
        """List the suggestions of an integration, the surest first."""
        known(integrations.get, ask.number("integration") or 0)
        return page_of(lists.suggestions, ask)


@door.route("/suggestions/accept")
class Acceptance(MethodView):
    """Accepting suggestions."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(DecisionWishSchema)
    @door.answers(AcceptedSchema)
    def post(self, given: dict[str, Any]) -> accepting.Accepted:
        """Accept suggestions by their numbers, or all exact ones when none are given."""
        with named(integration="integration_id"):
            integration = integrations.get(given["integration_id"])
        numbers = given.get("suggestions")
        return accepting.accept(runtime(), person().name, integration, numbers)


@door.route("/suggestions/refuse")
class Refusal(MethodView):
    """Refusing suggestions."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(RefusalWishSchema)
    @door.answers(RefusedSchema)
    def post(self, given: dict[str, Any]) -> dict[str, int]:
        """Refuse suggestions; these pairs are not suggested any more."""
        with named(integration="integration_id"):
            integration = integrations.get(given["integration_id"])
        numbers = given["suggestions"]
        return {"refused": accepting.refuse(runtime(), person().name, integration, numbers)}


@door.route(f"/options/{ID}")
class Options(MethodView):
    """How an integration maps."""

    @allow(Role.VIEWER)
    @door.answers(OptionsSchema)
    def get(self, number: int) -> MappingChoice:
        """Tell how an integration maps."""
        return mapping.choice_of(known(integrations.get, number))

    @allow(Role.ADMINISTRATOR)
    @door.takes(OptionsWishSchema)
    @door.answers(OptionsSchema)
    def patch(self, given: dict[str, Any], number: int) -> MappingChoice:
        """Change how an integration maps; what is left out stays."""
        integration: Integration = known(integrations.get, number)
        choice = mapping.choice_of(integration)
        with named(catch_all="catch_all_id"):
            mapping.choose(
                runtime(),
                person().name,
                integration,
                several=given.get("several", choice.several),
                catch_all_id=given.get("catch_all_id", choice.catch_all_id),
            )
        return mapping.choice_of(integration)


@door.route(f"/options/{ID}/suggestions")
class Anew(MethodView):
    """Working out suggestions anew."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(OptionsSchema, 202, "The suggestions are worked out in the background")
    def post(self, number: int) -> MappingChoice:
        """Have an integration's suggestions worked out anew."""
        integration: Integration = known(integrations.get, number)
        suggesting.look_again(runtime(), person().name, integration)
        return mapping.choice_of(integration)


@door.route(f"/options/{ID}/refusals")
class Refusals(MethodView):
    """What is not suggested any more."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(RefusedSchema, says="How many pairs were forgotten")
    def delete(self, number: int) -> dict[str, int]:
        """Forget the refused pairs of an integration, so that they may be suggested again."""
        integration: Integration = known(integrations.get, number)
        return {"refused": accepting.forget_refusals(runtime(), person().name, integration)}


@coverage.route()
class Coverage(MethodView):
    """Companies that nothing protects."""

    @allow(Role.VIEWER)
    @coverage.lists(UncoveredSchema, sorts=("name",), filters={"host": QueryWhole()})
    def get(self, ask: Ask) -> Listing[UncoveredLine]:
        """List active companies without any protected device."""
        return page_of(lists.uncovered, ask)
