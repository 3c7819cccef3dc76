"""Several web and worker processes on one PostgreSQL, each kept alive as a service manager does."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from soak.installation import Installation
from tests.databases import Server, empty_postgresql, postgresql_server

START_AGAIN_SECONDS = 1.0
START_SECONDS = 600.0
"""A machine that is busy with other things starts seven processes slowly."""


@dataclass
class Part:
    """One service: it is started again a second after it ended, until nobody wants it."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    again_at: float = field(default=0.0, repr=False)

    def look(self) -> None:
        """Start it where it does not run and its pause is over."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self.kill()  # what it leaves behind ends with it, as in a service's control group
            self.process, self.again_at = None, now + START_AGAIN_SECONDS
        if self.process is None and now >= self.again_at:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.command, env=self.environment, stdout=log, stderr=log, process_group=0
                )
            self.starts += 1

    def signal(self, number: int) -> None:
        """Send a signal to it and all it has started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kill it with all it has started."""
        self.signal(signal.SIGKILL)


class Front:
    """A proxy before the web processes: connects to one that takes the connection, in turns."""

    def __init__(self, port: int, behind: Sequence[int]) -> None:
        """Listen on ``port`` of loopback; :meth:`start` begins."""
        self._port, self._behind = port, itertools.cycle(behind)
        self._count = len(behind)
        self._loop = asyncio.new_event_loop()

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=1000)
        )
        threading.Thread(target=self._loop.run_forever, name="front", daemon=True).start()

    def stop(self) -> None:
        """Serve no more."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(self._count):
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", next(self._behind))
                await asyncio.gather(_pour(reader, there[1]), _pour(there[0], writer))
                return
        writer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


class Cluster(Installation):
    """An installation of ``webs`` web and ``workers`` worker processes with a sandbox."""

    def __init__(self, folder: Path, *, webs: int = 2, workers: int = 3) -> None:
        """Make a database; nothing is started yet."""
        super().__init__(folder)
        self.server: Server = postgresql_server(durable=True)
        self.url = empty_postgresql(durable=True)
        first = self.web[1]
        self.environment |= {
            "BRIDGEHEAD_DATABASE_URL": self.url,
            "BRIDGEHEAD_PUBLIC_URL": self.address,
            "BRIDGEHEAD_LOG_JSON": "on",
        }
        self._web_ports = [first + 15 + place for place in range(webs)]
        self.front = Front(first, self._web_ports)
        self.sandbox_part = self._part("sandbox", "sandbox")
        self.webs = [
            self._part(f"web {port}", "web", BRIDGEHEAD_BIND=f"127.0.0.1:{port}")
            for port in self._web_ports
        ]
        self.workers = [
            self._part(f"worker {place}", "worker", "--connect-sandbox") for place in range(workers)
        ]
        self.log = self.workers[0].log
        self._wanted: list[Part] = []
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def _part(self, name: str, *words: str, **settings: str) -> Part:
        command = [sys.executable, "-m", "plugin.cli", *words]
        log = self.folder / f"{name.replace(' ', '-')}.log"
        return Part(name, command, self.environment | settings, log)

    @property
    def web_addresses(self) -> list[str]:
        """The address of each web process, past the proxy."""
        return [f"http://127.0.0.1:{port}" for port in self._web_ports]

    @property
    def parts(self) -> list[Part]:
        """Everything that is started."""
        return [self.sandbox_part, *self.webs, *self.workers]

    def start(self) -> None:
        """Make the tables, start everything, and wait until the sandbox is connected."""
        command = [sys.executable, "-m", "plugin.cli", "db", "upgrade"]
        subprocess.run(command, env=self.environment, check=True, capture_output=True)
        self.front.start()
        # The first worker connects the sandbox alone: there is one administrator in life, too.
        self._wanted = [self.sandbox_part, *self.webs, self.workers[0]]
        self._keeper.start()
        self.wait_for(self.is_ready, START_SECONDS, "the web processes are not ready")
        self.wait_for(self._is_connected, START_SECONDS, "the sandbox is not connected")
        self._wanted = self.parts

    def _is_connected(self) -> bool:
        return any(each["coverage"]["workspaces"] for each in self.api_all("integrations"))

    def _keep(self) -> None:
        while not self._ending.wait(0.1):
            for part in self._wanted:
                part.look()

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Ask the database itself."""
        where = self.url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(where) as connection:
            return connection.execute(statement.encode()).fetchall()

    def processes(self) -> list[psutil.Process]:
        """Return the leading process of every part that runs."""
        found = []
        for part in self.parts:
            if part.process is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.append(psutil.Process(part.process.pid))
        return found

    def kill_all(self) -> None:
        """End everything."""
        self._ending.set()
        if self._keeper.is_alive():
            self._keeper.join()
        for part in self.parts:
            part.signal(signal.SIGCONT)
            part.kill()
        self.front.stop()


@contextlib.contextmanager
def clustered(folder: Path, *, webs: int = 2, workers: int = 3) -> Iterator[Cluster]:
    """Run a cluster for the length of a ``with``."""
    cluster = Cluster(folder, webs=webs, workers=workers)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill_all()
