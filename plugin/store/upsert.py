"""Insert-or-update, spelled the same for both databases."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from plugin.store.base import Base

Insert = postgresql.Insert | sqlite.Insert


def insert_into(session: Session, table: type[Base] | Table) -> Insert:
    """Return an INSERT into ``table`` that can say what happens on a conflict."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
