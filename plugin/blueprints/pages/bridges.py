"""Bridges: the list, the plan with its moves, one bridge and its set-up."""

from collections.abc import Callable, Iterator

from flask import flash, request
from werkzeug.wrappers import Response

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, ask, csv_file, one, show, to, wants_csv
from plugin.domain.errors import RuleError
from plugin.services import connections, lists
from plugin.services.access import Role
from plugin.services.bridges import history, leases, planning, registry, roles
from plugin.services.bridges.planning import Held, Line
from plugin.services.lists import Ask, DeviceLine
from plugin.store.bridges import Bridge
from plugin.store.integrations import Connection, Side

blueprint = new_blueprint("bridges", __name__)

NEWEST = 10
COLUMNS = ("Bridge", "Roles", "State", "Integration", "Workspaces", "Load", "Last beat (UTC)")


@blueprint.get("/bridges")
@allow(Role.VIEWER)
def table() -> Answer:
    """List the bridges with what they carry."""
    lines = planning.lines(runtime(), list(registry.everyone()))
    if wants_csv():
        return csv_file("bridges", COLUMNS, _cells(lines))
    on, threshold = history.automatic()
    return show(
        "bridges/table.html",
        lines=lines,
        hosts=roles.hosts(runtime()),
        vendors=connections.living(runtime(), Side.VENDOR),
        automatic=on,
        threshold=threshold,
        ask=ask(),
        settings=runtime().settings,
    )


def _cells(lines: list[Line]) -> Iterator[tuple[object, ...]]:
    for line in lines:
        state = words.bridge_state(line.row)[0]
        told = ", ".join(line.row.roles)
        yield (
            line.row.name,
            told,
            state,
            line.integration,
            line.workspaces,
            round(line.load),
            line.row.beat_at,
        )


def _do(what: Callable[[], object], done: str, endpoint: str, **where: int) -> Response:
    """Do what a form asks, tell how it went, and show the page again."""
    try:
        what()
    except RuleError as error:
        flash(error.message, "critical")
    else:
        flash(done, "ok")
    return to(endpoint, **where)


@blueprint.post("/bridges/name")
@allow(Role.ADMINISTRATOR)
def name() -> Answer:
    """Name a bridge by hand."""
    text = request.form.get("name", "")
    told = "The bridge was named. Open it for its one-time token."
    return _do(lambda: registry.name(runtime(), person().name, text), told, "bridges.table")


@blueprint.post("/bridges/look")
@allow(Role.TECHNICIAN)
def look() -> Answer:
    """Look for role computers now."""
    told = "The hosts are asked for computers with a bridge role. Load the page again in a moment."
    return _do(lambda: roles.ask_all(runtime(), person().name), told, "bridges.table")


@blueprint.post("/bridges/automatic")
@allow(Role.ADMINISTRATOR)
def automatic() -> Answer:
    """Let plans apply themselves, or not."""
    text = request.form.get("threshold", "")
    threshold = int(text) if text.isdecimal() and len(text) < 6 else 0
    on = request.form.get("automatic") == "true"
    return _do(
        lambda: planning.set_automatic(runtime(), person().name, on=on, threshold=threshold),
        "Saved.",
        "bridges.table",
    )


@blueprint.post("/bridges/reach/<int:connection_id>")
@allow(Role.ADMINISTRATOR)
def reach(connection_id: int) -> Answer:
    """Say how a vendor is reached."""
    connection = one(Connection, connection_id)
    how = request.form.get("reach", "")
    return _do(
        lambda: planning.set_reach(runtime(), person().name, connection, how),
        f"Saved how {connection.name} is reached.",
        "bridges.table",
    )


# -- the plan ------------------------------------------------------------------------------------


@blueprint.get("/bridges/plan")
@allow(Role.VIEWER)
def plan() -> Answer:
    """Show what a plan would change; nothing is written."""
    return show("bridges/plan.html", plan=planning.propose(runtime(), scope().is_open))


@blueprint.post("/bridges/plan/apply")
@allow(Role.ADMINISTRATOR)
def apply() -> Answer:
    """Make the plan so."""
    moved = planning.apply(runtime(), person().name)
    flash(f"The plan was applied: {words.count(moved, 'workspace')} changed hands.", "ok")
    return to("bridges.table")


# -- one bridge ----------------------------------------------------------------------------------


@blueprint.get("/bridges/<int:bridge_id>")
@allow(Role.VIEWER)
def bridge(bridge_id: int) -> Answer:
    """Show one bridge: what it holds, its history, its set-up."""
    return _page(one(Bridge, bridge_id))


