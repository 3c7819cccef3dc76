"""What can be connected, and which of the vendors' servers are used."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import Door, Short, named
from plugin.blueprints.api.values import Answer, Text, ToldSwitch, ToldText, Wish, one_of
from plugin.blueprints.guard import allow, person, runtime
from plugin.domain.contracts import Adapter, SendsWebhooks
from plugin.services import environments
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing
from plugin.settings import Environment as Servers

environment = Door("environment", "Which of the vendor's servers are used.")
vendors = Door("vendors", "Kinds of security vendors, with the fields a connection needs.")
hosts = Door("hosts", "Kinds of hosts (PSA, RMM), with the fields a connection needs.")


class EnvironmentSchema(Answer):
    """The environment that holds now, and who says so."""

    environment = ToldText(lambda found: found.value.value)
    source = fields.String()
    locked = fields.Boolean(metadata={"description": "A stronger source than the page holds it"})


class PickSchema(Wish):
    """Another environment, named twice."""

    environment = one_of(Servers, required=True)
    confirmed = Text(
        least=1, most=20, required=True, metadata={"description": "The environment's name again"}
    )


class ChoiceSchema(Answer):
    """One value of a drop-down."""

    value = fields.String()
    label = fields.String()


class FieldSchema(Answer):
    """One thing to type in to connect; values of secret fields are taken, never given."""

    name = fields.String()
    label = fields.String()
    kind = ToldText(lambda field: field.kind.value)
    required = fields.Boolean()
    secret = fields.Boolean()
    choices = fields.List(fields.Nested(ChoiceSchema))
    default = fields.String(allow_none=True)
    help = fields.String()
    advanced = fields.Boolean()
    slot = fields.String()
    pattern = fields.String()
    pattern_says = fields.String()


class KindSchema(Answer):
    """A kind of host or vendor."""

    kind = fields.String()
    title = fields.String()
    notice = fields.String(metadata={"description": "What must be known before connecting"})
    name_label = fields.String(metadata={"description": "What its name is called"})
    submit = fields.String(metadata={"description": "What the button is called"})
    menu_path = fields.List(fields.String(), metadata={"description": "The vendor's own menu path"})
    guide = fields.List(fields.String(), metadata={"description": "Steps to make the API user"})
    environments = fields.Boolean(metadata={"description": "It has servers per environment"})
    workspace = ToldText(lambda kind: kind.words.workspace)
    company = ToldText(lambda kind: kind.words.company)
    calls_us = ToldSwitch(lambda kind: issubclass(kind, SendsWebhooks))
    asks = fields.List(fields.Nested(FieldSchema), attribute="fields", data_key="fields")


@environment.route()
class Environment(MethodView):
    """The environment."""

    @allow(Role.VIEWER)
    @environment.answers(EnvironmentSchema)
    def get(self) -> object:
        """Tell the environment that holds now."""
        return runtime().environment()

    @allow(Role.ADMINISTRATOR)
    @environment.takes(PickSchema)
    @environment.answers(EnvironmentSchema)
    def put(self, given: dict[str, Any]) -> object:
        """Change the environment; its connections are checked afterwards."""
        target = Servers(given["environment"])
        with named(confirmed="confirmed"):
            environments.pick(runtime(), person().name, target, given["confirmed"])
        return runtime().environment()


@vendors.route()
class Vendors(MethodView):
    """The kinds of vendors."""

    @allow(Role.VIEWER)
    @vendors.lists(KindSchema, sorts=("kind", "title"))
    def get(self, ask: Ask) -> Listing[type[Adapter]]:
        """List the kinds of vendors."""
        return _page(list(runtime().vendors.values()), ask)


@hosts.route()
class Hosts(MethodView):
    """The kinds of hosts."""

    @allow(Role.VIEWER)
    @hosts.lists(KindSchema, sorts=("kind", "title"))
    def get(self, ask: Ask) -> Listing[type[Adapter]]:
        """List the kinds of hosts."""
        return _page(list(runtime().hosts.values()), ask)


def _page(kinds: list[type[Adapter]], ask: Ask) -> Listing[type[Adapter]]:
    wanted = ask.q.casefold()
    found = [each for each in kinds if wanted in f"{each.kind} {each.title}".casefold()]
    return Short(found, kind=lambda each: each.kind, title=lambda each: each.title.casefold()).page(
        ask
    )
