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


def is_whole(runtime: Runtime, connection: Connection) -> bool:
    """Tell whether a vendor is fetched in one go, not workspace by workspace."""
    kind = runtime.adapter_class(connection.kind)
    return issubclass(kind, Vendor) and kind.scope is Scope.CONNECTION


def scopes_of(runtime: Runtime, connection: Connection) -> list[str]:
    """Return what is fetched apart at a vendor: each selected workspace, or all in one."""
    if connection.side != Side.VENDOR:
        return []
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
    if is_whole(runtime, connection):
        return [""] if selected else []
    return list(selected)
