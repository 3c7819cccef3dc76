"""The operator's look at a whole installation, healthy and broken in each way."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from plugin.runtime import Runtime
from plugin.services import doctor
from plugin.services.connections import CheckStep, Outcome
from plugin.store.base import db, writing
from plugin.store.journal import AuditEntry
from plugin.store.work import Job
from plugin.vault import Vault
from tests.databases import bare_app
from tests.mailserver import MailServer
from tests.scene import Scene, scene
from tests.services.upgraded import furnish


@pytest.fixture
def play(sqlite: str) -> Iterator[Scene]:
    with scene(sqlite) as played:
        played.runtime.settings.data.mkdir(exist_ok=True)
        furnish(played)
        yield played


def steps(runtime: Runtime, *, remotes: bool = False) -> dict[str, CheckStep]:
    db.session.remove()
    return {each.name: each for each in doctor.examine(runtime, remotes=remotes)}


def test_a_healthy_installation_is_told_step_by_step(play: Scene) -> None:
    found = steps(play.runtime, remotes=True)
    assert {each.outcome for each in found.values()} == {Outcome.OK}
    assert list(found) == [
        "Configuration",
        "Data folder",
        "Database",
        "Keys",
        "Audit log",
        "Background work",
        "Connection Tiger",
    ]


def test_an_open_door_without_tls_is_a_warning(play: Scene) -> None:
    settings = replace(play.runtime.settings, bind_host="0.0.0.0")
    step = steps(replace(play.runtime, settings=settings))["Configuration"]
    assert (step.outcome, "TLS" in step.cure) == (Outcome.WARNING, True)


def test_a_lost_key_is_named_with_what_it_shuts(play: Scene) -> None:
    stranger = replace(play.runtime, vault=Vault.load(Path("/nowhere"), Vault.new_key()))
    found = steps(stranger)
    assert found["Keys"].seen == "1 of 1 secrets do not open: Tiger"
    assert "vault.key" in found["Keys"].cure
    assert found["Audit log"].outcome is Outcome.FAILED


def test_a_forged_entry_is_named(play: Scene) -> None:
    with writing() as session:
        session.execute(update(AuditEntry).values(actor="nobody"))
    assert steps(play.runtime)["Audit log"].seen.startswith("entry 1 was changed")


def test_late_work_is_a_warning(play: Scene) -> None:
    with writing() as session:
        due = play.clock() - timedelta(minutes=20)
        session.add(Job(kind="do", subject="1", lane="x", due_at=due, created_at=due))
    step = steps(play.runtime)["Background work"]
    assert (step.outcome, "20 minutes late" in step.seen) == (Outcome.WARNING, True)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DROP TABLE notice_read", "lacks notice_read: an upgrade was cut off"),
        ("UPDATE alembic_version SET version_num = '0001'", "this version needs"),
        ("UPDATE alembic_version SET version_num = '9999'", "newer version"),
        ("DELETE FROM alembic_version", "no revision"),
    ],
)
def test_a_half_done_upgrade_is_explained_and_ends_the_look(
    play: Scene, statement: str, says: str
) -> None:
    with writing() as session:
        session.execute(text(statement))
    found = steps(play.runtime)
    assert found["Database"].outcome is Outcome.FAILED
    assert says in found["Database"].seen
    assert list(found)[-1] == "Database"


def test_a_damaged_file_is_named(play: Scene) -> None:
    path = Path(db.engine.url.database or "")
    db.session.remove()
    db.engine.dispose()
    content = bytearray(path.read_bytes())
    content[:16] = b"not a database!!"
    path.write_bytes(content)
    assert "file is damaged" in steps(play.runtime)["Database"].seen
    sqlite3.connect(path).close()


def test_a_database_that_is_away_is_named_without_its_password(play: Scene) -> None:
    app = bare_app("postgresql+psycopg://user:canary-9@127.0.0.1:9/x")
    with app.app_context():
        (*_, last) = doctor.examine(play.runtime)
        db.engine.dispose()
    assert (last.name, last.outcome) == ("Database", Outcome.FAILED)
    assert "canary-9" not in f"{last.seen}{last.cause}{last.cure}"


def test_the_mail_server_is_greeted_and_sent_nothing(play: Scene) -> None:
    with MailServer() as server:
        settings = replace(play.runtime.settings, smtp_url=server.url())
        runtime = replace(play.runtime, settings=settings)
        assert steps(runtime, remotes=True)["Mail server"].outcome is Outcome.OK
        assert (server.sessions, server.taken) == (1, [])
    failed = steps(runtime, remotes=True)["Mail server"]
    assert (failed.outcome, bool(failed.cure)) == (Outcome.FAILED, True)
