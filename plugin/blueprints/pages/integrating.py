"""What an integration does: its workspaces, its ticket rules, and the switch that lets it write."""

import logging
from collections.abc import Mapping, Sequence
from typing import cast

from flask import flash, request

from plugin.blueprints.forms import Faults, faults_in
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.showing import Answer, one, sent_version, show, to
from plugin.domain.contracts import OpensTickets
from plugin.domain.errors import ConflictError, EdgeError, PluginError, RuleError
from plugin.domain.model import Choice
from plugin.services import integrations, lists, registration
from plugin.services.access import Role
from plugin.store.base import db
from plugin.store.integrations import Integration, TicketRule

blueprint = new_blueprint("integrating", __name__)
_log = logging.getLogger(__name__)

Choices = Mapping[str, Sequence[Choice]]
"""The host's words by the name of the routing field; a field without any is typed in."""


# -- workspaces --------------------------------------------------------------------------------


@blueprint.get("/integrations/<int:integration_id>/workspaces")
@allow(Role.VIEWER)
def workspaces(integration_id: int) -> Answer:
    """Show every workspace of the vendor with its box; taken ones with their owner."""
    row = one(Integration, integration_id)
    return _workspaces_page(row, {}, {link.workspace_id for link in row.links})


@blueprint.post("/integrations/<int:integration_id>/workspaces")
@allow(Role.ADMINISTRATOR)
def choose_workspaces(integration_id: int) -> Answer:
    """Serve exactly the ticked workspaces; those a search had hidden stay as they are."""
    row = one(Integration, integration_id)
    shown = set(request.form.getlist("shown"))
    held = {link.workspace_id for link in row.links}
    wanted = (held - shown) | (set(request.form.getlist("workspace")) & shown)
    try:
        integrations.choose_workspaces(runtime(), person().name, row, wanted, sent_version())
    except ConflictError:
        raise
    except RuleError as error:
        return _workspaces_page(row, faults_in(error), wanted), 422
    unit = runtime().adapter_class(row.vendor.kind).words.workspace
    number = words.count(len(wanted), unit, words.plural(unit))
    flash(f"{row.name} serves {number} now.", "ok")
    if registration.needs_administrator(runtime(), row) and not row.administrators:
        return to("administrators.add", integration_id=integration_id)
    return to("integrations.integration", integration_id=integration_id)


@blueprint.post("/integrations/<int:integration_id>/workspaces/sync")
@allow(Role.TECHNICIAN)
def sync_workspace(integration_id: int) -> Answer:
    """Ask for the data of one workspace, and show how far that is."""
    row = one(Integration, integration_id)
    workspace_id = request.form.get("workspace_id", "")
    run = integrations.sync_workspace(runtime(), person().name, row, workspace_id)
    flash(f"{run.scope_name} is being synchronised. You can leave this page.", "ok")
    return to("activity.run", run_id=run.id)


def _workspaces_page(row: Integration, faults: Faults, ticked: set[str]) -> str:
    return show(
        "integrations/workspaces.html",
        integration=row,
        vendor=runtime().adapter_class(row.vendor.kind),
        choices=lists.workspace_choices(row, request.args.get("q", "").strip()),
        ticked=ticked,
        errors=faults,
    )


# -- ticket rules ------------------------------------------------------------------------------


@blueprint.get("/integrations/<int:integration_id>/rules")
@allow(Role.VIEWER)
def rules(integration_id: int) -> Answer:
    """Show which severities make tickets, and where these go."""
    return _rules_page(one(Integration, integration_id), {})


@blueprint.post("/integrations/<int:integration_id>/rules")
@allow(Role.ADMINISTRATOR)
def save_rules(integration_id: int) -> Answer:
    """Save the rules that changed."""
    row = one(Integration, integration_id)
    fields = [each.name for each in _ticketing(row).ticket_fields]
    changed, version = 0, sent_version()
    for rule in list(row.rules):
        enabled = f"on-{rule.id}" in request.form
        sent = {name: request.form.get(f"{name}-{rule.id}", "").strip()[:300] for name in fields}
        sent = {name: value for name, value in sent.items() if value}
        if (enabled, sent) == (rule.enabled, rule.fields):
            continue
        integrations.set_rule(
            runtime(), person().name, row, rule, enabled=enabled, fields=sent, version=version
        )
        changed, version = changed + 1, None
    flash(f"{words.count(changed, 'rule')} saved." if changed else "Nothing had changed.", "ok")
    return to("integrating.rules", integration_id=integration_id)


def _ticketing(row: Integration) -> type[OpensTickets]:
    adapter = runtime().adapter_class(row.host.kind)
    if not issubclass(adapter, OpensTickets):
        raise RuleError("host", f"{adapter.title} keeps no tickets")
    return adapter


def _rules_page(row: Integration, faults: Faults) -> str:
    adapter = _ticketing(row)
    order = {word: place for place, word in enumerate(words.SEVERITY)}
    ordered = sorted(row.rules, key=lambda rule: (rule.trigger, order.get(rule.matches, 9)))
    choices, trouble = _choices(row, adapter)
    return show(
        "integrations/rules.html",
        integration=row,
        host=runtime().adapter_class(row.host.kind),
        fields=adapter.ticket_fields,
        rules=[(rule, _title(rule)) for rule in ordered],
        choices=choices,
        trouble=trouble,
        preview=lists.ticket_preview(runtime(), row),
        errors=faults,
    )


def _title(rule: TicketRule) -> str:
    if rule.trigger == "event_severity":
        return words.state(words.SEVERITY, rule.matches)[0]
    return words.plain(rule.matches)


def _choices(row: Integration, adapter: type[OpensTickets]) -> tuple[Choices, str]:
    """Ask the host for its words; when it does not answer they are typed in, and why is shown."""
    found: dict[str, Sequence[Choice]] = {}
    connection = row.host
    try:
        host = cast(OpensTickets, runtime().host(connection))
        db.session.commit()
        for field in adapter.ticket_fields:
            found[field.name] = host.ticket_choices(field.name)
    except EdgeError as error:
        return found, error.message
    except PluginError as error:
        _log.warning("ticket choices of connection %d: %s", connection.id, error)
        return found, str(error)
    return found, ""


@blueprint.post("/integrations/<int:integration_id>/tickets")
@allow(Role.ADMINISTRATOR)
def switch_tickets(integration_id: int) -> Answer:
    """Let tickets be written, or stop it."""
    row = one(Integration, integration_id)
    on = request.form.get("on") == "1"
    _ticketing(row)
    integrations.switch_tickets(runtime(), person().name, row, on=on, version=sent_version())
    if on:
        flash("Bridgehead writes tickets for this integration from now on.", "ok")
    else:
        flash("No more tickets are written for this integration. Open ones stay open.", "info")
    return to("integrating.rules", integration_id=integration_id)
