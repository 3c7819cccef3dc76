"""What a person should hear of bridges: one that is lost, one that is lent, work that waits."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from plugin.domain.notice_texts import Told, is_back
from plugin.domain.notices import Condition, NoticeKind
from plugin.runtime import Runtime
from plugin.services.bridges import leases
from plugin.services.bridges.history import BRIDGE_ONLY, is_alive, living
from plugin.services.bridges.leases import Ground, place_of
from plugin.store.base import db
from plugin.store.bridges import Bridge, BridgeEvent, BridgeLoan
from plugin.store.integrations import Connection, Integration

OFFLINE, LENT, AWAITED = "bridge", "lent", "awaited"
KINDS = (OFFLINE, LENT, AWAITED)
"""What the keys of these conditions begin with."""


def conditions(runtime: Runtime, known: Sequence[Connection]) -> Iterator[Condition]:
    """Yield what is the matter with the bridges and with those of ``known`` that need them."""
    yield from (_offline(each) for each in living() if _is_lost(runtime, each))
    yield from _lent()
    yield from _awaited(runtime, known)


def unsure(runtime: Runtime, known: Sequence[Connection]) -> set[str]:
    """Return the keys of what has held for less than one beat, which may mean nothing.

    After an outage of this server every bridge looks lost until its next beat.
    """
    since = runtime.now() - timedelta(seconds=runtime.settings.bridge_beat)
    fresh = [each for each in living() if _is_lost(runtime, each) and _lost_lately(each, since)]
    loans = db.session.scalars(select(BridgeLoan).where(BridgeLoan.since > since))
    found = {_key(each) for each in fresh}
    found |= {f"{LENT}:{each.integration_id}:{each.bridge_id}" for each in loans}
    return found | ({f"{AWAITED}:{each.id}" for each in known} if fresh else set())


def _lost_lately(bridge: Bridge, since: datetime) -> bool:
    """Tell whether the loss was noted after ``since``, or was not noted yet."""
    noted = BridgeEvent.bridge_id == bridge.id, BridgeEvent.kind == "offline"
    query = select(BridgeEvent.id).where(*noted, BridgeEvent.at > since).limit(1)
    return bridge.online or db.session.scalar(query) is not None


def recovered(runtime: Runtime) -> dict[str, Told]:
    """Return what is said of the bridges that are online, if they were told to be offline."""
    well = (each for each in living() if is_alive(runtime, each))
    return {_key(each): is_back(each.name, _page(each.id)) for each in well}


def _key(bridge: Bridge) -> str:
    return f"{OFFLINE}:{bridge.id}"


def _page(bridge_id: int) -> str:
    return f"/bridges/{bridge_id}"


def _is_lost(runtime: Runtime, bridge: Bridge) -> bool:
    """Tell whether a bridge that was heard once has missed its deadline."""
    return bridge.beat_at is not None and not is_alive(runtime, bridge)


def _offline(bridge: Bridge) -> Condition:
    return Condition(
        _key(bridge),
        NoticeKind.BRIDGE_OFFLINE,
        str(bridge.id),
        1,
        bridge.name,
        f"Its last beat came on {bridge.beat_at:%Y-%m-%d at %H:%M:%S} UTC.",
        _page(bridge.id),
    )


def _lent() -> Iterator[Condition]:
    """Yield the integrations that another's bridge serves; a new helper is told anew."""
    query = (
        select(Integration.id, Integration.name, Bridge.id, Bridge.name)
        .join(BridgeLoan, BridgeLoan.integration_id == Integration.id)
        .join(Bridge, Bridge.id == BridgeLoan.bridge_id)
        .where(Integration.deleted_at.is_(None))
        .order_by(Integration.id)
    )
    for number, integration, bridge_id, bridge in db.session.execute(query):
        text = f"{bridge} helps out, because its own bridges are lost."
        key = f"{LENT}:{number}:{bridge_id}"
        path = _page(bridge_id)
        yield Condition(key, NoticeKind.BRIDGE_LENT, key, 1, integration, text, path)


def _awaited(runtime: Runtime, known: Sequence[Connection]) -> Iterator[Condition]:
    """Yield the connections that only bridges reach and for which there is none."""
    names = {each.id: each.name for each in known if each.reach == BRIDGE_ONLY}
    if not names:
        return
    text, kind = "No bridge is online for all or some of its workspaces.", NoticeKind.BRIDGE_AWAITED
    for number in sorted(names.keys() & set(_waiting(leases.survey(runtime)))):
        key = f"{AWAITED}:{number}"
        yield Condition(key, kind, str(number), 1, names[number], text, "/bridges")


def _waiting(ground: Ground) -> Iterator[int]:
    """Yield a connection's number for each of its places that no bridge can be given."""
    served = {int(home) for name, home in ground.homes.items() if name in ground.online}
    served |= set(db.session.scalars(select(BridgeLoan.integration_id)))
    holders = ground.holders()
    for name, owner in ground.owners.items():
        if name not in holders and owner not in served:
            yield place_of(name)[0]
