"""Wakes lanes of work: threads beside SQLite, or Procrastinate on PostgreSQL."""

from collections.abc import Callable
from datetime import datetime

from flask import Flask

from plugin.engine.distributed import DistributedEngine
from plugin.engine.embedded import EmbeddedEngine
from plugin.engine.port import Engine, Work
from plugin.runtime import utc_now
from plugin.store.base import db
from plugin.store.database import is_postgresql

__all__ = ["DistributedEngine", "EmbeddedEngine", "Engine", "make_engine"]


def make_engine(app: Flask, work: Work, now: Callable[[], datetime] = utc_now) -> Engine:
    """Return the engine that fits the database of ``app``.

    A process that only wakes (a web process) makes one too, with any ``work``, and never runs it.
    """
    with app.app_context():
        scale_out = is_postgresql(db.engine)
    return DistributedEngine(app, work, now) if scale_out else EmbeddedEngine(app, work, now)
