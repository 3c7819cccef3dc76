"""Backups of real databases, and putting them back."""

import gzip
import hashlib
import io
import json
import os
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.runtime import sealed_place
from plugin.services import backup, journal
from plugin.services.backup import BackupError
from plugin.store import copies, database
from plugin.store.base import db, writing
from plugin.store.copies import CopyError
from plugin.store.integrations import Connection
from plugin.store.journal import AuditEntry
from plugin.vault import KEY_FILE
from tests.databases import postgresql_server
from tests.scene import Scene, scene
from tests.services.upgraded import SECRET, furnish

SOAK = bool(os.environ.get("BRIDGEHEAD_SOAK"))


@pytest.fixture
def here(sqlite: str) -> Iterator[Scene]:
    with scene(sqlite) as play:
        furnish(play)
        yield play


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "b.bridgehead"


def make(play: Scene, file: Path) -> Path:
    backup.make(play.runtime, "anna", file)
    return file


def put_back(play: Scene, file: Path, *, overwrite: bool = True) -> Path | None:
    data = play.runtime.settings.data
    return backup.restore(file, data, play.clock(), overwrite=overwrite)


def name_of(path: Path) -> str:
    with sqlite3.connect(path) as found:
        (name,) = found.execute("SELECT name FROM connection").fetchone()
    found.close()
    return str(name)


def rename(name: str) -> None:
    with writing() as session:
        session.get_one(Connection, 1).name = name
    db.session.remove()


def test_a_backup_goes_into_an_empty_database(here: Scene, file: Path, tmp_path: Path) -> None:
    make(here, file)
    target = tmp_path / "other"
    target.mkdir()
    empty = f"sqlite:///{target / 'new.db'}"
    with scene(empty) as other:
        assert put_back(other, file, overwrite=False) is None
        row = db.session.get_one(Connection, 1)
        assert here.runtime.vault.unseal(row.sealed, sealed_place(1))["password"] == SECRET
        assert journal.verify_audit(here.runtime) is None
        assert database.check().is_fit
        actions = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        assert actions[-1] == "backup.make"


