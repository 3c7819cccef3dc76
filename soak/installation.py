"""A whole installation in processes of its own, as ``bridgehead run --sandbox`` starts it."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

READY_SECONDS = 120.0


def free_ports(count: int) -> int:
    """Return the first of ``count`` neighbouring ports that are free just now."""
    starts = list(range(12_000, 32_000, count + 3))  # below what the system gives to callers
    random.shuffle(starts)  # others may be looking at the same moment
    for first in starts:
        if all(_is_free(first + offset) for offset in range(count)):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Installation:
    """One installation with its sandbox, in ``folder``."""

    options: tuple[str, ...] = ("--sandbox",)

    def __init__(self, folder: Path) -> None:
        """Choose ports; nothing is started yet."""
        first = free_ports(20)
        self.folder = folder
        self.web = ("127.0.0.1", first)
        self.address = f"http://127.0.0.1:{first}"
        self.sandbox = f"http://127.0.0.1:{first + 1}"
        self.environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("BRIDGEHEAD_") and key.upper() != "KESCLOUDSERVER"
        } | {
            "BRIDGEHEAD_DATA": str(folder),
            "BRIDGEHEAD_BIND": f"127.0.0.1:{first}",
            "BRIDGEHEAD_SANDBOX_PORT": str(first + 1),
        }
        self.log = folder / "run.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        command = [sys.executable, "-m", "plugin.cli", "run", *self.options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.wait_for(self.is_ready, READY_SECONDS, "the installation is not ready")

    def start_again(self, left: list[psutil.Process]) -> None:
        """Start anew once the processes of a killed installation have ended by themselves."""
        assert self._process is not None
        self._process.wait(10)
        _, alive = psutil.wait_procs(left, timeout=30)
        assert not alive, f"outlived the one that watches them: {alive}"
        self.start()

    def is_ready(self) -> bool:
        """Tell whether the web process answers that it is ready."""
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def problems(self) -> str:
        """Return what keeps the web process from being ready, in its own words."""
        try:
            urllib.request.urlopen(f"{self.address}/readyz", timeout=2).close()
        except urllib.error.HTTPError as refused:
            return refused.read().decode()
        return ""

    def processes(self) -> list[psutil.Process]:
        """Return every process of the installation, the watching one first."""
        if self._process is None:
            return []
        try:
            watching = psutil.Process(self._process.pid)
            return [watching, *watching.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it as Ctrl-C does; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(30)

    def kill_all(self) -> None:
        """Kill everything that is left."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self._process is not None:
            self._process.wait()

    # -- asking --------------------------------------------------------------------------------

    def steer(self, call: str, **given: object) -> dict[str, Any]:
        """Make a control call of the sandbox."""
        return _call(f"{self.sandbox}/{call}", given)

    def world(self, kind: str) -> dict[str, Any]:
        """Return what one emulator holds."""
        found: dict[str, Any] = _call(f"{self.sandbox}/state")["emulators"][kind]
        return found

    def api(
        self, path: str, given: dict[str, object] | None = None, method: str = ""
    ) -> dict[str, Any]:
        """Ask the JSON API as an administrator: read, or change with what is ``given``."""
        return _call(f"{self.address}/api/v1/{path}", given, self.administrators_token(), method)

    def administrators_token(self) -> str:
        """Return an administrator's API token, made when it is first asked for."""
        if not self._token:
            command = [sys.executable, "-m", "plugin.cli", "token", "create"]
            made = subprocess.run(
                [*command, "--role", "administrator", "--json"],
                env=self.environment,
                check=True,
                capture_output=True,
            )
            self._token = json.loads(made.stdout)["token"]
        return self._token

    def api_all(self, path: str) -> list[dict[str, Any]]:
        """Read every page of a list."""
        items: list[dict[str, Any]] = []
        joiner = "&" if "?" in path else "?"
        for page in range(1, 100):
            answer = self.api(f"{path}{joiner}page={page}&page_size=100")
            items += answer["items"]
            if len(items) >= answer["total"]:
                return items
        raise AssertionError("an endless list")

    def wait_for(self, happened: Callable[[], object], seconds: float, else_say: str) -> float:
        """Wait until something happened; returns after how many seconds."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            with contextlib.suppress(OSError):
                if happened():
                    return time.monotonic() - started
            time.sleep(0.1)
        tail = self.log.read_text("utf-8", "replace")[-3000:]
        raise AssertionError(f"{else_say} after {seconds:.0f} s\n{tail}")


@contextlib.contextmanager
def running(folder: Path, **settings: object) -> Iterator[Installation]:
    """Run an installation for the length of a ``with``, with these settings of its environment."""
    installation = Installation(folder)
    installation.environment |= {name: str(value) for name, value in settings.items()}
    try:
        installation.start()
        yield installation
    finally:
        installation.kill_all()


def _call(
    url: str, given: dict[str, object] | None = None, token: str = "", method: str = ""
) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = None if given is None else json.dumps(given).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, body, headers, method=method or None), timeout=60
        ) as answer:
            read: dict[str, Any] = json.loads(answer.read())
            return read
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url}: {error.code} {error.read()[:500]!r}") from error
