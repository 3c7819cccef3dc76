"""What changes an integration as a whole: its settings, its platform, its end."""

from flask import abort, flash, request

from plugin.blueprints.climbing import climbing, prove_again
from plugin.blueprints.forms import Faults, MoveForm, faults_in, schema_for, values_of, widgets
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, one, sent_version, show, to
from plugin.domain.contracts import Host
from plugin.domain.errors import ConflictError, RuleError
from plugin.services import connections, integration_changes, integrations, lists, registration
from plugin.services.access import Role
from plugin.services.connections import CheckStep, Outcome
from plugin.store.integrations import Integration, Side

blueprint = new_blueprint("integration_changes", __name__)


@blueprint.get("/integrations/select")
@allow(Role.VIEWER)
def select() -> Answer:
    """Go to the integration that was selected."""
    number = request.args.get("id", "")
    known = {str(each) for each, _ in lists.integration_names(scope())}
    if number not in known:
        abort(404)
    return to("integrations.integration", integration_id=int(number))


@blueprint.post("/integrations/<int:integration_id>/register")
@allow(Role.ADMINISTRATOR)
def register(integration_id: int) -> Answer:
    """Bring the vendor's record in step now."""
    row = _kept_or_leaving(integration_id)
    registration.try_again(runtime(), person().name, row)
    flash("The vendor is asked again. Look at this page in a moment.", "info")
    if row.deleted_at is not None:
        return to("integrations.table")
    return to("integrations.integration", integration_id=integration_id)


def _kept_or_leaving(integration_id: int) -> Integration:
    farewells = {each.id: each for each, _ in registration.farewells()}
    return farewells.get(integration_id) or one(Integration, integration_id)


# -- settings ------------------------------------------------------------------------------------


@blueprint.get("/integrations/<int:integration_id>/settings")
@allow(Role.ADMINISTRATOR)
def settings(integration_id: int) -> Answer:
    """Show the Integration Settings; where the manual has it so, with the platform's values."""
    row = one(Integration, integration_id)
    return _settings_page(row, row.name, dict(row.host.settings), {}, [])


@blueprint.post("/integrations/<int:integration_id>/settings")
@allow(Role.ADMINISTRATOR)
def save_settings(integration_id: int) -> Answer:
    """Save name and values at once, after the values were checked."""
    row = one(Integration, integration_id)
    name = request.form.get("integration_name", "")[:1000]
    values, steps = _sent_values(row), []
    try:
        if values is not None:
            host = row.host
            with climbing():
                steps = connections.rehearse(runtime(), host.kind, host.name, values, saved=host)
            prove_again(Role.ADMINISTRATOR)
            row = one(Integration, integration_id)
        if not any(each.outcome is Outcome.FAILED for each in steps):
            integration_changes.save_settings(
                runtime(), person().name, row, name, sent_version(), values, _host_version()
            )
            flash(f"{row.name} was saved.", "ok")
            return to("integrations.integration", integration_id=integration_id)
    except ConflictError:
        raise
    except RuleError as error:
        faults = faults_in(error)
        if "name" in faults:
            faults["integration_name"] = faults.pop("name")
        return _settings_page(row, name, values or {}, faults, []), 422
    return _settings_page(row, name, values or {}, {}, steps), 422


def _sent_values(row: Integration) -> dict[str, str] | None:
    """Return the platform's values as they were sent; None where they are not edited here."""
    adapter = _host(row)
    if not adapter.edited_in_integration:
        return None
    given, _ = schema_for(adapter).read(request.form)
    return values_of(adapter, given)


def _host_version() -> int:
    said = request.form.get("host_version", "")
    return int(said) if said.isdecimal() and len(said) < 10 else 0


def _host(row: Integration) -> type[Host]:
    adapter: type[Host] = runtime().hosts[row.host.kind]
    return adapter


def _settings_page(
    row: Integration, name: str, values: dict[str, str], faults: Faults, steps: list[CheckStep]
) -> str:
    adapter = _host(row)
    secrets = [field.name for field in adapter.fields if field.secret]
    drawn = widgets(adapter, values, faults, saved=secrets)
    return show(
        "integrations/settings.html",
        integration=row,
        host=adapter,
        name=name,
        fields=[each for each in drawn if not each.advanced],
        advanced=[each for each in drawn if each.advanced],
        shared=connections.what_goes_with(row.host)["integrations"] - 1,
        errors=faults,
        labels={field.name: field.label for field in adapter.fields}
        | {"integration_name": "Integration name"},
        steps=steps,
    )


# -- deleting ------------------------------------------------------------------------------------


@blueprint.get("/integrations/<int:integration_id>/delete")
@allow(Role.ADMINISTRATOR)
def ask_delete(integration_id: int) -> Answer:
    """Show what a deletion means."""
    row = one(Integration, integration_id)
    return show(
        "integrations/delete.html",
        integration=row,
        host=_host(row),
        vendor=runtime().adapter_class(row.vendor.kind),
        counts=integration_changes.what_goes_with(row),
        people=[link.email for link in row.administrators],
    )


@blueprint.post("/integrations/<int:integration_id>/delete")
@allow(Role.ADMINISTRATOR)
def delete(integration_id: int) -> Answer:
    """Delete it."""
    row = one(Integration, integration_id)
    name, people = row.name, len(row.administrators)
    integration_changes.delete(runtime(), person().name, row, sent_version())
    told = f" {words.count(people, 'integration administrator')} will be told." if people else ""
    flash(f"{name} was deleted. Its {_unit(row)} can join another integration.{told}", "ok")
    return to("integrations.table")


def _unit(row: Integration) -> str:
    return words.plural(runtime().adapter_class(row.vendor.kind).words.workspace)


# -- moving --------------------------------------------------------------------------------------


@blueprint.get("/integrations/<int:integration_id>/move")
@allow(Role.ADMINISTRATOR)
def ask_move(integration_id: int) -> Answer:
    """Offer the platforms it can be moved to, and tell what that means."""
    return _move_page(one(Integration, integration_id), "", {})


@blueprint.post("/integrations/<int:integration_id>/move")
@allow(Role.ADMINISTRATOR)
def move(integration_id: int) -> Answer:
    """Move it to another platform."""
    row = one(Integration, integration_id)
    given, faults = MoveForm.read(request.form)
    found = {str(each.id): each for each in connections.living(runtime(), Side.HOST)}
    host = found.get(given["host"])
    if host is None:
        return _move_page(row, given["host"], faults or {"host": ["Choose the platform."]}), 422
    try:
        integration_changes.move(runtime(), person().name, row, host, sent_version())
    except ConflictError:
        raise
    except RuleError as error:
        return _move_page(row, given["host"], {"host": faults_in(error).popitem()[1]}), 422
    flash(f"{row.name} works with {host.name} now. Map its companies next.", "ok")
    return to("integrations.integration", integration_id=integration_id)


def _move_page(row: Integration, chosen: str, faults: Faults) -> str:
    return show(
        "integrations/move.html",
        integration=row,
        host=_host(row),
        vendor=runtime().adapter_class(row.vendor.kind),
        kept=registration.keeps(runtime(), row),
        hosts=integration_changes.destinations(runtime(), row),
        adapters=runtime().adapters,
        counts=integration_changes.what_goes_with(row),
        chosen=chosen,
        usual=row.name == integrations.default_name(runtime(), row.host),
        errors=faults,
    )
