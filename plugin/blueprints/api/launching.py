"""One-time links to one device's page, for a script on a host's server."""

from datetime import datetime
from typing import Any, NamedTuple

from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import Door
from plugin.blueprints.api.values import Answer, Moment, Text, Wish
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.domain.errors import RuleError
from plugin.services import launch_links
from plugin.services.access import Role
from plugin.services.lists import records

door = Door("launch-links", "One-time links to the page of one device, for old screens.")


class LaunchWishSchema(Wish):
    """The computer, in the host's words; a serial number is the surest."""

    name = Text(most=300, load_default="")
    serial = Text(most=120, load_default="")
    company = Text(most=300, load_default="", metadata={"description": "Part of the client's name"})


class LaunchSchema(Answer):
    """A link that works once."""

    url = fields.String()
    expires_at = Moment()
    device = fields.Integer(metadata={"description": "Our number of the device"})


class Made(NamedTuple):
    """A fresh link."""

    url: str
    expires_at: datetime
    device: int


@door.route()
class LaunchLinks(MethodView):
    """One-time links."""

    @allow(Role.VIEWER, limited=True)
    @door.takes(LaunchWishSchema)
    @door.answers(LaunchSchema, 201)
    def post(self, given: dict[str, Any]) -> Made:
        """Make a link to the page of one computer; it is shown here and never again."""
        found = records.computer(
            scope(),
            name=given["name"].strip(),
            serial=given["serial"].strip(),
            company=given["company"].strip(),
        )
        if len(found) != 1:
            many = "Several devices fit: name the serial number or the company too."
            raise RuleError("name", many if found else "No device has this name or serial number.")
        url, ends = launch_links.make(runtime(), person().name, found[0])
        return Made(url, ends, found[0].id)
