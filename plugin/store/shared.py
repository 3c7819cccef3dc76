"""What the processes of an installation tell each other; all of it may be lost without harm."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
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
