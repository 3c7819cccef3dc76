"""What is asked of a list, and how one page of it is cut without reading the rest."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from plugin.runtime import Runtime
from plugin.services.lists.scope import Scope, scope_of
from plugin.store.base import db
from plugin.store.database import is_postgresql

Line = TypeVar("Line")

SIZES = (50, 100, 200)
BOUND = 10_000
"""A text search is counted up to here; beyond, the total reads "more than"."""
STEP = 500
_OWN = frozenset({"q", "sort", "page", "page_size"})


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of a list; ``sort`` names a column, with ``-`` in front for descending."""

    q: str = ""
    sort: str = ""
    page: int = 1
    page_size: int = SIZES[0]
    filters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Ask":
        """Read a query string; what makes no sense is as if it were not there.

        >>> Ask.of({"page": "x", "page_size": "999", "state": "open", "q": " a "})
        Ask(q='a', sort='', page=1, page_size=200, filters={'state': 'open'})
        """
        filters = {name: value for name, value in given.items() if name not in _OWN and value}
        return cls(
            q=given.get("q", "").replace("\0", "").strip()[:200],
            sort=given.get("sort", "")[:40],
            page=_whole(given.get("page", ""), 1, 1_000_000),
            page_size=_whole(given.get("page_size", ""), SIZES[0], SIZES[-1]),
            filters=filters,
        )

    def text(self, name: str) -> str:
        """Return a filter's word, or an empty text."""
        return self.filters.get(name, "").replace("\0", "").strip()[:300]

    def number(self, name: str) -> int | None:
        """Return a filter's number; -1, which no row has, for a word that is none."""
        given = self.text(name)
        if not given:
            return None
        return int(given) if given.isascii() and given.isdecimal() and len(given) < 18 else -1

    def with_filters(self, **filters: object) -> "Ask":
        """Return the same question with more filters."""
        more = {name: str(value) for name, value in filters.items()}
        return replace(self, filters={**self.filters, **more})

    def only(self, *names: str) -> "Ask":
        """Return a question with these filters alone."""
        kept = {name: value for name, value in self.filters.items() if name in names}
        return Ask(filters=kept)

    @property
    def offset(self) -> int:
        """How many rows come before the page."""
        return (self.page - 1) * self.page_size


def _whole(given: str, default: int, most: int) -> int:
    if not (given.isascii() and given.isdecimal()):
        return default
    return min(max(int(given[:9]), 1), most)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Line]):
    """One page of a list; ``exact`` is False when there are more than ``total`` rows."""

    rows: tuple[Line, ...]
    total: int
    page: int
    page_size: int
    exact: bool = True


def _no_total(_scope: Scope, _ask: Ask) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class Table(Generic[Line]):
    """A list: which ids in which order, and how ids become lines.

    Ids are cut first, from an index alone where there is one, so that a page far down costs
    little; then the rows of one page are read. ``total`` is for lists that know it without
    counting.
    """

    ids: Callable[[Scope, Ask], Select[int]]
    lines: Callable[[Sequence[int]], Mapping[int, Line]]
    total: Callable[[Scope, Ask], int | None] = _no_total

    def page(self, runtime: Runtime, ask: Ask, scope: Scope | None = None) -> Listing[Line]:
        """Return the page that is asked for; ``scope`` spares a caller that knows it a query."""
        numbers, total, exact = self._cut(scope or scope_of(runtime), ask)
        return Listing(self._rows(numbers), total, ask.page, ask.page_size, exact)

    def first(self, ask: Ask, scope: Scope, most: int) -> tuple[tuple[Line, ...], bool]:
        """Return the first rows, and whether there are more, without counting these."""
        numbers = db.session.scalars(self.ids(scope, ask).limit(most + 1)).all()
        return self._rows(numbers[:most]), len(numbers) > most

    def walk(self, runtime: Runtime, ask: Ask, scope: Scope) -> Iterator[Line]:
        """Yield every row up to the limit of an export, a few hundred in memory at a time.

        For exports only: the session forgets everything it holds, so that memory does not grow.
        """
        most = runtime.settings.limits.keep.export_rows
        numbers = db.session.scalars(self.ids(scope, ask).limit(most)).all()
        for start in range(0, len(numbers), STEP):
            yield from self._rows(numbers[start : start + STEP])
            db.session.expunge_all()

    def _rows(self, numbers: Sequence[int]) -> tuple[Line, ...]:
        found = self.lines(numbers) if numbers else {}
        return tuple(found[number] for number in numbers if number in found)

    def _cut(self, scope: Scope, ask: Ask) -> tuple[Sequence[int], int, bool]:
        query = self.ids(scope, ask)
        here = query.limit(ask.page_size).offset(ask.offset)
        total = self.total(scope, ask)
        if total is None and not ask.q:
            total = db.session.scalar(select(func.count()).select_from(bare(query)))
        if total is not None:
            return db.session.scalars(here).all(), total, True
        # A search reads the whole index anyway: once for the page and its total together.
        found = db.session.scalars(query.limit(BOUND + 1)).all()
        end = ask.offset + ask.page_size
        numbers = found[ask.offset : end] if end <= BOUND else db.session.scalars(here).all()
        return numbers, min(len(found), BOUND), len(found) <= BOUND


def bare(query: Select[int]) -> Any:  # noqa: ANN401 - a subquery of any columns
    """Return the query as a subquery without its order, for counting."""
    return query.order_by(None).subquery()


def contains(text: str, *columns: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Return the condition that one of the columns holds ``text``, in any letter case."""
    pattern = "%" + re.sub(r"([/%_])", r"/\1", text) + "%"
    if is_postgresql(db.engine):
        return or_(*(column.ilike(pattern, escape="/") for column in columns))
    # SQLite's LIKE knows no case; the portable way would call lower() on every row and column.
    return or_(*(column.like(pattern, escape="/") for column in columns))


def ordered(
    query: Select[int],
    ask: Ask,
    ways: Mapping[str, Sequence[ColumnElement[Any] | InstrumentedAttribute[Any]]],
    default: str,
) -> Select[int]:
    """Order a query by what is asked for, if it is one of ``ways``; the last column breaks ties."""
    sort = ask.sort if ask.sort.removeprefix("-") in ways else default
    columns = ways[sort.removeprefix("-")]
    return query.order_by(*(each.desc() if sort.startswith("-") else each for each in columns))


def by_id(rows: Sequence[Any]) -> dict[int, Any]:
    """Return rows by their id."""
    return {row.id: row for row in rows}
