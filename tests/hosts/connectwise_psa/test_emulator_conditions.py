from collections.abc import Mapping
from typing import Any

import pytest

from plugin.hosts.connectwise_psa.emulator_conditions import BadConditionError, Path, parse

RECORD: Mapping[str, Any] = {
    "id": 7,
    "summary": "Printer [x] on fire",
    "closedflag": False,
    "budget": 2.5,
    "company": {"id": 5, "identifier": "Northwind", "name": "Northwind Ltd"},
    "entered": "2026-03-01T09:00:00Z",
}


def read(path: Path) -> Any:  # noqa: ANN401 - any JSON
    value: Any = RECORD
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id = 7",
        "ID=7 AND Summary = 'printer [x] ON fire'",
        "id != 8 and id >= 7 and id <= 7 and id < 8 and id > 6",
        "budget > 2 and budget = 2.5",
        'summary contains "on" and summary not contains "off"',
        'summary like "Printer*" and summary not like "printer"',
        'summary like "*[[]x]*"',
        "id in (1, 7)",
        "id not in (1,2)",
        'company/identifier in ("a","northwind")',
        "closedFlag = False and closedFlag != true",
        "entered >= [2026-03-01T09:00:00Z] and entered < [2026-03-01T10:00:00+01:00] or id = 7",
        "missing = null and company/name != null",
        "(id = 1 or (id = 7)) and (company/id = 5)",
        "id = 1 or id = 7 and company/id = 5",
    ],
)
def test_a_filter_that_fits_the_record(text: str) -> None:
    assert parse(text).test(read)


@pytest.mark.parametrize(
    "text",
    [
        "id = 8",
        "missing = 1",
        "missing != 1",
        "missing > 1",
        'missing contains "a"',
        "closedFlag = true",
        "id = 7 and id = 8",
        'summary like "*[xy]on*"',
        "company/name = null",
    ],
)
def test_a_filter_that_does_not_fit_the_record(text: str) -> None:
    assert not parse(text).test(read)


@pytest.mark.parametrize(
    "text",
    [
        "id",
        "id =",
        "= 7",
        "id = 7 and",
        "id = 7 id = 8",
        "(id = 7",
        "id = 7)",
        "id ~ 7",
        "id = seven",
        "id in 7",
        "id in (7",
        "summary like 7",
        "summary contains",
        "id not = 7",
        "not (id = 7)",
        'summary = "a\\"b"',
        'summary = "open',
        "entered > [yesterday]",
        "id = 7 ;",
        "(" * 60 + "id = 7" + ")" * 60,
    ],
)
def test_a_filter_that_cannot_be_read(text: str) -> None:
    with pytest.raises(BadConditionError):
        parse(text)


@pytest.mark.parametrize("text", ['id = "7"', "summary = 7", "closedFlag = 1", "id > true"])
def test_a_value_of_another_kind_than_the_field_is_refused(text: str) -> None:
    with pytest.raises(BadConditionError):
        parse(text).test(read)


def test_in_can_be_unknown_as_it_is_to_the_filters_of_arrays() -> None:
    with pytest.raises(BadConditionError):
        parse("id in (7)", knows_in=False)


def test_only_what_must_hold_is_pinned() -> None:
    assert parse("id = 7 and (name = 'x')").pins == ((("id",), 7), (("name",), "x"))
    assert parse("id = 7 or name = 'x'").pins == ()
