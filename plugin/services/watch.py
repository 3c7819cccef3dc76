"""Watches vendors for detections: a small look at each scope every minute or so.

A look is a job that comes back by itself; it leaves no run behind, because most find nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from plugin.domain.contracts import FindsDetections, Scope, Vendor
from plugin.runtime import Runtime
from plugin.services import mirror, ticket_decisions
from plugin.services.mirror import Counts
from plugin.store.base import db, writing
from plugin.store.integrations import (
    Connection,
    Integration,
    IntegrationState,
    Side,
    WorkspaceLink,
)
from plugin.store.queue import Claim, enqueue
from plugin.store.work import Job

LOOK = "watch"
HISTORY = timedelta(days=7)


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


def ask(
    runtime: Runtime, connection: Connection, scopes: Sequence[str], *, now: bool = False
) -> None:
    """See to it that every scope is watched; ``now`` asks for a look at once."""
    if not issubclass(runtime.adapter_class(connection.kind), FindsDetections):
        return
    subjects = {f"{connection.id}:{scope}": scope for scope in scopes}
    if not now:
        watched = set(db.session.scalars(select(Job.subject).where(Job.kind == LOOK)))
        subjects = {name: scope for name, scope in subjects.items() if name not in watched}
    if not subjects:
        return
    with writing() as session:
        for subject, scope in subjects.items():
            lane = lane_of(connection.id, scope)
            moment = runtime.now()
            enqueue(
                session, LOOK, subject, lane, now=moment, connection_id=connection.id, revive=now
            )
    for scope in subjects.values():
        runtime.wake(lane_of(connection.id, scope))


def look(runtime: Runtime, claim: Claim) -> datetime | None:
    """Fetch what happened in a scope since the last look, and decide about tickets.

    Returns when to look again, or None when nobody wants this scope any more.
    """
    number, _, scope = claim.subject.partition(":")
    connection = db.session.get(Connection, int(number))
    if connection is None or connection.deleted_at is not None:
        return None
    if scope not in scopes_of(runtime, connection):
        return None
    vendor = runtime.vendor(connection)
    if not isinstance(vendor, FindsDetections):
        return None
    _fetch(runtime, claim, connection, vendor, scope)
    return runtime.now() + timedelta(seconds=runtime.settings.limits.sync.watch)


def _fetch(
    runtime: Runtime, claim: Claim, connection: Connection, vendor: FindsDetections, scope: str
) -> None:
    known = mirror.cursor_of(connection.id, scope, "detections")
    start = known.cursor if known else None
    db.session.commit()
    for page in vendor.detections(scope, start, runtime.now() - HISTORY):
        claim.renew()
        with writing() as session:
            now = runtime.now()
            new = mirror.store_detections(session, connection.id, page.rows, now, Counts())
            lanes = ticket_decisions.consider(runtime, session, connection, new)
            if page.next_cursor is not None:
                mirror.move_cursor(
                    session, connection.id, scope, "detections", page.next_cursor, now
                )
        for lane in lanes:
            runtime.wake(lane)
