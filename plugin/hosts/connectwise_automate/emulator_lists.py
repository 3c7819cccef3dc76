"""Lists of the Automate emulator: options in both spellings, conditions, order, fields, pages.

The published file calls the options ``options.page``, ``options.orderBy.name`` and so on; clients
in use send ``page``, ``orderBy`` ("field asc"). Both are taken, in any letter case. There is no
total and no link to a next page: the page after the last one is empty.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from plugin.hosts.connectwise_automate.emulator_conditions import (
    ConditionError,
    Knows,
    Test,
    compile_condition,
)

Record = dict[str, Any]
USUAL_PAGE = 50
LARGEST_PAGE = 1000

_NUMBERS = {"", "id", "menuid", "alertid", "ticketid"}
_OTHER_NAMES = {
    "includedfields": "includefields",
    "excludedfields": "excludefields",
    "expands": "expand",
}


class OptionError(ValueError):
    """A list option that cannot be read."""


@dataclass(frozen=True)
class ListOptions:
    """What a list call asks for."""

    page: int = 1
    page_size: int = USUAL_PAGE
    condition: str = ""
    order_field: str = ""
    descending: bool = False
    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    ids: tuple[str, ...] = ()
    expand: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Listing:
    """A kind of record: how one is shown, which fields it has, and the server's page limit."""

    show: Callable[[str, frozenset[str]], Record]
    knows: Knows
    zone: timedelta
    largest_page: int = LARGEST_PAGE


def read_options(query: Mapping[str, str]) -> ListOptions:
    """Return the options of a query in either spelling; OptionError when one is unreadable."""
    given = {}
    for name, value in query.items():
        short = name.lower().removeprefix("options.")
        given[_OTHER_NAMES.get(short, short)] = value
    order, _, way = given.get("orderby", "").strip().partition(" ")
    order = given.get("orderby.name", order)
    way = given.get("orderby.type", way)
    return ListOptions(
        page=max(1, _number(given, "page", 1)),
        page_size=max(1, _number(given, "pagesize", USUAL_PAGE)),
        condition=given.get("condition", "").strip(),
        order_field=order.strip().lower(),
        descending=way.strip().lower().startswith("desc"),
        include=_words(given.get("includefields", "")),
        exclude=_words(given.get("excludefields", "")),
        ids=tuple(each.strip() for each in given.get("ids", "").split(",") if each.strip()),
        expand=_words(given.get("expand", "")),
    )


def make_page(ids: Collection[str], options: ListOptions, kind: Listing) -> list[Record]:
    """Return one page of the records called ``ids`` (in the order of their numbers)."""
    if options.ids:
        wanted = set(options.ids)
        ids = [each for each in ids if each in wanted]
    if options.order_field and not kind.knows(options.order_field.split(".")):
        raise OptionError(f"orderBy: there is no field {options.order_field!r}")
    size = min(options.page_size, kind.largest_page)
    first = (options.page - 1) * size
    if options.condition or options.order_field not in _NUMBERS:
        records = _matching(ids, options, kind)[first : first + size]
    else:
        ordered = reversed(list(ids)) if options.descending else ids
        records = [kind.show(each, options.expand) for each in islice(ordered, first, first + size)]
    return [_chosen(record, options) for record in records]


def _matching(ids: Collection[str], options: ListOptions, kind: Listing) -> list[Record]:
    holds = _test(options, kind)
    shown = (kind.show(each, options.expand) for each in ids)
    records = [record for record in shown if holds(record)]
    if options.order_field not in _NUMBERS:
        records.sort(key=lambda record: _sort_key(record, options.order_field))
    return records[::-1] if options.descending else records


def _test(options: ListOptions, kind: Listing) -> Test:
    if not options.condition:
        return lambda record: True
    try:
        return compile_condition(options.condition, kind.zone, kind.knows)
    except ConditionError as error:
        raise OptionError(f"condition: {error}") from None


def _sort_key(record: Record, field: str) -> tuple[int, float, str]:
    value: Any = record
    for name in field.split("."):
        members = {key.lower(): each for key, each in (value or {}).items()}
        value = members.get(name)
    if isinstance(value, int | float):
        return 1, float(value), ""
    return (0, 0.0, "") if value is None else (2, 0.0, str(value).casefold())


def _chosen(record: Record, options: ListOptions) -> Record:
    if options.include:
        record = {key: value for key, value in record.items() if key.lower() in options.include}
    return {key: value for key, value in record.items() if key.lower() not in options.exclude}


def _number(given: Mapping[str, str], name: str, usual: int) -> int:
    try:
        return int(given.get(name, usual))
    except ValueError:
        raise OptionError(f"{name}: not a number") from None


def _words(text: str) -> frozenset[str]:
    return frozenset(each.strip().lower() for each in text.split(",") if each.strip())
