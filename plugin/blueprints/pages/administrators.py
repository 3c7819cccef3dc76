"""Integration administrators: who they are, adding several after a review, removing by clearing."""

from flask import flash, request

from plugin.blueprints.forms import AdministratorsForm, Faults, faults_in
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.showing import Answer, one, sent_version, show, to
from plugin.domain.errors import ConflictError, RuleError
from plugin.domain.integrations import Line
from plugin.services import administrators, registration
from plugin.services.access import Role
from plugin.store.integrations import Integration

blueprint = new_blueprint("administrators", __name__)


@blueprint.get("/integrations/<int:integration_id>/administrators")
@allow(Role.VIEWER)
def table(integration_id: int) -> Answer:
    """Show who may manage the integration; all are ticked, clearing one removes it."""
    return _table_page(one(Integration, integration_id), {}, set())


@blueprint.post("/integrations/<int:integration_id>/administrators")
@allow(Role.ADMINISTRATOR)
def remove(integration_id: int) -> Answer:
    """Remove those that were shown ticked and came back cleared; warn before it hurts."""
    row = one(Integration, integration_id)
    gone = set(request.form.getlist("shown")) - set(request.form.getlist("administrator"))
    told = administrators.warnings(runtime(), row, gone, person().name)
    if told and request.form.get("sure") != _sure(gone):
        return _table_page(row, {}, gone, told)
    try:
        removed = administrators.remove(runtime(), person().name, row, gone, sent_version())
    except ConflictError:
        raise
    except RuleError as error:
        return _table_page(row, faults_in(error), gone), 422
    number = words.count(len(removed), "integration administrator")
    flash(f"{number} removed." if removed else "Nothing had changed.", "ok")
    return to("administrators.table", integration_id=integration_id)


def _sure(gone: set[str]) -> str:
    return " ".join(sorted(gone))


def _table_page(
    row: Integration, faults: Faults, gone: set[str], told: list[str] | None = None
) -> str:
    return show(
        "integrations/administrators.html",
        integration=row,
        vendor=runtime().adapter_class(row.vendor.kind),
        has_administrators=registration.has_administrators(runtime(), row),
        people=administrators.present(row),
        own=administrators.own_user(runtime(), row),
        gone=gone,
        told=told or [],
        sure=_sure(gone),
        errors=faults,
    )


# -- adding --------------------------------------------------------------------------------------


@blueprint.get("/integrations/<int:integration_id>/administrators/add")
@allow(Role.ADMINISTRATOR)
def add(integration_id: int) -> Answer:
    """Show the dialog: one per line."""
    row = one(Integration, integration_id)
    return _add_page(row, "", {}, row.version)


@blueprint.post("/integrations/<int:integration_id>/administrators/add")
@allow(Role.ADMINISTRATOR)
def review(integration_id: int) -> Answer:
    """Next shows each line's verdict, Back goes to the text, Finish adds everybody at once."""
    row = one(Integration, integration_id)
    given, faults = AdministratorsForm.read(request.form)
    typed, version = given["administrators"], sent_version()
    if faults or given["do"] == "back":
        return _add_page(row, typed, faults, version), 422 if faults else 200
    try:
        if given["do"] == "finish":
            return _finish(row, typed, version)
        lines = administrators.judge(runtime(), row, typed)
    except ConflictError:
        raise
    except RuleError as error:
        return _add_page(row, typed, faults_in(error), version), 422
    page = _add_page(row, typed, {}, version, lines)
    return page, 422 if any(line.fault for line in lines) else 200


def _finish(row: Integration, typed: str, version: int | None) -> Answer:
    added = administrators.add(runtime(), person().name, row, typed, version)
    flash(f"{words.count(len(added), 'integration administrator')} added.", "ok")
    return to("administrators.table", integration_id=row.id)


def _add_page(
    row: Integration,
    typed: str,
    faults: Faults,
    version: int | None,
    lines: list[Line] | None = None,
) -> str:
    return show(
        "integrations/administrators_add.html",
        integration=row,
        vendor=runtime().adapter_class(row.vendor.kind),
        typed=typed,
        version=version,
        lines=lines or [],
        faulty=sum(bool(line.fault) for line in lines or []),
        errors=faults,
    )
