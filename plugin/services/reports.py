"""What each worker process sees of the remotes, told to the others for pages and metrics."""

import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from plugin.domain.errors import BusyError
from plugin.runtime import Runtime
from plugin.store import budgets as shared_budgets
from plugin.store.base import db, writing
from plugin.store.database import is_postgresql
from plugin.store.integrations import Connection
from plugin.store.shared import ProcessReport
from plugin.store.upsert import insert_into

EVERY = 10.0
FRESH, KEPT = timedelta(seconds=60), timedelta(hours=1)
_SHUT = ("closed", "half_open", "open")
_WAIT_SECONDS = 1.0
_log = logging.getLogger(__name__)


def keep_reporting(app: Flask, runtime: Runtime, stopping: threading.Event) -> threading.Thread:
    """Start a thread that reports every ten seconds until ``stopping`` is set."""

    def go_on() -> None:
        while not stopping.wait(EVERY):
            with app.app_context():
                try:
                    report(runtime, f"{socket.gethostname()[:60]}:{os.getpid()}")
                except (SQLAlchemyError, BusyError) as error:
                    _log.warning("no report could be left: %s", type(error).__name__)

    thread = threading.Thread(target=go_on, name="reports", daemon=True)
    thread.start()
    return thread


def report(runtime: Runtime, name: str) -> None:
    """Leave word that the process ``name`` lives, how its breakers stand and what it may call."""
    now, left = runtime.now(), runtime.budgets()
    remotes = {
        str(number): {"circuit": state, "left": left.get(number, 0)}
        for number, state in runtime.circuits().items()
    }
    values = {"name": name, "seen_at": now, "remotes": remotes}
    with writing(timeout=_WAIT_SECONDS) as session:
        statement = insert_into(session, ProcessReport).values(**values)
        session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
        session.execute(delete(ProcessReport).where(ProcessReport.seen_at < now - KEPT))


def workers(now: datetime) -> Mapping[str, datetime]:
    """Return the worker processes of the last hour and when each was last heard of."""
    rows = db.session.execute(
        select(ProcessReport.name, ProcessReport.seen_at).where(ProcessReport.seen_at > now - KEPT)
    )
    found: dict[str, datetime] = dict(rows.all())
    return found


def circuits(now: datetime) -> dict[int, str]:
    """Return the worst state of each connection's breaker over all living workers."""
    worst: dict[int, str] = {}
    for number, told in _told(now):
        worst[number] = max(worst.get(number, "closed"), told["circuit"], key=_SHUT.index)
    return worst


def budgets(now: datetime) -> dict[int, int]:
    """Return the calls that each connection may make at once.

    The shared budget's, or where there is none the least that a living worker tells.
    """
    least: dict[int, int] = {}
    for number, told in _told(now):
        least[number] = min(least.get(number, told["left"]), told["left"])
    shared = shared_budgets.left(db.session()) if is_postgresql(db.engine) else {}
    return {number: shared.get(number, left) for number, left in least.items()}


def _told(now: datetime) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield what each living worker told of each connection."""
    query = select(ProcessReport.remotes).where(ProcessReport.seen_at > now - FRESH)
    for remotes in db.session.scalars(query):
        for number, told in remotes.items():
            if isinstance(told, dict):  # an older program tells a word
                yield int(number), told


def circuit_of(runtime: Runtime, connection: Connection) -> str:
    """Return a connection's worst breaker state, this process's own included."""
    told = circuits(runtime.now()).get(connection.id, "closed")
    return max(told, runtime.circuit(connection).state, key=_SHUT.index)
