"""The history of bridges, and what every part here asks of their rows."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.store.base import db
from plugin.store.bridges import Bridge, BridgeEvent
from plugin.store.integrations import Preference

BRIDGE_ONLY = "bridge"
"""The value of ``Connection.reach`` for a vendor that only bridges can talk to."""

PREFERENCE = "bridges"
THRESHOLD = 20
NEWEST = 50


def note(
    session: Session,
    at: datetime,
    kind: str,
    text: str,
    *,
    bridge_id: int | None = None,
    vendor_id: int | None = None,
    scope: str = "",
) -> None:
    """Add one line to the history, in the caller's transaction."""
    session.add(
        BridgeEvent(
            at=at, kind=kind, text=text, bridge_id=bridge_id, vendor_id=vendor_id, scope=scope
        )
    )


def of_bridge(bridge_id: int) -> list[BridgeEvent]:
    """Return the newest lines of a bridge's history, newest first."""
    query = select(BridgeEvent).where(BridgeEvent.bridge_id == bridge_id)
    return list(db.session.scalars(query.order_by(BridgeEvent.id.desc()).limit(NEWEST)))


def of_scope(vendor_id: int, scope: str) -> list[BridgeEvent]:
    """Return who held a workspace, newest first."""
    query = select(BridgeEvent).where(
        BridgeEvent.vendor_id == vendor_id, BridgeEvent.scope == scope
    )
    return list(db.session.scalars(query.order_by(BridgeEvent.id.desc()).limit(NEWEST)))


def get(bridge_id: int) -> Bridge:
    """Return a bridge; RuleError when there is none with this number."""
    found = db.session.get(Bridge, bridge_id)
    if found is None:
        raise RuleError("bridge", f"There is no bridge {bridge_id}.")
    return found


def living() -> list[Bridge]:
    """Return the bridges whose program has enrolled and was not turned out, by number."""
    query = select(Bridge).where(Bridge.digest.is_not(None), Bridge.revoked_at.is_(None))
    return list(db.session.scalars(query.order_by(Bridge.id)))


def is_alive(runtime: Runtime, bridge: Bridge) -> bool:
    """Tell whether a bridge's last beat is within the deadline.

    One that lies far ahead is of a clock that was set back since: who lives has beaten again.
    """
    if bridge.beat_at is None or bridge.digest is None or bridge.revoked_at is not None:
        return False
    deadline = timedelta(seconds=runtime.settings.bridge_deadline)
    return abs(runtime.now() - bridge.beat_at) <= deadline


def automatic() -> tuple[bool, int]:
    """Return whether plans are applied by themselves, and from what imbalance on (per cent)."""
    row = db.session.get(Preference, PREFERENCE)
    value = row.value if row is not None else {}
    return bool(value.get("automatic", False)), int(value.get("threshold", THRESHOLD))