def test_neither_key_nor_secret_is_in_a_backup_and_only_its_owner_reads_it(
    here: Scene, file: Path
) -> None:
    made = backup.make(here.runtime, "anna", file)
    assert SECRET.encode() not in gzip.decompress(file.read_bytes())
    with tarfile.open(file) as archive:
        assert archive.getnames() == ["manifest.json", "database"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert backup.inspect(file) == made
    assert backup.missing_keys(made, here.runtime.vault) == []
    assert made.audit_head["id"] == 4
    assert [each.name for each in file.parent.glob(".bridgehead-*")] == []


def test_nothing_is_overwritten_without_being_told_so(here: Scene, file: Path) -> None:
    make(here, file)
    with pytest.raises(BackupError, match="overwrites nothing"):
        make(here, file)
    rename("Changed since")
    with pytest.raises(BackupError, match="--overwrite"):
        put_back(here, file, overwrite=False)
    assert db.session.get_one(Connection, 1).name == "Changed since"
    kept = put_back(here, file)
    assert kept is not None
    assert db.session.get_one(Connection, 1).name == "Tiger"
    assert (name_of(kept), kept.stat().st_mode & 0o777) == ("Changed since", 0o600)


def test_a_damaged_database_is_replaced_and_kept(here: Scene, file: Path) -> None:
    make(here, file)
    db.session.remove()
    db.engine.dispose()
    path = Path(db.engine.url.database or "")
    path.write_bytes(b"no database any more" * 500)
    assert "not a database" in copies.damage(db.engine)
    with pytest.raises(BackupError, match="not empty"):
        put_back(here, file, overwrite=False)
    kept = put_back(here, file)
    assert kept is not None
    assert kept.read_bytes().startswith(b"no database")
    assert db.session.get_one(Connection, 1).name == "Tiger"


@pytest.mark.skipif(not SOAK, reason="takes seconds: with BRIDGEHEAD_SOAK")
def test_a_backup_of_a_busy_database_is_whole(here: Scene, file: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with here.app.app_context():
            while not stop.is_set():
                with writing() as session:
                    for part in range(5):
                        journal.audit(here.runtime, session, "busy", "act", str(part))
            db.session.remove()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [make(here, tmp_path / f"b{number}") for number in range(10)]
    finally:
        stop.set()
        writer.join()
    for each in made:
        put_back(here, each)
        assert journal.verify_audit(here.runtime) is None
        busy = select(AuditEntry.id).where(AuditEntry.actor == "busy")
        assert len(db.session.scalars(busy).all()) % 5 == 0  # no transaction in part
        db.session.remove()


def test_a_key_is_kept_apart_and_never_overwrites_another(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, key in ((here, b"one"), (there, b"two")):
        folder.mkdir()
        (folder / KEY_FILE).write_bytes(key)
    backup.copy_key(here, tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"one"
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupError, match="never overwritten"):
        backup.copy_key(here, tmp_path / "kept")
    with pytest.raises(BackupError, match="never overwritten"):
        backup.install_key(tmp_path / "kept", there)
    backup.install_key(tmp_path / "kept", here)  # it is the same
    backup.install_key(tmp_path / "kept", tmp_path / "new")
    assert (tmp_path / "new" / KEY_FILE).read_bytes() == b"one"
    with pytest.raises(BackupError, match="BRIDGEHEAD_VAULT_KEY"):
        backup.copy_key(tmp_path, tmp_path / "x")


# -- files that do not fit -----------------------------------------------------------------------


def remake(file: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Write a backup anew with other members."""
    members: dict[str, bytes] = {}
    with tarfile.open(file) as archive:
        for each in archive:
            content = archive.extractfile(each)
            assert content is not None
            members[each.name] = content.read()
    change(members)
    with tarfile.open(file, "w:gz") as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))


def saying(**more: object) -> Callable[[dict[str, bytes]], object]:
    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"])
        members["manifest.json"] = json.dumps(manifest | more).encode()

    return change


def flip(members: dict[str, bytes]) -> None:
    body = bytearray(members["database"])
    body[5000] ^= 1
    members["database"] = bytes(body)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (saying(revision="9999"), "newer than this one"),
        (saying(database="postgresql"), "is of a postgresql database"),
        (saying(stranger=1), "no backup of Bridgehead"),
        (lambda members: members.update({"manifest.json": b"{"}), "no backup of Bridgehead"),
        (flip, "is damaged"),
        (lambda members: members.pop("database"), "holds no database"),
        (lambda members: members.pop("manifest.json"), "holds no manifest.json"),
    ],
)
def test_a_backup_that_does_not_fit_changes_nothing(
    here: Scene, file: Path, change: Callable[[dict[str, bytes]], object], says: str
) -> None:
    remake(make(here, file), change)
    rename("Changed since")
    with pytest.raises(BackupError, match=says):
        put_back(here, file)
    assert db.session.get_one(Connection, 1).name == "Changed since"


def test_a_file_that_is_no_backup_is_named(here: Scene, file: Path) -> None:
    with pytest.raises(BackupError, match="there is no file"):
        put_back(here, file)
    whole = make(here, file).read_bytes()
    for body in (b"PK\3\4 something else", whole[: len(whole) // 2]):
        file.write_bytes(body)
        with pytest.raises(BackupError, match="damaged"):
            put_back(here, file)


# -- PostgreSQL ----------------------------------------------------------------------------------


def test_postgresql_is_dumped_and_restored_by_its_own_programs(
    postgresql: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binaries = str(postgresql_server(durable=False).binaries)
    monkeypatch.setenv("PATH", binaries, prepend=":")
    with scene(postgresql) as play:
        furnish(play)
        assert backup.make(play.runtime, "anna", file).database == "postgresql"
        with pytest.raises(BackupError, match="not empty"):
            put_back(play, file, overwrite=False)
        rename("Changed since")
        put_back(play, file)
        assert db.session.get_one(Connection, 1).name == "Tiger"
        assert journal.verify_audit(play.runtime) is None
        assert database.check().is_fit
        db.session.remove()
        remake(file, lambda members: members.update({"database": b"nonsense"}))
        remake(file, saying(sha256=hashlib.sha256(b"nonsense").hexdigest()))
        with pytest.raises(CopyError, match="pg_restore failed"):
            put_back(play, file)
        assert db.session.get_one(Connection, 1).name == "Tiger"


def test_postgresql_without_its_programs_says_what_to_install(
    postgresql: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with scene(postgresql) as play:
        furnish(play)
        with pytest.raises(CopyError, match="postgresql-client"):
            make(play, file)
    assert list(file.parent.glob("*b.bridgehead*")) == []


def test_another_kind_of_database_is_refused(here: Scene, file: Path, postgresql: str) -> None:
    make(here, file)
    with scene(postgresql) as play, pytest.raises(BackupError, match="own kind"):
        put_back(play, file)
