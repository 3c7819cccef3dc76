"""What a shelf of signing keys knows, for how long, and what another process may tell it."""

from datetime import UTC, datetime, timedelta

import pytest

from plugin.hosts.connectwise_psa.proof import KEPT_FOR, KEPT_KEYS, KeyShelf

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Clock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> datetime:
        self.now += by
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def line(moment: datetime, key: str) -> str:
    return f"{moment.isoformat()} {key}"


def test_a_key_is_good_to_the_last_moment_and_no_longer(clock: Clock) -> None:
    shelf = KeyShelf(clock)
    shelf.put("a", "key")
    clock.forward(KEPT_FOR)
    assert (shelf.find("a"), shelf.told()) == ("key", {"a": line(NOW, "key")})
    clock.forward(timedelta(microseconds=1))
    assert (shelf.find("a"), shelf.told()) == (None, {})


def test_the_longest_unused_key_makes_room(clock: Clock) -> None:
    shelf = KeyShelf(clock)
    for number in range(KEPT_KEYS):
        shelf.put(str(number), "key")
    shelf.put("0", "asked for again")
    shelf.put("one more", "key")
    assert (shelf.find("0"), shelf.find("1"), shelf.find("2")) == ("asked for again", None, "key")


def test_what_one_shelf_tells_another_knows_with_blanks_and_all(clock: Clock) -> None:
    teller, learner = KeyShelf(clock), KeyShelf(clock)
    teller.put("a", "key with blanks")
    learner.learn(teller.told())
    assert learner.told() == teller.told() == {"a": line(NOW, "key with blanks")}
    learner.learn({})
    assert learner.find("a") == "key with blanks", "nothing told is nothing learned"


def test_the_newer_key_of_two_stays(clock: Clock) -> None:
    shelf = KeyShelf(clock)
    shelf.put("a", "own")
    shelf.learn({"a": line(NOW, "of the same moment")})
    shelf.learn({"a": line(NOW - timedelta(seconds=1), "older")})
    assert shelf.find("a") == "own"
    clock.forward(timedelta(seconds=2))
    shelf.learn({"a": line(NOW + timedelta(seconds=1), "newer")})
    assert shelf.find("a") == "newer"


def test_a_key_that_the_teller_has_forgotten_for_a_newer_one_goes(clock: Clock) -> None:
    shelf = KeyShelf(clock)
    shelf.put("old", "key")
    shelf.learn({"new": line(NOW, "key")})
    assert shelf.find("old") == "key", "of the same moment: it may be unknown there as yet"
    later = clock.forward(timedelta(seconds=1))
    shelf.put("newest", "key")
    shelf.learn({"new": line(later, "key")})
    assert (shelf.find("old"), shelf.find("new"), shelf.find("newest")) == (None, "key", "key")


def test_what_was_fetched_before_the_last_clearing_is_not_learned(clock: Clock) -> None:
    shelf = KeyShelf(clock)
    clock.forward(timedelta(seconds=5))
    shelf.clear()
    shelf.learn({"a": line(clock.now - timedelta(seconds=1), "x"), "b": line(clock.now, "y")})
    assert shelf.told() == {}
    later = clock.forward(timedelta(seconds=1))
    shelf.learn({"a": line(later, "z")})
    assert shelf.find("a") == "z"
