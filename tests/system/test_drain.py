"""A web process that ends: its proxy hears of it first, and what was begun is answered."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest

from soak.installation import free_ports

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("BRIDGEHEAD_SOAK"),
        reason="left to the soak: it is long, and test_run.py sees the main part",
    ),
]
GRACE = 4.0


class Web:
    """A migrated installation and its web process alone, as a service manager starts it."""

    def __init__(self, folder: Path, command: str) -> None:
        self.port = free_ports(1)
        plain = {key: value for key, value in os.environ.items() if "BRIDGEHEAD_" not in key}
        self.environment = plain | {
            "BRIDGEHEAD_DATA": str(folder),
            "BRIDGEHEAD_BIND": f"127.0.0.1:{self.port}",
            "BRIDGEHEAD_DRAIN": str(GRACE),
        }
        self.run("db", "upgrade")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "plugin.cli", command], env=self.environment
        )
        self.wait_for(lambda: self.ready()[0] == 200)

    def run(self, *words: str) -> None:
        command = [sys.executable, "-m", "plugin.cli", *words]
        subprocess.run(command, env=self.environment, check=True, capture_output=True)

    def wait_for(self, what: object, seconds: float = 30) -> None:
        until = time.monotonic() + seconds
        while not what():  # type: ignore[operator]
            assert time.monotonic() < until
            time.sleep(0.05)

    def ready(self) -> tuple[int, list[str]]:
        """Return how /readyz answers; 0 when nobody listens."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status, json.load(answer)["problems"]
        except HTTPError as error:
            return error.code, json.load(error)["problems"]
        except OSError:
            return 0, []

    def family(self) -> list[psutil.Process]:
        leader = psutil.Process(self.process.pid)
        return [leader, *leader.children(recursive=True)]


@pytest.fixture(params=["run", "web"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Web]:
    """Give a web process alone, and a whole installation."""
    yield from _started(tmp_path, request.param)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    yield from _started(tmp_path, "web")


def _started(folder: Path, command: str) -> Iterator[Web]:
    started = Web(folder, command)
    family = started.family()
    yield started
    for each in psutil.wait_procs(family, timeout=0)[1]:
        each.kill()


def test_readyz_turns_first_then_the_listener_ends_and_what_began_is_answered(
    installation: Web,
) -> None:
    family = installation.family()
    with socket.create_connection(("127.0.0.1", installation.port), 5) as begun:
        begun.sendall(b"POST /webhooks/none HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        _end_watched(installation)
        begun.sendall(b"}")
        with http.client.HTTPResponse(begun) as answer:
            answer.begin()
            assert 400 <= answer.status < 500
    assert installation.process.wait(20) == 0
    assert psutil.wait_procs(family, timeout=5)[1] == []


def _end_watched(web: Web) -> None:
    """Ask the process to end, as a proxy that asks for its health sees it, until it is gone."""
    began = time.monotonic()
    web.process.send_signal(signal.SIGTERM)
    web.wait_for(lambda: web.ready()[0] == 503, 3)
    assert "this process is ending" in web.ready()[1][0]
    with urlopen(f"http://127.0.0.1:{web.port}/healthz", timeout=5) as answer:
        assert answer.status == 200, "others are still served"
    web.wait_for(lambda: web.ready()[0] == 0, 10)
    assert time.monotonic() - began >= GRACE


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_ctrl_c_and_a_second_signal_skip_the_grace(web: Web, signals: list[int]) -> None:
    family = web.family()
    began = time.monotonic()
    for number in signals:
        web.process.send_signal(number)
        time.sleep(0.2)
    web.process.wait(10)
    assert time.monotonic() - began < GRACE
    assert psutil.wait_procs(family, timeout=5)[1] == []
