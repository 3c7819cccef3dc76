"""Events and incidents: what is new since the last reading, and what it says."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from plugin.domain.errors import AnswerError
from plugin.domain.model import Detection, Severity
from plugin.edge.emulator import Happening
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.center_events import LATE, Place
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from plugin.vendors.kaspersky.emulator_center_seed import event
from tests.rig import EPOCH

Switch = Callable[..., None]
LONG_AGO = EPOCH - timedelta(days=30)


def read(
    center: SecurityCenter, mark: str | None = None, since: datetime = LONG_AGO
) -> tuple[list[Detection], str | None]:
    rows: list[Detection] = []
    for page in center.detections("11", mark, since):
        rows += page.rows
        mark = page.next_cursor
        assert not page.complete
    return rows, mark


def happens(
    emulator: SecurityCenterEmulator, at: datetime, kind: str = "GNRL_EV_VIRUS_FOUND"
) -> str:
    host = emulator.index.hosts[11][0]
    number = emulator.add_event(event(11, host, kind, at))
    return f"11:{number}"


def test_a_virus_is_told_with_what_where_and_who(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    rows, mark = read(center)
    told = emulator.occur(
        Happening("detection", {"workspace": "11", "condition": "GNRL_EV_VIRUS_FOUND"})
    )
    assert told is not None
    (found,), _ = read(center, mark)
    assert found.id == told["id"]
    assert found.kind == "GNRL_EV_VIRUS_FOUND"
    assert found.severity is Severity.CRITICAL
    assert found.title == "Malicious object detected"
    assert found.object_name.endswith("invoice.exe")
    assert found.user
    assert found.device_name == told["device_name"]
    assert found.sequence == int(found.id.partition(":")[2]) > rows[-1].sequence


def test_every_severity_has_its_word(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    rows, _ = read(center)
    found = {row.kind: row.severity for row in rows}
    assert found["KLPRCI_TaskState"] is Severity.FUNCTIONAL_FAILURE
    assert found["GNRL_EV_OBJECT_CURED"] is Severity.INFORMATION
    assert found["GNRL_EV_PASSWD_ARCHIVE_FOUND"] is Severity.WARNING
    assert found["GNRL_EV_VIRUS_FOUND"] is Severity.CRITICAL


def test_what_happened_to_an_object_is_told(center: SecurityCenter) -> None:
    rows, _ = read(center)
    outcomes = {row.kind: row.outcome for row in rows}
    assert outcomes["GNRL_EV_OBJECT_CURED"] == "disinfected"
    assert outcomes["GNRL_EV_VIRUS_FOUND"] == ""


@pytest.mark.parametrize("size", [1, 2, 3, 5, 500])
def test_a_reading_may_stop_at_any_page_and_loses_nothing(
    center: SecurityCenter, size: int
) -> None:
    whole, _ = read(center)
    center.page_size = size
    seen: list[str] = []
    page = next(iter(center.detections("11", None, LONG_AGO)))
    while page.rows:
        seen += [row.id for row in page.rows]
        page = next(iter(center.detections("11", page.next_cursor, LONG_AGO)))
    assert seen == [row.id for row in whole]


def test_a_reading_without_news_asks_for_the_last_event_only(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    _, mark = read(center)
    emulator.requests.clear()
    assert read(center, mark) == ([], mark)
    names = [seen["path"].rpartition("/")[2] for seen in emulator.requests]
    assert names.count("EventProcessing.GetRecordRange") == 1
    assert names.count("ChunkAccessor.GetItemsChunk") == 0


def test_an_event_handed_in_late_is_not_lost(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    _, mark = read(center)
    late = happens(emulator, EPOCH - timedelta(days=4))
    assert [row.id for row in read(center, mark)[0]] == [late]


def test_a_device_whose_clock_runs_ahead_does_not_hold_up_the_others(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    _, mark = read(center)
    ahead = happens(emulator, emulator.clock() + timedelta(days=4000))
    rows, mark = read(center, mark)
    assert [row.id for row in rows] == [ahead]
    usual = happens(emulator, emulator.clock())
    assert [row.id for row in read(center, mark)[0]] == [usual]


def test_only_a_window_is_searched_once_there_is_a_place(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    happens(emulator, emulator.clock())
    _, mark = read(center)
    assert mark is not None
    at = datetime.fromisoformat(json.loads(mark)["at"])
    old = happens(emulator, at - LATE - timedelta(hours=1))
    new = happens(emulator, at - LATE + timedelta(hours=1))
    assert [row.id for row in read(center, mark)[0]] == [new]
    assert old != new


def test_nothing_older_than_asked_for_comes_though_its_number_is_higher(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    since = EPOCH - timedelta(days=1)
    happens(emulator, since - timedelta(seconds=1))
    exact = happens(emulator, since)
    rows, _ = read(center, None, since)
    assert exact in {row.id for row in rows}
    assert all(row.occurred_at >= since for row in rows)


def test_an_event_of_an_unknown_kind_passes_under_its_own_name(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    row = emulator.event_row
    emulator.event_row = lambda number: {  # type: ignore[method-assign]
        **row(number),
        "event_type": "KL_SOMETHING_NEW",
        "event_type_display_name": "",
        "GNRL_EA_SEVERITY": 0,
    }
    found = [each for each in read(center)[0] if each.sequence]
    assert {(each.kind, each.title) for each in found} == {("KL_SOMETHING_NEW",) * 2}
    assert {each.severity for each in found} == {Severity.UNKNOWN}


def test_incidents_are_told_once_and_apart_from_events(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    rows, mark = read(center)
    incidents = [row for row in rows if row.kind.startswith("incident:")]
    assert [row.id for row in incidents] == ["11:incident:1"]
    assert incidents[0].severity is Severity.WARNING
    assert incidents[0].sequence == 0
    assert not incidents[0].resolved
    assert incidents[0].description
    assert read(center, mark)[0] == []
    host = emulator.index.hosts[11][0]
    number = emulator.add_incident(11, host, emulator.clock())
    assert [row.id for row in read(center, mark)[0]] == [f"11:incident:{number}"]


def test_an_incident_from_before_is_passed_over_once_and_for_all(center: SecurityCenter) -> None:
    rows, mark = read(center, None, EPOCH)
    assert rows == []
    assert '"incident": 1' in str(mark)
    assert read(center, mark, EPOCH)[0] == []


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "[]",
        "{}",
        '{"event": "x", "at": "", "incident": 0}',
        '{"event": 1, "at": "yesterday", "incident": 0}',
        '{"event": 1, "at": 5, "incident": 0}',
    ],
)
def test_a_place_that_is_none_of_ours_is_an_answer_error(
    center: SecurityCenter, cursor: str
) -> None:
    with pytest.raises(AnswerError) as caught:
        read(center, cursor)
    assert caught.value.code == "cursor"


def test_a_place_survives_being_written_down() -> None:
    place = Place(7, EPOCH, 3)
    assert Place.read(place.text()) == place
    assert Place.read(Place().text()) == Place()
    assert Place.read(None) == Place.read("") == Place()
