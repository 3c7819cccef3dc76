"""Everything we hold about a connection as one JSON file, but no secret."""

import json
from collections.abc import Iterator, Mapping

from sqlalchemy import LargeBinary, Table, select

from plugin.runtime import Runtime
from plugin.services.connections import belongings
from plugin.services.connections.saving import told
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.work import Job

_UNTOLD = {"headers", "query", "fingerprint", "sealed", "digest", "waiting_digest"}
"""Columns that hold secrets, or mean nothing outside of this database."""
_PAGE = 500


def export(runtime: Runtime, actor: str, connection: Connection) -> Iterator[str]:
    """Yield the file's text piece by piece; the export is audited before the first piece."""
    with writing() as session:
        audit(runtime, session, actor, "connection.export", connection.name)
    number = connection.id
    return _pieces(number, {**told(connection), "id": number, "created_at": connection.created_at})


def _pieces(connection_id: int, about: Mapping[str, object]) -> Iterator[str]:
    yield '{"connection": ' + _json(about) + ', "tables": {'
    between = ""
    for table in reversed(belongings.tables()):
        if table.name != Job.__tablename__:
            yield f'{between}\n"{table.name}": ['
            yield from _rows(table, connection_id)
            yield "]"
            between = ","
    yield "}}\n"


def _rows(table: Table, connection_id: int) -> Iterator[str]:
    columns = [each for each in table.columns if each.name not in _UNTOLD]
    keep = [each for each in columns if not isinstance(each.type, LargeBinary)]
    query = select(*keep).where(belongings.rows_of(table, connection_id))
    query = query.order_by(*table.primary_key.columns)
    between = ""
    for row in db.session.execute(query.execution_options(yield_per=_PAGE)).mappings():
        yield between + "\n" + _json(dict(row))
        between = ","


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
