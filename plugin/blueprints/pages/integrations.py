"""Integrations: the list, a new one, one with everything it does, its name."""

from typing import Any

from flask import flash, request

from plugin.blueprints.forms import Faults, IntegrationForm, RenameForm, faults_in
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, one, show, to
from plugin.domain.contracts import OpensTickets
from plugin.domain.errors import ConflictError, RuleError
from plugin.services import (
    administrators,
    connections,
    device_matching,
    host_fields,
    host_writing,
    integration_changes,
    integrations,
    lists,
    registration,
    watch,
)
from plugin.services.access import Role
from plugin.store.integrations import Connection, Integration, Side

blueprint = new_blueprint("integrations", __name__)


@blueprint.get("/integrations")
@allow(Role.VIEWER)
def table() -> Answer:
    """List the integrations."""
    found = lists.integrations(runtime(), q=request.args.get("q", ""), scope=scope())
    sides = {line.row.side for line in lists.connections(runtime(), scope=scope())}
    return show(
        "integrations/table.html",
        lines=[line for line in found if line.row.id not in _out()],
        adapters=runtime().adapters,
        can_create={Side.HOST.value, Side.VENDOR.value} <= sides,
        farewells=registration.farewells(),
    )


def _out() -> set[int]:
    """Return the integrations on which this person's rights were withdrawn."""
    return administrators.kept_out_of(person().name)


@blueprint.get("/integrations/new")
@allow(Role.ADMINISTRATOR)
def new() -> Answer:
    """Show the form of a new integration."""
    chosen = {name: request.args.get(name, "") for name in ("host", "vendor", "name")}
    return _new_page(chosen, {})


@blueprint.post("/integrations/new")
@allow(Role.ADMINISTRATOR)
def create() -> Answer:
    """Pair a host with a vendor."""
    given, faults = IntegrationForm.read(request.form)
    sides = (_living(given["host"], Side.HOST), _living(given["vendor"], Side.VENDOR))
    host, vendor = sides
    if host is None:
        faults.setdefault("host", ["Choose the platform."])
    if vendor is None:
        faults.setdefault("vendor", ["Choose the vendor connection."])
    if not given["name"].strip():
        usual = " The usual one is filled in now." if host is not None else ""
        faults.setdefault("name", [f"Integration name must not be blank.{usual}"])
    if faults or host is None or vendor is None:
        return _new_page(given, faults), 422
    made = integrations.create(runtime(), person().name, host, vendor, given["name"])
    flash(f"{made.name} was created. Now choose its workspaces.", "ok")
    return to("integrating.workspaces", integration_id=made.id)


def _living(number: object, side: Side) -> Connection | None:
    found = connections.living(runtime(), side)
    return next((each for each in found if str(each.id) == str(number)), None)


def _new_page(given: dict[str, Any], faults: Faults) -> str:
    """Draw the form; an empty name becomes the usual one of the platform that is chosen."""
    hosts = connections.living(runtime(), Side.HOST)
    chosen = hosts[0] if len(hosts) == 1 else _living(given["host"], Side.HOST)
    usual = {integrations.default_name(runtime(), each) for each in hosts}
    name = str(given["name"]).strip()
    if chosen is not None and (not name or name in usual):
        name = integrations.default_name(runtime(), chosen)
    return show(
        "integrations/new.html",
        given={**given, "host": str(chosen.id) if chosen else "", "name": name},
        errors=faults,
        hosts=hosts,
        vendors=connections.living(runtime(), Side.VENDOR),
        adapters=runtime().adapters,
    )


@blueprint.get("/integrations/<int:integration_id>")
@allow(Role.VIEWER)
def integration(integration_id: int) -> Answer:
    """Show one integration: what it serves, what it writes, what is left to do."""
    return _page(one(Integration, integration_id), {})


@blueprint.post("/integrations/<int:integration_id>/rename")
@allow(Role.ADMINISTRATOR)
def rename(integration_id: int) -> Answer:
    """Give the integration another name."""
    row = one(Integration, integration_id)
    given, faults = RenameForm.read(request.form)
    if not faults:
        try:
            integrations.rename(runtime(), person().name, row, given["name"], int(given["version"]))
        except ConflictError:
            raise
        except RuleError as error:
            faults = faults_in(error)
    if faults:
        return _page(row, faults), 422
    flash("The integration was renamed.", "ok")
    return to("integrations.integration", integration_id=integration_id)


@blueprint.post("/integrations/<int:integration_id>/sync")
@allow(Role.TECHNICIAN)
def sync_now(integration_id: int) -> Answer:
    """Ask for everything of both sides."""
    row = one(Integration, integration_id)
    runs = integrations.sync_now(runtime(), person().name, row)
    flash(f"{words.count(len(runs), 'sync run')} asked for. You can leave this page.", "ok")
    return to("integrations.integration", integration_id=integration_id)


def _page(row: Integration, faults: Faults) -> str:
    host = runtime().adapter_class(row.host.kind)
    vendor = runtime().adapter_class(row.vendor.kind)
    return show(
        "integrations/one.html",
        integration=row,
        host=host,
        vendor=vendor,
        coverage=lists.coverage([row.id]).get(row.id),
        opens_tickets=issubclass(host, OpensTickets),
        has_reference=registration.keeps(runtime(), row),
        record=registration.record_of(row),
        has_administrators=registration.has_administrators(runtime(), row),
        needs_administrator=registration.needs_administrator(runtime(), row),
        people=len(row.administrators),
        others=[each for each in lists.integration_names(scope()) if each[0] not in _out()],
        left_behind=integration_changes.left_behind(row),
        matches_devices=device_matching.matches(runtime(), row),
        writes_fields=host_writing.can_write(runtime(), row),
        writes_barred=host_writing.why_barred(row),
        state_field=host_fields.field_of(row),
        rules_on=sum(rule.enabled for rule in row.rules),
        look_minutes=watch.minutes_if_stretched(runtime(), row.vendor),
        errors=faults,
    )
