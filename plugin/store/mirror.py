"""Hosts' and vendors' objects as last seen, stored by their own ids.

Rows are written in bulk, a page at a time, and only when their ``fingerprint`` changed. Counts
that pages show over everything are kept on the workspace rows, so that a fleet of 100,000 opens
as fast as one of 1,000.
"""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from plugin.store.base import Base

_BIG = BigInteger().with_variant(Integer, "sqlite")


class WorkspaceRow(Base):
    """A workspace as last seen, with the counts of its devices.

    The counts by age of databases (``bases_…``) are of the moment they were counted: by a sync run
    that changed something, and for all workspaces again and again.
    """

    __tablename__ = "workspace"
    __table_args__ = (UniqueConstraint("vendor_id", "workspace_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(300), index=True)
    domain: Mapped[str] = mapped_column(String(255), default="")
    address: Mapped[str] = mapped_column(String(300), default="")
    devices: Mapped[int] = mapped_column(default=0)
    devices_ok: Mapped[int] = mapped_column(default=0)
    devices_warning: Mapped[int] = mapped_column(default=0)
    devices_critical: Mapped[int] = mapped_column(default=0)
    devices_unknown: Mapped[int] = mapped_column(default=0)
    deployed_running: Mapped[int] = mapped_column(default=0)
    deployed_not_running: Mapped[int] = mapped_column(default=0)
    deployed_not_installed: Mapped[int] = mapped_column(default=0)
    deployed_untold: Mapped[int] = mapped_column(default=0)
    bases_current: Mapped[int] = mapped_column(default=0)
    bases_day: Mapped[int] = mapped_column(default=0)
    bases_three_days: Mapped[int] = mapped_column(default=0)
    bases_week: Mapped[int] = mapped_column(default=0)
    bases_older: Mapped[int] = mapped_column(default=0)
    bases_untold: Mapped[int] = mapped_column(default=0)
    first_seen_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class DeviceRow(Base):
    """A protected device as last seen; ``gone_at`` marks one the vendor no longer reports."""

    __tablename__ = "device"
    __table_args__ = (
        UniqueConstraint("vendor_id", "workspace_id", "device_id"),
        Index("ix_device_list", "gone_at", "name", "id"),
        Index("ix_device_protection", "gone_at", "protection", "name", "id"),
        Index("ix_device_contact", "gone_at", "last_contact_at", "id"),
        Index("ix_device_workspace", "vendor_id", "workspace_id", "gone_at", "name", "id"),
        Index("ix_device_serial", "serial"),
        Index("ix_device_bases", "gone_at", "bases_at", "id"),
        Index("ix_device_deployment", "gone_at", "deployment", "name", "id"),
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    device_id: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(300))
    device_class: Mapped[str] = mapped_column(String(12))
    operating_system: Mapped[str] = mapped_column(String(200), default="")
    serial: Mapped[str] = mapped_column(String(120), default="")
    macs: Mapped[list[str]] = mapped_column(JSON, default=list)
    fqdn: Mapped[str] = mapped_column(String(300), default="")
    address: Mapped[str] = mapped_column(String(100), default="")
    user: Mapped[str] = mapped_column(String(200), default="")
    protection: Mapped[str] = mapped_column(String(10))
    conditions: Mapped[list[str]] = mapped_column(JSON, default=list)
    groups: Mapped[list[str]] = mapped_column(JSON, default=list)
    product: Mapped[str] = mapped_column(String(200), default="")
    product_version: Mapped[str] = mapped_column(String(80), default="")
    isolated: Mapped[bool | None]
    bases_at: Mapped[datetime | None]
    deployment: Mapped[str] = mapped_column(String(16), default="untold")
    last_contact_at: Mapped[datetime | None]
    fingerprint: Mapped[str] = mapped_column(String(32))
    first_seen_at: Mapped[datetime]
    seen_run: Mapped[int] = mapped_column(default=0)
    gone_at: Mapped[datetime | None]


class DetectionRow(Base):
    """Something a vendor reported on a device."""

    __tablename__ = "detection"
    __table_args__ = (
        UniqueConstraint("vendor_id", "detection_id"),
        Index("ix_detection_time", "occurred_at", "id"),
        Index("ix_detection_severity", "severity", "occurred_at", "id"),
        Index("ix_detection_workspace", "vendor_id", "workspace_id", "occurred_at"),
        Index("ix_detection_device", "vendor_id", "device_id", "kind", "occurred_at"),
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    detection_id: Mapped[str] = mapped_column(String(200))
    device_id: Mapped[str] = mapped_column(String(200))
    device_name: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(120))
    severity: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(500))
    description: Mapped[str] = mapped_column(Text, default="")
    outcome: Mapped[str] = mapped_column(String(300), default="")
    object_name: Mapped[str] = mapped_column(String(1000), default="")
    user: Mapped[str] = mapped_column(String(200), default="")
    resolved: Mapped[bool] = mapped_column(default=False)
    occurred_at: Mapped[datetime]
    stored_at: Mapped[datetime]


class LicenceRow(Base):
    """A key or subscription as last seen."""

    __tablename__ = "licence"
    __table_args__ = (
        UniqueConstraint("vendor_id", "workspace_id", "licence_id"),
        Index("ix_licence_list", "gone_at", "product", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    licence_id: Mapped[str] = mapped_column(String(200))
    product: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    limit: Mapped[int | None]
    used: Mapped[int | None]
    per_user: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime | None]
    seen_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class CompanyRow(Base):
    """A client company in the host as last seen."""

    __tablename__ = "company"
    __table_args__ = (UniqueConstraint("host_id", "company_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    company_id: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(300), index=True)
    identifier: Mapped[str] = mapped_column(String(100), default="")
    domain: Mapped[str] = mapped_column(String(255), default="")
    address: Mapped[str] = mapped_column(String(300), default="")
    status: Mapped[str] = mapped_column(String(100), default="")
    active: Mapped[bool] = mapped_column(default=True)
    seen_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class Cursor(Base):
    """How far a walk of one scope has come; written in the transaction of the rows it covers."""

    __tablename__ = "cursor"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), primary_key=True)
    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    what: Mapped[str] = mapped_column(String(20), primary_key=True)
    cursor: Mapped[str | None] = mapped_column(Text)
    full_at: Mapped[datetime | None]
    moved_at: Mapped[datetime]
