"""Commands that look after an installation: doctor, backup, restore."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
from flask import Flask

from plugin.cli_shared import as_json, inside, is_answered, operator, tell
from plugin.domain.errors import ConfigError, PluginError
from plugin.runtime import utc_now
from plugin.services import backup, doctor, journal
from plugin.services.connections import CheckStep, Outcome
from plugin.settings import Settings, load
from plugin.store import database
from plugin.store.base import writing
from plugin.vault import KEY_FILE, Vault

FILE = click.Path(dir_okay=False, path_type=Path)
_MARKS = {Outcome.OK: "ok", Outcome.WARNING: "warning", Outcome.FAILED: "FAILED"}


@click.command("doctor")
@click.option("--no-remotes", is_flag=True, help="Call no host, vendor or mail server.")
@as_json
def run_doctor(no_remotes: bool, as_json: bool) -> None:
    """Look at settings, keys, database, audit log, work and remotes; exit status 1 on failure."""
    steps = []
    for step in _examined(remotes=not no_remotes):
        steps.append(step)
        if not as_json:
            click.echo(_line(step))
    failed = any(each.outcome is Outcome.FAILED for each in steps)
    if as_json:
        tell({"healthy": not failed, "steps": [asdict(each) for each in steps]}, "", as_json)
    sys.exit(1 if failed else 0)


def _examined(*, remotes: bool) -> Iterator[CheckStep]:
    """Yield every step; what keeps the program from starting at all is a step too."""
    try:
        settings = load()
    except ConfigError as error:
        for problem in error.problems:
            yield CheckStep("Configuration", Outcome.FAILED, problem, "", "Mend this setting.")
        return
    try:
        with inside(settings) as (_, runtime):
            yield from doctor.examine(runtime, remotes=remotes)
    except PluginError as error:
        yield CheckStep("Start", Outcome.FAILED, str(error), "", "")


def _line(step: CheckStep) -> str:
    lines = [f"{_MARKS[step.outcome]:8} {step.name}: {step.seen}"]
    lines += [f"         cause: {step.cause}"] if step.cause else []
    lines += [f"         to do: {step.cure}"] if step.cure else []
    return "\n".join(lines)


@click.command("backup")
@click.argument("target", metavar="FILE", type=FILE)
@click.option("--key", type=FILE, help="Copy the vault's key file there too (a new file).")
@as_json
def make_backup(target: Path, key: Path | None, as_json: bool) -> None:
    """Write the database into one new FILE while everything runs.

    The key that opens its secrets is not in it: keep it apart, or whoever has the one has both.
    """
    with inside() as (app, runtime):
        database.require_fit(app)
        if key is not None:
            backup.copy_key(runtime.settings.data, key)
        manifest = backup.make(runtime, operator(), target)
        kept = runtime.settings.data / KEY_FILE
        where = "BRIDGEHEAD_VAULT_KEY" if runtime.settings.vault_key else str(key or kept)
    text = (
        f"backup of revision {manifest.revision} written to {target}\n"
        f"The key is NOT in it. Keep {where} in another safe place:"
        " without it no password in this backup can be opened, and the audit log cannot be proved."
    )
    tell({"file": str(target), "key": where, **asdict(manifest)}, text, as_json)


@click.command("restore")
@click.argument("source", metavar="FILE", type=FILE)
@click.option("--key", type=FILE, help="The key file that was kept with the backup.")
@click.option("--overwrite", is_flag=True, help="Replace what the database holds now.")
@click.option("--without-key", is_flag=True, help="Go on although its secrets will not open.")
@as_json
def put_back(
    source: Path, key: Path | None, overwrite: bool, without_key: bool, as_json: bool
) -> None:
    """Put the backup in FILE back; refuses while Bridgehead runs or where data would be lost."""
    settings = load()
    _refuse_running(settings)
    manifest = backup.inspect(source)
    if key is not None:
        backup.install_key(key, settings.data)
    if not without_key:
        _refuse_shut(settings, manifest)
    app = Flask("restore")
    database.configure(app, settings.database_url)
    with app.app_context():
        kept = backup.restore(source, settings.data, utc_now(), overwrite=overwrite)
    told = [f"restored: revision {manifest.revision}, made at {manifest.made_at}"]
    told += [f"What was there before is kept as {kept}"] if kept else []
    told.append(_after(settings))
    answer = {"revision": manifest.revision, "kept": str(kept or ""), "next": told[-1]}
    tell(answer, "\n".join(told), as_json)


def _refuse_running(settings: Settings) -> None:
    if is_answered(settings):
        text = f"something answers at port {settings.bind_port}: end Bridgehead before a restore"
        raise PluginError(text)


def _refuse_shut(settings: Settings, manifest: backup.Manifest) -> None:
    """Refuse a restore whose secrets would not open; a fresh key would be made otherwise."""
    has_key = settings.vault_key or (settings.data / KEY_FILE).exists()
    known = Vault.load(settings.data, settings.vault_key) if has_key else None
    missing = backup.missing_keys(manifest, known) if known else manifest.keys or ["any"]
    if missing:
        raise PluginError(
            "the key of this backup is not here, so no password in it could be opened."
            f" Put the kept {KEY_FILE} into {settings.data}, or name it with --key FILE."
            " To go on and type all passwords in anew: --without-key"
        )


def _after(settings: Settings) -> str:
    """Note the restore in the audit log, and say what comes next."""
    with inside(settings) as (app, runtime):
        if not database.is_fit(app):
            return "Next: bridgehead db upgrade, then bridgehead doctor."
        if journal.verify_audit(runtime) is None:
            with writing() as session:
                journal.audit(runtime, session, operator(), "backup.restore", "database")
    return "Next: bridgehead doctor."
