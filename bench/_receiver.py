"""The server that receives, its baselines, and signed calls for them."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench._load import Load, fire
from plugin.serving import WAITING
from tests.scene import saying, sign

CONNECTIONS = 32


def fire_at(port: int, kind: str, token: str, count: int) -> Load:
    """Send ``count`` signed calls to what :func:`served` serves, after an eighth to warm up."""
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

    calls = [call(number) for number in range(count // 8 + count)]
    fire(port, CONNECTIONS, calls[: count // 8])  # threads, statements and caches warm up
    return fire(port, CONNECTIONS, calls[count // 8 :])


@contextmanager
def served(kind: str, processes: int, url: str, **environment: str) -> Iterator[int]:
    """Serve one of ``bench/_web.py`` as a web process is served; yields the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(processes)]
    command += ["--blocking-threads", str(WAITING), "--backlog", "2048", "--http", "1", "--no-ws"]
    command += ["--log-level", "critical", "--no-access-log", f"bench._web:{kind}"]
    server = subprocess.Popen(command, env={**os.environ, **environment, "BENCH_DATABASE": url})
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
