"""Devices matched to the host's computers."""

from collections.abc import Callable
from typing import Any

from flask.views import MethodView
from marshmallow import fields
from werkzeug.exceptions import NotFound

from plugin.blueprints.api.doors import ID, known
from plugin.blueprints.api.integrations import door
from plugin.blueprints.api.values import Answer, Moment, Text, Wish, one_of
from plugin.blueprints.guard import allow, person, runtime
from plugin.runtime import Runtime
from plugin.services import device_matching, integrations
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing
from plugin.store.device_matching import DeviceMatch, MatchState
from plugin.store.integrations import Integration

__all__ = ["door"]

Verdict = Callable[[Runtime, str, Integration, tuple[str, str], str], object]
"""What a person decides about a candidate: runtime, actor, integration, device, computer."""


class CandidateSchema(Answer):
    """A computer that a device may be, and why."""

    id = fields.String()
    name = fields.String()
    why = fields.String()


class DeviceMatchSchema(Answer):
    """A device and which computer it is; a doubt has candidates only."""

    workspace_id = fields.String()
    device_id = fields.String()
    device_name = fields.String()
    computer_id = fields.String()
    computer_name = fields.String()
    state = one_of(MatchState)
    how = fields.String(metadata={"description": "serial, mac, name, or empty"})
    candidates = fields.List(fields.Nested(CandidateSchema))
    decided_by = fields.String()
    changed_at = Moment()


class DeviceCandidateWishSchema(Wish):
    """A candidate of a device, by the ids of both sides."""

    workspace_id = Text(required=True, least=1, most=200)
    device_id = Text(required=True, least=1, most=200)
    computer_id = Text(required=True, least=1, most=100)


def _matching(number: int) -> Integration:
    integration = known(integrations.get, number)
    if not device_matching.matches(runtime(), integration):
        raise NotFound("This host knows no computers to match devices to.")
    return integration


@door.route(f"/{ID}/device-matches")
class DeviceMatches(MethodView):
    """Which computers the devices of an integration are."""

    @allow(Role.VIEWER)
    @door.lists(
        DeviceMatchSchema,
        sorts=("name",),
        filters={"state": one_of(MatchState, load_default=MatchState.DOUBT.value)},
    )
    def get(self, ask: Ask, number: int) -> Listing[DeviceMatch]:
        """List the devices in one state, by name; without a word, the doubts."""
        return device_matching.listed(_matching(number), ask, ask.filters["state"])

    @allow(Role.TECHNICIAN)
    @door.answers(status=202)
    def post(self, number: int) -> None:
        """Have the devices matched now, and daily from then on."""
        device_matching.ask(runtime(), person().name, _matching(number))


def _decide(verdict: Verdict, number: int, given: dict[str, Any]) -> None:
    place = given["workspace_id"], given["device_id"]
    verdict(runtime(), person().name, _matching(number), place, given["computer_id"])


@door.route(f"/{ID}/device-matches/confirm")
class DeviceConfirmations(MethodView):
    """Doubts that are settled."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(DeviceCandidateWishSchema)
    @door.answers(status=204)
    def post(self, given: dict[str, Any], number: int) -> None:
        """Settle which computer a device is."""
        _decide(device_matching.confirm, number, given)


@door.route(f"/{ID}/device-matches/refuse")
class DeviceRefusals(MethodView):
    """Computers that are ruled out."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(DeviceCandidateWishSchema)
    @door.answers(status=204)
    def post(self, given: dict[str, Any], number: int) -> None:
        """Rule a computer out for a device."""
        _decide(device_matching.refuse, number, given)
