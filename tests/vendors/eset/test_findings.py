from datetime import timedelta

import pytest

from plugin.domain.errors import MissingError, RefusedError, TransientError
from plugin.domain.model import Severity
from plugin.vendors.eset.cursor import read_cursor, write_cursor
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.protect import EsetProtect
from plugin.vendors.eset.stream import State
from tests.rig import link_to
from tests.vendors.eset.house import (
    ADDRESSES,
    LONG_AGO,
    Reader,
    adapter_to,
    asked,
    clock_of,
    happen,
    make_emulator,
    rows_of,
    switch,
)

# -- the first walk --------------------------------------------------------------------------


def test_the_first_walk_tells_the_past_oldest_first(emulator: EsetEmulator, reader: Reader) -> None:
    found = reader.read()
    assert {row.id for row in found} == set(emulator.table("detections"))
    times = [row.occurred_at for row in found]
    assert times == sorted(times)


def test_without_news_the_groups_are_not_read(emulator: EsetEmulator, reader: Reader) -> None:
    assert reader.read()
    assert asked(emulator, "/v1/device_groups") > 0
    emulator.requests.clear()
    assert reader.read() == []
    assert asked(emulator, "/v1/device_groups") == 0


def test_nothing_before_since_is_told(emulator: EsetEmulator, protect: EsetProtect) -> None:
    times = sorted(row.occurred_at for row in Reader(protect).read())
    since = times[2]
    assert [row.occurred_at for row in Reader(protect, since).read()] == times[2:]


def test_a_second_walk_tells_nothing_twice(reader: Reader) -> None:
    assert reader.read()
    assert reader.read() == []


def test_an_msp_where_nothing_ever_happened_still_gives_a_cursor() -> None:
    emulator = make_emulator(companies=1, devices=0)
    reader = Reader(adapter_to(emulator))
    assert reader.read() == []
    assert reader.cursor is not None


# -- what a detection says -------------------------------------------------------------------


def test_a_detection_names_its_client_its_device_and_what_was_done(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    identifier = happen(emulator, condition="Trojan")
    (found,) = reader.read()
    device = emulator.table("devices")[found.device_id]
    owners = {each.id for each in reader.protect.workspaces()}
    assert found.id == identifier
    assert found.device_name == device["name"]
    assert found.workspace_id in owners
    assert found.kind == "antivirus/trojan"
    assert found.severity is Severity.CRITICAL
    assert found.title == "Win32/Emotet.AW"
    assert found.outcome == "Cleaned by deleting"
    assert found.user == "CONTOSO\\adams"
    assert "explorer.exe" in found.description
    assert not found.resolved


def test_the_same_finding_has_the_same_kind_in_both_versions(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    for version in ("v1", "v2"):
        happen(emulator, condition="EDR_RULE/rule", list=version)
    assert {row.kind for row in reader.read()} == {"edr_rule/rule"}


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("HIGH", Severity.CRITICAL),
        ("MEDIUM", Severity.WARNING),
        ("LOW", Severity.INFORMATION),
        ("INFORMATIONAL", Severity.INFORMATION),
        ("DIAGNOSTIC", Severity.INFORMATION),
        ("UNSPECIFIED", Severity.UNKNOWN),
    ],
)
def test_every_severity_of_a_detection_is_read(
    emulator: EsetEmulator, reader: Reader, word: str, severity: Severity
) -> None:
    reader.read()
    happen(emulator, severity=word)
    assert [row.severity for row in reader.read()] == [severity]


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("HIGH", Severity.CRITICAL),
        ("MEDIUM", Severity.WARNING),
        ("LOW", Severity.INFORMATION),
        ("UNSPECIFIED", Severity.UNKNOWN),
    ],
)
def test_every_severity_of_an_incident_is_read(
    emulator: EsetEmulator, reader: Reader, word: str, severity: Severity
) -> None:
    reader.read()
    happen(emulator, "incident", severity=word)
    assert [(row.kind, row.severity) for row in reader.read()] == [("incident", severity)]


