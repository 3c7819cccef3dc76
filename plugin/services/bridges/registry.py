"""Who is a bridge: named, given a one-time token, enrolled, heard, turned out."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import func, select, update

from plugin.domain.errors import RefusedError, RuleError
from plugin.runtime import Runtime
from plugin.services.bridges.history import note
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.bridges import Bridge
from plugin.store.integrations import Integration, Preference

ALLOWED = "bridge-companies"


class StrangerError(RefusedError):
    """A bridge program without a token or secret that counts."""

    def __init__(self) -> None:
        """Say no more than a stranger may know."""
        super().__init__("Bridgehead", "does not know this bridge (any more)", code="bridge")


def _digest(secret: str) -> str:
    # Random texts of 256 bits need no slow hash: nobody can try them all.
    return hashlib.sha256(secret.encode()).hexdigest()


# -- naming and allowing -----------------------------------------------------------------------


def name(runtime: Runtime, actor: str, text: str) -> Bridge:
    """Name a bridge by hand, for a host that lists no computers."""
    text = text.strip()
    if not text or len(text) > 200:
        raise RuleError("name", "Give the bridge a name of up to 200 characters.")
    taken = select(Bridge.id).where(
        func.lower(Bridge.name) == text.lower(),
        Bridge.host_id.is_(None),
        Bridge.revoked_at.is_(None),
    )
    if db.session.scalar(taken) is not None:
        raise RuleError("name", "Another bridge has this name already.")
    with writing() as session:
        bridge = Bridge(name=text, roles=[], created_at=runtime.now())
        session.add(bridge)
        session.flush()
        audit(runtime, session, actor, "bridge.name", text)
    return bridge


def allowed_companies() -> set[str]:
    """Return the companies whose computers may be bridges, as ``host:company``."""
    row = db.session.get(Preference, ALLOWED)
    return set(row.value) if row is not None else set()


def may_be_bridge(bridge: Bridge) -> bool:
    """Tell whether the computer's company may have bridges: they see other clients' data."""
    return bridge.host_id is None or _place(bridge) in allowed_companies()


def _place(bridge: Bridge) -> str:
    return f"{bridge.host_id}:{bridge.company_id}"


def allow_company(runtime: Runtime, actor: str, bridge: Bridge) -> None:
    """Allow bridges on the computers of this computer's company."""
    with writing() as session:
        row = session.get(Preference, ALLOWED)
        if row is None:
            row = Preference(name=ALLOWED, value=[])
            session.add(row)
        row.value = sorted({*row.value, _place(bridge)})
        row.changed_by, row.changed_at = actor, runtime.now()
        audit(runtime, session, actor, "bridge.allow", bridge.name, after={"company": row.value})


# -- enrolling ---------------------------------------------------------------------------------


def new_token(runtime: Runtime, actor: str, bridge: Bridge) -> str:
    """Return a fresh one-time token for the bridge; an earlier one counts no more."""
    if not may_be_bridge(bridge):
        raise RuleError(
            "company",
            f"{bridge.name} belongs to a company that may not have bridges, because a bridge sees "
            "other clients' data. Allow its company first, if it is your own.",
        )
    token = secrets.token_urlsafe(32)
    with writing() as session:
        hours = runtime.settings.limits.bridges.enrol_hours
        bridge.token_digest = _digest(token)
        bridge.token_until = runtime.now() + timedelta(hours=hours)
        audit(runtime, session, actor, "bridge.token", bridge.name)
    return token


def enrol(runtime: Runtime, token: str, version: str) -> tuple[Bridge, str]:
    """Trade a one-time token for the bridge's own secret; StrangerError when it does not count."""
    secret = secrets.token_urlsafe(32)
    now = runtime.now()
    with writing() as session:
        query = select(Bridge).where(Bridge.token_digest == _digest(token))
        bridge = session.scalar(query.with_for_update())
        if bridge is None or bridge.token_until is None or bridge.token_until < now:
            raise StrangerError
        bridge.token_digest = bridge.token_until = None
        bridge.digest, bridge.enrolled_at, bridge.revoked_at = _digest(secret), now, None
        bridge.version, bridge.beat_at = version[:40], None
        note(session, now, "enrolled", "The bridge program enrolled.", bridge_id=bridge.id)
        audit(runtime, session, bridge.name, "bridge.enrol", bridge.name)
    return bridge, secret


