"""Calls from scripts at a host: the ready-made text, and the secret that signs them."""

from flask import abort, request

from plugin.blueprints.forms import Faults
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, one, show
from plugin.domain.errors import RuleError
from plugin.services import signing
from plugin.services.access import Role
from plugin.store.integrations import Connection

blueprint = new_blueprint("calls", __name__)


@blueprint.get("/connections/<int:connection_id>/calls")
@allow(Role.ADMINISTRATOR)
def scripts(connection_id: int) -> Answer:
    """Show the script for an event, and until when a former secret counts."""
    row = _signing(connection_id)
    text, faults = _script(row)
    shown = _page(row, text, errors=faults)
    return (shown, 422) if faults else shown


@blueprint.post("/connections/<int:connection_id>/calls")
@allow(Role.ADMINISTRATOR)
def secret(connection_id: int) -> Answer:
    """Make a new secret, or give out a computer's own; either is shown on this answer alone."""
    row, who = _signing(connection_id), person().name
    text, _ = _script(row)
    if request.form.get("do") == "replace":
        return _page(row, text, secret_once=signing.replace(runtime(), who, row).secret)
    try:
        given = signing.computer_secret(runtime(), who, row, _asked("computer_id"))
    except RuleError as error:
        return _page(row, text, errors={error.field: [error.message]}), 422
    return _page(row, text, secret_once=given)


def _signing(connection_id: int) -> Connection:
    row = one(Connection, connection_id)
    return row if signing.signs(runtime(), row) else abort(404)


def _asked(name: str) -> str:
    return request.values.get(name, "").strip()[:40]


def _script(row: Connection) -> tuple[str, Faults]:
    """Return the text that is asked for, or what is wrong with the question."""
    try:
        return signing.script(runtime(), row, _event(row), _asked("computer_id")), {}
    except RuleError as error:
        return "", {error.field: [error.message]}


def _event(row: Connection) -> str:
    return _asked("event") or signing.events(runtime(), row)[0].value


def _page(
    row: Connection, script: str, *, secret_once: str = "", errors: Faults | None = None
) -> str:
    return show(
        "connections/calls.html",
        connection=row,
        events=[(each.value, each.label) for each in signing.events(runtime(), row)],
        event=_event(row),
        computer_id=_asked("computer_id"),
        script=script,
        secret=secret_once,
        former_until=signing.former_until(runtime(), row),
        errors=errors or {},
    )
