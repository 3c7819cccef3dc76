"""What a broken or hostile cloud may answer, and what may be new to us."""

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from plugin.domain.errors import AnswerError
from plugin.domain.model import (
    ActionKind,
    ActionState,
    ActionTarget,
    DeviceClass,
    LicenceKind,
    LicenceState,
    Protection,
    Severity,
)
from plugin.vendors.kaspersky import cloud_values as values
from plugin.vendors.kaspersky.cloud import KasperskyCloud
from tests.vendors.kaspersky.clouds import LONG_AGO, LyingCloud, cloud, filled

pytestmark = pytest.mark.breaches

DEVICE = {"id": "d", "name": "PC", "class": "other", "status": "ok", "conditions": []}
EVENT = {
    "id": "e",
    "sequence": 1,
    "type": "malware-detected",
    "severity": "critical",
    "title": "Found",
    "occurredAt": "2026-11-02T08:00:00Z",
}
LICENCE = {
    "id": "l",
    "product": "P",
    "kind": "commercial",
    "state": "active",
    "limit": 5,
    "used": 1,
    "expiresAt": None,
    "countedIn": "devices",
}
USAGE = {"product": "P", "countedIn": "devices", "assigned": 1, "active": 1, "ordered": 5}
TASK = {"id": "1", "state": "done", "devices": 1, "done": 1, "failed": 0}
INTEGRATION = {"id": "i", "platform": "p", "name": "n", "tenants": [], "administrators": []}

Walk = Callable[[KasperskyCloud], object]
WALKS: dict[str, tuple[str, dict[str, Any], Walk]] = {
    "tenants": (
        "/tenants",
        {"items": [{"id": "t", "name": "T", "deviceCount": 1}], "nextPage": None},
        lambda adapter: list(adapter.workspaces()),
    ),
    "devices": (
        "/devices",
        {"items": [DEVICE], "nextPage": None, "changeToken": "c"},
        lambda adapter: list(adapter.devices("t", None)),
    ),
    "changes": (
        "/device-changes",
        {"items": [DEVICE], "removed": ["x"], "changeToken": "c", "more": False},
        lambda adapter: list(adapter.devices("t", '["changes", "a"]')),
    ),
    "events": (
        "/events",
        {"items": [EVENT], "cursor": "c", "more": False},
        lambda adapter: list(adapter.detections("t", None, LONG_AGO)),
    ),
    "licences": (
        "/licences",
        {"items": [LICENCE]},
        lambda adapter: list(adapter.licences("t")),
    ),
    "usage": (
        "/usage",
        {"day": "2026-11-02", "items": [USAGE]},
        lambda adapter: list(adapter.usage("t", date(2026, 11, 2))),
    ),
    "task": ("/tasks/1", TASK, lambda adapter: adapter.progress("1")),
    "integration": ("/integrations/i", INTEGRATION, lambda adapter: adapter.integration("i")),
    "users": ("/users", {"items": [{"email": "a@b.c"}]}, lambda adapter: adapter.known("a@b.c")),
    "account": (
        "/account",
        {"email": "a@b.c", "tenantKind": "workspace", "serverTime": "2026-11-02T08:00:00Z"},
        lambda adapter: adapter.rungs()[2].run(),
    ),
}


@pytest.fixture
def emulator() -> LyingCloud:
    emulator = LyingCloud()
    filled(emulator, 1, 2)
    return emulator


@pytest.mark.parametrize("name", WALKS)
def test_what_is_as_promised_is_taken(emulator: LyingCloud, name: str) -> None:
    ending, honest, walk = WALKS[name]
    emulator.lies = {ending: honest}
    assert walk(cloud(emulator))


def misfits(honest: dict[str, Any]) -> list[Any]:
    """Return answers that differ from an honest one in one place."""
    found: list[Any] = [None, [], "text", 7, {}, {"items": None}, {"items": {"a": 1}}]
    rows_of_odd_kinds: list[Any] = [None, 7, "x", [], {}]
    found += [{**honest, "items": [row]} for row in rows_of_odd_kinds]
    rows = honest["items"] if honest.get("items") else [honest]
    for key in rows[0]:
        for bad in ({"a": 1}, [[1]], True):
            changed = copy.deepcopy(honest)
            (changed["items"][0] if honest.get("items") else changed)[key] = bad
            found.append(changed)
    return found


def code_of(walk: Walk, adapter: KasperskyCloud) -> str:
    """Return the code of the error a walk ends with; any error that is not ours goes through."""
    try:
        walk(adapter)
    except AnswerError as error:
        return error.code
    return "fine"


@pytest.mark.parametrize("name", WALKS)
def test_what_is_not_as_promised_is_our_error_or_harmless(emulator: LyingCloud, name: str) -> None:
    ending, honest, walk = WALKS[name]
    codes = []
    for lie in misfits(honest):
        emulator.lies = {ending: lie}
        codes.append(code_of(walk, cloud(emulator)))
    assert set(codes) <= {"shape", "not_json", "fine"}
    assert codes.count("shape") >= len(codes) // 3


