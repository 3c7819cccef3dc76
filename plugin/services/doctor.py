"""Looks at a whole installation: configuration, keys, database, audit log, work, mail, remotes."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from plugin.domain.errors import EdgeError, PluginError
from plugin.runtime import Runtime, sealed_place
from plugin.services import connections, journal, mail
from plugin.services.connections import CheckStep, Outcome
from plugin.store import copies, database
from plugin.store.backlog import count_by_state, lag
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.work import JobState
from plugin.vault import KEY_FILE, VaultError

LATE = timedelta(minutes=15)
_UPGRADE = "Make a backup, then run `bridgehead db upgrade`."


def examine(runtime: Runtime, *, remotes: bool = True) -> Iterator[CheckStep]:
    """Yield one step after the other, each with cause and cure where it failed.

    ``remotes`` makes the smallest real calls to every connection, and signs in at the mail server.
    """
    yield _configuration(runtime)
    yield _data(runtime)
    whole = _database()
    yield whole
    if whole.outcome is Outcome.FAILED:
        return
    for look in (_keys, _audit, _work):
        yield _guarded(look, runtime)
    if remotes:
        yield from _remotes(runtime)


def _guarded(look: Callable[[Runtime], CheckStep], runtime: Runtime) -> CheckStep:
    """Return a step; trouble of the database in the middle of it is its failure."""
    try:
        return look(runtime)
    except (SQLAlchemyError, PluginError) as error:
        db.session.rollback()
        return _failed(look.__name__.strip("_").capitalize(), f"stopped: {_first(error)}", "", "")


def _ok(name: str, seen: str) -> CheckStep:
    return CheckStep(name, Outcome.OK, seen)


def _failed(name: str, seen: str, cause: str, cure: str) -> CheckStep:
    return CheckStep(name, Outcome.FAILED, seen, cause, cure)


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__


def _configuration(runtime: Runtime) -> CheckStep:
    settings = runtime.settings
    if settings.bind_host not in {"127.0.0.1", "::1", "localhost"} and settings.tls_cert is None:
        text = f"{settings.bind_host} is open to the network without TLS"
        cause = "pages and passwords travel readable unless a proxy in front of it speaks TLS"
        cure = "set BRIDGEHEAD_TLS_CERT and BRIDGEHEAD_TLS_KEY, or let only the proxy reach it"
        return CheckStep("Configuration", Outcome.WARNING, text, cause, cure)
    return _ok("Configuration", f"read from {settings.root}, no problem in it")


def _data(runtime: Runtime) -> CheckStep:
    folder = runtime.settings.data
    if not os.access(folder, os.W_OK | os.X_OK):
        text = f"{folder} cannot be written to"
        return _failed("Data folder", text, "it belongs to another account", f"chown {folder}")
    return _ok("Data folder", f"{folder} can be written to")


def _database() -> CheckStep:
    name, kind = "Database", db.engine.dialect.name
    try:
        damage = copies.damage(db.engine)
        schema = None if damage else database.check()
    except (SQLAlchemyError, OSError) as error:
        text = f"the {kind} database cannot be used: {_first(error)}"
        cause = "it is away, its address or password is wrong, or the file is damaged"
        return _failed(name, text, cause, "Check BRIDGEHEAD_DATABASE_URL, or restore a backup.")
    if schema is None:
        text = f"the file is damaged: {damage}"
        return _failed(name, text, "a broken disk, or the file was copied", "Restore a backup.")
    if schema.problems:
        return _failed(name, " ".join(schema.problems), "an upgrade was cut off", "See above.")
    if not schema.is_fit:
        text = f"{kind}, revision {schema.current or 'none'}; this version needs {schema.newest}"
        return _failed(name, text, "the program was upgraded, the tables were not", _UPGRADE)
    newer = ", of a newer version that this one works with" if schema.is_ahead else ""
    return _ok(name, f"{kind}, revision {schema.current}{newer}")


def _keys(runtime: Runtime) -> CheckStep:
    """Open every sealed secret; a key that is missing shows here before it does at night."""
    shut = []
    query = select(Connection.id, Connection.name, Connection.sealed)
    rows = db.session.execute(query.where(Connection.sealed != "")).all()
    for number, name, sealed in rows:
        try:
            runtime.vault.unseal(sealed, sealed_place(number))
        except VaultError:
            shut.append(name)
    if shut:
        text = f"{len(shut)} of {len(rows)} secrets do not open: {', '.join(shut[:5])}"
        cause = "the key they were sealed with is not here"
        cure = f"Put the kept {KEY_FILE} back, or type the passwords in anew."
        return _failed("Keys", text, cause, cure)
    return _ok("Keys", f"{len(rows)} secrets open")


def _audit(runtime: Runtime) -> CheckStep:
    problem = journal.verify_audit(runtime)
    if problem is None:
        return _ok("Audit log", "the chain holds")
    text = f"entry {problem.entry_id} {problem.what}"
    cause = "somebody changed the database by hand, or another key came with it"
    return _failed("Audit log", text, cause, "Compare with the last backup that was good.")


def _work(runtime: Runtime) -> CheckStep:
    waited = lag(db.session(), runtime.now())
    states = count_by_state(db.session())
    seen = f"{states[JobState.DUE]} jobs wait, {states[JobState.DEAD]} were given up"
    if waited > LATE:
        text = f"{seen}; the oldest is {waited.total_seconds() / 60:.0f} minutes late"
        cause, cure = "no worker runs, or one remote is slow", "See that `bridgehead worker` runs."
        return CheckStep("Background work", Outcome.WARNING, text, cause, cure)
    return _ok("Background work", seen)


def _remotes(runtime: Runtime) -> Iterator[CheckStep]:
    if runtime.settings.smtp_url:
        yield _mail(runtime)
    for connection in connections.living(runtime):
        yield _guarded(lambda here, row=connection: _remote(here, row), runtime)  # type: ignore[misc]


def _mail(runtime: Runtime) -> CheckStep:
    try:
        mail.greet(runtime)
    except EdgeError as error:
        advice = mail.advice_for(error)
        return _failed("Mail server", error.message, advice.cause, advice.cure)
    return _ok("Mail server", "lets us in")


def _remote(runtime: Runtime, connection: Connection) -> CheckStep:
    """Climb a connection's ladder; nothing is noted on it, since the operator only looks."""
    settings = runtime.opened(connection)
    db.session.commit()
    steps = connections.climb(runtime, connection, settings)
    name = f"Connection {connection.name}"
    bad = [each for each in steps if each.outcome is not Outcome.OK]
    if not bad:
        return _ok(name, f"{len(steps)} steps are fine")
    worst = bad[-1]
    return CheckStep(name, worst.outcome, f"{worst.name}: {worst.seen}", worst.cause, worst.cure)
