"""Bodies are received before anybody works on them.

A sender that takes its time then holds a thread that only waits for it; how many requests are
worked on at once stays small, so that neither the database nor the interpreter is crowded.
"""

import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from flask import Flask

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

LARGEST = 1_048_576
"""How many bytes a body may have where nothing else is said."""

AT_ONCE = 32
"""How many requests one web process works on at once."""


class Gathering:
    """Receives each request's body, waits for its turn, and hands it to the application behind."""

    def __init__(self, app: Flask, behind: Application) -> None:
        """Stand before ``behind``, normally ``app.wsgi_app``."""
        self._behind = behind
        self._limit = app.config["MAX_CONTENT_LENGTH"] or LARGEST
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        self._receive(environ)
        with self._turns:
            return self._behind(environ, start_response)

    def _receive(self, environ: Environ) -> None:
        """Take in the body, unless its length already says that it will be refused."""
        if environ.get("CONTENT_LENGTH"):
            if 0 < (size := told_size(environ)) <= self._limit:
                environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(size))
        elif environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"].read(self._limit + 1)
            environ["wsgi.input"] = BytesIO(body)
            # Its length is known now, and one that is too much is refused instead of cut.
            environ["CONTENT_LENGTH"] = str(len(body))
            environ.pop("HTTP_TRANSFER_ENCODING", None)


def told_size(environ: Environ) -> int:
    """Return the length in bytes that a request tells of its body; 0 where it tells none."""
    length: str = environ.get("CONTENT_LENGTH") or ""
    return int(length[:18]) if length.isascii() and length.isdigit() else 0


def gathered(environ: Environ, limit: int) -> bytes | None:
    """Return the body that :class:`Gathering` has received; None when it is over ``limit`` bytes.

    Werkzeug's own stream would clear as many bytes as it may be asked for, a mebibyte each time.
    """
    size = told_size(environ)
    return bytes(environ["wsgi.input"].read(size)) if size <= limit else None