def known(secret: str) -> Bridge:
    """Return the bridge that a secret belongs to; StrangerError when there is none."""
    bridge = db.session.scalar(
        select(Bridge).where(Bridge.digest == _digest(secret), Bridge.revoked_at.is_(None))
    )
    if bridge is None:
        raise StrangerError
    return bridge


def revoke(runtime: Runtime, actor: str, bridge: Bridge) -> None:
    """Turn a bridge out at once: its secret and its token count no more."""
    with writing() as session:
        now = runtime.now()
        bridge.revoked_at, bridge.digest, bridge.token_digest = now, None, None
        bridge.online = False
        note(session, now, "revoked", f"Turned out by {actor}.", bridge_id=bridge.id)
        audit(runtime, session, actor, "bridge.revoke", bridge.name)


# -- being heard -------------------------------------------------------------------------------


def beat(runtime: Runtime, bridge: Bridge, version: str) -> bool:
    """Note a sign of life; returns whether the bridge was thought lost before."""
    now = runtime.now()
    came_back = not bridge.online
    # An UPDATE, so that two beats at once cannot overwrite what a person changes meanwhile.
    with writing() as session:
        values = {"beat_at": now, "online": True, "version": version[:40]}
        session.execute(update(Bridge).where(Bridge.id == bridge.id).values(**values))
        if came_back:
            note(session, now, "online", "The bridge is online.", bridge_id=bridge.id)
    return came_back


def note_error(runtime: Runtime, bridge: Bridge, text: str) -> None:
    """Keep the last thing that went wrong at a bridge."""
    with writing():
        bridge.last_error, bridge.last_error_at = text[:2000], runtime.now()


# -- what a person sets ------------------------------------------------------------------------


def place(runtime: Runtime, actor: str, bridge: Bridge, integration_id: int | None) -> None:
    """Map a bridge onto an integration (or none) by hand; plans respect it."""
    integration = db.session.get(Integration, integration_id) if integration_id else None
    if integration_id and (integration is None or integration.deleted_at is not None):
        raise RuleError("integration", f"There is no integration {integration_id}.")
    with writing() as session:
        before = {"integration": bridge.integration_id}
        bridge.integration_id = integration.id if integration is not None else None
        bridge.pinned = integration is not None
        told = integration.name if integration is not None else "no integration"
        now = runtime.now()
        note(session, now, "mapped", f"Mapped onto {told} by {actor}.", bridge_id=bridge.id)
        after = {"integration": bridge.integration_id}
        audit(runtime, session, actor, "bridge.map", bridge.name, before=before, after=after)


def set_capacity(runtime: Runtime, actor: str, bridge: Bridge, capacity: int) -> None:
    """Set how much weight the bridge should not exceed; 0 for any."""
    if not 0 <= capacity <= 10_000_000:
        raise RuleError("capacity", "The capacity must be between 0 (any) and 10,000,000 devices.")
    with writing() as session:
        before, bridge.capacity = bridge.capacity, capacity
        audit(
            runtime, session, actor, "bridge.capacity", bridge.name, before=before, after=capacity
        )


def drain(runtime: Runtime, actor: str, bridge: Bridge, *, on: bool) -> None:
    """Let a bridge finish what it has and give it nothing new, or end that."""
    with writing() as session:
        now = runtime.now()
        bridge.draining, bridge.drained_at = ("person", now) if on else ("", None)
        told = "is drained" if on else "takes work again"
        note(session, now, "drained", f"The bridge {told}: {actor}.", bridge_id=bridge.id)
        audit(runtime, session, actor, "bridge.drain", bridge.name, after=on)


def everyone() -> Iterable[Bridge]:
    """Return every bridge that was not turned out, by name."""
    query = select(Bridge).where(Bridge.revoked_at.is_(None)).order_by(Bridge.name, Bridge.id)
    return db.session.scalars(query).all()
