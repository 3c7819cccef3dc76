"""What is fetched apart at a vendor, and the lane in which that is worked."""

from sqlalchemy import select

from plugin.domain.contracts import Scope, Vendor
from plugin.runtime import Runtime
from plugin.store.base import db
from plugin.store.integrations import (
    Connection,
    Integration,
    IntegrationState,
    Side,
    WorkspaceLink,
)


def lane_of(connection_id: int, scope: str) -> str:
    """Return the lane in which a scope is worked, one job at a time."""
    return f"sync:{connection_id}:{scope}"[:120]


def scopes_of(runtime: Runtime, connection: Connection) -> list[str]:
    """Return what is fetched apart at a vendor: each selected workspace, or all in one."""
    if connection.side != Side.VENDOR:
        return []
    kind = runtime.adapter_class(connection.kind)
    selected = db.session.scalars(
        select(WorkspaceLink.workspace_id)
        .join(Integration)
        .where(
            WorkspaceLink.vendor_id == connection.id,
            Integration.deleted_at.is_(None),
            Integration.state == IntegrationState.ACTIVE,
        )
        .distinct()
        .order_by(WorkspaceLink.workspace_id)
    ).all()
    if issubclass(kind, Vendor) and kind.scope is Scope.CONNECTION:
        return [""] if selected else []
    return list(selected)
