"""Found sets: read in parts, always released, made again when the server drops them."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from plugin.domain.errors import AnswerError, TransientError
from plugin.vendors.kaspersky import center_searches as searches
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.center_found import ACCESSOR, EVENTS, KEYS, Found, restarted
from plugin.vendors.kaspersky.center_session import MAIN, Server, SessionLostError, Sessions
from plugin.vendors.kaspersky.center_wire_keys import KeyWire
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from tests.rig import EPOCH, small_world

Switch = Callable[..., None]
CLIENT = small_world().clients[0]
ALL = len(CLIENT.machines)
HOME = Server(CLIENT.name)


@pytest.mark.parametrize("size", [1, 7, ALL - 1, ALL, ALL + 1])
def test_hosts_are_read_in_parts_of_any_size(sessions: Sessions, size: int) -> None:
    with Found(sessions, HOME, ACCESSOR, searches.hosts()) as found:
        assert found.count == ALL
        parts = list(found.parts(size))
    assert sum(len(rows) for rows, _ in parts) == ALL
    assert [last for _, last in parts] == [False] * (len(parts) - 1) + [True]


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 14, 15, 16])
def test_events_are_read_once_whether_or_not_the_end_belongs_to_the_range(
    sessions: Sessions, switch: Switch, size: int, inclusive: bool
) -> None:
    switch("end_belongs_to_range", inclusive)
    search = searches.events_from(EPOCH - timedelta(days=30))
    with Found(sessions, MAIN, EVENTS, search) as found:
        rows = [row for part, _ in found.parts(size) for row in part]
    assert len({row["event_db_id"] for row in rows}) == len(rows) == 15


@pytest.mark.parametrize("size", [1, 3, 50])
def test_keys_are_read_by_their_number_not_by_the_word_eof(sessions: Sessions, size: int) -> None:
    with Found(sessions, MAIN, KEYS, searches.keys(KeyWire)) as found:
        rows = [row for part, _ in found.parts(size) for row in part]
    assert len({row["KLLIC_SERIAL"] for row in rows}) == found.count == 5


def test_nothing_found_is_one_empty_part(sessions: Sessions) -> None:
    with Found(sessions, HOME, ACCESSOR, searches.incidents_above(10**9)) as found:
        assert list(found.parts(10)) == [([], True)]


def test_a_set_is_released_when_the_reader_fails(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    with suppress(ZeroDivisionError), Found(sessions, HOME, ACCESSOR, searches.hosts()) as found:
        len(found.part(0, 1)) / 0
    assert emulator.open_sets() == []


def test_a_set_whose_size_is_not_told_is_released(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    emulator.add_fault("error-in-200", times=9, path="GetItemsCount")
    with pytest.raises(TransientError):
        Found(sessions, HOME, ACCESSOR, searches.hosts())
    assert emulator.open_sets() == []


def test_a_release_that_fails_is_no_matter(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    emulator.add_fault("500", times=9, path="Release")
    with Found(sessions, HOME, ACCESSOR, searches.hosts()) as found:
        found.part(0, 1)
    emulator.clock.move(emulator.clock() + timedelta(seconds=searches.LIFETIME + 1))


def test_a_walk_goes_on_when_its_session_ends_in_the_middle(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    center.page_size = 3
    whole = {row.id for page in center.devices("11", None) for row in page.rows}
    walk = center.devices("11", None)
    seen = {row.id for row in next(walk).rows}
    emulator.sessions.clear()
    pages = list(walk)
    seen |= {row.id for page in pages for row in page.rows}
    assert seen == whole
    assert pages[-1].complete


def test_a_walk_goes_on_when_its_set_has_outlived_itself(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    center.page_size = 3
    walk = center.devices("11", None)
    next(walk)
    for session in emulator.sessions.values():
        session.found.clear()
    assert list(walk)[-1].complete


def test_events_go_on_after_the_last_one_seen_when_a_session_ends(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    center.page_size = 2
    walk = center.detections("11", None, EPOCH - timedelta(days=30))
    pages = [next(walk), next(walk)]
    emulator.sessions.clear()
    pages += list(walk)
    rows = [row.id for page in pages for row in page.rows]
    assert len(rows) == len(set(rows)) == 6


def test_a_search_that_is_dropped_again_and_again_is_given_up() -> None:
    begun: list[int] = []

    def walk() -> Iterator[int]:
        begun.append(1)
        yield len(begun)
        raise SessionLostError("KSC", "has ended our session")

    with pytest.raises(SessionLostError):
        list(restarted(walk))
    assert len(begun) == 3


class Lying:
    """A server that opens every search and then answers ``part``."""

    def __init__(self, part: Any, count: Any = 3, handle: Any = "set-1") -> None:  # noqa: ANN401
        self._answers = {"GetItemsChunk": part, "GetItemsCount": {"PxgRetVal": count}}
        self._handle = handle

    def call(self, server: object, name: str, **arguments: object) -> dict[str, Any]:
        return {"strAccessor": self._handle}

    def call_on(
        self, server: object, session: str, name: str, **arguments: object
    ) -> dict[str, Any]:
        return dict(self._answers.get(name.partition(".")[2], {}))

    def session(self, server: object) -> str:
        return "session"


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"pChunk": []},
        {"pChunk": {"KLCSP_ITERATOR_ARRAY": {}}},
        {"pChunk": {"KLCSP_ITERATOR_ARRAY": ["x"]}},
        {"pChunk": {"KLCSP_ITERATOR_ARRAY": []}},
        {"pChunk": {}},
    ],
)
def test_a_part_of_an_odd_shape_is_an_answer_error(part: object) -> None:
    lying: Any = Lying(part)
    with (
        pytest.raises(AnswerError),
        Found(lying, HOME, ACCESSOR, searches.hosts()) as found,
    ):
        list(found.parts(10))


@pytest.mark.parametrize(("count", "handle"), [("3", "a"), (True, "a"), (None, "a"), (3, 7)])
def test_a_search_of_an_odd_shape_is_an_answer_error(count: object, handle: object) -> None:
    lying: Any = Lying({}, count, handle)
    with pytest.raises(AnswerError):
        Found(lying, HOME, ACCESSOR, searches.hosts())
