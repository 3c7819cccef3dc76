"""Deleting a connection: what goes with it, the grace period, and taking it back."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete as remove
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from plugin.domain.errors import ConflictError, RuleError
from plugin.runtime import Runtime
from plugin.services import notices
from plugin.services.connections.callbacks import after_change, wake
from plugin.services.connections.forms import free_name
from plugin.services.connections.saving import told
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.groups import VendorGroup
from plugin.store.integrations import (
    CompanyMapping,
    Connection,
    Integration,
    TicketRule,
    WorkspaceLink,
)
from plugin.store.journal import TicketLog
from plugin.store.queue import enqueue
from plugin.store.work import TicketEntry

REMOVE = "remove"


def lane_of(connection_id: int) -> str:
    """Return the lane in which a connection is removed for good."""
    return f"remove:{connection_id}"


def what_goes_with(connection: Connection) -> dict[str, int]:
    """Count what a deletion takes with it, by the words that the page shows."""
    integrations = select(Integration.id).where(_of(connection), Integration.deleted_at.is_(None))
    mapped = (CompanyMapping.host_id == connection.id) | (CompanyMapping.vendor_id == connection.id)
    is_open = TicketEntry.open_key.is_not(None)
    return {
        "integrations": _count(select(func.count()).select_from(integrations.subquery())),
        "mappings": _count(select(func.count(CompanyMapping.id)).where(mapped)),
        "rules": _count(
            select(func.count(TicketRule.id)).where(TicketRule.integration_id.in_(integrations))
        ),
        "open tickets": _count(
            select(func.count(TicketEntry.id)).where(
                TicketEntry.integration_id.in_(integrations), is_open
            )
        ),
        "ticket logs": _count(
            select(func.count(TicketLog.id)).where(TicketLog.integration_id.in_(integrations))
        ),
        "groups": _count(
            select(func.count(VendorGroup.id)).where(VendorGroup.vendor_id == connection.id)
        ),
        "callbacks at the host": int(bool(connection.webhook_token)),
    }


def _of(connection: Connection) -> Any:  # noqa: ANN401 - a condition
    return (Integration.host_id == connection.id) | (Integration.vendor_id == connection.id)


def _count(query: object) -> int:
    return int(db.session.scalar(query) or 0)  # type: ignore[call-overload]


# -- deleting ----------------------------------------------------------------------------------


def delete(
    runtime: Runtime, actor: str, connection: Connection, version: int | None = None
) -> None:
    """Take a connection out of use; it can be brought back until the grace period ends.

    Its workspaces are free for other integrations at once. ConflictError when somebody else
    changed the connection since ``version`` was shown.
    """
    with writing() as session:
        if version is not None and connection.version != version:
            raise ConflictError(
                "version", "somebody else changed this connection meanwhile; look at it again"
            )
        now, name = runtime.now(), connection.name
        connection.deleted_at = now
        connection.undo = {
            "name": name,
            "integrations": _put_away(runtime, session, actor, connection),
        }
        connection.name = _freed(name, connection.id)
        audit(runtime, session, actor, "connection.delete", name, before=told(connection))
        after_change(runtime, session, connection)
        enqueue(
            session,
            REMOVE,
            str(connection.id),
            lane_of(connection.id),
            now=now,
            due_at=removed_at(runtime, connection),
            revive=True,
        )
    wake(runtime, connection)


def _freed(name: str, number: int) -> str:
    """Return the name of a deleted connection, so that another can have the old one."""
    mark = f" (deleted {number})"
    return name[: 120 - len(mark)] + mark


def _put_away(
    runtime: Runtime, session: Session, actor: str, connection: Connection
) -> dict[str, list[str]]:
    """Delete the connection's integrations; return the workspaces that each of them served."""
    put_away: dict[str, list[str]] = {}
    living = select(Integration).where(_of(connection), Integration.deleted_at.is_(None))
    for integration in session.scalars(living).unique():
        links = select(WorkspaceLink.workspace_id).where(
            WorkspaceLink.integration_id == integration.id
        )
        put_away[str(integration.id)] = sorted(session.scalars(links))
        integration.deleted_at = runtime.now()
        notices.integration_deleted(runtime, session, actor, integration)
        mine = WorkspaceLink.integration_id == integration.id
        session.execute(
            remove(WorkspaceLink).where(mine).execution_options(synchronize_session="fetch")
        )
    return put_away


