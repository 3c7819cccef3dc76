"""Coverage: companies of the hosts that no vendor protects."""

from collections.abc import Iterator

from plugin.blueprints.guard import allow, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, ask, csv_file, show, wants_csv
from plugin.services import lists
from plugin.services.access import Role
from plugin.services.lists import Ask, UncoveredLine
from plugin.store.integrations import Side

blueprint = new_blueprint("coverage", __name__)

COLUMNS = ("Company", "Host", "Id", "Identifier", "Why")


@blueprint.get("/coverage")
@allow(Role.VIEWER)
def table() -> Answer:
    """List active companies without any protected device."""
    asked = ask()
    if wants_csv():
        return csv_file("coverage", COLUMNS, _cells(asked))
    return show(
        "coverage.html",
        listing=lists.uncovered.page(runtime(), asked, scope()),
        hosts=_hosts(),
        why=why,
        integrations=lists.integration_of_hosts(scope()),
        ask=asked,
    )


def _hosts() -> dict[int, str]:
    living = lists.connections(runtime(), side=Side.HOST.value, scope=scope())
    return {line.row.id: line.row.name for line in living}


def why(line: UncoveredLine) -> str:
    """Say why a company counts as not protected."""
    if line.workspace is None:
        return "not mapped"
    if line.workspace.gone_at is not None:
        return f"mapped to {line.workspace.name}, which the vendor no longer lists"
    if not line.workspace.devices:
        return f"mapped to {line.workspace.name}, which has no device"
    if line.workspace.devices <= line.workspace.deployed_not_installed:
        return f"mapped to {line.workspace.name}, where protection is installed on no device"
    return f"its mapping to {line.workspace.name} is broken"


def _cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    hosts = _hosts()
    for line in lists.uncovered.walk(runtime(), asked, scope()):
        row = line.row
        host = hosts.get(row.host_id, "")
        yield row.name, host, row.company_id, row.identifier, why(line)
