"""One-time links: a device's page without scripts and without a sign-in, for an old engine."""

from flask import abort, request

from plugin.blueprints.guard import anyone, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, show
from plugin.services import launch_links, lists
from plugin.services.launch_links import LaunchError
from plugin.services.lists import Ask

blueprint = new_blueprint("launching", __name__)

NEWEST = 10


@blueprint.get("/launch/<token>")
@anyone(why="the one-time link names one device and is good for one look")
def launch(token: str) -> Answer:
    """Show the device of a one-time link, once.

    Only opening it uses it up: a look at its headers, or a browser that fetches ahead, does not.
    """
    ahead = "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))
    if request.method != "GET" or ahead:
        abort(405)
    try:
        device = launch_links.use(runtime(), token[:200])
    except LaunchError as error:
        return show("launching/refused.html", what=error.message), 410
    scope = lists.scope_of(runtime())
    here = Ask().with_filters(
        device=device.device_id, vendor=device.vendor_id, place=device.workspace_id
    )
    return show(
        "launching/device.html",
        device=device,
        about=lists.about_device(device),
        detections=lists.detections.first(here, scope, NEWEST)[0],
        tickets=lists.tickets.first(here, scope, NEWEST)[0],
    )
