"""doctor, backup and restore, as an operator types them, on real databases."""

import json
import shutil
import socket
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from plugin.cli import program
from plugin.cli_shared import inside
from plugin.domain.errors import PluginError
from plugin.runtime import sealed_place
from plugin.services import journal
from plugin.store import database
from plugin.store.base import db, writing
from plugin.store.integrations import Connection

SECRET = "canary-5f1d"


@dataclass
class Place:
    """An installation in a folder; ``run`` types one command there."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def run(self, *words: str) -> Result:
        self.monkeypatch.setenv("BRIDGEHEAD_DATA", str(self.folder))
        return CliRunner().invoke(program, list(words))

    def told(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output or result.exception
        return json.loads(result.stdout)

    def refusal(self, *words: str) -> str:
        result = self.run(*words)
        assert isinstance(result.exception, PluginError), result.output
        return str(result.exception)

    @property
    def database(self) -> Path:
        return self.folder / "bridgehead.db"

    def doctor(self, *words: str) -> dict[str, dict[str, str]]:
        """Return the doctor's steps by name; the exit status must fit them."""
        result = self.run("doctor", "--json", *words)
        said = json.loads(result.stdout)
        failed = [each for each in said["steps"] if each["outcome"] == "failed"]
        assert (result.exit_code, said["healthy"]) == (int(bool(failed)), not failed)
        return {each["name"]: each for each in said["steps"]}

    def opened(self) -> str:
        """Return the saved secret."""
        self.monkeypatch.setenv("BRIDGEHEAD_DATA", str(self.folder))
        with inside() as (_, runtime):
            row = db.session.get_one(Connection, 1)
            return runtime.vault.unseal(row.sealed, sealed_place(1))["password"]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an installation with a secret and an audit log once."""
    folder = tmp_path_factory.mktemp("furnished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRIDGEHEAD_DATA", str(folder))
        furnish()
    return folder


def furnish() -> None:
    with inside() as (app, runtime):
        database.upgrade(app)
        with writing() as session:
            sealed = runtime.vault.seal({"password": SECRET}, sealed_place(1))
            row = Connection(id=1, side="host", kind="tigerpaw", name="Tiger", sealed=sealed)
            row.settings, row.created_at = {}, runtime.now()
            session.add(row)
            for number in range(3):
                journal.audit(runtime, session, "anna", "act", f"thing {number}")
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def place(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    here = Place(tmp_path / "here", monkeypatch)
    shutil.copytree(furnished, here.folder)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        monkeypatch.setenv("BRIDGEHEAD_BIND", f"127.0.0.1:{probe.getsockname()[1]}")
    return here


@pytest.fixture
def elsewhere(place: Place, tmp_path: Path) -> Place:
    """Give another machine: an empty folder."""
    return Place(tmp_path / "elsewhere", place.monkeypatch)


def test_a_backup_brings_everything_back_on_another_machine(
    place: Place, elsewhere: Place, tmp_path: Path
) -> None:
    file, key = tmp_path / "b.bridgehead", tmp_path / "kept.key"
    told = place.run("backup", str(file), "--key", str(key))
    assert f"Keep {key} in another safe place" in told.output
    assert (file.stat().st_mode & 0o777, key.stat().st_mode & 0o777) == (0o600, 0o600)
    restored = elsewhere.run("restore", str(file), "--key", str(key))
    assert "restored: revision" in restored.output, restored.exception
    assert elsewhere.opened() == SECRET
    assert elsewhere.told("audit", "verify")["holds"] is True
    steps = elsewhere.doctor("--no-remotes")
    assert steps["Keys"]["seen"] == "1 secrets open"
    with sqlite3.connect(elsewhere.database) as file_:
        actions = [row[0] for row in file_.execute("SELECT action FROM audit_entry ORDER BY id")]
    assert actions[-2:] == ["backup.make", "backup.restore"]


def test_a_restore_without_its_key_is_refused_and_makes_no_new_one(
    place: Place, elsewhere: Place, tmp_path: Path
) -> None:
    file = tmp_path / "b"
    place.told("backup", str(file))
    assert "--key FILE" in elsewhere.refusal("restore", str(file))
    assert not (elsewhere.folder / "vault.key").exists()
    stranger = Place(tmp_path / "stranger", place.monkeypatch)
    stranger.run("environment")  # makes a key of its own
    assert "no password in it could be opened" in stranger.refusal("restore", str(file))
    assert "never overwritten" in stranger.refusal(
        "restore", str(file), "--key", str(place.folder / "vault.key")
    )
    stranger.told("restore", str(file), "--without-key", "--overwrite")
    steps = stranger.doctor("--no-remotes")
    assert steps["Keys"]["seen"] == "1 of 1 secrets do not open: Tiger"


def test_a_running_installation_is_not_restored_into(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "b"
    place.told("backup", str(file))
    with socket.create_server(("127.0.0.1", 0)) as web:
        place.monkeypatch.setenv("BRIDGEHEAD_BIND", f"127.0.0.1:{web.getsockname()[1]}")
        assert "end Bridgehead before" in place.refusal("restore", str(file), "--overwrite")


def test_every_bad_setting_is_named_at_once(place: Place) -> None:
    place.monkeypatch.setenv("BRIDGEHEAD_FAST_INBOX", "maybe")
    place.monkeypatch.setenv("KESCLOUDSERVER", "moon")
    result = place.run("doctor")
    assert result.exit_code == 1
    assert "FAST_INBOX must be on or off" in result.output
    assert "allowed are production, beta, test" in result.output


def test_a_key_that_everybody_may_read_keeps_it_from_starting(place: Place) -> None:
    (place.folder / "vault.key").chmod(0o644)
    assert "chmod 600" in place.doctor("--no-remotes")["Start"]["seen"]
