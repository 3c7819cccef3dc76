"""Insert-or-update, spelled the same for both databases."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from plugin.store.base import Base

Insert = postgresql.Insert | sqlite.Insert


def dialect_of(session: Session) -> str:
    """Return the name of the session's kind of database."""
    return session.get_bind().dialect.name


def insert_for(dialect: str, table: type[Base] | Table) -> Insert:
    """Return an INSERT into ``table`` that can say what happens on a conflict."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def insert_into(session: Session, table: type[Base] | Table) -> Insert:
    """Return the same for the session's database."""
    return insert_for(dialect_of(session), table)
