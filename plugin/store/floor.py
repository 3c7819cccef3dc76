"""The floor: which former programs still work with tables that a newer one has upgraded.

A migration that only adds (tables, columns that may be empty or have a default) leaves the floor
where it is, and every program goes on. One that takes away or changes something names the oldest
program that works with what is left, by that program's newest revision::

    oldest_program = '0019'
"""

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, String, delete, insert, inspect, select
from sqlalchemy.orm import Mapped, mapped_column

from plugin.store.base import Base


class ProgramFloor(Base):
    """The only row: the revision that a program must know to work with the tables."""

    __tablename__ = "program_floor"

    revision: Mapped[str] = mapped_column(String(32), primary_key=True)


def of(script: ScriptDirectory, revision: str) -> str:
    """Return the floor of tables at ``revision``: the last that a migration up to it has named."""
    first = ""
    for migration in script.iterate_revisions(revision, "base"):
        if named := getattr(migration.module, "oldest_program", ""):
            return str(named)
        first = migration.revision
    return first


def note(connection: Connection, script: ScriptDirectory) -> None:
    """Write the floor down beside the tables, in the transaction that has changed them."""
    if not inspect(connection).has_table(ProgramFloor.__tablename__):
        return
    current = MigrationContext.configure(connection).get_current_revision() or ""
    connection.execute(delete(ProgramFloor))
    connection.execute(insert(ProgramFloor).values(revision=of(script, current)))


def read(connection: Connection, tables: set[str]) -> str:
    """Return the floor; empty where the database knows none."""
    if ProgramFloor.__tablename__ not in tables:
        return ""
    return connection.scalar(select(ProgramFloor.revision)) or ""
