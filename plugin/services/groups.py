"""A vendor's groups: found after connecting, kept in step, and how far that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from plugin.domain.contracts import ListsGroups
from plugin.domain.model import Group
from plugin.runtime import Runtime
from plugin.services.mirror import CHUNK, Counts, clean
from plugin.store.base import db
from plugin.store.groups import VendorGroup
from plugin.store.integrations import Connection
from plugin.store.work import SyncRun

GROUPS = "groups"
PATIENCE = timedelta(minutes=30)
"""How long after connecting a vendor may still show no group; ESET says several minutes."""
AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Discovery:
    """How far the discovery of a connection's groups is; ``seen`` counts those of the living run.

    ``finding`` while it goes on: a run lives, or the vendor shows none yet and is asked again.
    """

    finding: bool
    static: int
    dynamic: int
    seen: int = 0
    problem: str = ""

    @property
    def total(self) -> int:
        """How many groups are known."""
        return self.static + self.dynamic


def has_groups(runtime: Runtime, connection: Connection) -> bool:
    """Tell whether the vendor of this connection lists groups for all its clients at once."""
    kind = runtime.adapters.get(connection.kind)
    return kind is not None and issubclass(kind, ListsGroups)


def is_early(runtime: Runtime, connection: Connection) -> bool:
    """Tell whether the vendor shows no group yet and is asked again soon."""
    if runtime.now() - connection.created_at > PATIENCE:
        return False
    mine = select(VendorGroup.id).where(VendorGroup.vendor_id == connection.id)
    return db.session.scalar(mine.limit(1)) is None


def discovery(runtime: Runtime, connection: Connection) -> Discovery:
    """Return how far the discovery is.

    Groups that are asked for by workspace come with its devices; nobody waits for them.
    """
    counts: dict[bool, int] = dict(
        db.session.execute(
            select(VendorGroup.dynamic, func.count(VendorGroup.id))
            .where(VendorGroup.vendor_id == connection.id)
            .group_by(VendorGroup.dynamic)
        ).all()
    )
    run = _last_run(connection)
    lives = run is not None and run.living is not None
    known = sum(counts.values())
    return Discovery(
        finding=has_groups(runtime, connection)
        and not known
        and (lives or run is None or is_early(runtime, connection)),
        static=counts.get(False, 0),
        dynamic=counts.get(True, 0),
        seen=run.seen if run is not None and lives else 0,
        problem=run.problem if run is not None and run.state == "failed" else "",
    )


def _last_run(connection: Connection) -> SyncRun | None:
    query = select(SyncRun).where(SyncRun.connection_id == connection.id, SyncRun.what == GROUPS)
    return db.session.scalars(query.order_by(SyncRun.id.desc()).limit(1)).first()


def of_connection(connection: Connection) -> list[VendorGroup]:
    """Return the groups of a connection by name."""
    query = select(VendorGroup).where(VendorGroup.vendor_id == connection.id)
    return list(db.session.scalars(query.order_by(VendorGroup.name, VendorGroup.id)))


# -- keeping -----------------------------------------------------------------------------------


def store(
    runtime: Runtime, session: Session, vendor_id: int, groups: Sequence[Group], counts: Counts
) -> None:
    """Store one part of a vendor's groups."""
    ids = [each.id for each in groups]
    mine = select(VendorGroup).where(VendorGroup.vendor_id == vendor_id)
    held = {row.group_id: row for row in session.scalars(mine.where(VendorGroup.group_id.in_(ids)))}
    now = runtime.now()
    for group in {each.id: each for each in groups}.values():
        counts.seen += 1
        row = held.get(group.id)
        if row is None:
            row = VendorGroup(vendor_id=vendor_id, group_id=group.id, first_seen_at=now)
            session.add(row)
            counts.created += 1
        row.name, row.dynamic = clean(group.name, 300), group.dynamic
        row.workspace_id, row.parent_id = group.workspace_id, group.parent_id or ""
        row.seen_at = now
    session.flush()


def forget(
    session: Session,
    vendor_id: int,
    seen: set[str],
    counts: Counts,
    *,
    workspace_id: str | None = None,
) -> None:
    """Forget the groups (of a workspace, or of all when None) that a whole listing did not show.

    One that shows none forgets none: a user who lost its rights sees none.
    """
    if not seen:
        return
    mine = select(VendorGroup.group_id).where(VendorGroup.vendor_id == vendor_id)
    if workspace_id is not None:
        mine = mine.where(VendorGroup.workspace_id == workspace_id)
    gone = sorted(set(session.scalars(mine)) - seen)
    for start in range(0, len(gone), CHUNK):
        part = VendorGroup.group_id.in_(gone[start : start + CHUNK])
        session.execute(delete(VendorGroup).where(VendorGroup.vendor_id == vendor_id, part))
    counts.removed += len(gone)
