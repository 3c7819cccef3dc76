"""Protection state in the host: its field, what writing would do, the switch, people's values."""

import logging
from collections.abc import Sequence

from flask import abort, flash, request

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, ask, one, sent_version, show, to
from plugin.domain.errors import ConflictError, EdgeError, RuleError
from plugin.services import host_fields, host_writing
from plugin.services.access import Role
from plugin.services.host_fields import FieldChoice
from plugin.store.host_writes import WriteState
from plugin.store.integrations import Integration

blueprint = new_blueprint("host_fields", __name__)
_log = logging.getLogger(__name__)


@blueprint.get("/integrations/<int:integration_id>/field")
@allow(Role.VIEWER)
def table(integration_id: int) -> Answer:
    """Show the field, what stands in it and what writing would do."""
    return _page(_writable(integration_id))


@blueprint.post("/integrations/<int:integration_id>/field")
@allow(Role.ADMINISTRATOR)
def choose(integration_id: int) -> Answer:
    """Name the field; what writing would do is looked at, nothing is written."""
    row, field_id = _writable(integration_id), request.form.get("field", "")[:40]
    try:
        host_fields.choose(runtime(), person().name, row, field_id, sent_version())
    except ConflictError:
        raise
    except RuleError as error:
        return _page(row, error.message), 422
    except EdgeError as error:
        return _page(row, str(error)), 502
    flash("The field was chosen. Each computer is looked at now; nothing is written yet.", "ok")
    return to("host_fields.table", integration_id=integration_id)


@blueprint.post("/integrations/<int:integration_id>/field/look")
@allow(Role.TECHNICIAN)
def look(integration_id: int) -> Answer:
    """Have every computer's field looked at anew."""
    row = _writable(integration_id)
    try:
        host_fields.look_again(runtime(), person().name, row)
    except RuleError as error:
        return _page(row, error.message), 422
    flash("Every computer is looked at. You can leave this page.", "ok")
    return to("host_fields.table", integration_id=integration_id)


@blueprint.post("/integrations/<int:integration_id>/field/switch")
@allow(Role.ADMINISTRATOR)
def switch(integration_id: int) -> Answer:
    """Let the protection state be written, or stop it."""
    row, on = _writable(integration_id), request.form.get("on") == "1"
    try:
        host_fields.switch(runtime(), person().name, row, on=on, version=sent_version())
    except ConflictError:
        raise
    except RuleError as error:
        return _page(row, error.message), 422
    if on:
        flash("The protection state is written from now on.", "ok")
    else:
        flash("Nothing more is written. What was written stays as it is.", "info")
    return to("host_fields.table", integration_id=integration_id)


@blueprint.post("/integrations/<int:integration_id>/field/settle")
@allow(Role.ADMINISTRATOR)
def settle(integration_id: int) -> Answer:
    """Overwrite a person's value once, or leave it."""
    row, overwrite = _writable(integration_id), request.form.get("do") == "overwrite"
    computer, shown = request.form.get("computer", "")[:100], request.form.get("shown", "")
    try:
        host_fields.settle(runtime(), person().name, row, computer, shown, overwrite=overwrite)
    except ConflictError:
        raise
    except RuleError as error:
        return _page(row, error.message), 422
    flash("It will be overwritten once." if overwrite else "It is left as it is.", "ok")
    return to("host_fields.table", integration_id=integration_id, state=WriteState.PERSON.value)


def _writable(integration_id: int) -> Integration:
    row = one(Integration, integration_id)
    return row if host_writing.can_write(runtime(), row) else abort(404)


def _page(row: Integration, fault: str = "") -> str:
    chosen, counts = host_fields.field_of(row), host_fields.counts(row)
    wanted = request.args.get("state", "")
    state = wanted if wanted in set(WriteState) else _first(counts)
    barred = host_writing.why_barred(row)
    choosing = (
        not barred
        and person().role.covers(Role.ADMINISTRATOR)
        and (chosen is None or request.args.get("change") == "1")
    )
    choices, trouble = _choices(row) if choosing else ((), "")
    return show(
        "integrations/field.html",
        integration=row,
        host=runtime().adapter_class(row.host.kind),
        chosen=chosen,
        counts=counts,
        state=state,
        listing=host_fields.listed(row, ask(), state),
        matched=host_fields.matched(row),
        under_way=host_fields.is_under_way(row),
        choosing=choosing,
        choices=choices,
        trouble=trouble,
        barred=barred,
        fault=fault,
    )


def _first(counts: dict[str, int]) -> str:
    """Open what needs a person first."""
    order = (WriteState.PERSON, WriteState.PROBLEM, WriteState.PLANNED, WriteState.WRITTEN)
    return next((each.value for each in order if counts[each.value]), WriteState.WRITTEN.value)


def _choices(row: Integration) -> tuple[Sequence[FieldChoice], str]:
    try:
        return host_fields.choices(runtime(), row), ""
    except EdgeError as error:
        _log.warning("fields of connection %d: %s", row.host_id, error)
        return (), str(error)
    except RuleError as error:
        return (), error.message
