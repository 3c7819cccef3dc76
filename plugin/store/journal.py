"""What was done and why: the audit log and the ticket log. Rows are added, never changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from plugin.store.base import Base


class AuditEntry(Base):
    """Who did what, when, before and after; chained by ``mac`` so that changes show."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_time", "at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(254))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(200))
    before: Mapped[Any] = mapped_column(JSON)
    after: Mapped[Any] = mapped_column(JSON)
    mac: Mapped[str] = mapped_column(String(64))


class TicketLog(Base):
    """One decision about a ticket with its reason: made, appended, suppressed, failed."""

    __tablename__ = "ticket_log"
    __table_args__ = (
        Index("ix_ticket_log_entry", "entry_id", "at"),
        Index("ix_ticket_log_time", "at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    integration_id: Mapped[int | None] = mapped_column(index=True)
    entry_id: Mapped[int | None]
    detection_id: Mapped[str] = mapped_column(String(200), default="")
    workspace_id: Mapped[str] = mapped_column(String(200), default="")
    device_name: Mapped[str] = mapped_column(String(300), default="")
    condition: Mapped[str] = mapped_column(String(200), default="")
    decision: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    ticket_id: Mapped[str] = mapped_column(String(100), default="")
