"""Actions on a device: asked for on its page, confirmed, and shown there to their end."""

from flask import abort, flash

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, one, show, to
from plugin.domain.errors import RuleError
from plugin.domain.model import ActionKind
from plugin.services import actions
from plugin.services.access import Role
from plugin.store.mirror import DeviceRow

blueprint = new_blueprint("actions", __name__)


@blueprint.get("/devices/<int:device_id>/actions/<word>")
@allow(Role.TECHNICIAN, limited=True)
def confirm(device_id: int, word: str) -> Answer:
    """Ask once more, saying what the action does."""
    device = _device(device_id)
    kind = _kind(word)
    if kind not in actions.offered(runtime(), device):
        abort(404)
    title, does = words.ACTION[kind.value]
    return show("devices/action.html", device=device, kind=kind.value, title=title, does=does)


@blueprint.post("/devices/<int:device_id>/actions/<word>")
@allow(Role.TECHNICIAN, limited=True)
def ask(device_id: int, word: str) -> Answer:
    """Have the action done."""
    device, kind = _device(device_id), _kind(word)
    try:
        actions.ask(runtime(), person().name, device, kind)
    except RuleError as error:
        flash(error.message, "warning")
    else:
        flash("Asked for. The outcome is shown below as soon as the vendor tells it.", "ok")
    return to("devices.device", device_id=device_id)


def _device(device_id: int) -> DeviceRow:
    row = one(DeviceRow, device_id)
    return row if scope().shows_workspace(row.vendor_id, row.workspace_id) else abort(404)


def _kind(word: str) -> ActionKind:
    return ActionKind(word) if word in set(ActionKind) else abort(404)
