"""Who works on which workspace: lost bridges are noticed, others take over, and it is written down.

Everything is decided anew from the rows in one write transaction, after each event and now and
then, so that nothing has to be remembered and a killed server loses nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from plugin.domain.bridges import Plan, balance, share_out
from plugin.domain.pools import lend, slow, weigh
from plugin.runtime import Runtime
from plugin.services.bridges import tasks
from plugin.services.bridges.history import automatic, is_alive, living, note
from plugin.services.journal import SYSTEM, audit
from plugin.services.scopes import is_whole
from plugin.store.base import db, writing
from plugin.store.bridges import Bridge, BridgeLease, BridgeLoan, BridgeTask, TaskState, hold_turn
from plugin.store.integrations import (
    Connection,
    Integration,
    IntegrationState,
    WorkspaceLink,
)
from plugin.store.mirror import WorkspaceRow

REST = timedelta(minutes=10)
"""How long a bridge that was too slow gets no new work."""

Place = tuple[int, str]
"""A vendor connection's number and the scope in it."""


@dataclass(slots=True)
class Ground:
    """What a decision rests on, as the rows have it now; bridges and places by their names."""

    bridges: dict[str, Bridge]
    leases: dict[str, BridgeLease]
    owners: dict[str, int]
    weights: dict[str, float]
    names: dict[int, str]
    busy: set[str] = field(default_factory=set)

    @property
    def online(self) -> list[str]:
        """The bridges that may be given work."""
        return [name for name, row in self.bridges.items() if row.online and not row.draining]

    @property
    def homes(self) -> dict[str, str]:
        """The integration that each bridge is mapped onto."""
        return {
            name: str(row.integration_id)
            for name, row in self.bridges.items()
            if row.integration_id in self.names
        }

    def loads(self) -> dict[str, float]:
        """Return the load of each integration."""
        found = {str(number): 0.0 for number in self.names}
        for name, owner in self.owners.items():
            found[str(owner)] += self.weights[name]
        return found

    def holders(self) -> dict[str, str]:
        """Return who holds what now."""
        return {
            name: str(lease.bridge_id)
            for name, lease in self.leases.items()
            if lease.bridge_id is not None and name in self.weights
        }


def name_of(vendor_id: int, scope: str) -> str:
    """Return the name of a place in plans."""
    return f"{vendor_id}:{scope}"


def place_of(name: str) -> Place:
    """Return the place that a name of a plan means."""
    number, _, scope = name.partition(":")
    return int(number), scope


# -- what there is -------------------------------------------------------------------------------


def survey(runtime: Runtime) -> Ground:
    """Read what decisions rest on."""
    rows = {str(row.id): row for row in living()}
    leases = {
        name_of(row.vendor_id, row.scope): row for row in db.session.scalars(select(BridgeLease))
    }
    mapped = {row.integration_id for row in rows.values() if row.integration_id is not None}
    owners, names = _owners(runtime, mapped)
    weights = _weights(owners, leases)
    ground = Ground(rows, leases, owners, weights, names)
    ground.busy = _busy()
    return ground


def _owners(runtime: Runtime, mapped: set[int]) -> tuple[dict[str, int], dict[int, str]]:
    """Return the integration that each place is served for, and the integrations' names.

    A workspace in several integrations is fetched once: for the one that has bridges.
    """
    query = (
        select(
            WorkspaceLink.vendor_id, WorkspaceLink.workspace_id, Integration.id, Integration.name
        )
        .join(Integration)
        .where(Integration.deleted_at.is_(None), Integration.state == IntegrationState.ACTIVE)
        .order_by(Integration.id)
    )
    vendors = {
        row.id: row
        for row in db.session.scalars(select(Connection).where(Connection.deleted_at.is_(None)))
        if runtime.is_active(row)
    }
    owners: dict[str, int] = {}
    names: dict[int, str] = {}
    for vendor_id, workspace_id, number, text in db.session.execute(query):
        if vendor_id not in vendors:
            continue
        whole = is_whole(runtime, vendors[vendor_id])
        name = name_of(vendor_id, "" if whole else workspace_id)
        names[number] = text
        if name not in owners or (number in mapped and owners[name] not in mapped):
            owners[name] = number
    return owners, names


def _weights(owners: Mapping[str, int], leases: Mapping[str, BridgeLease]) -> dict[str, float]:
    counts: dict[str, int] = {}
    query = select(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id, WorkspaceRow.devices)
    for vendor_id, workspace_id, held in db.session.execute(query):
        for name in (name_of(vendor_id, workspace_id), name_of(vendor_id, "")):
            counts[name] = counts.get(name, 0) + (held or 0)
    devices = {name: counts.get(name, 0) for name in owners}
    return weigh(devices, {name: lease.seconds for name, lease in leases.items()})


