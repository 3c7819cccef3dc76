"""PF1 to PF5: taking signed webhooks durably, in the same server as its baselines."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench._load import Load, fire
from bench.table import Row
from plugin.runtime import utc_now
from plugin.serving import WAITING
from tests.databases import borrowed_postgresql, fresh_sqlite
from tests.scene import saying, scene, sign

CONNECTIONS = 32
CALLS, WARMING = 8000, 1000
ROUNDS = 2


def run() -> list[Row]:
    """Measure every pair in turns, so that a noisy machine is noisy for both."""
    with tempfile.TemporaryDirectory() as folder:
        url = fresh_sqlite(Path(folder))
        kinds = [("nothing", 1), ("plain", 1), ("ours", 1), ("fast", 1), ("ours", 2)]
        loads = _measure(url, kinds)
    with borrowed_postgresql(durable=True) as url:
        loads |= {("postgresql", 2): _measure(url, [("ours", 2)])["ours", 2]}
    return _rows(loads)


def _rows(loads: dict[tuple[str, int], Load]) -> list[Row]:
    ours, fast = loads["ours", 1], loads["fast", 1]
    two, postgresql = loads["ours", 2], loads["postgresql", 2]
    return [
        _row("PF1", "blueprint", ours, "storing nothing", loads["nothing", 1], 0.6),
        _row("PF1", "blueprint", ours, "add and commit", loads["plain", 1], 3.0),
        _late("PF1", "blueprint", ours, 0.040),
        _row("PF2", "fast inbox", fast, "blueprint", ours, 2.0),
        _late("PF2", "fast inbox", fast, 0.025),
        _row("PF3", "two processes", two, "one process", ours, 1.2),
        _row("PF5", "two processes, PostgreSQL", postgresql, "SQLite", two, 0.8),
    ]


def _row(number: str, what: str, ours: Load, name: str, other: Load, bar: float) -> Row:
    ratio = ours.rate / other.rate
    return Row(
        number,
        f"durable signed webhooks, {what}",
        f"{ours.rate:,.0f}/s",
        f"{name} {other.rate:,.0f}/s",
        f"{ratio:.2f}",
        f">= {bar}",
        ratio >= bar and not ours.failed,
    )


def _late(number: str, what: str, ours: Load, bar: float) -> Row:
    p99 = f"{ours.p99 * 1000:.0f} ms"
    return Row(number, f"p99, {what}", p99, "", "", f"<= {bar * 1000:.0f} ms", ours.p99 <= bar)


def _measure(url: str, kinds: list[tuple[str, int]]) -> dict[tuple[str, int], Load]:
    with scene(url, now=utc_now) as play:
        token = play.add_connection().webhook_token or ""
    best: dict[tuple[str, int], Load] = {}
    for _ in range(ROUNDS):
        for kind, processes in kinds:
            with _served(kind, processes, url) as port:
                load = _fire_at(port, kind, token)
            if (kind, processes) not in best or load.rate > best[kind, processes].rate:
                best[kind, processes] = load
    return best


def _fire_at(port: int, kind: str, token: str) -> Load:
    door = "plain" if kind == "plain" else "webhooks"
    start = time.time_ns()

    def call(number: int) -> bytes:
        entity = json.dumps({"id": number, "pad": "x" * 1200})
        body = saying(ID=number, MessageId=f"{start}-{number}", Entity=entity)
        head = (
            f"POST /{door}/{token}?recordId={number} HTTP/1.1\r\nHost: bench\r\n"
            f"Content-Type: application/json\r\nX-Content-Signature: {sign(body)}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    calls = [call(number) for number in range(WARMING + CALLS)]
    fire(port, CONNECTIONS, calls[:WARMING])  # threads, statements and caches warm up
    return fire(port, CONNECTIONS, calls[WARMING:])


@contextmanager
def _served(kind: str, processes: int, url: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(processes)]
    command += ["--blocking-threads", str(WAITING), "--backlog", "2048", "--http", "1", "--no-ws"]
    command += ["--log-level", "critical", "--no-access-log", f"bench._web:{kind}"]
    server = subprocess.Popen(command, env={**os.environ, "BENCH_DATABASE": url})
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as probe:
                probe.sendall(b"GET /nothing HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                if probe.recv(12):
                    return
        except OSError:
            pass
        assert server.poll() is None, "the server ended"
        time.sleep(0.1)
    raise TimeoutError("the server does not answer")
