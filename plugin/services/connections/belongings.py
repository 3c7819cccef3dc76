"""Which rows belong to a connection, found by the tables' own references.

A table that is added later belongs as soon as it refers to a connection, or to something of one.
"""

from functools import reduce
from operator import or_

from sqlalchemy import Column, ColumnElement, Select, Table, false, select

from plugin.store.base import db
from plugin.store.integrations import Connection, Integration

_BY_NAME = {"integration_id": Integration.__tablename__}
"""Columns that refer without a foreign key, because their rows outlive what they tell of."""


def tables() -> list[Table]:
    """Return every table that holds something of connections, what depends on others first."""
    return [each for each in reversed(db.metadata.sorted_tables) if _references(each)]


def rows_of(table: Table, connection_id: int) -> ColumnElement[bool]:
    """Return the condition that a row of ``table`` belongs to the connection."""
    return _belongs(table, connection_id, ())


def _belongs(table: Table, connection_id: int, through: tuple[Table, ...]) -> ColumnElement[bool]:
    if table.name == Connection.__tablename__:
        return table.c.id == connection_id
    found = [
        column.in_(_ids(target, connection_id, (*through, table)))
        for column, target in _references(table)
        if target not in through
    ]
    return reduce(or_, found, false())


def _ids(table: Table, connection_id: int, through: tuple[Table, ...]) -> Select[tuple[int]]:
    key = next(iter(table.primary_key.columns))
    return select(key).where(_belongs(table, connection_id, through))


def _references(table: Table) -> list[tuple[Column[int], Table]]:
    found = [
        (key.parent, key.column.table)
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
    ]
    bound = {column.name for column, _ in found}
    found += [
        (table.c[name], db.metadata.tables[target])
        for name, target in _BY_NAME.items()
        if name in table.c and name not in bound
    ]
    owned = db.metadata.tables[Connection.__tablename__]
    return [(column, target) for column, target in found if target is owned or _references(target)]
