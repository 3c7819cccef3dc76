"""Lists: filters, order, chosen fields, and both ways of paging (vendor developer guide)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from werkzeug.wrappers import Response

from plugin.hosts.connectwise_psa.emulator_answers import RefusalError, answer, bad_filter
from plugin.hosts.connectwise_psa.emulator_conditions import (
    BadConditionError,
    Condition,
    Path,
    parse,
)
from plugin.hosts.connectwise_psa.emulator_records import Record, Records

USUAL_PAGE, LARGEST_PAGE = 25, 1000
NO_FORWARD_PAGING = frozenset({"system/audittrail", "system/connectwisehostedscreens"})
_LATE = ("lastupdated", "_info")


Show = Callable[[str, Record, frozenset[str]], Record]
"""Collection, record and the lower-case names wanted (none: all) to what an answer shows."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a list request asks for."""

    collection: str
    path: str
    parent: int | None
    arguments: Mapping[str, str]
    forward: bool = False

    def text(self, name: str) -> str:
        """Return a text argument, empty when it was not given (names count in any case)."""
        return self.arguments.get(name.lower(), "")

    def number(self, name: str, default: int) -> int:
        """Return a whole number argument; a refusal when it is none."""
        text = self.text(name)
        if not text:
            return default
        if not text.lstrip("-").isdigit():
            raise RefusalError(400, "InvalidObject", f"{name} is not a number")
        return int(text)

    @property
    def size(self) -> int:
        """How many records a page may hold."""
        return min(max(self.number("pageSize", USUAL_PAGE), 1), LARGEST_PAGE)


