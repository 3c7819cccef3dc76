"""Which computer of a host a vendor's device is, as found out or settled by a person."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from plugin.store.base import Base


class MatchState(StrEnum):
    """How sure it is; REFUSED keeps what a person ruled out where nothing else is left."""

    MATCHED = "matched"
    DOUBT = "doubt"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class DeviceMatch(Base):
    """A device and its computer; ``candidates`` of a doubt have ``id``, ``name`` and ``why``.

    ``refused`` are the ids of computers that a person ruled out for this device.
    """

    __tablename__ = "device_match"
    __table_args__ = (Index("ix_device_match_list", "host_id", "vendor_id", "state"),)

    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    device_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), primary_key=True)
    device_name: Mapped[str] = mapped_column(String(300), default="")
    computer_id: Mapped[str] = mapped_column(String(100), default="")
    computer_name: Mapped[str] = mapped_column(String(300), default="")
    state: Mapped[str] = mapped_column(String(10))
    how: Mapped[str] = mapped_column(String(10), default="")
    candidates: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    refused: Mapped[list[str]] = mapped_column(JSON, default=list)
    decided_by: Mapped[str] = mapped_column(String(254), default="")
    changed_at: Mapped[datetime]
