"""Turns requests away in time while the database hangs, instead of leaving them waiting.

A server that is frozen takes connections and statements and never answers; no time limit of the
server's own ends that. One thread of the process asks for all requests, so it alone waits.
"""

import logging
from collections.abc import Sequence

from flask import Flask, current_app, g, request
from sqlalchemy.exc import SQLAlchemyError

from plugin.domain.errors import BusyError, PluginError
from plugin.services.clerk import Clerk
from plugin.store.base import db

SECONDS, HANGING_SECONDS = 1.2, 0.2
"""How long an answer is waited for, and once one has not come: others need the place."""
_OWN_ANSWER = frozenset({"static", "webhooks.receive", "health.alive", "health.ready"})
"""They need no database, or say themselves what becomes of a call while there is none."""
_log = logging.getLogger(__name__)


class Presence:
    """Tells for all requests of a process whether the database answers."""

    def __init__(self, app: Flask) -> None:
        """Ask the database of ``app``; the thread starts with the first request."""
        self._app = app
        self._clerk: Clerk[None, None] = Clerk("ask-for-database", self._ask)
        self._hangs = False

    def require(self) -> None:
        """BusyError unless the database answers just now."""
        try:
            self._clerk.ask(None, HANGING_SECONDS if self._hangs else SECONDS)
        except BusyError:
            self._hangs = g.database_hangs = True
            raise
        self._hangs = False

    def _ask(self, wishes: Sequence[None]) -> list[PluginError | None]:
        with self._app.app_context():
            try:
                # A connection is tried, by a question and its answer, before it leaves the pool.
                db.engine.connect().close()
            except SQLAlchemyError as error:
                _log.warning("the database cannot be asked: %s", type(error).__name__)
                return [BusyError("the database does not answer")] * len(wishes)
        return [None] * len(wishes)


def install(app: Flask) -> None:
    """Ask before every view; not on SQLite, where reading waits for nobody."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            return
    app.extensions["bridgehead.presence"] = Presence(app)
    app.before_request(_require_unless_own_answer)


def require() -> None:
    """BusyError unless the database answers just now."""
    presence: Presence | None = current_app.extensions.get("bridgehead.presence")
    if presence is not None:
        presence.require()


def _require_unless_own_answer() -> None:
    if request.endpoint not in _OWN_ANSWER:
        require()
