"""Whole copies of the database while everything runs, and putting one back."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, inspect, make_url

from plugin.domain.errors import PluginError
from plugin.store.base import write_lock
from plugin.store.database import is_postgresql, make_config

_SECONDS = 3600
"""The longest that PostgreSQL's own programs may take."""


class CopyError(PluginError):
    """The copy could not be made or put back; the message says what to do."""


def copy_to(engine: Engine, target: Path) -> None:
    """Write a consistent copy of the database into the new file ``target``.

    Nobody has to stop for it: SQLite's own backup reads one snapshot, PostgreSQL's ``pg_dump`` too.
    """
    if is_postgresql(engine):
        _run("pg_dump", engine.url, "--format=custom", f"--file={target}")
        return
    with _reading(_file_of(engine)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def put_back(engine: Engine, source: Path, now: datetime) -> Path | None:
    """Replace what the database holds by a copy; returns where SQLite's old content was kept.

    One transaction on both kinds: a process that still reads sees the old or the new content.
    """
    if is_postgresql(engine):
        options = ("--clean", "--if-exists", "--single-transaction", "--exit-on-error")
        _run("pg_restore", engine.url, *options, str(source))
        return None
    target = _file_of(engine)
    lock = write_lock(engine)
    if lock is not None:
        lock.acquire(60)
    try:
        kept = _keep(target, now)
        with _reading(source) as copy, closing(sqlite3.connect(target)) as live:
            copy.backup(live)
    finally:
        if lock is not None:
            lock.release()
    return kept


def _keep(target: Path, now: datetime) -> Path | None:
    """Copy the present file aside; one that cannot be read as a database is moved there."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        return None
    kept = target.with_name(f"{target.name}.before-restore-{now:%Y%m%d-%H%M%S}")
    _make_private(kept)
    try:
        with _reading(target) as source, closing(sqlite3.connect(kept)) as copy:
            source.backup(copy)
    except sqlite3.DatabaseError:
        target.replace(kept)
        for end in ("-wal", "-shm"):
            target.with_name(target.name + end).unlink(missing_ok=True)
    return kept


def is_empty(engine: Engine) -> bool:
    """Tell whether the database holds no table at all; a damaged file holds something."""
    if is_postgresql(engine):
        return not inspect(engine).get_table_names()
    if not _file_of(engine).exists():
        return True
    try:
        with _reading(_file_of(engine)) as file:
            return file.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    except sqlite3.DatabaseError:
        return False


def knows(revision: str) -> bool:
    """Tell whether this version has a migration of this name."""
    script = ScriptDirectory.from_config(make_config())
    return revision in {each.revision for each in script.walk_revisions()}


def damage(engine: Engine) -> str:
    """Return what SQLite finds wrong with its file, empty where nothing is or it is PostgreSQL."""
    if is_postgresql(engine) or not _file_of(engine).exists():
        return ""
    try:
        with _reading(_file_of(engine)) as file:
            (said,) = file.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if said == "ok" else str(said)


def _file_of(engine: Engine) -> Path:
    return Path(engine.url.database or "")


def _reading(path: Path) -> "closing[sqlite3.Connection]":
    return closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True))


def _make_private(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _run(program: str, url: URL, *options: str) -> None:
    """Run one of PostgreSQL's programs; the password travels where no process list shows it."""
    found = shutil.which(program)
    if found is None:
        raise CopyError(
            f"{program} is not installed here. Install PostgreSQL's client programs (Debian:"
            " postgresql-client), or use the backups of your database server."
        )
    plain = make_url(url).set(drivername="postgresql", password=None)
    password = {"PGPASSWORD": url.password} if url.password else {}
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL, no shell, our own words
        [
            found,
            "--no-owner",
            "--no-privileges",
            f"--dbname={plain.render_as_string(hide_password=False)}",
            *options,
        ],
        env={**os.environ, **password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[-500:]
        raise CopyError(f"{program} failed: {said}")
