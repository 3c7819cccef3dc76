"""What an administrator makes: connections, integrations, mappings, rules."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from plugin.store.base import Base


class Side(StrEnum):
    """Which side of the bridgehead a connection leads to."""

    HOST = "host"
    VENDOR = "vendor"


class ConnectionState(StrEnum):
    """What we know of a connection."""

    NEW = "new"
    WORKING = "working"
    ATTENTION = "attention"


class IntegrationState(StrEnum):
    """How far an integration is."""

    DRAFT = "draft"
    ACTIVE = "active"


class MappingState(StrEnum):
    """Whether a mapping can be used."""

    MAPPED = "mapped"
    BROKEN = "broken"
    IGNORED = "ignored"


class Connection(Base):
    """Address and credentials of one host site or one vendor account, in one environment.

    ``settings`` holds the fields that may be seen, ``sealed`` the secret ones. ``environment`` is
    empty for systems that have no servers per environment. ``origin_override`` is set by the
    sandbox alone. ``refused_at`` is when it last turned us away: until it lets us in again, its
    work is tried only every few minutes, so that no account gets locked. ``look_calls`` is what one
    look for detections costs in calls on average, 0 until one was made. ``undo`` holds what a
    deletion put away (name, integrations with their workspaces) as long as it can be taken back.
    ``version`` rises with each edit, for telling two editors apart and for remaking adapters.
    """

    __tablename__ = "connection"

    id: Mapped[int] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(String(8))
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(120), unique=True)
    environment: Mapped[str] = mapped_column(String(12), default="")
    settings: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    sealed: Mapped[str] = mapped_column(Text, default="")
    webhook_token: Mapped[str | None] = mapped_column(String(43), unique=True)
    origin_override: Mapped[str | None] = mapped_column(String(200))
    allow_private: Mapped[bool] = mapped_column(default=False)
    reach: Mapped[str] = mapped_column(String(12), default="direct")
    state: Mapped[str] = mapped_column(String(12), default=ConnectionState.NEW)
    problem: Mapped[str] = mapped_column(Text, default="")
    state_since: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    check_result: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    worked_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    polled_at: Mapped[datetime | None]
    look_calls: Mapped[float] = mapped_column(default=0.0, server_default="0")
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    undo: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class Integration(Base):
    """A named pairing of one host connection and one vendor connection.

    ``vendor_reference`` is the integration ID that the vendor issued (Kaspersky's cloud). Each
    kind of host write stands behind a switch of its own, off until a person turns it on.
    """

    __tablename__ = "integration"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    host_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), index=True)
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), index=True)
    vendor_reference: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[str] = mapped_column(String(12), default=IntegrationState.DRAFT)
    writes_tickets: Mapped[bool] = mapped_column(default=False)
    writes_configurations: Mapped[bool] = mapped_column(default=False)
    writes_extra_fields: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    host: Mapped[Connection] = relationship(foreign_keys=[host_id], lazy="joined")
    vendor: Mapped[Connection] = relationship(foreign_keys=[vendor_id], lazy="joined")
    links: Mapped[list["WorkspaceLink"]] = relationship(
        back_populates="integration", cascade="all, delete-orphan"
    )
    administrators: Mapped[list["AdministratorLink"]] = relationship(
        back_populates="integration", cascade="all, delete-orphan"
    )
    rules: Mapped[list["TicketRule"]] = relationship(
        back_populates="integration", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}


class WorkspaceLink(Base):
    """A workspace that an integration serves: at most one integration per platform has it."""

    __tablename__ = "workspace_link"
    __table_args__ = (UniqueConstraint("vendor_id", "workspace_id", "platform"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"), index=True)
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    platform: Mapped[str] = mapped_column(String(40))
    added_at: Mapped[datetime]

    integration: Mapped[Integration] = relationship(back_populates="links")


class AdministratorLink(Base):
    """An integration administrator: a vendor user who may manage the integration.

    ``email`` is in lower case. ``granted_at`` is when the vendor was first seen to agree; one whom
    the vendor no longer names after that was removed there.
    """

    __tablename__ = "administrator_link"
    __table_args__ = (UniqueConstraint("integration_id", "email"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"))
    email: Mapped[str] = mapped_column(String(254))
    alias: Mapped[str] = mapped_column(String(200), default="")
    added_at: Mapped[datetime]
    granted_at: Mapped[datetime | None]

    integration: Mapped[Integration] = relationship(back_populates="administrators")


class CompanyMapping(Base):
    """Workspace → company, by the ids of both sides."""

    __tablename__ = "company_mapping"
    __table_args__ = (
        UniqueConstraint("vendor_id", "workspace_id", "host_id"),
        Index("ix_company_mapping_company", "host_id", "company_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    workspace_id: Mapped[str] = mapped_column(String(200))
    host_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    company_id: Mapped[str] = mapped_column(String(100), default="")
    state: Mapped[str] = mapped_column(String(12), default=MappingState.MAPPED)
    reason: Mapped[str] = mapped_column(Text, default="")
    made_by: Mapped[str] = mapped_column(String(254), default="")
    made_at: Mapped[datetime]


class MappingRefusal(Base):
    """A suggested pair that a person turned down; it is not suggested again."""

    __tablename__ = "mapping_refusal"

    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), primary_key=True)
    company_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    refused_by: Mapped[str] = mapped_column(String(254), default="")
    refused_at: Mapped[datetime]


class CustomerRefusal(Base):
    """A proposed pair of workspace and customer that a person turned down."""

    __tablename__ = "customer_refusal"

    vendor_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    customer_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    refused_by: Mapped[str] = mapped_column(String(254), default="")
    refused_at: Mapped[datetime]


class TicketRule(Base):
    """When and how a ticket is made.

    ``trigger`` is ``event_severity``, ``event_type``, ``device_condition`` or ``device_protection``
    and ``matches`` the word it must equal. ``workspace_id`` empty is the integration's default, a
    value overrides it for that workspace. Times are in seconds, ``reopen_days`` in days.
    """

    __tablename__ = "ticket_rule"
    __table_args__ = (UniqueConstraint("integration_id", "workspace_id", "trigger", "matches"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    integration_id: Mapped[int] = mapped_column(ForeignKey("integration.id"))
    workspace_id: Mapped[str] = mapped_column(String(200), default="")
    trigger: Mapped[str] = mapped_column(String(24))
    matches: Mapped[str] = mapped_column(String(120))
    enabled: Mapped[bool] = mapped_column(default=False)
    fields: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    delay: Mapped[int] = mapped_column(default=0)
    lifetime: Mapped[int] = mapped_column(default=86_400)
    note_interval: Mapped[int] = mapped_column(default=0)
    reopen_days: Mapped[int] = mapped_column(default=7)
    closes: Mapped[bool] = mapped_column(default=False)
    resolves: Mapped[bool] = mapped_column(default=False)
    summary_template: Mapped[str] = mapped_column(Text, default="")
    body_template: Mapped[str] = mapped_column(Text, default="")

    integration: Mapped[Integration] = relationship(back_populates="rules")


class Preference(Base):
    """A value a person set on a page for the whole installation (the picked environment …)."""

    __tablename__ = "preference"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    changed_by: Mapped[str] = mapped_column(String(254), default="")
    changed_at: Mapped[datetime]
