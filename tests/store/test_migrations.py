from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Connection, inspect, text

from plugin.store import database
from plugin.store.base import db, writing
from plugin.store.database import SchemaError
from tests.databases import bare_app, empty_postgresql


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite'}"
    return empty_postgresql()


@pytest.fixture
def app(url: str) -> Iterator[Flask]:
    app = bare_app(url)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names())


def change(statement: str) -> None:
    with writing() as session:
        session.execute(text(statement))


def test_there_is_one_newest_migration(app: Flask) -> None:
    assert len(ScriptDirectory.from_config(database.make_config()).get_heads()) == 1


def test_an_empty_database_comes_up_and_goes_down_again(app: Flask) -> None:
    assert not database.is_current(app)
    database.upgrade(app)
    assert database.is_current(app)
    assert set(db.metadata.tables) < tables()
    database.downgrade(app, "base")
    assert tables() == {"alembic_version"}
    database.upgrade(app)
    database.upgrade(app)
    assert database.is_current(app)


def test_the_migrations_make_what_the_models_say(app: Flask) -> None:
    database.upgrade(app)
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": _same_type})
        assert compare_metadata(context, db.metadata) == []


def _same_type(
    context: object, column: object, model: object, found: object, wanted: object
) -> bool | None:
    """Leave times alone: SQLite knows no zones, and our type is made of the plain one."""
    return False if "Utc" in type(wanted).__name__ else None


def test_processes_that_start_together_upgrade_once(app: Flask, url: str) -> None:
    others = [bare_app(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(database.upgrade, others))
    assert database.is_current(app)
    for other in others:
        with other.app_context():
            db.engine.dispose()


def test_an_upgrade_that_fails_leaves_nothing_behind(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(connection: Connection) -> None:
        raise ConnectionError("the power went out")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_end", cut_off)
        with pytest.raises(ConnectionError):
            database.upgrade(app)
    assert tables() & set(db.metadata.tables) == set()
    database.upgrade(app)
    assert database.is_current(app)


def test_an_upgrade_that_was_cut_off_is_detected_and_explained(app: Flask) -> None:
    database.upgrade(app)
    change("DROP TABLE preference")
    with pytest.raises(SchemaError, match="lacks preference"):
        database.require_current(app)


def test_tables_without_a_revision_are_explained(app: Flask) -> None:
    database.upgrade(app)
    change("DELETE FROM alembic_version")
    with pytest.raises(SchemaError, match="no revision"):
        database.upgrade(app)


def test_a_half_rebuilt_table_is_explained(app: Flask) -> None:
    database.upgrade(app)
    change("CREATE TABLE _alembic_tmp_job (id INTEGER)")
    with pytest.raises(SchemaError, match="_alembic_tmp_job"):
        database.upgrade(app)


def test_a_database_of_a_newer_version_is_left_alone(app: Flask) -> None:
    database.upgrade(app)
    change("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="newer version"):
        database.upgrade(app)


def test_a_database_not_yet_upgraded_says_what_to_do(app: Flask) -> None:
    with pytest.raises(SchemaError, match="bridgehead db upgrade"):
        database.require_current(app)
