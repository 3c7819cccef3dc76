"""Many new rows of one table at once.

What SQLAlchemy does for every row of an INSERT costs more than SQLite's own work, so its statement
and its types' processors are taken once for a page, and the driver gets plain tuples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect, Table, insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.schema import ScalarElementColumnDefault

Row = Mapping[str, Any]


def insert_many(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all name the same columns; plain defaults fill in the others."""
    connection = session.connection()
    if connection.dialect.paramstyle != "qmark":
        session.execute(insert(table), [dict(row) for row in rows])
        return
    plan = _plan(table, connection.dialect, tuple(rows[0]))
    connection.exec_driver_sql(plan.statement, [plan.tuple_of(row) for row in rows])


@dataclass(frozen=True)
class _Plan:
    """A statement, and how a row becomes its parameters."""

    statement: str
    defaults: dict[str, Any]
    read: Callable[[Row], tuple[Any, ...]]
    processors: tuple[tuple[int, Callable[[Any], Any]], ...]

    def tuple_of(self, row: Row) -> tuple[Any, ...]:
        values = list(self.read({**self.defaults, **row}))
        for place, process in self.processors:
            values[place] = process(values[place])
        return tuple(values)


@lru_cache(maxsize=8)
def _plan(table: Table, dialect: Dialect, names: tuple[str, ...]) -> _Plan:
    columns = [each for each in table.c if each.name in names or each.default is not None]
    missing = {each.name: each.default for each in columns if each.name not in names}
    made = insert(table).compile(dialect=dialect, column_keys=[each.name for each in columns])
    found = (each.type.dialect_impl(dialect).bind_processor(dialect) for each in columns)
    return _Plan(
        str(made),
        {name: _constant(default) for name, default in missing.items()},
        itemgetter(*(each.name for each in columns)),
        tuple((place, process) for place, process in enumerate(found) if process is not None),
    )


def _constant(default: object) -> object:
    """Return the value of a plain default; a computed one has to be named by the rows."""
    if not isinstance(default, ScalarElementColumnDefault):
        raise TypeError(f"the rows have to name a column whose default is computed: {default!r}")
    return default.arg