def _busy() -> set[str]:
    """Return the places that a living bridge is working on just now."""
    query = (
        select(BridgeTask.vendor_id, BridgeTask.scope)
        .join(Bridge, Bridge.id == BridgeTask.bridge_id)
        .where(BridgeTask.state == TaskState.RUNNING, Bridge.online)
    )
    return {name_of(*row) for row in db.session.execute(query).all()}


# -- keeping it so -------------------------------------------------------------------------------


def watch(runtime: Runtime) -> int:
    """Let others take over if a bridge has missed its deadline: cheap enough for every moment."""
    if not runtime.hearing.is_sure(runtime.settings.bridge_beat):
        return 0
    now, deadline = runtime.now(), timedelta(seconds=runtime.settings.bridge_deadline)
    silent = or_(Bridge.beat_at < now - deadline, Bridge.beat_at > now + deadline)
    lost = select(Bridge.id).where(Bridge.online, silent).limit(1)
    return keep(runtime) if db.session.scalar(lost) is not None else 0


def keep(runtime: Runtime, *, level: bool = False) -> int:
    """Notice what changed and let others take over; returns how many workspaces moved.

    ``level`` also evens out loads between bridges that are busy, as a person's plan does.
    """
    bridges = db.session.scalar(select(func.count()).select_from(Bridge))
    leases = db.session.scalar(select(func.count()).select_from(BridgeLease))
    if not bridges and not leases:
        return 0
    with writing() as session:
        hold_turn(session)
        _notice(runtime, session)
        ground = survey(runtime)
        _notice_slow(runtime, session, ground)
        _map_by_itself(runtime, session, ground)
        pools = _pools(runtime, session, ground)
        moved = _settle(runtime, session, ground, pools, level=level)
        lanes = tasks.follow(runtime, session)
    for lane in lanes:
        runtime.wake(lane)
    return moved


def _notice(runtime: Runtime, session: Session) -> None:
    """Tell of bridges whose beats have stopped, unless it was we who could not hear them."""
    if not runtime.hearing.is_sure(runtime.settings.bridge_beat):
        return
    for bridge in session.scalars(select(Bridge).where(Bridge.online)):
        if not is_alive(runtime, bridge):
            bridge.online = False
            when = bridge.beat_at.strftime("%H:%M:%S UTC") if bridge.beat_at else "never"
            text = f"Offline: the last beat was at {when}; others take its work over."
            note(session, runtime.now(), "offline", text, bridge_id=bridge.id)
            audit(runtime, session, SYSTEM, "bridge.offline", bridge.name)
    session.flush()


def _notice_slow(runtime: Runtime, session: Session, ground: Ground) -> None:
    """Drain bridges that are far slower than the others, and let them try again after a rest."""
    now = runtime.now()
    for row in ground.bridges.values():
        if row.draining == "slow" and row.drained_at and now - row.drained_at >= REST:
            row.draining, row.drained_at, row.pace, row.tasks_done = "", None, 0.0, 0
            note(session, now, "drained", "The bridge takes work again.", bridge_id=row.id)
    for name in _slow_ones(ground):
        row = ground.bridges[name]
        row.draining, row.drained_at = "slow", now
        text = "Far slower than the others: it finishes what it has, others take the rest."
        note(session, now, "drained", text, bridge_id=row.id)
        audit(runtime, session, SYSTEM, "bridge.slow", row.name)
    session.flush()


def _slow_ones(ground: Ground) -> list[str]:
    """Compare the bridges of each integration, which talk to the same vendor."""
    pools: dict[str, dict[str, float]] = {}
    for name in ground.online:
        home = ground.homes.get(name, "")
        pools.setdefault(home, {})[name] = ground.bridges[name].pace
    done = {name: ground.bridges[name].tasks_done for name in ground.online}
    return sorted(name for paces in pools.values() for name in slow(paces, done))


def _map_by_itself(runtime: Runtime, session: Session, ground: Ground) -> None:
    """Map bridges that belong nowhere onto integrations, where plans apply themselves."""
    homes = ground.homes
    free = [name for name in ground.online if name not in homes]
    if not free or not automatic()[0]:
        return
    shared = share_out(ground.loads(), ground.online, homes, homes).assigned
    for name in free:
        if name in shared:
            row = ground.bridges[name]
            row.integration_id = int(shared[name])
            text = f"Mapped onto {ground.names[int(shared[name])]} by the automatic plan."
            note(session, runtime.now(), "mapped", text, bridge_id=row.id)
    session.flush()


