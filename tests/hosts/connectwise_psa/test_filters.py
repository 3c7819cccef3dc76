from datetime import UTC, datetime, timedelta, timezone

import pytest

from plugin.domain.errors import RuleError
from plugin.hosts.connectwise_psa.emulator_conditions import parse
from plugin.hosts.connectwise_psa.filters import (
    UnquotableError,
    begins,
    both,
    contains,
    either,
    equals,
    not_before,
    quoted,
)

HOSTILE = ['a"b', "a\\b", "a*b", "a[b", "a]b", "a\nb", "a\x00b", "", "x" * 251, "a\ud800"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_cannot_be_quoted_for_certain_is_refused(text: str) -> None:
    with pytest.raises(UnquotableError):
        quoted(text)
    for build in (equals, contains, begins):
        with pytest.raises(RuleError):
            build("name", text)


@pytest.mark.parametrize("text", ["Northwind", "O'Brien & Söhne 100 % (x) = y or 1", "名前"])
def test_a_quoted_text_stays_one_text(text: str) -> None:
    condition = parse(equals("name", text))
    assert condition.pins == ((("name",), text),)
    assert condition.test(lambda path: text)
    assert not condition.test(lambda path: text + "x")


def test_conditions_are_written_as_the_guide_shows_them() -> None:
    moment = datetime(2026, 6, 9, 23, 59, 47, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert equals("company/id", 5) == "company/id = 5"
    assert contains("url", "b.example") == 'url contains "b.example"'
    assert begins("externalXRef", "BH-") == 'externalXRef like "BH-*"'
    assert not_before("lastUpdated", moment) == "lastUpdated >= [2026-06-09T21:59:47Z]"
    assert both("a = 1", either("b = 2", "c = 3")) == "a = 1 and (b = 2 or c = 3)"


def test_a_prefix_matches_what_begins_with_it() -> None:
    condition = parse(begins("externalXRef", "BH-"))
    assert condition.test(lambda path: "BH-ABC")
    assert not condition.test(lambda path: "XBH-ABC")
    assert parse(not_before("lastUpdated", datetime(2026, 1, 1, tzinfo=UTC))).test(
        lambda path: "2026-01-01T00:00:00Z"
    )