class Lists:
    """Answers list and count requests from ``records``.

    ``wrong_base`` is the address that Link headers name: another one than was called, on purpose,
    because the real ones do that too. ``show`` turns a record into its answer.
    """

    def __init__(
        self,
        records: Records,
        show: Show,
        wrong_base: Callable[[], str],
    ) -> None:
        """Answer from ``records``."""
        self._records = records
        self._show = show
        self._wrong_base = wrong_base
        self.next_after_full_page = False

    def count(self, query: Query) -> Response:
        """Answer how many records fit the filters."""
        return answer({"count": sum(1 for _ in self._matching(query, 0))})

    def page(self, query: Query) -> Response:
        """Answer one page."""
        if query.forward and query.collection not in NO_FORWARD_PAGING:
            return self._forward_page(query)
        return self._numbered_page(query)

    def one(self, query: Query, shown: Record) -> Response:
        """Answer one record, trimmed to the fields asked for."""
        return answer(_trimmed(shown, _paths(query.text("fields"))))

    # -- pages -----------------------------------------------------------------------------------

    def _forward_page(self, query: Query) -> Response:
        if query.text("orderBy"):
            text = "orderBy is not allowed with forward-only pagination"
            raise RefusalError(400, "InvalidObject", text)
        rows = self._matching(query, query.number("pageId", 0))
        found = list(islice(rows, query.size))
        more = len(found) == query.size
        if more and not self.next_after_full_page:
            more = next(rows, None) is not None
        link = self._link(query, {"pageId": found[-1]["id"]}, "next") if more else ""
        return self._answer(query, found, {"Link": link})

    def _numbered_page(self, query: Query) -> Response:
        page, size = max(query.number("page", 1), 1), query.size
        rows = self._ordered(query, self._matching(query, 0))
        found = rows[(page - 1) * size : page * size]
        last = max(1, -(-len(rows) // size))
        links = []
        if page < last:
            links += [self._link(query, {"page": page + 1}, "next")]
            links += [self._link(query, {"page": last}, "last")]
        if page > 1:
            links += [self._link(query, {"page": 1}, "first")]
            links += [self._link(query, {"page": page - 1}, "prev")]
        return self._answer(query, found, {"Link": ", ".join(links)} if links else {})

    def _answer(self, query: Query, rows: list[Record], headers: Mapping[str, str]) -> Response:
        paths = _paths(query.text("fields"))
        names = frozenset(path[0] for path in paths)
        shown = [_trimmed(self._show(query.collection, row, names), paths) for row in rows]
        return answer(shown, headers=headers)

    def _link(self, query: Query, change: Mapping[str, Any], relation: str) -> str:
        kept = {name: value for name, value in query.arguments.items() if name not in _WALK}
        arguments = urlencode({**change, "pageSize": query.size, **kept})
        return f'<{self._wrong_base()}{query.path}?{arguments}>; rel="{relation}"'

    # -- filters ---------------------------------------------------------------------------------

    def _matching(self, query: Query, after: int) -> Iterator[Record]:
        tests = list(self._tests(query))
        for number in self._candidates(query, after, [test.condition for test in tests]):
            record = self._records.get(query.collection, number)
            if record is not None and _passes(record, tests):
                yield record

    def _candidates(
        self, query: Query, after: int, conditions: Iterable[Condition]
    ) -> Iterable[int]:
        if query.parent is not None:
            return _after(self._records.below(query.collection, query.parent), after)
        for condition in conditions:
            for path, value in condition.pins:
                found = self._records.among(query.collection, "/".join(path), value)
                if found is not None:
                    return _after(found, after)
        return self._records.numbers(query.collection, after)

    def _tests(self, query: Query) -> Iterator["_Test"]:
        try:
            plain = parse(query.text("conditions"))
            child = parse(query.text("childConditions"), knows_in=False)
            custom = parse(query.text("customFieldConditions"), knows_in=False)
        except BadConditionError as error:
            raise bad_filter(str(error)) from None
        self._demand_fields(query.collection, plain)
        if plain.paths:
            yield _Test(plain, lambda record: [self._reader(query.collection, record)])
        if child.paths:
            yield _Test(child, lambda record: _members(record, child.paths[0][0]))
        if custom.paths:
            yield _Test(custom, lambda record: _fields(record))

    def _reader(self, collection: str, record: Record) -> Callable[[Path], Any]:
        return lambda path: self._records.value(collection, record, path)

    def _demand_fields(self, collection: str, condition: Condition) -> None:
        for path in condition.paths:
            self._demand_field(collection, path)

    def _demand_field(self, collection: str, path: Path) -> None:
        if path[0] not in self._records.shapes[collection].by_lower and path[0] not in _LATE:
            raise bad_filter(f"{path[0]} is not a field")

    # -- order -----------------------------------------------------------------------------------

    def _ordered(self, query: Query, rows: Iterable[Record]) -> list[Record]:
        ordered = list(rows)
        for part in reversed([part for part in query.text("orderBy").split(",") if part.strip()]):
            words = part.split()
            path = tuple(words[0].lower().split("/"))
            self._demand_field(query.collection, path)
            ordered.sort(
                key=lambda row, path=path: _sort_key(  # type: ignore[misc]
                    self._records.value(query.collection, row, path)
                ),
                reverse=len(words) > 1 and words[1].lower() == "desc",
            )
        return ordered


_WALK = frozenset({"page", "pageid", "pagesize"})


@dataclass(frozen=True, slots=True)
class _Test:
    condition: Condition
    readers: Callable[[Record], list[Callable[[Path], Any]]]


def _passes(record: Record, tests: Iterable[_Test]) -> bool:
    try:
        return all(
            any(test.condition.test(reader) for reader in test.readers(record)) for test in tests
        )
    except BadConditionError as error:
        raise bad_filter(str(error)) from None


def _members(record: Record, array: str) -> list[Callable[[Path], Any]]:
    """Return one reader per element of an array field; their paths begin with its name."""
    name = next((key for key in record if key.lower() == array), "")
    elements = record.get(name) or []
    return [
        lambda path, element=element: _inside(element, path[1:])  # type: ignore[misc]
        for element in elements
    ]


def _fields(record: Record) -> list[Callable[[Path], Any]]:
    return [
        lambda path, element=element: _inside(element, path)  # type: ignore[misc]
        for element in record.get("customFields") or []
    ]


def _inside(value: Any, path: Path) -> Any:  # noqa: ANN401 - any JSON
    for part in path:
        if not isinstance(value, Mapping):
            return None
        value = next((value[key] for key in value if key.lower() == part), None)
    return value


def _after(numbers: list[int], after: int) -> list[int]:
    return [number for number in numbers if number > after] if after else numbers


def _sort_key(value: Any) -> tuple[bool, Any]:  # noqa: ANN401
    """Put unset fields first; texts without regard to case, as the database does."""
    return (value is not None, value.lower() if isinstance(value, str) else value or 0)


def _paths(fields: str) -> list[list[str]]:
    """Return the fields named in ``id,status/name``, in lower case."""
    return [part.strip().lower().split("/") for part in fields.split(",") if part.strip()]


def _trimmed(shown: Record, paths: list[list[str]]) -> Record:
    """Keep only what ``paths`` name; all when there are none."""
    if not paths:
        return shown
    kept: Record = {}
    for path in paths:
        _copy(shown, kept, path)
    return kept


def _copy(source: Mapping[str, Any], target: Record, path: list[str]) -> None:
    name = next((key for key in source if key.lower() == path[0]), None)
    if name is None:
        return
    if len(path) == 1 or not isinstance(source[name], Mapping):
        target[name] = source[name]
    else:
        _copy(source[name], target.setdefault(name, {}), path[1:])
