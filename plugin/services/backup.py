"""Backups: one file with a copy of the database and what it is; the key never is in it."""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any

from sqlalchemy import select

from plugin import __version__
from plugin.domain.errors import PluginError
from plugin.runtime import Runtime
from plugin.services.journal import audit, audit_end
from plugin.store import copies, database
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.vault import KEY_FILE, Vault

MANIFEST, CONTENT = "manifest.json", "database"
_PIECE = 1024 * 1024
_MOST_MANIFEST = 1024 * 1024


class BackupError(PluginError):
    """The backup cannot be made or used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says about itself.

    ``audit_head`` is the last entry of the audit log in it, ``keys`` are the ids of the vault's
    keys that its secrets need.
    """

    version: str
    made_at: str
    database: str
    revision: str
    sha256: str
    audit_head: dict[str, Any]
    keys: list[str]


# -- making --------------------------------------------------------------------------------------


def make(runtime: Runtime, actor: str, target: Path) -> Manifest:
    """Write a backup into the new file ``target`` while everything runs.

    The audit log is told first, so that the backup holds the entry of its own making.
    """
    if target.exists():
        raise BackupError(f"{target} exists; a backup overwrites nothing. Choose another name.")
    with _folder_beside(target) as folder:
        with writing() as session:
            audit(runtime, session, actor, "backup.make", target.name)
        # Before the copy: what is named here is sure to be in it.
        head, keys = audit_end(), _keys_in_use()
        content = folder / CONTENT
        copies.copy_to(db.engine, content)
        manifest = Manifest(
            version=__version__,
            made_at=runtime.now().isoformat(timespec="seconds"),
            database=db.engine.dialect.name,
            revision=database.check().current,
            sha256=_digest(content),
            audit_head=head,
            keys=keys,
        )
        packed = folder / "backup"
        with tarfile.open(packed, "w:gz", compresslevel=6) as archive:
            archive.add(_written(folder, manifest), MANIFEST)
            archive.add(content, CONTENT)
        packed.chmod(0o600)
        # A link, not a rename: whoever made the name meanwhile loses nothing.
        os.link(packed, target)
    return manifest


def _keys_in_use() -> list[str]:
    sealed = db.session.scalars(select(Connection.sealed).where(Connection.sealed != ""))
    return sorted({Vault.key_id(each) for each in sealed})


def _written(folder: Path, manifest: Manifest) -> Path:
    path = folder / MANIFEST
    path.write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """Give a folder on the same disk that nobody else can read."""
    try:
        folder = Path(mkdtemp(prefix=".bridgehead-", dir=target.absolute().parent))
    except OSError as error:
        raise BackupError(f"nothing can be written beside {target} ({error.strerror})") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_key(folder: Path, target: Path) -> None:
    """Copy the key file of the data ``folder`` into a new file that only its owner can read."""
    source = folder / KEY_FILE
    if not source.exists():
        raise BackupError(
            f"there is no {source}: the keys come from BRIDGEHEAD_VAULT_KEY; keep that safe"
        )
    _write_key(source, target)


def _write_key(source: Path, target: Path) -> None:
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupError(f"{target} exists; a key is never overwritten") from None
    with os.fdopen(handle, "wb") as file:
        file.write(source.read_bytes())


# -- putting back --------------------------------------------------------------------------------


def inspect(source: Path) -> Manifest:
    """Read what a backup says about itself; BackupError when it is none of ours."""
    with _opened(source) as archive:
        told = json.loads(_member(archive, MANIFEST).read(_MOST_MANIFEST))
    try:
        return Manifest(**told)
    except TypeError:
        raise BackupError(f"{source} is no backup of Bridgehead") from None


def restore(source: Path, data: Path, now: datetime, *, overwrite: bool = False) -> Path | None:
    """Put a backup back into the database of the current application.

    BackupError when the database is of another kind or not empty (unless ``overwrite``), the
    backup is damaged, or a newer version made it. Returns where SQLite's old content was kept.
    """
    manifest = inspect(source)
    _fits(manifest, overwrite=overwrite)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _folder_beside(data / CONTENT) as folder:
        content = _unpacked(source, folder)
        if _digest(content) != manifest.sha256:
            raise BackupError(f"{source} is damaged: its content is not what was put in")
        db.session.remove()
        db.engine.dispose()
        return copies.put_back(db.engine, content, now)


def _fits(manifest: Manifest, *, overwrite: bool) -> None:
    kind = db.engine.dialect.name
    if manifest.database != kind:
        raise BackupError(
            f"the backup is of a {manifest.database} database, BRIDGEHEAD_DATABASE_URL names"
            f" a {kind} one; a backup goes back into its own kind"
        )
    if not copies.knows(manifest.revision):
        raise BackupError(
            f"the backup was made by version {manifest.version} (revision {manifest.revision}),"
            " which is newer than this one; restore it with that version"
        )
    if not overwrite and not copies.is_empty(db.engine):
        raise BackupError(
            "the database is not empty; nothing was changed. To replace what it holds by the"
            " backup, stop Bridgehead and add --overwrite"
        )


def missing_keys(manifest: Manifest, vault: Vault) -> list[str]:
    """Return the ids of keys that the secrets in a backup need and the vault does not hold."""
    return sorted(set(manifest.keys) - vault.key_ids)


def install_key(source: Path, data: Path) -> None:
    """Put a kept key file into the data folder; BackupError where another key is there already."""
    target = data / KEY_FILE
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_key(source, target)


def _unpacked(source: Path, folder: Path) -> Path:
    target = folder / CONTENT
    with _opened(source) as archive, target.open("wb") as file:
        shutil.copyfileobj(_member(archive, CONTENT), file, _PIECE)
    return target


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, "r:gz") as archive:
            yield archive
    except FileNotFoundError:
        raise BackupError(f"there is no file {source}") from None
    except (tarfile.TarError, EOFError, OSError, ValueError):
        raise BackupError(f"{source} is no backup of Bridgehead, or it is damaged") from None


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """Return one member's bytes; what else an archive may hold is never looked at."""
    try:
        found = archive.extractfile(archive.getmember(name))
    except KeyError:
        found = None
    if found is None:
        raise BackupError(f"this is no backup of Bridgehead: it holds no {name}")
    return found
