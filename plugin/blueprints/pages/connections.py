"""Connections: the list, one with its last check, syncing, and deleting with its consequences."""

from collections.abc import Mapping

from flask import flash, request

from plugin.blueprints.climbing import climbing
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import deleting, words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, fragment, one, show, to
from plugin.domain.contracts import Adapter, Field, FieldKind
from plugin.domain.errors import RuleError
from plugin.edge import certificates
from plugin.services import (
    connections,
    customers,
    groups,
    guided,
    lists,
    placing,
    reports,
    signing,
    sync,
    trial_call,
)
from plugin.services.access import Role
from plugin.store.integrations import Connection

blueprint = new_blueprint("connections", __name__)


@blueprint.get("/connections")
@allow(Role.VIEWER)
def table() -> Answer:
    """List the connections."""
    found = lists.connections(
        runtime(), side=request.args.get("side", ""), q=request.args.get("q", ""), scope=scope()
    )
    return show(
        "connections/table.html",
        lines=found,
        adapters=runtime().adapters,
        deleted=deleting.lines() if person().role.covers(Role.ADMINISTRATOR) else [],
    )


@blueprint.get("/connections/<int:connection_id>")
@allow(Role.VIEWER)
def connection(connection_id: int) -> Answer:
    """Show one connection: what it is, how it stands, what it did last."""
    row = one(Connection, connection_id)
    adapter = runtime().adapters.get(row.kind)
    return show(
        "connections/one.html",
        connection=row,
        adapter=adapter,
        settings=_settings(row, adapter),
        steps=connections.steps_kept(row),
        rights=connections.rights_kept(row),
        guide=connections.guide_of(adapter, row) if adapter else [],
        webhook_url=connections.webhook_url(runtime(), row),
        runs=lists.runs_of(row.id),
        integrations=[
            line.row
            for line in lists.integrations(runtime(), scope=scope())
            if row.id in {line.row.host_id, line.row.vendor_id}
        ],
        circuit=reports.circuit_of(runtime(), row),
        joins_customers=customers.joins(runtime(), row),
        groups=groups.discovery(runtime(), row) if groups.has_groups(runtime(), row) else None,
        setup_waits=person().role.covers(Role.ADMINISTRATOR) and guided.is_under_way(),
        saved=request.args.get("saved") in {"added", "changed"},
        places_pages=placing.can(runtime(), row),
        signs_calls=signing.signs(runtime(), row),
    )


@blueprint.get("/connections/<int:connection_id>/groups")
@allow(Role.VIEWER, polled=True)
def groups_found(connection_id: int) -> Answer:
    """Show how far the discovery of groups is, for the part of the page that keeps itself fresh."""
    row = one(Connection, connection_id)
    found = groups.discovery(runtime(), row)
    return fragment("connections/_groups.html", connection=row, groups=found)


def _settings(row: Connection, adapter: type[Adapter] | None) -> list[tuple[str, str]]:
    """Return the labels and values that may be seen; of a secret only that one is saved."""
    return [
        (field.label, connections.HIDDEN if field.secret else _shown(field, row.settings))
        for field in (adapter.fields if adapter else ())
        if field.secret or row.settings.get(field.name)
    ]


def _shown(field: Field, settings: Mapping[str, str]) -> str:
    value = settings[field.name]
    if field.kind is FieldKind.SWITCH:
        return "yes" if value == "true" else "no"
    if field.kind is FieldKind.CERTIFICATE:
        found = certificates.read(value)
        return (
            f"SHA-256 {found.fingerprint}, until {found.ends:%Y-%m-%d}" if found else "unreadable"
        )
    if field.kind is FieldKind.LINES:
        return words.count(len(value.splitlines()), "line")
    return next((each.label for each in field.choices if each.value == value), value)


@blueprint.post("/connections/<int:connection_id>/check")
@allow(Role.TECHNICIAN)
def check(connection_id: int) -> Answer:
    """Run the connection check now."""
    with climbing():
        steps = connections.check(runtime(), one(Connection, connection_id))
    failed = next((each for each in steps if each.outcome is connections.Outcome.FAILED), None)
    missing = connections.missing_rights(one(Connection, connection_id))
    if failed is None and missing:
        flash(f"The check went through; {words.count(len(missing), 'right')} missing.", "warning")
    elif failed is None:
        flash("The connection check went through.", "ok")
    else:
        flash(
            f"The connection check stopped at “{failed.name}”. See below for the cure.", "warning"
        )
    return to("connections.connection", connection_id=connection_id)


@blueprint.post("/connections/<int:connection_id>/test-call")
@allow(Role.TECHNICIAN)
def test_call(connection_id: int) -> Answer:
    """Have the host call us once, and show each step of it."""
    row = one(Connection, connection_id)
    try:
        steps = trial_call.send(runtime(), person().name, row)
    except RuleError as error:
        flash(f"No test call was sent: {error.message}.", "warning")
        return to("connections.connection", connection_id=connection_id)
    return show("connections/test_call.html", connection=row, steps=steps)


@blueprint.post("/connections/<int:connection_id>/sync")
@allow(Role.TECHNICIAN)
def sync_now(connection_id: int) -> Answer:
    """Ask for everything of this connection."""
    runs = sync.ask_all(runtime(), one(Connection, connection_id), by=person().name)
    flash(f"{words.count(len(runs), 'sync run')} asked for. You can leave this page.", "ok")
    return to("connections.connection", connection_id=connection_id)
