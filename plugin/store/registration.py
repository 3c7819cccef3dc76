"""The vendor's side of integrations: its record of each, and whose rights were withdrawn."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from plugin.store.base import Base


class Registration(Base):
    """How far the vendor's record of an integration is from what it must say.

    ``reference`` is ours and makes a second call to create harmless; ``sent_at`` is written before
    the first, so that a lost answer is known as one. ``leaving`` are e-mail addresses whose rights
    are still to be ended at the vendor, ``former`` integration IDs still to be deleted there.
    ``lost`` says that the vendor has deleted the record, ``problem`` why it is not in step.
    """

    __tablename__ = "registration"

    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(String(64), unique=True)
    sent_at: Mapped[datetime | None]
    leaving: Mapped[list[str]] = mapped_column(JSON, default=list)
    former: Mapped[list[str]] = mapped_column(JSON, default=list)
    lost: Mapped[bool] = mapped_column(default=False)
    settled_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(Text, default="")


class WithdrawnRight(Base):
    """A person whose rights on an integration ended; sign-ins with this address are kept out."""

    __tablename__ = "withdrawn_right"

    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), primary_key=True)
    withdrawn_by: Mapped[str] = mapped_column(String(254))
    withdrawn_at: Mapped[datetime]