def test_a_detection_on_a_device_that_is_gone_is_still_told(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    for _ in range(3):
        happen(emulator)
    gone = list(emulator.table("detections").values())[-2]["device"]
    del emulator.table("devices")[gone]
    found = reader.read()
    assert len(found) == 3
    lost = [row for row in found if row.device_id == gone]
    assert [(row.workspace_id, row.device_name) for row in lost] == [("", "")]
    assert all(row.workspace_id for row in found if row.device_id != gone)


# -- going on --------------------------------------------------------------------------------


def test_what_happens_between_two_walks_is_told_once(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    made = [happen(emulator) for _ in range(5)]
    assert [row.id for row in reader.read()] == made
    assert reader.read() == []


def test_a_report_that_comes_late_is_told(emulator: EsetEmulator, reader: Reader) -> None:
    reader.read()
    late = clock_of(emulator).now - timedelta(days=3)
    identifier = happen(emulator, at=late.isoformat())
    assert [row.id for row in reader.read()] == [identifier]


def test_a_walk_broken_off_after_any_page_loses_and_doubles_nothing(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    switch(emulator, page_max=2)
    made = [happen(emulator) for _ in range(7)]
    for pages in range(1, 5):
        cursor, found = reader.cursor, list[str]()
        for number, page in enumerate(reader.protect.detections("", cursor, LONG_AGO), 1):
            found += [row.id for row in page.rows]
            cursor = page.next_cursor
            if number == pages:
                break
        found += [row.id for row in rows_of(reader.protect.detections("", cursor, LONG_AGO))]
        assert found == made


@pytest.mark.parametrize("page_max", [1, 4, 5, 6])
def test_every_page_of_changes_is_read(emulator: EsetEmulator, page_max: int) -> None:
    reader = Reader(adapter_to(emulator))
    reader.read()
    switch(emulator, page_max=page_max)
    made = [happen(emulator) for _ in range(5)]
    assert [row.id for row in reader.read()] == made


def test_a_delta_token_that_is_too_old_begins_again_without_a_gap(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    before = emulator.table("detections")
    known = set(before)
    made = happen(emulator)
    states = read_cursor(reader.cursor)
    old = {**states, "v1": State(delta="forgotten", at=states["v1"].at)}
    reader.cursor = write_cursor(old)
    found = {row.id for row in reader.read()}
    assert made in found
    assert found - known == {made}
    assert reader.read() == []


def test_a_page_token_that_is_too_old_begins_the_same_changes_again(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    made = [happen(emulator) for _ in range(3)]
    states = read_cursor(reader.cursor)
    stale = State(delta=states["v1"].delta, page="forgotten", at=states["v1"].at)
    reader.cursor = write_cursor({**states, "v1": stale})
    assert [row.id for row in reader.read()] == made


@pytest.mark.parametrize("cursor", ["", "nonsense", "[]", '{"v": 99}', '{"v": 1, "streams": 3}'])
def test_a_cursor_we_do_not_understand_starts_over(
    emulator: EsetEmulator, protect: EsetProtect, cursor: str
) -> None:
    found = rows_of(protect.detections("", cursor, LONG_AGO))
    assert {row.id for row in found} == set(emulator.table("detections"))


def test_what_happened_while_our_clock_was_behind_is_told_once(emulator: EsetEmulator) -> None:
    """The first walk's token is newer than our clock says; nothing falls between the two."""
    behind = clock_of(emulator).now - timedelta(minutes=10)
    made = happen(emulator)
    link = link_to(
        emulator, emulator.connection_settings(), addresses=ADDRESSES, now=lambda: behind
    )
    reader = Reader(EsetProtect(link))
    assert made in {row.id for row in reader.read()}
    assert reader.read() == []


def test_a_detection_made_while_the_first_walk_runs_is_told_once(
    emulator: EsetEmulator, reader: Reader
) -> None:
    walk = reader.protect.detections("", None, LONG_AGO)
    found = [row.id for row in next(walk).rows]
    made = happen(emulator)
    found += [row.id for row in rows_of(walk)]
    assert found.count(made) == 1
    assert len(found) == len(set(found))


# -- without the delta call ------------------------------------------------------------------


def test_without_the_delta_call_windows_overlap_and_tell_nothing_twice(
    emulator: EsetEmulator,
) -> None:
    switch(emulator, delta=False)
    reader = Reader(adapter_to(emulator))
    assert len(reader.read()) == len(emulator.table("detections"))
    made = [happen(emulator) for _ in range(3)]
    assert [row.id for row in reader.read()] == made
    assert reader.read() == []
    late = clock_of(emulator).now - timedelta(hours=20)
    identifier = happen(emulator, at=late.isoformat())
    assert [row.id for row in reader.read()] == [identifier]


def test_the_delta_call_is_used_as_soon_as_it_is_there(emulator: EsetEmulator) -> None:
    switch(emulator, delta=False)
    reader = Reader(adapter_to(emulator))
    reader.read()
    made = [happen(emulator)]
    switch(emulator, delta=True)
    assert [row.id for row in reader.read()] == made
    made = [happen(emulator)]
    emulator.requests.clear()
    assert [row.id for row in reader.read()] == made
    assert asked(emulator, "/v1/detections") == 0


def test_a_window_of_a_day_is_sorted_whatever_the_list_does(emulator: EsetEmulator) -> None:
    switch(emulator, delta=False, page_max=2)
    start = clock_of(emulator).now
    for hours in (5, 1, 9, 3):
        happen(emulator, at=(start - timedelta(hours=hours)).isoformat())
    times = [row.occurred_at for row in Reader(adapter_to(emulator)).read()]
    assert times == sorted(times)


# -- modules that are missing ----------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404, 501])
def test_a_missing_module_says_so_and_breaks_nothing_else(
    emulator: EsetEmulator, protect: EsetProtect, status: int
) -> None:
    switch(emulator, missing_services=["incident-management"], missing_status=status)
    with pytest.raises(MissingError):
        rows_of(protect.detections("", None, LONG_AGO))
    assert [device for page in protect.devices("", None) for device in page.rows]


@pytest.mark.parametrize("path", ["/v2/incidents", "/v2/detections"])
def test_one_missing_list_does_not_hide_the_others(
    emulator: EsetEmulator, reader: Reader, path: str
) -> None:
    emulator.add_fault("module-missing", 9, f"^{path}")
    assert {row.id for row in reader.read()} == set(emulator.table("detections"))


def test_a_module_that_comes_back_goes_on(emulator: EsetEmulator, reader: Reader) -> None:
    reader.read()
    made = happen(emulator)
    switch(emulator, missing_services=["incident-management"])
    with pytest.raises(MissingError):
        reader.read()
    switch(emulator, missing_services=[])
    assert [row.id for row in reader.read()] == [made]


def test_trouble_on_the_way_is_told_and_nothing_is_lost(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    made = [happen(emulator), happen(emulator, "incident")]
    emulator.add_fault("500", 3, "/v2/incidents")
    with pytest.raises(TransientError):
        reader.read()
    assert [row.id for row in reader.read()] == [f"incident:{made[1]}"]


def test_a_switched_off_interface_is_a_refusal_and_no_missing_module(
    emulator: EsetEmulator, reader: Reader
) -> None:
    reader.read()
    switch(emulator, integrations=False)
    with pytest.raises(RefusedError):
        reader.read()


# -- resolving -------------------------------------------------------------------------------


def test_a_detection_is_resolved_with_a_note(emulator: EsetEmulator, protect: EsetProtect) -> None:
    identifier = next(iter(emulator.table("detections")))
    protect.resolve(identifier, "cleaned by hand")
    record = emulator.table("detections")[identifier]
    assert (record["resolved"], record["note"]) == (True, "cleaned by hand")


@pytest.mark.parametrize("identifier", ["gone", "incident:gone"])
def test_resolving_what_is_gone_says_so(protect: EsetProtect, identifier: str) -> None:
    with pytest.raises(MissingError):
        protect.resolve(identifier, "")


@pytest.mark.parametrize("recipe", ["read_only", ""], ids=["chosen", "saved without a choice"])
def test_a_user_that_only_reads_resolves_nothing(emulator: EsetEmulator, recipe: str) -> None:
    protect = adapter_to(emulator, recipe=recipe)
    identifier = next(iter(emulator.table("detections")))
    with pytest.raises(RefusedError) as caught:
        protect.resolve(identifier, "cleaned by hand")
    assert caught.value.code == "read_only"
    assert protect.advice("", caught.value) is not None
    assert not emulator.table("detections")[identifier].get("resolved")
    assert EsetProtect.permitted({"recipe": recipe} if recipe else {}) == frozenset()
