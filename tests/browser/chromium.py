"""What every walk in Chromium shares: its marks, and the installation served on loopback."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

CHROMIUM = Path("/usr/bin/chromium")
MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: `make browser` installs it"
    ),
]
SOAK_MARKS = [
    *MARKS,
    pytest.mark.skipif(
        not os.environ.get("BRIDGEHEAD_SOAK"), reason="left to the soak: it is long"
    ),
]


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application on loopback, and give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
