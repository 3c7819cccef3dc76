"""Plans: what each bridge carries now and would carry, applied by a person or by themselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import select, update

from plugin.domain.bridges import Plan, share_out
from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services.bridges import leases
from plugin.services.bridges.history import BRIDGE_ONLY, PREFERENCE, note
from plugin.services.bridges.leases import Ground, name_of
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.bridges import Bridge, BridgeLease, hold_turn
from plugin.store.integrations import Connection, Preference, Side
from plugin.store.mirror import WorkspaceRow

DIRECT = "direct"

WITHHELD = "a workspace that is not shown to you"


@dataclass(frozen=True, slots=True)
class Move:
    """One workspace that would change hands; empty where nobody holds it."""

    workspace: str
    weight: float
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Load:
    """What one bridge carries before and after, in devices as they weigh."""

    bridge_id: int
    bridge: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """The plan for one integration."""

    integration_id: int
    integration: str
    loads: tuple[Load, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Onto:
    """A bridge that would be mapped onto another integration."""

    bridge_id: int
    bridge: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Proposals:
    """Everything a plan would change."""

    mappings: tuple[Onto, ...]
    integrations: tuple[Proposal, ...]

    @property
    def moves(self) -> int:
        """How many workspaces would change hands."""
        return sum(len(each.moves) for each in self.integrations)


def propose(runtime: Runtime, is_open: Callable[[int, str], bool]) -> Proposals:
    """Return what a plan would change now; nothing is written.

    Workspaces that are not ``is_open`` to the reader, by connection and id, keep their names.
    """
    ground = leases.survey(runtime)
    homes = _homes(ground)
    names = _workspace_names(is_open)
    mappings = tuple(
        Onto(
            ground.bridges[each].id,
            ground.bridges[each].name,
            ground.names.get(ground.bridges[each].integration_id or 0, ""),
            ground.names[int(home)],
        )
        for each, home in homes.items()
        if ground.homes.get(each) != home
    )
    found = []
    for number, text in sorted(ground.names.items(), key=lambda each: each[1]):
        pool = [each for each, home in homes.items() if home == str(number)]
        plan = leases.plan_of(ground, number, pool, level=True)
        found.append(_proposal(ground, number, text, plan, names))
    return Proposals(mappings, tuple(found))


def _homes(ground: Ground) -> Mapping[str, str]:
    pins = {each: home for each, home in ground.homes.items() if ground.bridges[each].pinned}
    return share_out(ground.loads(), ground.online, ground.homes, pins).assigned


def _proposal(
    ground: Ground, number: int, text: str, plan: Plan, names: Mapping[str, str]
) -> Proposal:
    def called(bridge: str) -> str:
        return ground.bridges[bridge].name if bridge in ground.bridges else ""

    loads = tuple(
        Load(int(each), called(each), plan.load_before.get(each, 0.0), plan.load_after[each])
        for each in sorted(plan.load_after, key=called)
    )
    moves = tuple(
        Move(
            names.get(each.workspace, "everything"),
            ground.weights[each.workspace],
            called(each.before),
            called(each.after),
        )
        for each in plan.moves
    )
    return Proposal(number, text, loads, moves)


def _workspace_names(is_open: Callable[[int, str], bool]) -> dict[str, str]:
    query = select(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id, WorkspaceRow.name)
    return {
        name_of(vendor, scope): name if is_open(vendor, scope) else WITHHELD
        for vendor, scope, name in db.session.execute(query)
    }


def apply(runtime: Runtime, actor: str) -> int:
    """Make the proposals so; returns how many workspaces changed hands."""
    with writing() as session:
        hold_turn(session)
        ground = leases.survey(runtime)
        for each, home in _homes(ground).items():
            if ground.homes.get(each) != home:
                row = ground.bridges[each]
                row.integration_id = int(home)
                text = f"Mapped onto {ground.names[int(home)]} by the plan ({actor})."
                note(session, runtime.now(), "mapped", text, bridge_id=row.id)
        audit(runtime, session, actor, "bridge.apply", "plan")
    return leases.keep(runtime, level=True)


# -- settings ------------------------------------------------------------------------------------


def set_automatic(runtime: Runtime, actor: str, *, on: bool, threshold: int) -> None:
    """Let plans apply themselves when the heaviest bridge is so many per cent above the mean."""
    if not 1 <= threshold <= 1000:
        raise RuleError("threshold", "The threshold must be between 1 and 1000 per cent.")
    with writing() as session:
        row = session.get(Preference, PREFERENCE)
        if row is None:
            row = Preference(name=PREFERENCE)
            session.add(row)
        row.value = {"automatic": on, "threshold": threshold}
        row.changed_by, row.changed_at = actor, runtime.now()
        audit(runtime, session, actor, "bridge.automatic", "plan", after=row.value)


def set_reach(runtime: Runtime, actor: str, connection: Connection, reach: str) -> None:
    """Say whether the server may talk to a vendor itself or only a bridge."""
    if connection.side != Side.VENDOR or reach not in {DIRECT, BRIDGE_ONLY}:
        raise RuleError("reach", "A vendor is reached direct or by bridge only: direct or bridge.")
    with writing() as session:
        before = connection.reach
        # An UPDATE: how it is reached is no part of what two editors could overwrite.
        session.execute(
            update(Connection).where(Connection.id == connection.id).values(reach=reach)
        )
        audit(
            runtime, session, actor, "connection.reach", connection.name, before=before, after=reach
        )


def pin(runtime: Runtime, actor: str, vendor_id: int, scope: str, bridge: Bridge | None) -> None:
    """Let one bridge hold a workspace while it is online; None ends that."""
    with writing() as session:
        hold_turn(session)
        lease = session.get(BridgeLease, (vendor_id, scope))
        if lease is None:
            raise RuleError(
                "workspace", "No bridge has held this workspace yet; map a bridge onto it first."
            )
        lease.pinned_to = bridge.id if bridge is not None else None
        called = bridge.name if bridge is not None else "nobody"
        text = f"Pinned to {called} by {actor}."
        at = runtime.now()
        note(
            session, at, "pinned", text, bridge_id=lease.pinned_to, vendor_id=vendor_id, scope=scope
        )
        audit(runtime, session, actor, "bridge.pin", f"{vendor_id}:{scope}"[:200], after=called)
    leases.keep(runtime)


# -- what pages show -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """A workspace that a bridge holds; ``row_id`` is its own page's number, if it has one."""

    vendor_id: int
    scope: str
    name: str
    row_id: int | None
    devices: int
    since: object
    pinned: bool


