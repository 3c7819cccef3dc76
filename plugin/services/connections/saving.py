"""Connections are found, added and edited here."""

import secrets
from collections.abc import Mapping

from sqlalchemy import select

from plugin.domain.contracts import Host, SendsWebhooks
from plugin.domain.errors import ConflictError, RuleError
from plugin.runtime import Runtime, sealed_place
from plugin.services import signing
from plugin.services.connections.callbacks import after_change, wake
from plugin.services.connections.forms import free_name, secrets_of, sorted_out
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, ConnectionState, Side
from plugin.store.queue import wake_parked

TOKEN_BYTES = 32


def get(connection_id: int) -> Connection:
    """Return a connection that is not deleted; RuleError when there is none."""
    found = db.session.get(Connection, connection_id)
    if found is None or found.deleted_at is not None:
        raise RuleError("connection", f"there is no connection {connection_id}")
    return found


def living(runtime: Runtime, side: Side | None = None) -> list[Connection]:
    """Return the connections of the effective environment, by name."""
    query = select(Connection).where(
        Connection.deleted_at.is_(None),
        Connection.environment.in_(["", runtime.environment().value.value]),
    )
    if side is not None:
        query = query.where(Connection.side == side)
    return list(db.session.scalars(query.order_by(Connection.name)))


def create(
    runtime: Runtime,
    actor: str,
    kind: str,
    name: str,
    values: Mapping[str, str],
    *,
    origin_override: str | None = None,
    allow_private: bool = False,
) -> Connection:
    """Add a connection in the effective environment; FormError names every field at fault.

    ``origin_override`` is the origin of a sandbox that this process was told of at its start
    (``Settings.sandbox_offers``), or of its own set-up; never what anybody has typed in.
    """
    adapter = runtime.adapter_class(kind)
    shown, hidden = sorted_out(adapter, name, values, {})
    free_name(name, None)
    now = runtime.now()
    is_host = issubclass(adapter, Host)
    connection = Connection(
        side=Side.HOST if is_host else Side.VENDOR,
        kind=kind,
        name=name.strip(),
        environment=runtime.environment().value.value if adapter.environments else "",
        settings=shown,
        sealed="",
        webhook_token=_new_token() if issubclass(adapter, SendsWebhooks) else None,
        origin_override=origin_override,
        allow_private=allow_private,
        state=ConnectionState.NEW,
        created_at=now,
        state_since=now,
    )
    with writing() as session:
        session.add(connection)
        session.flush()
        connection.sealed = runtime.vault.seal(hidden, sealed_place(connection.id))
        audit(runtime, session, actor, "connection.create", name, after=told(connection))
        after_change(runtime, session, connection)
    wake(runtime, connection)
    return connection


def edit(
    runtime: Runtime,
    actor: str,
    connection: Connection,
    name: str,
    values: Mapping[str, str],
    version: int,
) -> None:
    """Change name and fields; an untouched secret keeps its value, parked work is woken.

    ConflictError when somebody else saved since ``version`` was shown.
    """
    adapter = runtime.adapter_class(connection.kind)
    old = runtime.opened(connection)
    shown, hidden = sorted_out(adapter, name, values, old)
    free_name(name, connection.id)
    with writing() as session:
        if connection.version != version:
            raise ConflictError(
                "version", "somebody else changed this connection meanwhile; look at it again"
            )
        before = told(connection)
        connection.name, connection.settings = name.strip(), shown
        sealed = hidden | signing.kept(adapter, old, hidden, runtime.now())
        connection.sealed = runtime.vault.seal(sealed, sealed_place(connection.id))
        connection.problem, connection.refused_at = "", None
        connection.state, connection.state_since = ConnectionState.NEW, runtime.now()
        audit(
            runtime,
            session,
            actor,
            "connection.edit",
            name,
            before=before,
            after=told(connection) | {"secrets_changed": hidden != secrets_of(adapter, old)},
        )
        after_change(runtime, session, connection)
        lanes = wake_parked(session, connection.id, runtime.now())
    for lane in lanes:
        runtime.wake(lane)
    wake(runtime, connection)


def _new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def told(connection: Connection) -> dict[str, object]:
    """Return what the audit log keeps of a connection: nothing secret."""
    return {
        "kind": connection.kind,
        "name": connection.name,
        "environment": connection.environment,
        "settings": dict(connection.settings),
    }