@pytest.mark.parametrize(
    ("name", "key", "bad"),
    [
        ("tenants", "deviceCount", "many"),
        ("tenants", "deviceCount", -1),
        ("tenants", "deviceCount", 10**40),
        ("tenants", "id", ""),
        ("devices", "conditions", None),
        ("devices", "seenAt", "yesterday"),
        ("events", "sequence", 1.5),
        ("events", "type", "Free text with 12:30"),
        ("events", "occurredAt", None),
        ("licences", "limit", "unlimited"),
        ("licences", "used", None),
        ("usage", "assigned", True),
    ],
)
def test_the_field_that_is_wrong_is_named(
    emulator: LyingCloud, name: str, key: str, bad: object
) -> None:
    ending, honest, walk = WALKS[name]
    lie = copy.deepcopy(honest)
    lie["items"][0][key] = bad
    emulator.lies = {ending: lie}
    with pytest.raises(AnswerError, match=r"\(items\.0\.\w+") as caught:
        walk(cloud(emulator))
    assert str(bad) not in caught.value.message or bad in {"", None, True}


@pytest.mark.parametrize("name", ["devices", "changes", "events"])
def test_a_token_that_could_forge_something_is_refused(emulator: LyingCloud, name: str) -> None:
    ending, honest, walk = WALKS[name]
    key = "cursor" if name == "events" else "changeToken"
    for bad in ("", "a b", "a\nb", "ä", "x" * 5000, None):
        emulator.lies = {ending: {**honest, key: bad}}
        with pytest.raises(AnswerError):
            walk(cloud(emulator))


def test_pages_that_lead_in_a_circle_are_left(emulator: LyingCloud) -> None:
    circles: dict[str, dict[str, Any]] = {
        "tenants": {"nextPage": "again"},
        "devices": {"nextPage": "again"},
        "changes": {"more": True},
        "events": {"more": True},
    }
    for name, circle in circles.items():
        ending, honest, walk = WALKS[name]
        emulator.lies = {ending: {**honest, **circle}}
        with pytest.raises(AnswerError, match="in a circle"):
            walk(cloud(emulator))


def test_a_workspace_listed_twice_is_one(emulator: LyingCloud) -> None:
    row = {"id": "t", "name": "", "deviceCount": 1}
    emulator.lies = {"/tenants": {"items": [row], "nextPage": None}}
    assert [each.name for each in cloud(emulator).workspaces()] == ["t"]


def test_words_that_are_new_to_us_are_unknown(emulator: LyingCloud) -> None:
    adapter = cloud(emulator)
    device = DEVICE | {"class": "toaster", "status": "odd", "conditions": ["new-trouble", "B!d"]}
    licence = LICENCE | {"kind": "gift", "state": "asleep"}
    emulator.lies = {
        "/devices": {"items": [device], "nextPage": None, "changeToken": "c"},
        "/events": {"items": [EVENT | {"severity": "dire"}], "cursor": "c", "more": False},
        "/licences": {"items": [licence]},
    }
    found = next(adapter.devices("t", None)).rows[0]
    assert (found.device_class, found.protection) == (DeviceClass.OTHER, Protection.UNKNOWN)
    assert found.conditions == ("new_trouble",)
    assert next(adapter.detections("t", None, LONG_AGO)).rows[0].severity is Severity.UNKNOWN
    [held] = adapter.licences("t")
    assert (held.kind, held.state) == (LicenceKind.UNKNOWN, LicenceState.UNKNOWN)


def test_a_state_of_a_task_that_is_new_to_us_is_still_under_way(emulator: LyingCloud) -> None:
    emulator.lies = {"/tasks": TASK | {"state": "queued"}, "/tasks/1": TASK | {"state": "queued"}}
    adapter = cloud(emulator)
    reference = adapter.start(ActionKind.SCAN, ActionTarget("t"))
    assert adapter.progress(reference).state is ActionState.RUNNING


def test_events_older_than_asked_for_are_left_out_here_too(emulator: LyingCloud) -> None:
    old = EVENT | {"occurredAt": "2020-01-01T00:00:00Z"}
    emulator.lies = {"/events": {"items": [old], "cursor": "c", "more": False}}
    assert next(cloud(emulator).detections("t", None, LONG_AGO)).rows == ()


def test_two_licences_of_one_product_add_up(emulator: LyingCloud) -> None:
    by_class = [{"class": "windows-server", "assigned": 1, "active": 1}]
    rows = [USAGE | {"byClass": by_class}, USAGE | {"byClass": by_class}]
    emulator.lies = {"/usage": {"day": "2026-11-02", "items": rows}}
    lines = list(cloud(emulator).usage("t", date(2026, 11, 2)))
    counted = {(line.how, line.device_class): line.quantity for line in lines}
    assert counted["assigned", DeviceClass.SERVER] == 2
    assert counted["assigned", DeviceClass.WORKSTATION] == 0
    assert counted["ordered", None] == 10


def test_one_unlimited_licence_makes_the_product_unlimited(emulator: LyingCloud) -> None:
    emulator.lies = {"/usage": {"day": "2026-11-02", "items": [USAGE, USAGE | {"ordered": None}]}}
    lines = cloud(emulator).usage("t", date(2026, 11, 2))
    assert "ordered" not in {line.how for line in lines}


def test_a_name_in_a_message_is_one_printable_line() -> None:
    assert values.shown("a\r\nb\x1b[31m" + "x" * 500) == "a  b [31m" + "x" * 111
