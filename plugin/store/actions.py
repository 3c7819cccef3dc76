"""Actions that people asked of a vendor's devices, and what became of each."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from plugin.store.base import Base
from plugin.store.integrations import Connection

_BIG = BigInteger().with_variant(Integer, "sqlite")


class ActionWish(Base):
    """One wish of a person for an action on several devices; its actions point at it.

    ``token`` came with the form: a second sending of the same form finds the first. ``target``
    says in words what was meant, ``tasks`` and ``devices`` how much that was. ``left_out`` holds
    what could not be done: ``vendor_id``, ``workspace_id``, ``name`` and ``why`` of each.
    """

    __tablename__ = "action_wish"
    __table_args__ = (Index("ix_action_wish_time", "asked_at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    target: Mapped[str] = mapped_column(String(300))
    tasks: Mapped[int] = mapped_column(default=0)
    devices: Mapped[int] = mapped_column(default=0)
    left_out: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    asked_by: Mapped[str] = mapped_column(String(254))
    asked_at: Mapped[datetime]


class Action(Base):
    """One action on one device, or on a whole workspace where ``device_id`` is empty.

    ``living`` names device and action while it waits or runs, and is empty after: being unique, it
    keeps a second wish for the same away. ``sent_at`` is written before the vendor is asked to
    start, so that a lost answer is known as one; ``reference`` is what the vendor answered.
    """

    __tablename__ = "action"
    __table_args__ = (
        Index("ix_action_device", "vendor_id", "device_id", "asked_at"),
        Index("ix_action_time", "asked_at", "id"),
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    wish_id: Mapped[int | None] = mapped_column(ForeignKey("action_wish.id"), index=True)
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    device_id: Mapped[str] = mapped_column(String(200))
    device_name: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(20))
    living: Mapped[str | None] = mapped_column(String(480), unique=True)
    state: Mapped[str] = mapped_column(String(10))
    reference: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    asked_by: Mapped[str] = mapped_column(String(254))
    asked_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    vendor: Mapped[Connection] = relationship(lazy="joined")
    wish: Mapped[ActionWish | None] = relationship(lazy="joined")
