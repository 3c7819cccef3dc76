"""How far each walk through a remote's lists has come."""

from datetime import datetime

from sqlalchemy.orm import Session

from plugin.store.base import db
from plugin.store.mirror import Cursor


def cursor_of(connection_id: int, scope: str, what: str) -> Cursor | None:
    """Return how far a walk has come, or None when it never started."""
    return db.session.get(Cursor, (connection_id, scope, what))


def move_cursor(
    session: Session,
    connection_id: int,
    scope: str,
    what: str,
    cursor: str | None,
    now: datetime,
    *,
    full: bool = False,
) -> None:
    """Remember how far a walk has come, in the transaction of the rows it covers.

    An unchanged cursor is not written, so that a run without news leaves no trace.
    """
    row = session.get(Cursor, (connection_id, scope, what))
    if row is None:
        row = Cursor(connection_id=connection_id, scope=scope, what=what, cursor=None)
        session.add(row)
    elif row.cursor == cursor and not full:
        return
    row.cursor, row.moved_at = cursor, now
    if full:
        row.full_at = now
