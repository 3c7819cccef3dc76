"""The environment page: whose servers are used, and who says so."""

from plugin.blueprints.guard import allow, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import show
from plugin.services import lists
from plugin.services.access import Role
from plugin.settings import Environment

blueprint = new_blueprint("environment", __name__)


@blueprint.get("/environment", endpoint="show")
@allow(Role.ADMINISTRATOR)
def show_page() -> str:
    """Show the environment that holds, its source, and what belongs to each."""
    return show(
        "environment.html",
        effective=runtime().environment(),
        environments=list(Environment),
        counts=lists.connections_by_environment(),
        kinds=[each for each in runtime().adapters.values() if each.environments],
        addresses=runtime().settings.addresses_of,
    )
