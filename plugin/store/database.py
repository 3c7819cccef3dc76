"""Setting the database up: which options, which schema, and whether it is whole."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from flask_migrate import Migrate
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, inspect, make_url, text
from sqlalchemy.exc import OperationalError

from plugin.domain.errors import PluginError
from plugin.store import (
    actions,
    bridges,
    device_matching,
    floor,
    groups,
    host_writes,
    integrations,
    journal,
    mapping,
    mirror,
    notices,
    people,
    registration,
    shared,
    work,
)
from plugin.store.base import db, prepare, write_lock

MIGRATIONS = Path(__file__).parent / "migrations"
TABLES = (
    actions,
    bridges,
    device_matching,
    floor,
    groups,
    host_writes,
    integrations,
    journal,
    mapping,
    mirror,
    notices,
    people,
    registration,
    shared,
    work,
)  # importing them makes the tables known
_MIGRATION_LOCK = 0x0B1D_6E4E_AD00
_LOCK_SECONDS, _REST_SECONDS, _TURNS = 1, 1.0, 120
_TOO_NEW = (
    "the database is at revision {}, which this version does not know: it was upgraded by a newer"
    " version, and this one cannot work with it. Run that version, or restore the backup made"
    " before."
)
_log = logging.getLogger(__name__)

# A frozen or overloaded server must not hold a request or a worker for ever.
_POSTGRESQL = {
    "pool_size": 10,
    "max_overflow": 20,
    "pool_timeout": 2,
    "pool_pre_ping": True,
    "pool_recycle": 1800,
    "connect_args": {
        "connect_timeout": 3,
        "application_name": "bridgehead",
        "keepalives_idle": 20,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "options": (
            "-c statement_timeout=30000 -c lock_timeout=10000"
            " -c idle_in_transaction_session_timeout=120000 -c timezone=UTC"
        ),
    },
}
_SQLITE = {"pool_size": 30, "max_overflow": 20, "pool_timeout": 2}


def _json(value: Any) -> str:  # noqa: ANN401 - what JSON can hold
    """Return the text of a JSON column; most lists are empty, and an encoder is dear."""
    return "[]" if value == [] else json.dumps(value)


class SchemaError(PluginError):
    """The database's tables are not what this version needs; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Where a database stands: its revision, the newest one, and what is wrong in words.

    ``is_ahead`` when a newer version has upgraded it and this program works with it all the same.
    """

    current: str
    newest: str
    problems: tuple[str, ...]
    is_ahead: bool = False

    @property
    def is_fit(self) -> bool:
        """Whether this program can work with it as it is."""
        return not self.problems and (self.is_ahead or self.current == self.newest)


def configure(app: Flask, url: str) -> None:
    """Join ``app`` to the database at ``url``."""
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    options: dict[str, Any] = dict(_SQLITE if is_sqlite else _POSTGRESQL)
    options["json_serializer"] = _json
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    app.config["SQLALCHEMY_RECORD_QUERIES"] = False
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS), render_as_batch=True)
    with app.app_context():
        prepare(db.engine)


def upgrade(app: Flask, revision: str = "head") -> None:
    """Bring the tables to ``revision``; waits its turn when another process does the same.

    Tables that a newer version has brought further are left alone.
    """
    with app.app_context():
        schema = check()
        if schema.problems:
            raise SchemaError("\n".join(schema.problems))
        if not schema.is_fit or (revision != "head" and not schema.is_ahead):
            _migrate(command.upgrade, revision)


def downgrade(app: Flask, revision: str = "-1") -> None:
    """Take the tables back to ``revision`` (``base`` for none, ``-1`` for one step)."""
    with app.app_context():
        schema = check()
        if schema.problems:
            raise SchemaError("\n".join(schema.problems))
        if schema.is_ahead:
            raise SchemaError(
                f"the database is at revision {schema.current}, which this version does not know:"
                " only the version that made it can take it back. Run `bridgehead db downgrade` of"
                " that one."
            )
        _migrate(command.downgrade, revision)


def is_fit(app: Flask) -> bool:
    """Tell whether this program can work with the database as it is."""
    with app.app_context():
        return check().is_fit


def require_fit(app: Flask) -> None:
    """SchemaError, saying what to do, unless this program can work with the database as it is."""
    with app.app_context():
        schema = check()
    if schema.problems:
        raise SchemaError("\n".join(schema.problems))
    if not schema.is_fit:
        raise SchemaError(
            f"the database is at revision {schema.current or 'none'}, this version needs"
            f" {schema.newest}: run `bridgehead db upgrade` (after a backup)."
        )


def _migrate(how: Any, revision: str) -> None:  # noqa: ANN401 - one of alembic's commands
    """Run in one transaction: it either happened or it did not, on both databases."""
    lock = write_lock(db.engine)
    if lock is not None:
        lock.acquire(None)
    db.session.remove()
    try:
        _take_turns(lambda: _run(how, revision))
    finally:
        if lock is not None:
            lock.release()
    _log.info("the database was migrated: %s", revision)


def _take_turns(do: Callable[[], None]) -> None:
    """Do it, and again while a table is in use: who waits for one holds up all who come after."""
    for _ in range(_TURNS):
        try:
            return do()
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
        _log.warning("a table is in use just now; the migration lets others pass and tries again")
        time.sleep(_REST_SECONDS)
    raise SchemaError(
        "a table that must be changed is in use all the time. Nothing was changed; find who holds"
        " it (`SELECT * FROM pg_stat_activity WHERE state <> 'idle'`), then run `bridgehead db"
        " upgrade` again."
    )


def _run(how: Any, revision: str) -> None:  # noqa: ANN401 - one of alembic's commands
    with db.engine.connect() as connection:
        _begin(connection)
        config = make_config()
        config.attributes["connection"] = connection
        how(config, revision)
        floor.note(connection, ScriptDirectory.from_config(config))
        _end(connection)


def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # Rebuilding a table drops the old one, which must not take its children with it. The
        # switch has no effect inside a transaction, so it comes before our BEGIN.
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA foreign_keys=OFF")
        cursor.close()
        connection.execution_options(writes=True)
        connection.begin()
    else:
        connection.begin()
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))


def _end(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        if broken:
            raise SchemaError(f"the migration would leave {len(broken)} rows without their parent")
    connection.commit()
    connection.invalidate()  # its options were changed; nobody else should get it


def check() -> Schema:
    """Say where the database stands and, in words for the operator, what is wrong with it."""
    script = ScriptDirectory.from_config(make_config())
    known = {revision.revision for revision in script.walk_revisions()}
    newest = script.get_current_head() or ""
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision() or ""
        tables = set(inspect(connection).get_table_names())
        is_newer = bool(current) and current not in known
        is_ahead = is_newer and floor.read(connection, tables) in known
    if is_newer and not is_ahead:
        return Schema(current, newest, (_TOO_NEW.format(current),))
    is_whole = is_ahead or current == newest
    return Schema(current, newest, tuple(_problems(current, tables, is_whole=is_whole)), is_ahead)


def _problems(current: str, tables: set[str], *, is_whole: bool) -> list[str]:
    ours = set(db.metadata.tables)
    problems = []
    if not current and tables & ours:
        problems.append(
            "the database has tables of ours but no revision: an upgrade was cut off, or it was"
            " made by hand. Restore the backup made before and run `bridgehead db upgrade` again."
        )
    left_over = sorted(name for name in tables if name.startswith("_alembic_tmp_"))
    if left_over:
        problems.append(
            f"an upgrade was cut off and left {', '.join(left_over)} behind. Restore the backup"
            " made before and run `bridgehead db upgrade` again."
        )
    if is_whole and (missing := sorted(ours - tables)):
        problems.append(
            f"the database says it is up to date but lacks {', '.join(missing)}: an upgrade was"
            " cut off. Restore the backup made before and run `bridgehead db upgrade` again."
        )
    return problems


def make_config() -> Config:
    """Return alembic's configuration for the current app."""
    config: Config = current_app.extensions["migrate"].migrate.get_config()
    return config


def is_postgresql(engine: Engine) -> bool:
    """Tell whether this is the scale-out database."""
    return engine.dialect.name == "postgresql"
