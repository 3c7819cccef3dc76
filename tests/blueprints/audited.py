"""Watches every request of every test: what changes something leaves an entry in the audit log.

It needs no list of routes: whatever a request of a person or a program writes is seen at the
database, and a request that ends well having written without an entry fails the test it is in.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, request, request_finished, request_started
from sqlalchemy import Engine, event

CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LOG = "audit_entry"
OWN_MARKS = frozenset({"notice_read", "notice_reader"})
"""What a person keeps for himself alone."""
COUNTED = frozenset({"sign_in_try"})
"""Guesses are counted before they are judged; what became of them stands in the log."""
SEEN = frozenset({"UPDATE user_session", "UPDATE api_token"})
"""Notes that somebody is here."""
BRIDGES = "/bridge/v1/"
"""What a bridge does by itself stands in the history of the bridge."""
CHECKS = "/check"
"""A connection check only notes what the remote answered; nothing that a person decided changes."""
_WRITE = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM) "?(\w+)')


@dataclass
class Watch(threading.local):
    """What the request of this thread has written."""

    wrote: set[str] | None = None


@dataclass
class Findings:
    """Requests that changed something and left no entry."""

    gaps: list[str] = field(default_factory=list)


@contextmanager
def watching() -> Iterator[Findings]:
    """Watch all applications of this process meanwhile."""
    watch, found = Watch(), Findings()

    def begin(_app: Flask, **_: Any) -> None:
        watch.wrote = set() if request.method in CHANGES else None

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        write = _WRITE.match(statement)
        if watch.wrote is not None and write:
            watch.wrote.add(f"{write[1].split()[0]} {write[2]}")

    def judge(_app: Flask, response: Response, **_: Any) -> None:
        wrote, watch.wrote = watch.wrote or set(), None
        told = {each for each in wrote if each.split()[1] not in OWN_MARKS | COUNTED} - SEEN
        if response.status_code >= 400 or not told or f"INSERT {LOG}" in told:
            return
        if not request.path.endswith(CHECKS) and not request.path.startswith(BRIDGES):
            found.gaps.append(f"{request.method} {request.path} wrote {sorted(told)}")

    event.listen(Engine, "before_cursor_execute", note)
    with request_started.connected_to(begin), request_finished.connected_to(judge):
        yield found
    event.remove(Engine, "before_cursor_execute", note)
