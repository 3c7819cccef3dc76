"""Devices matched to the host's computers: what is sure, and the doubts that a person settles."""

from flask import abort, flash, request

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, ask, one, show, to
from plugin.domain.errors import RuleError
from plugin.services import device_matching
from plugin.services.access import Role
from plugin.store.device_matching import MatchState
from plugin.store.integrations import Integration

blueprint = new_blueprint("matching", __name__)


@blueprint.get("/integrations/<int:integration_id>/devices")
@allow(Role.VIEWER)
def table(integration_id: int) -> Answer:
    """Show the doubts, or the devices in another state."""
    return _page(_matching(integration_id))


@blueprint.post("/integrations/<int:integration_id>/devices")
@allow(Role.TECHNICIAN)
def look(integration_id: int) -> Answer:
    """Have the devices matched now, and daily from then on."""
    device_matching.ask(runtime(), person().name, _matching(integration_id))
    flash("Matching was asked for. It takes a moment and is repeated daily.", "ok")
    return to("matching.table", integration_id=integration_id)


@blueprint.post("/integrations/<int:integration_id>/devices/decide")
@allow(Role.ADMINISTRATOR)
def decide(integration_id: int) -> Answer:
    """Confirm or refuse a candidate."""
    row = _matching(integration_id)
    given = {
        name: request.form.get(name, "")[:200] for name in ("workspace", "device", "computer", "do")
    }
    settle = device_matching.confirm if given["do"] == "confirm" else device_matching.refuse
    place = given["workspace"], given["device"]
    try:
        settle(runtime(), person().name, row, place, given["computer"])
    except RuleError as error:
        return _page(row, error.message), 422
    flash("Confirmed." if given["do"] == "confirm" else "Ruled out for this device.", "ok")
    return to("matching.table", integration_id=integration_id)


def _matching(integration_id: int) -> Integration:
    row = one(Integration, integration_id)
    return row if device_matching.matches(runtime(), row) else abort(404)


def _page(row: Integration, fault: str = "") -> str:
    wanted = request.args.get("state", "")
    state = wanted if wanted in set(MatchState) else MatchState.DOUBT.value
    return show(
        "integrations/matching.html",
        integration=row,
        host=runtime().adapter_class(row.host.kind),
        state=state,
        counts=device_matching.counts(row),
        listing=device_matching.listed(row, ask(), state),
        looked=device_matching.looked(row),
        fault=fault,
    )