def _page(row: Bridge, token: str = "") -> str:
    host = one(Connection, row.host_id) if row.host_id is not None else None
    carried = Ask(sort="protection").with_filters(bridge=row.id)
    return show(
        "bridges/one.html",
        line=planning.lines(runtime(), [row])[0],
        bridge=row,
        host=host,
        held=_open(planning.held_by(row)),
        devices=lists.devices.first(carried, scope(), NEWEST),
        detections=lists.detections.first(carried, scope(), NEWEST),
        events=history.of_bridge(row.id),
        integrations=lists.integrations(runtime(), scope=scope()),
        may_be=registry.may_be_bridge(row),
        own_devices=_own(row),
        token=token,
        server=runtime().settings.public_url,
    )


def _own(row: Bridge) -> list[DeviceLine]:
    """Return the devices that the bridge's own computer may be."""
    found = lists.devices.first(Ask(q=row.name), scope(), NEWEST)[0] if row.roles else ()
    return [each for each in found if each.row.name.casefold() == row.name.casefold()]


def _open(held: list[Held]) -> list[Held]:
    """Leave out the workspaces that the reader was kept out of."""
    return [each for each in held if scope().is_open(each.vendor_id, each.scope)]


@blueprint.post("/bridges/<int:bridge_id>/token")
@allow(Role.ADMINISTRATOR)
def token(bridge_id: int) -> Answer:
    """Make a one-time token and show it this once."""
    row = one(Bridge, bridge_id)
    try:
        made = registry.new_token(runtime(), person().name, row)
    except RuleError as error:
        flash(error.message, "critical")
        return to("bridges.bridge", bridge_id=bridge_id)
    return _page(row, made)


@blueprint.post("/bridges/<int:bridge_id>/company")
@allow(Role.ADMINISTRATOR)
def company(bridge_id: int) -> Answer:
    """Allow bridges on the computers of this bridge's company."""
    row = one(Bridge, bridge_id)
    return _do(
        lambda: registry.allow_company(runtime(), person().name, row),
        "Computers of this company may be bridges.",
        "bridges.bridge",
        bridge_id=bridge_id,
    )


@blueprint.post("/bridges/<int:bridge_id>/map")
@allow(Role.ADMINISTRATOR)
def place(bridge_id: int) -> Answer:
    """Map the bridge onto an integration, with a capacity."""
    row = one(Bridge, bridge_id)
    chosen, capacity = request.form.get("integration", ""), request.form.get("capacity", "0")

    def change() -> None:
        number = int(chosen) if chosen.isdecimal() and len(chosen) < 10 else None
        most = int(capacity) if capacity.isdecimal() and len(capacity) < 10 else -1
        registry.set_capacity(runtime(), person().name, row, most)
        registry.place(runtime(), person().name, row, number)
        leases.keep(runtime())

    return _do(change, "Saved.", "bridges.bridge", bridge_id=bridge_id)


@blueprint.post("/bridges/<int:bridge_id>/drain")
@allow(Role.ADMINISTRATOR)
def drain(bridge_id: int) -> Answer:
    """Let the bridge finish what it has and give it nothing new, or end that."""
    row = one(Bridge, bridge_id)
    on = not row.draining

    def change() -> None:
        registry.drain(runtime(), person().name, row, on=on)
        leases.keep(runtime())

    told = "It finishes what it has; others take the rest." if on else "It takes work again."
    return _do(change, told, "bridges.bridge", bridge_id=bridge_id)


@blueprint.post("/bridges/<int:bridge_id>/revoke")
@allow(Role.ADMINISTRATOR)
def revoke(bridge_id: int) -> Answer:
    """Turn the bridge out at once."""
    row = one(Bridge, bridge_id)

    def change() -> None:
        registry.revoke(runtime(), person().name, row)
        leases.keep(runtime())

    return _do(change, f"{row.name} was turned out; its secret counts no more.", "bridges.table")


@blueprint.post("/bridges/<int:bridge_id>/pin")
@allow(Role.ADMINISTRATOR)
def pin(bridge_id: int) -> Answer:
    """Pin a workspace to this bridge, or end that."""
    row = one(Bridge, bridge_id)
    vendor = request.form.get("vendor", "")
    vendor_id = int(vendor) if vendor.isdecimal() and len(vendor) < 10 else 0
    wanted = row if request.form.get("on") == "true" else None
    return _do(
        lambda: planning.pin(
            runtime(), person().name, vendor_id, request.form.get("scope", ""), wanted
        ),
        "Saved.",
        "bridges.bridge",
        bridge_id=bridge_id,
    )
