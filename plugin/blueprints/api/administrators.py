"""Integration administrators: who they are, adding several, removing one."""

from typing import Any

from flask import abort
from flask.views import MethodView
from marshmallow import fields, validate

from plugin.blueprints.api.doors import ID, Short, known
from plugin.blueprints.api.integrations import VERSION, door
from plugin.blueprints.api.values import Answer, Moment, Text, Whole, Wish
from plugin.blueprints.guard import allow, person, runtime
from plugin.services import administrators, integrations
from plugin.services.access import Role
from plugin.services.administrators import MOST_LINES
from plugin.services.lists import Ask, Listing
from plugin.store.integrations import AdministratorLink, Integration

__all__ = ["door"]
_ONE_LINE = r"^[^;\u0000-\u001f\u007f\u0085\u2028\u2029]*$"


class AdministratorSchema(Answer):
    """A vendor user who may manage the integration."""

    email = fields.String()
    alias = fields.String()
    added_at = Moment()
    granted_at = Moment(
        allow_none=True, metadata={"description": "When the vendor was first seen to agree"}
    )


class AdministratorsSchema(Answer):
    """Everybody who may manage the integration now."""

    administrators = fields.List(fields.Nested(AdministratorSchema))


class NewAdministratorSchema(Wish):
    """A vendor user by e-mail address; only registered ones are taken."""

    email = Text(required=True, least=3, most=254, matches=_ONE_LINE)
    alias = Text(most=200, matches=_ONE_LINE, load_default="")


class NewAdministratorsSchema(Wish):
    """Who is to be added, all or none."""

    administrators = fields.List(
        fields.Nested(NewAdministratorSchema),
        required=True,
        validate=validate.Length(min=1, max=MOST_LINES),
    )
    version = Whole(metadata={"description": VERSION})


@door.route(f"/{ID}/administrators")
class IntegrationAdministrators(MethodView):
    """The administrators of an integration."""

    @allow(Role.VIEWER)
    @door.lists(AdministratorSchema, sorts=("email",))
    def get(self, ask: Ask, number: int) -> Listing[AdministratorLink]:
        """List the integration administrators."""
        return _found(known(integrations.get, number), ask)

    @allow(Role.ADMINISTRATOR)
    @door.takes(NewAdministratorsSchema)
    @door.answers(AdministratorsSchema, 201)
    def post(self, given: dict[str, Any], number: int) -> dict[str, list[AdministratorLink]]:
        """Add users that are registered at the vendor; a fault names its line, counted from 1."""
        integration = known(integrations.get, number)
        text = "\n".join(f"{each['email']};{each['alias']}" for each in given["administrators"])
        administrators.add(runtime(), person().name, integration, text, given.get("version"))
        return {"administrators": administrators.present(integration)}


@door.route(f"/{ID}/administrators/<string(maxlength=254):email>")
class OneAdministrator(MethodView):
    """One integration administrator."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(status=204, says="The rights have ended.")
    def delete(self, number: int, email: str) -> None:
        """End a user's rights on the integration and its workspaces, at the vendor and here."""
        integration = known(integrations.get, number)
        if email.casefold() not in {each.email for each in administrators.present(integration)}:
            abort(404, f"{email} is no administrator of this integration.")
        administrators.remove(runtime(), person().name, integration, [email])


def _found(integration: Integration, ask: Ask) -> Listing[AdministratorLink]:
    people = administrators.present(integration)
    word = ask.q.casefold()
    wanted = [each for each in people if word in f"{each.email} {each.alias}".casefold()]
    return Short(wanted, email=lambda link: link.email).page(ask)
