"""What was written into fields of the host's computers, so that nobody else's value is lost."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from plugin.store.base import Base


class WriteState(StrEnum):
    """What is known of a computer's field.

    PLANNED stands there while writing is off. SENT is a write whose answer is not known. LEFT is a
    person's value that an administrator chose to leave.
    """

    PLANNED = "planned"
    AGREES = "agrees"
    SENT = "sent"
    WRITTEN = "written"
    PERSON = "person"
    LEFT = "left"
    PROBLEM = "problem"


class StateField(Base):
    """The host's field into which an integration writes the protection state.

    ``asked_at`` is when a person asked to look at every computer, ``looked_at`` when a pass ended
    that had done so; ``problem`` is what the last pass could not do for any computer.
    """

    __tablename__ = "state_field"

    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"), primary_key=True)
    field_id: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    options: Mapped[list[str]] = mapped_column(JSON, default=list)
    asked_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(Text, default="")


class HostWrite(Base):
    """One field of one computer: what we want, what we wrote, what a person has there.

    ``sent`` and ``over`` are stored before a write goes out: the value, and the one that it is to
    replace; they are cleared when the answer is known. ``before`` is what the last write replaced.
    The row outlives integration, field and match: what we wrote stays ours.
    """

    __tablename__ = "host_write"
    __table_args__ = (
        UniqueConstraint("host_id", "computer_id", "field_id"),
        Index("ix_host_write_list", "integration_id", "field_id", "state"),
        Index("ix_host_write_workspace", "vendor_id", "workspace_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"))
    host_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    computer_id: Mapped[str] = mapped_column(String(100))
    computer_name: Mapped[str] = mapped_column(String(300), default="")
    field_id: Mapped[str] = mapped_column(String(40))
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    device_id: Mapped[str] = mapped_column(String(200))
    device_name: Mapped[str] = mapped_column(String(300), default="")
    state: Mapped[str] = mapped_column(String(10))
    wanted: Mapped[str] = mapped_column(String(200))
    written: Mapped[str | None] = mapped_column(String(200))
    before: Mapped[str | None] = mapped_column(Text)
    sent: Mapped[str | None] = mapped_column(String(200))
    over: Mapped[str | None] = mapped_column(Text)
    theirs: Mapped[str | None] = mapped_column(Text)
    allowed: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(254), default="")
    problem: Mapped[str] = mapped_column(Text, default="")
    sent_at: Mapped[datetime | None]
    written_at: Mapped[datetime | None]
    looked_at: Mapped[datetime]
