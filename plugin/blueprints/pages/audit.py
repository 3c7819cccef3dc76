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
        "audit.html",
        listing=lists.audit.page(runtime(), asked, scope()),
        ask=asked,
        changes=changes,
    )


def told(value: object) -> str:
    """Return a value as the log shows it: words as they are, the rest as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def changes(before: object, after: object) -> list[tuple[str, str, str]]:
    """Return what differs as name, old and new value; a name is empty where there is only one.

    >>> changes({"on": False, "board": "A"}, {"on": True, "board": "A"})
    [('on', 'false', 'true')]
    >>> changes("Old name", "New name")
    [('', 'Old name', 'New name')]
    """
    if isinstance(before, dict) or isinstance(after, dict):
        old = before if isinstance(before, dict) else {}
        new = after if isinstance(after, dict) else {}
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return [(str(name), told(old.get(name)), told(new.get(name))) for name in names]
    return [("", told(before), told(after))] if before is not None or after is not None else []


def _cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for row in lists.audit.walk(runtime(), asked):
        before, after = told(row.before), told(row.after)
        yield (row.id, row.at, row.actor, row.action, row.subject, before, after)
