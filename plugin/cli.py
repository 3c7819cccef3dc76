"""The program ``bridgehead``: each command a few lines around a service."""

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from dataclasses import replace

import click

from plugin import __version__, logs
from plugin.app import create_app, run_worker
from plugin.bridge import program as bridge_program
from plugin.cli_care import make_backup, put_back, run_doctor
from plugin.cli_shared import as_json, inside, is_answered, operator, own_host, tell
from plugin.domain.errors import PluginError
from plugin.edge.emulator import Served
from plugin.runtime import Runtime
from plugin.sandbox.connect import HOST, connect, offers, pages_in
from plugin.sandbox.control import control_app
from plugin.sandbox.server import Sandbox
from plugin.services import access, journal, secrets, setting_up
from plugin.services.access import Role
from plugin.settings import Settings, load
from plugin.settings.sandbox import written
from plugin.store import database

ROLES = click.Choice([role.value for role in Role])
FIRST_USER = "admin@bridgehead.local"
FIRST_DETECTIONS = 4
SANDBOX_WATCH = 4
OFFERS = "BRIDGEHEAD_SANDBOX_OFFERS"


@click.group()
@click.version_option(__version__, prog_name="bridgehead")
def program() -> None:
    """Join the host an MSP works in to the security vendors its clients are protected by."""


def main() -> None:
    """Run the program; every failure of ours is one text and exit status 2, never a trace."""
    logs.configure(as_json=False)
    try:
        program()
    except PluginError as error:
        click.echo(f"bridgehead cannot go on:\n{_indented(str(error))}", err=True)
        sys.exit(2)


def _indented(text: str) -> str:
    return "\n".join(f"  - {line}" for line in text.splitlines())


# -- running -------------------------------------------------------------------------------------


@program.command()
@click.option("--sandbox", is_flag=True, help="Start the made-up MSP too, and connect it.")
def run(sandbox: bool) -> None:
    """Run everything on this machine: web, worker and scheduler on the embedded database."""
    settings = load()
    settings.data.mkdir(parents=True, exist_ok=True)
    _refuse_taken_port(settings)
    with inside(settings) as (app, runtime):
        database.upgrade(app)
        greeting = _greet(runtime, sandbox=sandbox)
    children: list[dict[str, object]] = []
    if sandbox:
        children.append({"name": "sandbox", "command": _self("sandbox")})
        children.append({"name": "worker", "command": _self("worker", "--connect-sandbox")})
        os.environ[OFFERS] = written(offers(settings.sandbox_port + 1))
    else:
        children.append({"name": "worker", "command": _self("worker")})
    web_command = _web_command(settings, workers=1)
    children.append({"name": "web", "command": web_command, "drains": True})
    wanted = {
        "children": children,
        "ready_url": f"{_own_address(settings)}/readyz",
        "greeting": greeting,
        "grace": settings.drain,
    }
    sys.stdout.flush()
    # The image is replaced, so that watching the others costs next to no memory.
    command = [sys.executable, "-m", "plugin.supervisor", json.dumps(wanted)]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell


def _self(*words: str) -> list[str]:
    return [sys.executable, "-m", "plugin.cli", *words]


def _own_address(settings: Settings) -> str:
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{own_host(settings)}:{settings.bind_port}"


def _refuse_taken_port(settings: Settings) -> None:
    if is_answered(settings):
        raise PluginError(
            f"port {settings.bind_port} is in use, perhaps by a bridgehead that runs already; "
            "end it, or choose another with BRIDGEHEAD_BIND=127.0.0.1:8580"
        )


def _greet(runtime: Runtime, *, sandbox: bool) -> str:
    lines = ["", "Bridgehead is ready."]
    lines.append(f"  Address:   {runtime.settings.public_url}")
    if setting_up.is_done():
        lines.append("  Sign in with the account you have. A new one: bridgehead user create")
    elif not sandbox:
        lines.append(f"  Set up:    {setting_up.new_link(runtime)}")
        lines.append(f"             (works once, for {setting_up.HOURS} hours)")
    else:
        _, password = access.create_user(runtime, journal.SYSTEM, FIRST_USER, Role.ADMINISTRATOR)
        lines.append(f"  User:      {FIRST_USER}")
        lines.append(f"  Password:  {password}   (one time: you choose your own at sign-in)")
    if sandbox:
        address = f"http://127.0.0.1:{runtime.settings.sandbox_port}"
        lines += [
            f"  Sandbox:   {address}   (a made-up MSP: let things happen, break things)",
            "  Try first: press “Let it happen” there with “detection”,",
            "             then look at Tickets here.",
            f"  Embedded:  http://127.0.0.1:{runtime.settings.sandbox_port + 1}/host/dashboard"
            "   (a PSA page with ours in its frame)",
        ]
    lines += ["  Ctrl-C ends everything.", ""]
    return "\n".join(lines)


def _web_command(settings: Settings, workers: int) -> list[str]:
    wanted = {
        "host": settings.bind_host,
        "port": settings.bind_port,
        "workers": workers,
        "grace": settings.drain,
        "cert": str(settings.tls_cert or ""),
        "key": str(settings.tls_key or ""),
    }
    return [sys.executable, "-m", "plugin.serving", json.dumps(wanted)]


@program.command()
@click.option("--workers", default=1, show_default=True, help="Processes that answer requests.")
def web(workers: int) -> None:
    """Answer pages, webhooks and the API; any number of these on PostgreSQL."""
    settings = load()
    with inside(settings) as (app, _):
        database.require_fit(app)
    command = _web_command(settings, workers)
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, no shell


