"""Bridges: the computers that talk to vendors, what each may work on, and what became of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from plugin.store.base import Base

_BIG = BigInteger().with_variant(Integer, "sqlite")
_TURN = 0x0B1D_6E00_1EA5_E000


class TaskState(StrEnum):
    """How far a piece of work for a bridge is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


class Bridge(Base):
    """A computer in a bridge role, and the bridge program on it once that has enrolled.

    ``host_id`` and ``computer_id`` are empty for a computer that a person named without a host.
    Of the one-time token and of the program's own secret only digests are kept. ``online`` is our
    verdict by its beats, ``host_online`` the host's. ``integration_id`` is the integration it is
    mapped onto, ``pinned`` says that a person chose that. ``pace`` is the seconds it needs for one
    call of a vendor, ``capacity`` the weight it should not exceed (0: any). ``draining`` is empty,
    or why it gets no new work: ``person`` or ``slow``.
    """

    __tablename__ = "bridge"
    __table_args__ = (UniqueConstraint("host_id", "computer_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    host_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"))
    computer_id: Mapped[str | None] = mapped_column(String(100))
    company_id: Mapped[str] = mapped_column(String(100), default="")
    name: Mapped[str] = mapped_column(String(200))
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    host_online: Mapped[bool | None]
    host_seen_at: Mapped[datetime | None]
    role_lost_at: Mapped[datetime | None]
    token_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    token_until: Mapped[datetime | None]
    digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    enrolled_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    version: Mapped[str] = mapped_column(String(40), default="")
    beat_at: Mapped[datetime | None]
    online: Mapped[bool] = mapped_column(default=False)
    integration_id: Mapped[int | None] = mapped_column(ForeignKey("integration.id"), index=True)
    pinned: Mapped[bool] = mapped_column(default=False)
    capacity: Mapped[int] = mapped_column(default=0)
    draining: Mapped[str] = mapped_column(String(10), default="")
    drained_at: Mapped[datetime | None]
    pace: Mapped[float] = mapped_column(default=0.0)
    tasks_done: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")
    last_error_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class BridgeLease(Base):
    """Which bridge works on one scope of a vendor connection, and the fencing token of now.

    ``scope`` is a workspace, or empty where the vendor is fetched as a whole. ``fence`` rises with
    every change of the holder and never falls, so the row stays when nobody holds it. ``seconds``
    is what a walk over it took, on average.
    """

    __tablename__ = "bridge_lease"

    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), primary_key=True)
    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"), index=True)
    bridge_id: Mapped[int | None] = mapped_column(ForeignKey("bridge.id"), index=True)
    pinned_to: Mapped[int | None] = mapped_column(ForeignKey("bridge.id"))
    fence: Mapped[int] = mapped_column(_BIG, default=0)
    since: Mapped[datetime]
    seconds: Mapped[float] = mapped_column(default=0.0)


class BridgeLoan(Base):
    """A bridge that helps out where an integration has lost all of its own."""

    __tablename__ = "bridge_loan"

    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"), primary_key=True)
    bridge_id: Mapped[int] = mapped_column(ForeignKey("bridge.id"))
    since: Mapped[datetime]


class BridgeTask(Base):
    """One walk for a bridge to do: the job ``kind`` + ``subject`` waits for it.

    ``wish`` says where the walk starts; ``outcome`` is how it ended there.
    """

    __tablename__ = "bridge_task"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index("ix_bridge_task_work", "bridge_id", "state", "id"),
        Index("ix_bridge_task_scope", "vendor_id", "scope"),
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    kind: Mapped[str] = mapped_column(String(24))
    subject: Mapped[str] = mapped_column(String(80))
    lane: Mapped[str] = mapped_column(String(120))
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    scope: Mapped[str] = mapped_column(String(200))
    bridge_id: Mapped[int | None] = mapped_column(ForeignKey("bridge.id"))
    fence: Mapped[int] = mapped_column(_BIG)
    state: Mapped[str] = mapped_column(String(8), default=TaskState.WAITING)
    wish: Mapped[dict[str, Any]] = mapped_column(JSON)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    asked_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class BridgePage(Base):
    """A page of results as a bridge posted it, until the walk it belongs to is stored."""

    __tablename__ = "bridge_page"

    task_id: Mapped[int] = mapped_column(
        ForeignKey("bridge_task.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(String(12))
    body: Mapped[str] = mapped_column(Text)


class BridgeEvent(Base):
    """One line of a bridge's history."""

    __tablename__ = "bridge_event"
    __table_args__ = (
        Index("ix_bridge_event_bridge", "bridge_id", "id"),
        Index("ix_bridge_event_scope", "vendor_id", "scope", "id"),
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    at: Mapped[datetime]
    bridge_id: Mapped[int | None] = mapped_column(ForeignKey("bridge.id"))
    vendor_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"))
    scope: Mapped[str] = mapped_column(String(200), default="")
    kind: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)


def hold_turn(session: Session) -> None:
    """Let one transaction at a time decide about leases (SQLite's writers always do)."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_TURN)))
