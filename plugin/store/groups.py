"""A vendor's groups of devices as last seen."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from plugin.store.base import Base


class VendorGroup(Base):
    """A static or dynamic group as last seen, under its vendor's own id."""

    __tablename__ = "vendor_group"
    __table_args__ = (UniqueConstraint("vendor_id", "group_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    group_id: Mapped[str] = mapped_column(String(200))
    workspace_id: Mapped[str] = mapped_column(String(200), default="")
    parent_id: Mapped[str] = mapped_column(String(200), default="")
    name: Mapped[str] = mapped_column(String(300))
    dynamic: Mapped[bool] = mapped_column(default=False)
    first_seen_at: Mapped[datetime]
    seen_at: Mapped[datetime]
