"""Work as rows: the queue and what it points at. The row is the truth, the engine only wakes."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from plugin.store.base import Base
from plugin.store.integrations import Connection

_BIG = BigInteger().with_variant(Integer, "sqlite")


class JobState(StrEnum):
    """What may happen with a job next: work it, wait for a person, or keep it as a dead letter."""

    DUE = "due"
    PARKED = "parked"
    DEAD = "dead"


class DeliveryState(StrEnum):
    """What became of a received call."""

    WAITING = "waiting"
    HANDLED = "handled"
    DROPPED = "dropped"
    PARKED = "parked"
    DEAD = "dead"


class RunState(StrEnum):
    """How far a sync run is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TicketState(StrEnum):
    """Where a ticket of ours is in its life."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


class Job(Base):
    """One unit of background work; the only queue.

    ``kind`` and ``subject`` name what to do and to which row; a second wish for the same sets
    ``again`` while the first is being worked. A finished job is deleted: its outcome stands in the
    subject's own row. ``leased_by`` is the fence: it names one taking by one worker, and an
    outcome is written only where it is still the worker's own. ``attempts`` counts the takings,
    ``failures`` those that count against the three days.
    """

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index("ix_job_due", "state", "lane", "due_at", "id"),
        Index("ix_job_connection", "connection_id", "state"),
        Index(
            "ix_job_leased",
            "lane",
            "leased_until",
            sqlite_where=text("leased_until IS NOT NULL"),
            postgresql_where=text("leased_until IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    kind: Mapped[str] = mapped_column(String(24))
    subject: Mapped[str] = mapped_column(String(80))
    lane: Mapped[str] = mapped_column(String(120))
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"))
    state: Mapped[str] = mapped_column(String(8), default=JobState.DUE)
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str | None] = mapped_column(String(80))
    attempts: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    again: Mapped[bool] = mapped_column(default=False)
    first_failed_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class Delivery(Base):
    """One webhook call received, kept as it came.

    ``waiting_digest`` is unique per connection only while the row waits: the same bytes may mean
    two different changes later. ``covers`` is the newest delivery there was when the record was
    fetched: calls about the same record up to that one need no fetch of their own.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("connection_id", "waiting_digest"),
        Index("ix_delivery_message", "connection_id", "message_id", "proven"),
        Index("ix_delivery_entity", "connection_id", "entity_id", "event_kind", "covers"),
        Index("ix_delivery_time", "received_at", "id"),
        Index("ix_delivery_state", "state", "received_at"),
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    received_at: Mapped[datetime]
    digest: Mapped[str] = mapped_column(String(64))
    waiting_digest: Mapped[str | None] = mapped_column(String(64))
    headers: Mapped[list[list[str]]] = mapped_column(JSON, default=list)
    query: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10), default=DeliveryState.WAITING)
    reason: Mapped[str] = mapped_column(Text, default="")
    proven: Mapped[bool] = mapped_column(default=False)
    message_id: Mapped[str] = mapped_column(String(80), default="")
    event_kind: Mapped[str] = mapped_column(String(20), default="")
    entity_id: Mapped[str] = mapped_column(String(100), default="")
    action: Mapped[str] = mapped_column(String(12), default="")
    covers: Mapped[int] = mapped_column(_BIG, default=0)
    repeats: Mapped[int] = mapped_column(default=0)
    replays: Mapped[int] = mapped_column(default=0)
    handled_at: Mapped[datetime | None]

    connection: Mapped[Connection] = relationship(lazy="joined")


class SyncRun(Base):
    """One pass over a vendor connection's scope, or over a host's companies.

    ``living`` names connection, scope and what while the run waits or works, and is empty after:
    being unique, it keeps a second run of the same away.
    """

    __tablename__ = "sync_run"
    __table_args__ = (
        Index("ix_sync_run_time", "asked_at", "id"),
        Index("ix_sync_run_scope", "connection_id", "scope", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    scope: Mapped[str] = mapped_column(String(200), default="")
    scope_name: Mapped[str] = mapped_column(String(300), default="")
    what: Mapped[str] = mapped_column(String(20))
    living: Mapped[str | None] = mapped_column(String(280), unique=True)
    state: Mapped[str] = mapped_column(String(10), default=RunState.WAITING)
    full: Mapped[bool] = mapped_column(default=False)
    asked_by: Mapped[str] = mapped_column(String(254), default="")
    asked_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    cancel_asked: Mapped[bool] = mapped_column(default=False)
    expected: Mapped[int | None]
    seen: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    withheld: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(Text, default="")

    connection: Mapped[Connection] = relationship(lazy="joined")


class TicketEntry(Base):
    """A ticket of ours: the condition it stands for, what was sent and what the host shows.

    ``open_key`` equals ``key`` while the condition has an open (or waiting) ticket and is empty
    after: being unique per host, it keeps a second ticket for one condition away.
    ``notes_waiting`` holds the texts still to be appended, each with its marker.
    """

    __tablename__ = "ticket_entry"
    __table_args__ = (
        UniqueConstraint("host_id", "open_key"),
        Index("ix_ticket_entry_ticket", "host_id", "ticket_id"),
        Index("ix_ticket_entry_key", "host_id", "key"),
        Index("ix_ticket_entry_time", "last_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"), index=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    device_id: Mapped[str] = mapped_column(String(200))
    condition: Mapped[str] = mapped_column(String(200))
    key: Mapped[str] = mapped_column(String(64))
    open_key: Mapped[str | None] = mapped_column(String(64))
    rule_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(10), default=TicketState.WAITING)
    company_id: Mapped[str] = mapped_column(String(100))
    summary: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text, default="")
    fields: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    severity: Mapped[str] = mapped_column(String(20))
    environment: Mapped[str] = mapped_column(String(12), default="")
    ticket_id: Mapped[str] = mapped_column(String(100), default="")
    ticket_url: Mapped[str] = mapped_column(String(1000), default="")
    host_status: Mapped[str] = mapped_column(String(100), default="")
    host_updated_at: Mapped[datetime | None]
    reopens: Mapped[str] = mapped_column(String(100), default="")
    notes_waiting: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    notes_sent: Mapped[int] = mapped_column(default=0)
    noted_at: Mapped[datetime | None]
    repeats: Mapped[int] = mapped_column(default=0)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(Text, default="")

    host: Mapped[Connection] = relationship(foreign_keys=[host_id], lazy="joined")
