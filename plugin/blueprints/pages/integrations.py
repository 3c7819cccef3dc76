"""Integrations: the list, a new one, one with everything it does, its name."""

from flask import flash, request

from plugin.blueprints.forms import Faults, IntegrationForm, RenameForm, faults_in
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, one, show, to
from plugin.domain.contracts import KeepsIntegrations, OpensTickets
from plugin.domain.errors import ConflictError, RuleError
from plugin.services import connections, device_matching, integrations, lists
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
        lines=found,
        adapters=runtime().adapters,
        can_create={Side.HOST.value, Side.VENDOR.value} <= sides,
    )


@blueprint.get("/integrations/new")
@allow(Role.ADMINISTRATOR)
def new() -> Answer:
    """Show the form of a new integration."""
    return _new_page({"host": "", "vendor": "", "name": ""}, {})


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
    if faults or host is None or vendor is None:
        return _new_page(given, faults), 422
    name = given["name"].strip() or integrations.default_name(runtime(), host)
    made = integrations.create(runtime(), person().name, host, vendor, name)
    flash(f"{made.name} was created. Now choose its workspaces.", "ok")
    return to("integrating.workspaces", integration_id=made.id)


def _living(number: object, side: Side) -> Connection | None:
    found = connections.living(runtime(), side)
    return next((each for each in found if str(each.id) == str(number)), None)


def _new_page(given: dict[str, object], faults: Faults) -> str:
    hosts = connections.living(runtime(), Side.HOST)
    return show(
        "integrations/new.html",
        given=given,
        errors=faults,
        hosts=hosts,
        vendors=connections.living(runtime(), Side.VENDOR),
        adapters=runtime().adapters,
        names=sorted({integrations.default_name(runtime(), each) for each in hosts}),
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
        has_reference=issubclass(vendor, KeepsIntegrations),
        matches_devices=device_matching.matches(runtime(), row),
        rules_on=sum(rule.enabled for rule in row.rules),
        errors=faults,
    )