# -- the grace period --------------------------------------------------------------------------


def removed_at(runtime: Runtime, connection: Connection) -> Any:  # noqa: ANN401 - a moment
    """Return when a deleted connection is removed for good."""
    days = timedelta(days=runtime.settings.limits.keep.undo_days)
    return (connection.deleted_at or runtime.now()) + days


def deleted(runtime: Runtime) -> list[Connection]:
    """Return the deleted connections of the environment that can still be brought back."""
    query = select(Connection).where(
        Connection.deleted_at > runtime.now() - timedelta(runtime.settings.limits.keep.undo_days),
        Connection.environment.in_(["", runtime.environment().value.value]),
    )
    return list(db.session.scalars(query.order_by(Connection.deleted_at.desc())))


def former_name(connection: Connection) -> str:
    """Return the name that a deleted connection had."""
    return str((connection.undo or {}).get("name") or connection.name)


def get_deleted(runtime: Runtime, connection_id: int) -> Connection:
    """Return a deleted connection that can be brought back; RuleError when there is none."""
    found = next((each for each in deleted(runtime) if each.id == connection_id), None)
    if found is None:
        raise RuleError("connection", f"there is no deleted connection {connection_id}")
    return found


def undo(runtime: Runtime, actor: str, connection: Connection) -> list[str]:
    """Bring a deleted connection back with its integrations.

    Returns the ids of workspaces that another integration took meanwhile and keeps. RuleError
    on ``name`` when another connection has the name now, on ``connection`` when it is too late.
    """
    name = former_name(connection)
    free_name(name, connection.id)
    with writing() as session:
        if connection.deleted_at is None or removed_at(runtime, connection) <= runtime.now():
            raise RuleError("connection", "this connection can no longer be brought back")
        put_away = dict((connection.undo or {}).get("integrations") or {})
        connection.deleted_at, connection.undo, connection.name = None, None, name
        session.flush()
        taken = [
            workspace
            for number, workspaces in put_away.items()
            for workspace in _bring_back(runtime, session, int(number), workspaces)
        ]
        audit(runtime, session, actor, "connection.undo", name, after=told(connection))
        after_change(runtime, session, connection)
    wake(runtime, connection)
    return taken


def _bring_back(
    runtime: Runtime, session: Session, number: int, workspaces: list[str]
) -> list[str]:
    """Bring an integration back, unless its other side is deleted too: then that one keeps it."""
    integration = session.get(Integration, number)
    if integration is None:
        return []
    sides = (integration.host, integration.vendor)
    other = next((each for each in sides if each.deleted_at is not None), None)
    if other is not None:
        kept = dict(other.undo or {})
        kept["integrations"] = {**(kept.get("integrations") or {}), str(number): workspaces}
        other.undo = kept
        return []
    integration.deleted_at = None
    taken = _taken(session, integration, workspaces)
    session.add_all(
        WorkspaceLink(
            integration_id=number,
            vendor_id=integration.vendor_id,
            workspace_id=each,
            platform=integration.host.kind,
            added_at=runtime.now(),
        )
        for each in workspaces
        if each not in taken
    )
    return sorted(taken)


def _taken(session: Session, integration: Integration, workspaces: list[str]) -> set[str]:
    query = select(WorkspaceLink.workspace_id).where(
        WorkspaceLink.vendor_id == integration.vendor_id,
        WorkspaceLink.platform == integration.host.kind,
        WorkspaceLink.integration_id != integration.id,
    )
    return set(session.scalars(query)) & set(workspaces)