def held_by(bridge: Bridge) -> list[Held]:
    """Return what a bridge holds, the largest first."""
    query = (
        select(BridgeLease, WorkspaceRow)
        .outerjoin(
            WorkspaceRow,
            (WorkspaceRow.vendor_id == BridgeLease.vendor_id)
            & (WorkspaceRow.workspace_id == BridgeLease.scope),
        )
        .where(BridgeLease.bridge_id == bridge.id)
    )
    found = [
        Held(
            lease.vendor_id,
            lease.scope,
            row.name if row is not None else "everything of the connection",
            row.id if row is not None else None,
            row.devices or 0 if row is not None else 0,
            lease.since,
            lease.pinned_to == bridge.id,
        )
        for lease, row in db.session.execute(query).all()
    ]
    return sorted(found, key=lambda each: (-each.devices, each.name))


@dataclass(frozen=True, slots=True)
class Line:
    """One bridge in the list, with what it carries."""

    row: Bridge
    integration: str
    workspaces: int
    load: float
    lag: float | None
    enrolled: bool


def lines(runtime: Runtime, bridges: list[Bridge]) -> list[Line]:
    """Return the list's lines: load in weighted devices, lag in seconds since the last beat."""
    ground = leases.survey(runtime)
    load: dict[str, float] = {}
    count: dict[str, int] = {}
    for name, bridge in ground.holders().items():
        load[bridge] = load.get(bridge, 0.0) + ground.weights[name]
        count[bridge] = count.get(bridge, 0) + 1
    now = runtime.now()
    return [
        Line(
            row,
            ground.names.get(row.integration_id or 0, ""),
            count.get(str(row.id), 0),
            load.get(str(row.id), 0.0),
            (now - row.beat_at).total_seconds() if row.beat_at is not None else None,
            row.digest is not None,
        )
        for row in bridges
    ]
