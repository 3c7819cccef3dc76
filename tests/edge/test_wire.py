from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from marshmallow import fields

from plugin.domain.errors import AnswerError
from plugin.edge.wire import Instant, Text, Wire, Word


class Colour(StrEnum):
    RED = "red"
    UNKNOWN = "unknown"


class Part(Wire):
    name = Text(required=True)


class Thing(Wire):
    id = Text(required=True, data_key="thingId")
    note = Text()
    seen = Instant()
    made = Instant(required=True)
    colour = Word({"Rot": Colour.RED, "1": Colour.RED}, Colour.UNKNOWN)
    parts = fields.List(fields.Nested(Part))
    extra = fields.Dict(keys=fields.String(), values=fields.Integer())


WHOLE: dict[str, Any] = {"thingId": "7", "made": "2026-11-02T08:00:00Z"}
EIGHT = datetime(2026, 11, 2, 8, tzinfo=UTC)


def test_what_is_not_declared_is_ignored_and_what_is_missing_has_its_default() -> None:
    assert Thing.parse({**WHOLE, "new": [1]}, "PSA", "a thing") == {
        "id": "7",
        "note": "",
        "seen": None,
        "made": EIGHT,
        "colour": Colour.UNKNOWN,
    }


def test_null_is_the_default_of_what_is_not_required() -> None:
    found = Thing.parse({**WHOLE, "note": None, "seen": None, "colour": None}, "PSA", "a thing")
    assert (found["note"], found["seen"], found["colour"]) == ("", None, Colour.UNKNOWN)


@pytest.mark.parametrize(("sent", "text"), [("x", "x"), (7, "7"), (1.5, "1.5"), ("", "")])
def test_a_number_is_taken_as_text(sent: object, text: str) -> None:
    assert Thing.parse({**WHOLE, "note": sent}, "PSA", "a thing")["note"] == text


@pytest.mark.parametrize(
    "sent",
    [
        "2026-11-02T08:00:00Z",
        "2026-11-02T08:00:00",
        "2026-11-02 08:00:00",
        "2026-11-02T10:00:00+02:00",
        "2026-11-02T08:00:00.0000000Z",
        "20261102T080000Z",
    ],
)
def test_a_moment_is_aware_and_in_universal_time(sent: str) -> None:
    found = Thing.parse({**WHOLE, "seen": sent}, "PSA", "a thing")["seen"]
    assert found == EIGHT
    assert found.tzinfo is UTC


@pytest.mark.parametrize("sent", ["", "0001-01-01T00:00:00", "0001-01-01T00:00:00+02:00"])
def test_the_ways_to_say_never_are_none(sent: str) -> None:
    assert Thing.parse({**WHOLE, "seen": sent}, "PSA", "a thing")["seen"] is None


@pytest.mark.parametrize("sent", ["9999-12-31T23:59:59-02:00", "9999-12-31T23:59:59Z"])
def test_the_end_of_time_is_held_at_its_last_moment(sent: str) -> None:
    found = Thing.parse({**WHOLE, "seen": sent}, "PSA", "a thing")["seen"]
    assert found.year == 9999
    assert found.tzinfo == timezone(timedelta())


@pytest.mark.parametrize(
    ("sent", "colour"),
    [("rot", Colour.RED), (" ROT ", Colour.RED), (1, Colour.RED), ("mauve", Colour.UNKNOWN)],
)
def test_a_word_is_translated_and_an_unknown_one_is_no_error(sent: object, colour: Colour) -> None:
    assert Thing.parse({**WHOLE, "colour": sent}, "PSA", "a thing")["colour"] is colour


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"thingId": None}, "thingId"),
        ({"thingId": ["hush"]}, "thingId"),
        ({"note": True}, "note"),
        ({"note": {"hush": 1}}, "note"),
        ({"seen": "hush"}, "seen"),
        ({"seen": 1762070400}, "seen"),
        ({"made": None}, "made"),
        ({"parts": "hush"}, "parts"),
        ({"parts": [{"name": "a"}, {"name": ["hush"]}]}, "parts.1.name"),
        ({"parts": [7]}, "parts.0"),
        ({"extra": {"hush me": "x"}}, "extra.?.value"),
    ],
)
def test_a_misfit_is_named_by_its_path_and_never_by_its_value(
    change: dict[str, object], path: str
) -> None:
    with pytest.raises(AnswerError) as caught:
        Thing.parse({**WHOLE, **change}, "PSA", "a thing")
    error = caught.value
    assert error.message == f"answered a thing that is not as promised ({path})"
    assert (error.who, error.code, error.__cause__) == ("PSA", "shape", None)
    assert error.__context__ is None


@pytest.mark.parametrize("data", [None, [], "hush", 7])
def test_something_else_than_a_record_is_a_misfit(data: object) -> None:
    with pytest.raises(AnswerError, match="the whole"):
        Thing.parse(data, "PSA", "a thing")


def test_a_list_is_read_record_by_record() -> None:
    assert [row["id"] for row in Thing.parse_many([WHOLE, WHOLE], "PSA", "things")] == ["7", "7"]
    with pytest.raises(AnswerError, match=r"\(1\.thingId\)"):
        Thing.parse_many([WHOLE, {**WHOLE, "thingId": None}], "PSA", "things")
    with pytest.raises(AnswerError, match="the whole"):
        Thing.parse_many({"rows": []}, "PSA", "things")
