"""What mapping rests on besides the mappings: choices, suggestions, whose computer is whose."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from plugin.store.base import Base


class MappingChoice(Base):
    """How an integration maps; without a row everything is off.

    ``several`` lets several workspaces belong to one company. ``catch_all_id`` is the host's id of
    the company that takes tickets of workspaces without one; empty: none does. ``suggested_at`` is
    when suggestions were last worked out.
    """

    __tablename__ = "mapping_choice"

    integration_id: Mapped[int] = mapped_column(
        ForeignKey("integration.id", ondelete="CASCADE"), primary_key=True
    )
    several: Mapped[bool] = mapped_column(default=False)
    catch_all_id: Mapped[str] = mapped_column(String(100), default="")
    suggested_at: Mapped[datetime | None]


class SuggestionRow(Base):
    """A company that a workspace without one may be; ``place`` 1 is the best of its workspace."""

    __tablename__ = "mapping_suggestion"
    __table_args__ = (
        UniqueConstraint("integration_id", "workspace_id", "company_id"),
        Index("ix_mapping_suggestion_list", "integration_id", "sure", "score", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id", ondelete="CASCADE"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    company_id: Mapped[str] = mapped_column(String(100))
    place: Mapped[int]
    score: Mapped[int]
    sure: Mapped[bool]
    reasons: Mapped[list[str]] = mapped_column(JSON)


class ComputerSerial(Base):
    """The serial number of a host's computer, and the company it belongs to there.

    In small letters. What stands on several computers, or on none in truth, is left out.
    """

    __tablename__ = "computer_serial"

    host_id: Mapped[int] = mapped_column(
        ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True
    )
    serial: Mapped[str] = mapped_column(String(120), primary_key=True)
    company_id: Mapped[str] = mapped_column(String(100))