def _pools(runtime: Runtime, session: Session, ground: Ground) -> dict[int, list[str]]:
    """Return the bridges of each integration, lent ones where its own are lost."""
    held = {str(row.integration_id): row for row in session.scalars(select(BridgeLoan))}
    before = {name: str(row.bridge_id) for name, row in held.items()}
    homes, online = ground.homes, ground.online
    # One that was never heard is no loss: its computer is just being set up.
    heard = {name: home for name, home in homes.items() if ground.bridges[name].beat_at}
    loans = lend(ground.loads(), heard, online, before)
    for name, row in held.items():
        if loans.get(name) != before[name]:
            session.execute(delete(BridgeLoan).where(BridgeLoan.integration_id == int(name)))
            session.expunge(row)
    for name, bridge in loans.items():
        if before.get(name) != bridge:
            _lend(runtime, session, ground, int(name), bridge)
    pools = {
        number: [each for each in online if homes.get(each) == str(number)]
        for number in ground.names
    }
    for name, bridge in loans.items():
        pools[int(name)] = [bridge]
    return pools


def _lend(runtime: Runtime, session: Session, ground: Ground, number: int, bridge: str) -> None:
    now = runtime.now()
    session.add(BridgeLoan(integration_id=number, bridge_id=int(bridge), since=now))
    text = f"Lent to {ground.names[number]}, whose own bridges are lost."
    note(session, now, "lent", text, bridge_id=int(bridge))


def _settle(
    runtime: Runtime,
    session: Session,
    ground: Ground,
    pools: Mapping[int, list[str]],
    *,
    level: bool,
) -> int:
    """Write down who holds what from now on; returns how many changed hands."""
    wanted: dict[str, str] = {}
    for number, pool in pools.items():
        even = level or _is_level_wanted(ground, number, pool)
        wanted |= plan_of(ground, number, pool, level=even).assigned
    moved = 0
    for name, owner in ground.owners.items():
        moved += _hold(runtime, session, ground, name, owner, wanted.get(name, ""))
    for name, lease in ground.leases.items():
        if name not in ground.owners and lease.bridge_id is not None:
            _change(runtime, session, lease, None)
            moved += 1
    session.flush()
    return moved


def _hold(
    runtime: Runtime, session: Session, ground: Ground, name: str, owner: int, wanted: str
) -> int:
    lease = ground.leases.get(name)
    bridge_id = int(wanted) if wanted else None
    if lease is None:
        if bridge_id is None:
            return 0
        vendor_id, scope = place_of(name)
        lease = BridgeLease(
            vendor_id=vendor_id, scope=scope, integration_id=owner, fence=0, since=runtime.now()
        )
        session.add(lease)
    lease.integration_id = owner
    if lease.bridge_id == bridge_id:
        return 0
    holder = ground.bridges.get(str(lease.bridge_id))
    if name in ground.busy and holder is not None and holder.online:
        return 0  # it finishes what it is at, so that nothing is done twice
    _change(runtime, session, lease, bridge_id)
    return 1


def _change(runtime: Runtime, session: Session, lease: BridgeLease, bridge_id: int | None) -> None:
    lease.bridge_id, lease.since = bridge_id, runtime.now()
    lease.fence = (lease.fence or 0) + 1
    text = "The lease began." if bridge_id is not None else "No bridge holds it."
    note(
        session,
        lease.since,
        "lease",
        text,
        bridge_id=bridge_id,
        vendor_id=lease.vendor_id,
        scope=lease.scope,
    )


# -- planning ------------------------------------------------------------------------------------


def plan_of(ground: Ground, number: int, pool: list[str], *, level: bool = False) -> Plan:
    """Return who of the pool should hold which of the integration's workspaces."""
    mine = {name for name, owner in ground.owners.items() if owner == number}
    pins = {
        name: str(lease.pinned_to)
        for name, lease in ground.leases.items()
        if name in mine and lease.pinned_to is not None
    }
    capacity = {
        each: float(ground.bridges[each].capacity) for each in pool if ground.bridges[each].capacity
    }
    current = {name: each for name, each in ground.holders().items() if name in mine}
    weights = {name: ground.weights[name] for name in sorted(mine)}
    return balance(weights, pool, current, pins=pins, capacity=capacity, level=level)


def _is_level_wanted(ground: Ground, number: int, pool: list[str]) -> bool:
    on, threshold = automatic()
    return on and imbalance(plan_of(ground, number, pool)) > threshold


def imbalance(plan: Plan) -> float:
    """Return by how many per cent the heaviest bridge is above the mean load."""
    loads = list(plan.load_after.values())
    mean = sum(loads) / len(loads) if loads else 0.0
    return (max(loads) / mean - 1) * 100 if mean else 0.0
