"""A worker process for tests that kill it."""

import os
import signal
import threading

from tests.engine.stage import Stage


def run_worker(url: str, path: str) -> None:
    """Run an engine until a TERM signal comes."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    stage = Stage(url, path)
    stage.note(f"worker {os.getpid()}")
    stage.engine(stopping.is_set).run(stopping)
