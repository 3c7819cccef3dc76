"""Many new rows of one table at once.

What SQLAlchemy does for every row of an INSERT costs more than SQLite's own work, so its statement
and its types' processors are taken once for a page, and the driver gets plain tuples.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Dialect, Insert, Result, Table, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.schema import ScalarElementColumnDefault

Row = Mapping[str, Any]
AnyInsert = Insert | ReturningInsert[Any]


def insert_many(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all name the same columns; plain defaults fill in the others."""
    connection = session.connection()
    if connection.dialect.paramstyle != "qmark":
        session.execute(insert(table), [dict(row) for row in rows])
        return
    plan = _plan(_plain(table), connection.dialect, tuple(rows[0]))
    connection.exec_driver_sql(plan.statement, [plan.tuple_of(row) for row in rows])


def insert_at_once(session: Session, statement: AnyInsert, rows: Sequence[Row]) -> Result[Any]:
    """Insert rows with one statement, which may say what happens on a conflict and what it returns.

    A driver lets other threads run before every row of a list of them, and then waits for its
    turn again; here it does so once. ``statement`` is kept: make it once.
    """
    connection = session.connection()
    plan = _plan(statement, connection.dialect, tuple(rows[0]))
    values = [value for row in rows for value in plan.tuple_of(row)]
    return connection.exec_driver_sql(plan.several(len(rows)), (*values, *plan.others))


@dataclass(frozen=True)
class _Plan:
    """A statement, and how a row becomes its parameters; ``others`` are those of no row."""

    statement: str
    defaults: dict[str, Any]
    read: Callable[[Row], tuple[Any, ...]]
    processors: tuple[tuple[int, Callable[[Any], Any]], ...]
    others: tuple[Any, ...]

    def tuple_of(self, row: Row) -> tuple[Any, ...]:
        values = list(self.read({**self.defaults, **row}))
        for place, process in self.processors:
            values[place] = process(values[place])
        return tuple(values)

    def several(self, count: int) -> str:
        """Return the statement for so many rows at once."""
        before, one, after = _VALUES.split(self.statement, maxsplit=1)
        return f"{before} VALUES {', '.join([one] * count)}{after}"


_VALUES = re.compile(r" VALUES (\((?:[^()]|\([^()]*\))+\))")


@cache
def _plain(table: Table) -> Insert:
    return sqlite.insert(table)


@lru_cache(maxsize=16)
def _plan(statement: AnyInsert, dialect: Dialect, names: tuple[str, ...]) -> _Plan:
    table = cast(Table, statement.table)
    columns = [each for each in table.c if each.name in names or each.default is not None]
    missing = {each.name: each.default for each in columns if each.name not in names}
    keys = [each.name for each in columns]
    made = statement.compile(dialect=_by_place(dialect), column_keys=keys)
    found = (each.type.dialect_impl(dialect).bind_processor(dialect) for each in columns)
    order = (made.positiontup or [])[len(keys) :]
    return _Plan(
        str(made),
        {name: _constant(default) for name, default in missing.items()},
        itemgetter(*keys),
        tuple((place, process) for place, process in enumerate(found) if process is not None),
        tuple(made.params[name] for name in order),
    )


def _by_place(dialect: Dialect) -> Dialect:
    """Return a dialect that writes parameters by their places, not by names."""
    made = cast("type[DefaultDialect]", type(dialect))
    return made(paramstyle="format") if dialect.paramstyle == "pyformat" else dialect


def _constant(default: object) -> object:
    """Return the value of a plain default; a computed one has to be named by the rows."""
    if not isinstance(default, ScalarElementColumnDefault):
        raise TypeError(f"the rows have to name a column whose default is computed: {default!r}")
    return default.arg
