"""What an action on many devices would do: on which of them, and on which not and why.

A whole workspace becomes one action where its vendor has a task of its own for that, else one for
each of its devices. Nothing in here writes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import aliased

from plugin.domain.model import ActionKind, ActionTarget
from plugin.runtime import Runtime
from plugin.services import actions, groups
from plugin.services.lists import records
from plugin.services.lists.scope import Scope
from plugin.store.actions import Action
from plugin.store.base import db
from plugin.store.groups import VendorGroup
from plugin.store.integrations import Connection
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow

UNDER_WAY = "this is under way there already"
_CHUNK = 500
_SENSELESS: Mapping[ActionKind, tuple[bool, str]] = {
    ActionKind.ISOLATE: (True, "isolated already"),
    ActionKind.END_ISOLATION: (False, "not isolated"),
}
"""Where an action makes no sense: the isolation that a device has, and how that is said."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a person points at: some devices, a workspace or a host's company, by our numbers."""

    devices: tuple[int, ...] = ()
    workspace: int = 0
    company: int = 0


@dataclass(frozen=True, slots=True)
class Reach:
    """What a target holds; ``name`` is what a person calls it, empty for devices picked singly."""

    name: str = ""
    devices: tuple[DeviceRow, ...] = ()
    workspaces: tuple[WorkspaceRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One action that would be started; on a whole workspace when ``device_id`` is empty."""

    vendor_id: int
    workspace_id: str
    device_id: str
    name: str
    devices: int = 1

    @property
    def target(self) -> ActionTarget:
        """What the vendor is told to act on."""
        return ActionTarget(self.workspace_id, self.device_id)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A device or workspace on which it cannot be done, and why."""

    vendor_id: int
    workspace_id: str
    name: str
    why: str


@dataclass(slots=True)
class Plan:
    """What a wish would do; ``too_many`` when it is more than ``most``, which may be asked at once.

    A plan of too many is cut short: it says that it is too much, not how much.
    """

    kind: ActionKind
    name: str = ""
    parts: list[Part] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    most: int = 0
    too_many: bool = False

    @property
    def devices(self) -> int:
        """How many devices it is about."""
        return sum(each.devices for each in self.parts)

    @property
    def whole(self) -> list[Part]:
        """The parts that are left to a task of the vendor's own."""
        return [each for each in self.parts if not each.device_id]

    @property
    def seal(self) -> str:
        """A word that changes when anything in the plan does: what is confirmed is what is done."""
        said = sorted([each.vendor_id, each.workspace_id, each.device_id] for each in self.parts)
        return hashlib.sha256(json.dumps([self.kind.value, said]).encode()).hexdigest()[:32]

    def by_vendor(self) -> list[tuple[int, int]]:
        """Return the vendor connections with how many devices each is asked to act on."""
        counts: Counter[int] = Counter()
        for each in self.parts:
            counts[each.vendor_id] += each.devices
        return sorted(counts.items())


# -- what is meant -------------------------------------------------------------------------------


def reach(scope: Scope, target: Target) -> Reach | None:
    """Return what a target holds; None when any of it is not there or not for this reader."""
    if target.devices:
        return _picked(scope, target.devices)
    if target.workspace:
        row = db.session.get(WorkspaceRow, target.workspace)
        return Reach(row.name, workspaces=(row,)) if row and _shows(scope, row) else None
    company = db.session.get(CompanyRow, target.company) if target.company else None
    found = records.client(scope, company.host_id, company.company_id) if company else None
    if found is None:
        return None
    shown = tuple(each for each in found.workspaces if _shows(scope, each))
    return Reach(found.company.name, workspaces=shown)


def _picked(scope: Scope, numbers: Sequence[int]) -> Reach | None:
    wanted, found = sorted(set(numbers)), list[DeviceRow]()
    for start in range(0, len(wanted), _CHUNK):
        part = DeviceRow.id.in_(wanted[start : start + _CHUNK])
        found += db.session.scalars(select(DeviceRow).where(part))
    shown = [each for each in found if scope.shows_workspace(each.vendor_id, each.workspace_id)]
    if len(shown) < len(wanted):
        return None
    return Reach(devices=tuple(sorted(shown, key=lambda row: (row.name, row.id))))


def _shows(scope: Scope, row: WorkspaceRow) -> bool:
    return scope.shows_workspace(row.vendor_id, row.workspace_id)


# -- planning ------------------------------------------------------------------------------------


def plan(runtime: Runtime, here: Reach, kind: ActionKind) -> Plan:
    """Return what an action would be done on, and on what not; changes nothing."""
    made = Plan(kind, here.name, most=runtime.settings.limits.actions.at_once)
    for device in here.devices:
        _add_device(runtime, made, device)
    for workspace in here.workspaces:
        _add_workspace(runtime, made, workspace)
    made.too_many = len(made.parts) > made.most
    under_way = living(made)
    for part in [each for each in made.parts if key(kind, each) in under_way]:
        made.parts.remove(part)
        made.left_out.append(LeftOut(part.vendor_id, part.workspace_id, part.name, UNDER_WAY))
    return made


def offered(runtime: Runtime, here: Reach) -> list[Plan]:
    """Return the plans of all actions that can be done on anything there."""
    plans = (plan(runtime, here, kind) for kind in ActionKind)
    return [each for each in plans if each.parts]


def _add_device(runtime: Runtime, made: Plan, device: DeviceRow) -> None:
    name = device.name or device.device_id
    why = actions.obstacle(runtime, device, made.kind)
    if why:
        made.left_out.append(LeftOut(device.vendor_id, device.workspace_id, name, why))
    else:
        made.parts.append(Part(device.vendor_id, device.workspace_id, device.device_id, name))


def _add_workspace(runtime: Runtime, made: Plan, row: WorkspaceRow) -> None:
    runner = actions.runner_of(runtime, row.vendor_id)
    why = "" if row.devices and row.gone_at is None else "no device is known there"
    if runner is None or made.kind not in actions.permitted(runtime, row.vendor_id):
        why = "its vendor does not offer this"
    if why or runner is None:
        made.left_out.append(LeftOut(row.vendor_id, row.workspace_id, row.name, why))
    elif made.kind in runner.whole and _stands_alone(runtime, row):
        made.parts.append(Part(row.vendor_id, row.workspace_id, "", row.name, row.devices))
    else:
        _add_devices_of(runtime, made, row)


def _add_devices_of(runtime: Runtime, made: Plan, row: WorkspaceRow) -> None:
    here: list[ColumnElement[bool]] = [
        DeviceRow.vendor_id == row.vendor_id,
        DeviceRow.workspace_id == row.workspace_id,
        DeviceRow.gone_at.is_(None),
    ]
    if made.kind in _SENSELESS:
        has, said = _SENSELESS[made.kind]
        number = db.session.scalar(
            select(func.count()).select_from(DeviceRow).where(*here, DeviceRow.isolated.is_(has))
        )
        if number:
            why = f"{number:,} of its devices: {said}"
            made.left_out.append(LeftOut(row.vendor_id, row.workspace_id, row.name, why))
        here.append(or_(DeviceRow.isolated.is_(not has), DeviceRow.isolated.is_(None)))
    query = select(DeviceRow).where(*here).order_by(DeviceRow.name, DeviceRow.id)
    for device in db.session.scalars(query.limit(made.most + 1)):
        _add_device(runtime, made, device)


def _stands_alone(runtime: Runtime, row: WorkspaceRow) -> bool:
    """Tell whether a task for the workspace is sure to reach no other client's devices.

    Its groups may hold another client's; where they are not known yet, nobody can tell.
    """
    connection = db.session.get_one(Connection, row.vendor_id)
    if not groups.has_groups(runtime, connection):
        return True
    known = select(VendorGroup.id).where(VendorGroup.vendor_id == row.vendor_id)
    inner, outer = aliased(VendorGroup), aliased(VendorGroup)
    others = (
        select(inner.id)
        .join(outer, (outer.vendor_id == inner.vendor_id) & (outer.group_id == inner.parent_id))
        .where(outer.vendor_id == row.vendor_id, outer.workspace_id == row.workspace_id)
        .where(inner.workspace_id != row.workspace_id)
    )
    found, foreign = (db.session.scalar(query.limit(1)) for query in (known, others))
    return found is not None and foreign is None


def key(kind: ActionKind, part: Part) -> str:
    """Return what only one living action may be called."""
    return actions.living_key(kind, part.vendor_id, part.target)


def living(made: Plan) -> set[str]:
    """Return which of the plan's actions live already."""
    keys, found = [key(made.kind, each) for each in made.parts], set[str]()
    for start in range(0, len(keys), _CHUNK):
        part = Action.living.in_(keys[start : start + _CHUNK])
        found.update(each for each in db.session.scalars(select(Action.living).where(part)) if each)
    return found
