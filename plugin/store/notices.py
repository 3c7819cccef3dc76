"""Notifications: what was told, what stands, who has read it, and the e-mails about it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from plugin.store.base import Base


class MailState(StrEnum):
    """What became of an e-mail.

    ``sending`` outlives a crash in between: it counts as told, and is sent once more.
    """

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNDELIVERED = "undelivered"
    SKIPPED = "skipped"


class Notice(Base):
    """One notification; ``ended_at`` is when the condition that it tells of was over.

    ``path`` leads to the page that helps, empty where there is none.
    """

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_time", "at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(24))
    title: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(String(300), default="")
    ended_at: Mapped[datetime | None]


class StandingCondition(Base):
    """A condition that stands, and the notice that told of it at this ``level``."""

    __tablename__ = "standing_condition"

    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    level: Mapped[int]
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id"), index=True)


class NoticeRead(Base):
    """A notice that a person has read, newer than those he marked read all at once."""

    __tablename__ = "notice_read"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id"), primary_key=True, index=True)


class NoticeReader(Base):
    """Up to which notice a person has marked all as read."""

    __tablename__ = "notice_reader"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    read_up_to: Mapped[int]


class Mail(Base):
    """One e-mail about one notice to one address; several that are due go out as one message.

    ``due_at`` is when it may be sent: later than ``made_at`` in quiet hours and after failures.
    """

    __tablename__ = "mail"
    __table_args__ = (
        UniqueConstraint("notice_id", "recipient"),
        Index("ix_mail_state", "state", "due_at"),
        Index("ix_mail_time", "made_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id"))
    recipient: Mapped[str] = mapped_column(String(254))
    state: Mapped[str] = mapped_column(String(12), default=MailState.WAITING)
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(Text, default="")

    notice: Mapped[Notice] = relationship(lazy="joined")
