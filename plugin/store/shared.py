"""What the processes of an installation tell each other; all of it may be lost without harm."""

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, JSON, Double, ForeignKey, String, Text, event
from sqlalchemy.orm import Mapped, mapped_column

from plugin.store.base import Base


class ProofKeys(Base):
    """What one process fetched to prove a host's calls, sealed: whoever has it could forge one."""

    __tablename__ = "proof_keys"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)
    told_at: Mapped[datetime]


class ProcessReport(Base):
    """How a worker process stands: by connection number, what its remotes look like from there."""

    __tablename__ = "process_report"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    seen_at: Mapped[datetime]
    remotes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class RemoteBudget(Base):
    """How far a connection's budget of calls is spent; see :mod:`plugin.store.budgets`.

    ``seconds`` lie between two calls on average, ``burst`` of them may be made at once.
    """

    __tablename__ = "remote_budget"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), primary_key=True)
    seconds: Mapped[float] = mapped_column(Double)
    burst: Mapped[int]
    granted: Mapped[int]
    asked_at: Mapped[datetime]
    spent_until: Mapped[datetime]
    paused_until: Mapped[datetime]


# No sync to disk for what the next second makes worthless; a crash of the server empties it.
_unlogged = DDL("ALTER TABLE remote_budget SET UNLOGGED")  # type: ignore[no-untyped-call]
event.listen(RemoteBudget.__table__, "after_create", _unlogged.execute_if(dialect="postgresql"))