@program.command()
@click.option("--connect-sandbox", is_flag=True, hidden=True)
def worker(connect_sandbox: bool) -> None:
    """Do the background work; any number of these on PostgreSQL."""
    settings = _lively(load()) if connect_sandbox else load()
    logs.configure(as_json=settings.log_json)
    app = create_app(settings)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with app.app_context():
        database.require_fit(app)
        if connect_sandbox:
            _connect_sandbox(app.extensions["bridgehead"], settings)
    run_worker(app, stopping)


@program.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def bridge(words: tuple[str, ...]) -> None:
    """Talk to vendors for a server: bridge --server URL --token T (--help says more)."""
    sys.exit(bridge_program.main(words))


def _connect_sandbox(runtime: Runtime, settings: Settings) -> None:
    address = f"http://127.0.0.1:{settings.sandbox_port}/"
    for _ in range(200):
        try:
            urllib.request.urlopen(address, timeout=2)
            break
        except OSError:
            time.sleep(0.1)
    if connect(runtime, settings.sandbox_port + 1):
        for _ in range(FIRST_DETECTIONS):
            _let_happen(address, what="detection")
        _let_happen(address, what="frame", url=pages_in(runtime, HOST))


def _lively(settings: Settings) -> Settings:
    """Look at the sandbox every few seconds: what happens there should show while one watches."""
    sync = replace(settings.limits.sync, watch=SANDBOX_WATCH)
    return replace(settings, limits=replace(settings.limits, sync=sync))


def _let_happen(address: str, **happening: str) -> None:
    body = json.dumps(happening).encode()
    call = urllib.request.Request(  # noqa: S310 - our own sandbox
        f"{address}happen", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(call, timeout=10):  # noqa: S310 - our own address
        return


@program.command("sandbox")
def run_sandbox() -> None:
    """Run the emulators of every host and vendor alone, on loopback."""
    settings = load()
    sandbox = Sandbox(settings.data / "sandbox")
    sandbox.serve(settings.sandbox_port + 1)
    control = Served(control_app(sandbox), settings.sandbox_port)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    click.echo(f"sandbox: {control.origin}")
    while not stopping.wait(0.5):  # a signal that another thread got is handled when this wakes
        pass
    control.stop()
    sandbox.stop()


# -- asking and changing -------------------------------------------------------------------------


@program.command()
@as_json
def environment(as_json: bool) -> None:
    """Print the effective environment of the vendors' servers, and who says so."""
    with inside() as (app, runtime):
        found = (
            runtime.environment()
            if database.is_fit(app)
            else runtime.settings.effective_environment(None)
        )
    told = {"environment": found.value.value, "source": found.source, "locked": found.locked}
    tell(told, f"{found.value.value} (from: {found.source})", as_json)


@program.group("db")
def database_group() -> None:
    """Bring the database's tables up or down."""


@database_group.command()
def upgrade() -> None:
    """Bring the tables to this version's form."""
    with inside() as (app, _):
        database.upgrade(app)
    click.echo("the database is up to date")


@database_group.command()
@click.argument("revision", default="-1")
def downgrade(revision: str) -> None:
    """Take the tables back one step (or to REVISION)."""
    with inside() as (app, _):
        database.downgrade(app, revision)
    click.echo("the database was taken back")


@program.command("set-up")
@as_json
def set_up(as_json: bool) -> None:
    """Print a one-time link that makes the first administrator's account; it ends an older one."""
    with inside() as (app, runtime):
        database.require_fit(app)
        link = setting_up.new_link(runtime)
    tell({"link": link}, link, as_json)


@program.group()
def user() -> None:
    """Manage local accounts."""


@user.command("create")
@click.argument("email")
@click.option("--role", type=ROLES, required=True)
@as_json
def create_user(email: str, role: str, as_json: bool) -> None:
    """Make a local account and print its one-time password."""
    with inside() as (_, runtime):
        _, password = access.create_user(runtime, operator(), email, Role(role))
    tell({"email": email, "password": password}, f"one-time password: {password}", as_json)


@program.group()
def token() -> None:
    """Manage API tokens."""


@token.command("create")
@click.option("--role", type=ROLES, required=True)
@click.option("--name", default="token", show_default=True)
@click.option("--days", type=int, help="Days until it expires.")
@as_json
def create_token(role: str, name: str, days: int | None, as_json: bool) -> None:
    """Make an API token and print it; it is never shown again."""
    with inside() as (_, runtime):
        made = access.create_token(runtime, operator(), name, Role(role), days)
    tell({"token": made, "role": role}, made, as_json)


@program.group("secrets")
def secrets_group() -> None:
    """Look after the vault."""


@secrets_group.command("rotate")
@as_json
def rotate_secrets(as_json: bool) -> None:
    """Seal every secret with a fresh key; may be killed and run again."""
    with inside() as (_, runtime):
        changed = secrets.rotate(runtime, operator())
    tell({"resealed": changed}, f"{changed} secrets were sealed anew", as_json)


@program.group("audit")
def audit_group() -> None:
    """Look after the audit log."""


@audit_group.command("verify")
@as_json
def verify_audit(as_json: bool) -> None:
    """Check the whole chain; exit status 1 and the first bad entry when it does not hold."""
    with inside() as (_, runtime):
        problem, end = journal.verify_audit(runtime), journal.audit_end()
    if problem is None:
        count, mac = end.get("count", 0), end.get("mac", "")
        text = f"the audit log holds: {count} entries, the last ends with {mac or 'nothing yet'}"
        tell({"holds": True, "entries": count, "mac": mac}, text, as_json)
        return
    text = f"audit entry {problem.entry_id} {problem.what}"
    tell({"holds": False, "entry": problem.entry_id, "problem": problem.what}, text, as_json)
    sys.exit(1)


for command in (run_doctor, make_backup, put_back):
    program.add_command(command)


if __name__ == "__main__":
    main()
