"""Typed JSON, both ways."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from plugin.domain.errors import AnswerError
from plugin.vendors.kaspersky.center_codec import Long, pack, pack_arguments, unpack

WHO = "Kaspersky Security Center"
NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plain", "wire"),
    [
        ("text", "text"),
        (7, 7),
        (True, True),
        (Long(2**40), {"type": "long", "value": 2**40}),
        (1.5, {"type": "double", "value": 1.5}),
        (b"\x00\xff", {"type": "binary", "value": "AP8="}),
        (NOON, {"type": "datetime", "value": "2026-11-02T12:00:00Z"}),
        (date(2026, 11, 2), {"type": "date", "value": "2026-11-02"}),
        ({"a": 1}, {"type": "params", "value": {"a": 1}}),
        ([{"a": "b"}], [{"type": "params", "value": {"a": "b"}}]),
        ((), []),
    ],
)
def test_a_value_is_written_with_its_type(plain: object, wire: object) -> None:
    assert pack(plain) == wire


@pytest.mark.parametrize(
    ("wire", "plain"),
    [
        ("text", "text"),
        (7, 7),
        (False, False),
        ({"type": "long", "value": 2**40}, 2**40),
        ({"type": "double", "value": 2}, 2.0),
        ({"type": "float", "value": 1.5}, 1.5),
        ({"type": "binary", "value": "AP8="}, b"\x00\xff"),
        ({"type": "datetime", "value": "2026-11-02T12:00:00Z"}, NOON),
        ({"type": "datetime", "value": ""}, None),
        ({"type": "date", "value": "2026-11-02"}, date(2026, 11, 2)),
        ({"type": "date", "value": ""}, None),
        ({"type": "params", "value": {"a": {"type": "long", "value": 1}}}, {"a": 1}),
        ({"type": "not a type", "value": "x"}, {"type": "not a type", "value": "x"}),
        ({"type": "long", "value": 1, "more": 2}, {"type": "long", "value": 1, "more": 2}),
        ([{"type": "params", "value": {}}, "x"], [{}, "x"]),
    ],
)
def test_a_typed_value_is_read(wire: object, plain: object) -> None:
    assert unpack(wire, WHO) == plain


def test_times_are_written_in_universal_time() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    assert pack(there) == pack(NOON)


def test_the_container_around_a_call_is_bare_and_so_are_its_own_containers() -> None:
    body = pack_arguments({"pParams": {"a": {"b": 1}}, "names": ["x"], "n": 1})
    assert body == {
        "pParams": {"a": {"type": "params", "value": {"b": 1}}},
        "names": ["x"],
        "n": 1,
    }


def test_null_is_written_by_nobody() -> None:
    with pytest.raises(ValueError, match="NoneType"):
        pack_arguments({"pParams": {"a": None}})


def deep(levels: int) -> object:
    value: object = "bottom"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "wire",
    [
        None,
        1.5,
        {"a": None},
        {"type": "long", "value": "7"},
        {"type": "long", "value": True},
        {"type": "long", "value": 1.5},
        {"type": "double", "value": "x"},
        {"type": "double", "value": False},
        {"type": "datetime", "value": "yesterday"},
        {"type": "datetime", "value": "2026-13-40T00:00:00Z"},
        {"type": "datetime", "value": 7},
        {"type": "date", "value": "02.11.2026"},
        {"type": "date", "value": 7},
        {"type": "binary", "value": "!!"},
        {"type": "binary", "value": 7},
        {"type": "params", "value": "x"},
        {"type": "params", "value": None},
        deep(200),
    ],
)
def test_what_is_not_what_it_says_is_an_answer_error(wire: object) -> None:
    with pytest.raises(AnswerError) as caught:
        unpack(wire, WHO)
    assert caught.value.code == "shape"


def test_an_error_names_the_place_but_nothing_of_the_remotes() -> None:
    wire = {"rows": [{"type": "params", "value": {"KLHST": None, "<script>": 1}}]}
    with pytest.raises(AnswerError, match=r"answer\.rows\.0\.KLHST"):
        unpack(wire, WHO)
    with pytest.raises(AnswerError) as caught:
        unpack({"<script>": None}, WHO)
    assert "script" not in str(caught.value)
