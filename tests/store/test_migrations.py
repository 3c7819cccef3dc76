import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import ignore_patterns as leave_out
from typing import Any

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
    assert not database.is_fit(app)
    database.upgrade(app)
    assert database.is_fit(app)
    assert set(db.metadata.tables) < tables()
    database.downgrade(app, "base")
    assert tables() == {"alembic_version"}
    database.upgrade(app)
    database.upgrade(app)
    assert database.is_fit(app)


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
    assert database.is_fit(app)
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
    assert database.is_fit(app)


def test_an_upgrade_that_was_cut_off_is_detected_and_explained(app: Flask) -> None:
    database.upgrade(app)
    change("DROP TABLE preference")
    with pytest.raises(SchemaError, match="lacks preference"):
        database.require_fit(app)


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


# -- a former version beside a newer one -----------------------------------------------------------


class Next:
    """The version after this one: the same program with migrations of its own."""

    def __init__(self, url: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._versions = folder / "migrations" / "versions"
        shutil.copytree(database.MIGRATIONS, folder / "migrations", ignore=leave_out("__pycache__"))
        patch.setattr(database, "MIGRATIONS", folder / "migrations")
        self.app = bare_app(url)

    def adds(self, number: str, after: str, do: str, oldest_program: str = "") -> None:
        """Give it a migration that does this."""
        (self._versions / f"{number}_made_up.py").write_text(
            f"from alembic import op\nrevision = '{number}'\ndown_revision = '{after}'\n"
            f"oldest_program = '{oldest_program}'\n"
            f"def upgrade(): op.execute({do!r})\ndef downgrade(): pass\n",
            "utf-8",
        )


@pytest.fixture
def newer(app: Flask, url: str, tmp_path: Path) -> Iterator[Next]:
    with pytest.MonkeyPatch.context() as patch:
        made = Next(url, tmp_path / "next", patch)
        head = database.check().newest
        made.adds("9001", head, "ALTER TABLE job ADD COLUMN made_up INTEGER")
        made.adds("9002", "9001", "ALTER TABLE job DROP COLUMN made_up", oldest_program="9001")
    yield made
    with made.app.app_context():
        db.engine.dispose()


def test_a_former_version_works_with_tables_that_a_newer_one_added_to(
    app: Flask, newer: Next
) -> None:
    database.upgrade(app)
    database.upgrade(newer.app, "9001")
    database.require_fit(app)
    schema = database.check()
    assert (schema.current, schema.is_ahead, schema.problems) == ("9001", True, ())
    with newer.app.app_context():
        assert not database.check().is_fit  # the newer one wants its own upgrade first


def test_a_former_version_leaves_tables_alone_that_are_ahead(app: Flask, newer: Next) -> None:
    database.upgrade(newer.app, "9001")
    database.upgrade(app)
    database.upgrade(app, "0001")
    with pytest.raises(SchemaError, match="only the version that made it"):
        database.downgrade(app)
    assert database.check().current == "9001"


def test_a_former_version_that_lacks_what_was_taken_away_says_so(app: Flask, newer: Next) -> None:
    database.upgrade(newer.app)
    for change_it in (database.require_fit, database.upgrade, database.downgrade):
        with pytest.raises(SchemaError, match="this one cannot work with it"):
            change_it(app)
    database.downgrade(newer.app)
    database.require_fit(app)


def test_a_table_that_is_missing_is_told_ahead_too(app: Flask, newer: Next) -> None:
    database.upgrade(newer.app, "9001")
    change("DROP TABLE preference")
    with pytest.raises(SchemaError, match="lacks preference"):
        database.require_fit(app)


def test_a_database_that_names_no_oldest_program_is_left_alone(app: Flask) -> None:
    database.upgrade(app)
    change("UPDATE alembic_version SET version_num = '9999'")
    change("DELETE FROM program_floor")
    with pytest.raises(SchemaError, match="newer version"):
        database.upgrade(app)


Columns = dict[str, dict[str, Any]]


def found_tables() -> dict[str, tuple[Columns, set[str]]]:
    """Return the columns of every table, and what it insists on."""
    seen = inspect(db.engine)
    columns, indexes = seen.get_multi_columns(), seen.get_multi_indexes()
    unique, foreign = seen.get_multi_unique_constraints(), seen.get_multi_foreign_keys()
    found = {}
    for key, own in columns.items():
        rules: list[Any] = [each["column_names"] for each in unique.get(key, [])]
        rules += [each["column_names"] for each in indexes.get(key, []) if each["unique"]]
        rules += [each["constrained_columns"] for each in foreign.get(key, [])]
        insists = {str(sorted(map(str, each))) for each in rules}
        found[str(key[1])] = {str(each["name"]): dict(each) for each in own}, insists
    return found


def taken_away(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what a program that knows the tables of before would miss or trip over."""
    problems = []
    for name, (columns, rules) in before.items():
        now, wanted = after.get(name, ({}, set()))
        problems += [
            f"{name}.{each} is gone or another" for each in columns if not same(each, columns, now)
        ]
        problems += [
            f"{name}.{each} must be filled"
            for each in now.keys() - columns
            if not now[each]["nullable"] and now[each]["default"] is None
        ]
        fresh = {str([each]) for each in now.keys() - columns}
        problems += [f"{name} insists on {each}" for each in wanted - rules - fresh]
    return problems


def same(name: str, before: Columns, after: Columns) -> bool:
    told = [
        (str(each[name]["type"]), each[name]["nullable"], each[name]["default"])
        for each in (before, after)
        if name in each
    ]
    return len(told) == 2 and told[0] == told[1]


def test_every_migration_only_adds_or_names_the_oldest_program(app: Flask) -> None:
    script = ScriptDirectory.from_config(database.make_config())
    before: dict[str, Any] = {}
    for migration in reversed(list(script.walk_revisions())):
        database.upgrade(app, migration.revision)
        after = found_tables()
        if not getattr(migration.module, "oldest_program", ""):
            assert taken_away(before, after) == [], f"{migration.revision}: set oldest_program"
        before = after


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE proof_keys",
        "ALTER TABLE job DROP COLUMN worker_note",
        "ALTER TABLE job RENAME COLUMN worker_note TO remark",
        "CREATE UNIQUE INDEX made_up ON job (worker_note)",
    ],
)
def test_the_rule_sees_what_a_former_program_would_miss(sqlite: str, statement: str) -> None:
    app = bare_app(sqlite)
    with app.app_context():
        change("ALTER TABLE job ADD COLUMN worker_note INTEGER")
        before = found_tables()
        change("CREATE TABLE added (id INTEGER)")
        change("ALTER TABLE job ADD COLUMN another INTEGER NOT NULL DEFAULT 0")
        assert taken_away(before, found_tables()) == []
        change(statement)
        assert taken_away(before, found_tables()) != []
        db.session.remove()
        db.engine.dispose()


def test_a_migration_lets_others_pass_while_a_table_is_in_use(
    app: Flask, newer: Next, caplog: pytest.LogCaptureFixture
) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite's readers hold up nobody")
    database.upgrade(app)
    with db.engine.connect() as reader, ThreadPoolExecutor(1) as pool:
        reader.execute(text("SELECT count(*) FROM job"))
        upgrade = pool.submit(database.upgrade, newer.app, "9001")
        while "lets others pass" not in caplog.text:
            assert not upgrade.done()
            time.sleep(0.01)
        with db.engine.connect() as other:  # waits for nobody for longer than a try lasts
            other.execute(text("SELECT count(*) FROM job"))
        reader.rollback()
        upgrade.result()
    assert database.check().current == "9001"


def test_a_database_not_yet_upgraded_says_what_to_do(app: Flask) -> None:
    with pytest.raises(SchemaError, match="bridgehead db upgrade"):
        database.require_fit(app)
