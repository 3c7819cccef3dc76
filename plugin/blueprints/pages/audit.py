"""The audit log: who did what, before and after."""

import json
from collections.abc import Iterator

from plugin.blueprints.guard import allow, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, ask, csv_file, show, wants_csv
from plugin.services import lists
from plugin.services.access import Role
from plugin.services.lists import Ask

blueprint = new_blueprint("audit", __name__)

COLUMNS = ("Number", "When (UTC)", "Who", "What", "Subject", "Before", "After")


@blueprint.get("/audit")
@allow(Role.ADMINISTRATOR)
def table() -> Answer:
    """List what was done."""
    asked = ask()
    if wants_csv():
        return csv_file("audit", COLUMNS, _cells(asked))
    return show(
        "audit.html", listing=lists.audit.page(runtime(), asked, scope()), ask=asked, told=told
    )


def told(value: object) -> str:
    """Return a value as the log shows it: words as they are, the rest as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for row in lists.audit.walk(runtime(), asked):
        before, after = told(row.before), told(row.after)
        yield (row.id, row.at, row.actor, row.action, row.subject, before, after)
