"""A worker process for tests that kill it: ``python -m tests.engine.worker URL FILE``."""

import os
import signal
import sys
import threading

from tests.engine.stage import Stage


def main(url: str, path: str) -> None:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    stage = Stage(url, path)
    stage.note(f"worker {os.getpid()}")
    stage.engine().run(stopping)


if __name__ == "__main__":
    main(*sys.argv[1:])
