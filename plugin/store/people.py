"""Who may enter: users, their sessions, API tokens, one-time links, and tries to sign in.

``companies`` limits an account or a token to some of the hosts' companies: a list of pairs of the
host connection and the host's own id. None limits nothing, an empty list shows nothing.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from plugin.store.base import Base


class User(Base):
    """A person; ``password_hash`` is argon2id and empty where somebody else proves who it is.

    ``identity`` says who proves it: empty (None) for a local account, ``member <connection> <id>``
    for a member of a host, ``oidc <issuer> <subject>`` for an identity provider. ``totp_sealed``
    holds the second factor's secret, ``totp_step`` the last time step that was taken, ``recovery``
    the digests of the recovery codes that are left.
    """

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    must_change: Mapped[bool] = mapped_column(default=False)
    role: Mapped[str] = mapped_column(String(16))
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    identity: Mapped[str | None] = mapped_column(String(500), unique=True)
    totp_sealed: Mapped[str] = mapped_column(Text, default="")
    totp_step: Mapped[int] = mapped_column(default=0)
    recovery: Mapped[list[str]] = mapped_column(JSON, default=list)
    companies: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))


class UserSession(Base):
    """A signed-in browser; ``digest`` is the SHA-256 of the random id that its cookie holds."""

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    agent: Mapped[str] = mapped_column(String(200), default="")

    user: Mapped[User] = relationship(lazy="joined")


class ApiToken(Base):
    """A key for the JSON API; only its digest is kept. ``scopes`` None: all that its role may."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    created_by: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    scopes: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    companies: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))


class LaunchLink(Base):
    """A one-time link to one device's page without scripts; only its digest is kept."""

    __tablename__ = "launch_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    device_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    made_by: Mapped[str] = mapped_column(String(254), default="")
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInTry(Base):
    """A failed try to sign in, counted per account over all processes."""

    __tablename__ = "sign_in_try"
    __table_args__ = (Index("ix_sign_in_try_account", "account", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(String(254))
    at: Mapped[datetime]
