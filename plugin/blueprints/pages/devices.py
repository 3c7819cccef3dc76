"""Devices: one dense list over all clients, and one device with what happened on it."""

from collections.abc import Iterator

from flask import abort

from plugin.blueprints.guard import allow, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import window_words, words
from plugin.blueprints.pages.clients import chosen_client
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.remembering import remembers
from plugin.blueprints.pages.showing import Answer, ask, csv_file, one, show, wants_csv
from plugin.services import actions, lists
from plugin.services.access import Role
from plugin.services.lists import Ask, DeviceLine
from plugin.store.mirror import DeviceRow

blueprint = new_blueprint("devices", __name__)

MANY_CLIENTS = 500
NEWEST = 20
"""How many detections and tickets a device's page shows."""
COLUMNS = (
    "Device",
    "Client",
    "Protection",
    "Class",
    "Operating system",
    "User",
    "Serial number",
    "Product",
    "Deployment",
    "Databases of (UTC)",
    "Last contact (UTC)",
)


@blueprint.get("/devices")
@allow(Role.VIEWER, limited=True)
@remembers
def table() -> Answer:
    """List the devices."""
    asked = ask()
    if wants_csv():
        return csv_file("devices", COLUMNS, _cells(asked))
    return show(
        "devices/table.html",
        listing=lists.devices.page(runtime(), asked, scope()),
        clients=lists.client_names(scope(), MANY_CLIENTS),
        chosen=chosen_client(asked.number("workspace")),
        told=window_words,
        syncing=lists.syncing(scope()),
        ask=asked,
        filtered=bool(asked.q or asked.filters.keys() - {"chosen", "embedded"}),
    )


def _cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for line in lists.devices.walk(runtime(), asked, scope()):
        yield _row(line)


def _row(line: DeviceLine) -> tuple[object, ...]:
    device = line.row
    return (
        device.name,
        line.workspace.name,
        words.state(words.PROTECTION, device.protection)[0],
        words.DEVICE_CLASS.get(device.device_class, device.device_class),
        device.operating_system,
        device.user,
        device.serial,
        f"{device.product} {device.product_version}".strip(),
        words.state(window_words.DEPLOYMENT, device.deployment)[0],
        device.bases_at,
        device.last_contact_at,
    )


@blueprint.get("/devices/<int:device_id>")
@allow(Role.VIEWER, limited=True)
def device(device_id: int) -> Answer:
    """Show one device, its conditions, detections and tickets."""
    row = one(DeviceRow, device_id)
    if not scope().shows_workspace(row.vendor_id, row.workspace_id):
        abort(404)
    about = lists.about_device(row)
    here = Ask().with_filters(device=row.device_id, vendor=row.vendor_id, place=row.workspace_id)
    return show(
        "devices/one.html",
        device=row,
        about=about,
        offered=actions.offered(runtime(), row),
        actions=actions.of_device(row),
        detections=lists.detections.first(here, scope(), NEWEST),
        tickets=lists.tickets.first(here, scope(), NEWEST),
    )
