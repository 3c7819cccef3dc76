"""The audit log: who did what, before and after."""

import json
from collections.abc import Iterator

from plugin.blueprints.guard import allow, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import (
    Answer,
    ask,
    csv_file,
    json_file,
    show,
    wants_csv,
    wants_json,
)
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
    if wants_json():
        return json_file("audit", _entries(asked))
    return show(
        "audit.html",
        listing=lists.audit.page(runtime(), asked, scope()),
        ask=asked,
        changes=changes,
        areas=words.options(words.AREA),
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
    >>> changes({"settings": {"site": "a", "user": "b"}}, {"settings": {"site": "c", "user": "b"}})
    [('settings: site', 'a', 'c')]
    >>> changes(["w1", "w2"], ["w2", "w3"])
    [('taken out', 'w1', ''), ('added', '', 'w3')]
    """
    return list(_changes("", before, after))


def _changes(name: str, before: object, after: object) -> Iterator[tuple[str, str, str]]:
    if before == after:
        return
    if isinstance(before, dict) or isinstance(after, dict):
        old = before if isinstance(before, dict) else {}
        new = after if isinstance(after, dict) else {}
        for part in {**old, **new}:
            path = f"{name}: {part}" if name else str(part)
            yield from _changes(path, old.get(part), new.get(part))
    elif isinstance(before, list) and isinstance(after, list):
        gone = [each for each in before if each not in after]
        new_ones = [each for each in after if each not in before]
        for word, each in (("taken out", gone), ("added", new_ones)):
            if each:
                text = ", ".join(told(one) for one in each)
                yield (
                    f"{name}: {word}" if name else word,
                    text if each is gone else "",
                    text if each is new_ones else "",
                )
    else:
        yield (name, told(before), told(after))


def _entries(asked: Ask) -> Iterator[dict[str, object]]:
    for row in lists.audit.walk(runtime(), asked, scope()):
        yield {
            "id": row.id,
            "at": row.at.isoformat(),
            "actor": row.actor,
            "action": row.action,
            "subject": row.subject,
            "before": row.before,
            "after": row.after,
            "mac": row.mac,
        }


def _cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for row in lists.audit.walk(runtime(), asked, scope()):
        before, after = told(row.before), told(row.after)
        yield (row.id, row.at, row.actor, row.action, row.subject, before, after)
