from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from plugin.domain.errors import RuleError
from plugin.domain.notices import (
    Condition,
    NoticeKind,
    QuietHours,
    Route,
    compare,
    is_address,
    read_addresses,
    read_quiet_hours,
)

BROKEN = Condition(
    "connection:1", NoticeKind.CONNECTION_BROKEN, "1", 1, "PSA", "wrong password", "/connections/1"
)
LICENCE = Condition("licence:1", NoticeKind.LICENCE_EXPIRING, "ESET", 1, "Plus", "in 30 days", "")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_what_begins_is_news_and_what_stands_is_not() -> None:
    assert compare([BROKEN], {}).news == ((BROKEN,),)
    assert compare([BROKEN], {BROKEN.key: 1}).news == ()


def test_what_gets_worse_is_news_again_and_what_gets_better_is_not() -> None:
    worse = replace(BROKEN, level=2)
    assert compare([worse], {BROKEN.key: 1}).news == ((worse,),)
    assert compare([BROKEN], {BROKEN.key: 2}) == compare([], {})


def test_what_is_gone_is_over() -> None:
    assert compare([], {BROKEN.key: 1}).over == (BROKEN.key,)


def test_what_is_unsure_neither_begins_nor_ends() -> None:
    assert compare([BROKEN], {}, {BROKEN.key}) == compare([], {})
    assert compare([], {BROKEN.key: 1}, {BROKEN.key}) == compare([], {})


def test_conditions_of_one_group_and_level_are_told_together() -> None:
    second = replace(LICENCE, key="licence:2")
    sooner, elsewhere = replace(LICENCE, key="3", level=2), replace(LICENCE, key="4", group="KSC")
    news = compare([LICENCE, sooner, second, elsewhere], {}).news
    assert news == ((LICENCE, second), (sooner,), (elsewhere,))


BERLIN = QuietHours(time(22), time(7), "Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "released"),
    [
        ("2026-11-02 12:00", "2026-11-02 12:00"),
        ("2026-11-02 20:59", "2026-11-02 20:59"),
        ("2026-11-02 21:00", "2026-11-03 06:00"),  # 22:00 in Berlin, until 7:00 there
        ("2026-11-03 05:59", "2026-11-03 06:00"),
        ("2026-11-03 06:00", "2026-11-03 06:00"),
        ("2026-03-28 22:00", "2026-03-29 05:00"),  # the night in which summer time begins
        ("2026-10-24 22:00", "2026-10-25 06:00"),  # and in which it ends
    ],
)
def test_a_message_made_in_quiet_hours_waits_until_their_end(now: str, released: str) -> None:
    assert BERLIN.release(at(now)) == at(released)


def test_quiet_hours_may_lie_within_one_day_or_not_be() -> None:
    noon = QuietHours(time(12), time(13))
    assert noon.release(at("2026-11-02 12:30")) == at("2026-11-02 13:00")
    assert QuietHours().release(at("2026-11-02 00:00")) == at("2026-11-02 00:00")


@pytest.mark.parametrize(
    ("begin", "end", "zone", "field"),
    [
        ("22:00", "", "UTC", "quiet_end"),
        ("", "07:00", "UTC", "quiet_begin"),
        ("24:00", "07:00", "UTC", "quiet_begin"),
        ("22:00", "7", "UTC", "quiet_end"),
        ("\u0662\u0662:\u0660\u0660", "07:00", "UTC", "quiet_begin"),
        ("22:00", "07:00", "Berlin", "quiet_zone"),
        ("22:00", "07:00", "../../etc/passwd", "quiet_zone"),
        ("22:00", "07:00", "Europe/\0", "quiet_zone"),
        ("22:00", "07:00", "Europe", "quiet_zone"),
    ],
)
def test_bad_quiet_hours_name_their_field(begin: str, end: str, zone: str, field: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_quiet_hours(begin, end, zone)
    assert caught.value.field == field


def test_blank_times_are_no_quiet_hours() -> None:
    assert read_quiet_hours(" ", "", " ") == QuietHours()
    assert read_quiet_hours("22:00", "07:00", "Europe/Berlin") == BERLIN


def test_a_route_names_each_addressee_once() -> None:
    route = Route(to=("Ops@x.example", "new@x.example"))
    administrators = ["ops@x.example", "anna@x.example"]
    assert route.recipients(administrators) == ("ops@x.example", "anna@x.example", "new@x.example")
    assert replace(route, administrators=False).recipients(administrators) == route.to
    assert replace(route, mail=False).recipients(administrators) == ()


def test_addresses_are_read_line_by_line_and_a_bad_one_is_named_by_its_line() -> None:
    assert read_addresses("a@x.example\n\n A@x.example \n", "to") == ("a@x.example",)
    with pytest.raises(RuleError, match="Line 3: “nobody”") as caught:
        read_addresses("a@x.example\n\nnobody", "to")
    assert caught.value.field == "to"
    with pytest.raises(RuleError, match="At most 50"):
        read_addresses("\n".join(f"a{number}@x.example" for number in range(51)), "to")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a@b",
        "a b@x.example",
        "<a@x.example>",
        "a@x.example,b@x.example",
        "a@x.example\nBcc: b@x.example",
        "a@x.example>\r\nDATA",
        "ä@x.example",
        "a@ä.example",
        "a" * 65 + "@x.example",
        "a@" + "x." * 125 + "example",
    ],
)
def test_what_a_mail_server_must_not_be_handed_is_no_address(text: str) -> None:
    assert not is_address(text)
