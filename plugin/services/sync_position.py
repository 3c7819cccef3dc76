"""How far a walk over devices has come, stored with each page, so that a crash costs one page."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from plugin.domain.reconcile import SeenRows
from plugin.services import cursors
from plugin.services.mirror import FIGURES
from plugin.services.sync_walk import Walk
from plugin.store.mirror import Cursor

POSITION = "device_position"
STALE = timedelta(hours=1)
"""An older position is not gone on from: a list that shifted meanwhile hides devices."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a walk is.

    ``start`` is the cursor it began with (None: a full listing), ``at`` the one to go on from
    (None: at its beginning), ``seen`` the devices it has met.
    """

    start: str | None
    at: str | None = None
    seen: SeenRows = field(default_factory=SeenRows)

    @property
    def resumed(self) -> bool:
        """Whether it goes on where another attempt stopped."""
        return self.at is not None


def find(walk: Walk, start: str | None) -> Position:
    """Return where this run's last attempt stopped, with its counts, or the beginning."""
    row = cursors.cursor_of(walk.connection.id, walk.scope, POSITION)
    if row is None or walk.runtime.now() - row.moved_at > STALE:
        return Position(start)
    held = json.loads(row.cursor or "{}")
    if held.get("run") != walk.run.id:
        return Position(start)
    for name, figure in zip(FIGURES, held["figures"], strict=True):
        setattr(walk.counts, name, figure)
    walk.counts.touched.update(held["touched"])
    return Position(held["start"], held["at"], SeenRows.unpack(held["seen"]))


def keep(session: Session, walk: Walk, position: Position, at: str | None, now: datetime) -> None:
    """Remember that everything before ``at`` is stored; None where nobody can go on."""
    if at is None:
        return
    held = {
        "run": walk.run.id,
        "start": position.start,
        "at": at,
        "seen": position.seen.pack(),
        "figures": [getattr(walk.counts, name) for name in FIGURES],
        "touched": sorted(walk.counts.touched),
    }
    cursors.move_cursor(session, walk.connection.id, walk.scope, POSITION, json.dumps(held), now)


def forget(session: Session, walk: Walk) -> None:
    """Drop the position: the walk is whole, or must begin anew."""
    session.execute(
        delete(Cursor).where(
            Cursor.connection_id == walk.connection.id,
            Cursor.scope == walk.scope,
            Cursor.what == POSITION,
        )
    )
