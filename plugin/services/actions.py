"""Actions on devices: asked by a person, started by the vendor, followed to the vendor's own end.

An action is done only when the vendor says so. Before anything is started the row says so, and
after a lost answer the vendor is searched for it before it is started again.
"""

from datetime import datetime, timedelta
from itertools import islice
from typing import cast

from sqlalchemy import select

from plugin.domain.contracts import RunsActions
from plugin.domain.errors import EdgeError, MissingError, RefusedError, RuleError
from plugin.domain.model import ActionKind, ActionProgress, ActionState, ActionTarget
from plugin.runtime import Runtime
from plugin.services.connections import advice_for
from plugin.services.fate import Fate, FateKind
from plugin.services.journal import SYSTEM, audit
from plugin.store.actions import Action
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.mirror import DeviceRow
from plugin.store.queue import Claim, enqueue

RUN = "action"
LOOK_AGAIN, LATER = timedelta(seconds=15), timedelta(minutes=2)
SOON = timedelta(minutes=10)
"""An action is looked at every 15 seconds so long, then every two minutes."""

A_LOOK = timedelta(seconds=0.3)
"""What each action of one wish adds to the pause between two looks at any of them."""

PATIENCE = timedelta(days=2)
"""A device that is off fetches its task within a day, or never."""

CLOCKS_APART = timedelta(minutes=1)
NEWEST = 10
_MOST_FOUND = 100


# -- asking --------------------------------------------------------------------------------------


def offered(runtime: Runtime, device: DeviceRow) -> list[ActionKind]:
    """Return the actions that make sense on a device, as far as its vendor has them."""
    return [each for each in ActionKind if not obstacle(runtime, device, each)]


def runner_of(runtime: Runtime, vendor_id: int) -> type[RunsActions] | None:
    """Return the kind of a vendor connection if it runs actions at all."""
    connection = db.session.get(Connection, vendor_id)
    kind = runtime.adapters.get(connection.kind) if connection is not None else None
    return cast(type[RunsActions], kind) if kind and issubclass(kind, RunsActions) else None


def permitted(runtime: Runtime, vendor_id: int) -> frozenset[ActionKind]:
    """Return the actions that a vendor connection is meant to start; none where it has none."""
    connection, runner = db.session.get(Connection, vendor_id), runner_of(runtime, vendor_id)
    if connection is None or runner is None:
        return frozenset()
    return runner.permitted(connection.settings)


def obstacle(runtime: Runtime, device: DeviceRow, kind: ActionKind) -> str:
    """Return why an action makes no sense on a device; empty when it does."""
    runner = runner_of(runtime, device.vendor_id)
    if runner is None or kind not in runner.actions:
        return "its vendor does not offer this"
    if kind not in permitted(runtime, device.vendor_id):
        return "its connection is read-only"
    if device.gone_at is not None:
        return "the vendor no longer reports it"
    if kind is ActionKind.ISOLATE and device.isolated:
        return "it is isolated already"
    if kind is ActionKind.END_ISOLATION and device.isolated is False:
        return "it is not isolated"
    return ""


def get(action_id: int) -> Action:
    """Return an action; RuleError when there is none."""
    found = db.session.get(Action, action_id)
    if found is None:
        raise RuleError("action", f"there is no action {action_id}")
    return found


def of_device(device: DeviceRow) -> list[Action]:
    """Return the newest actions of a device."""
    query = select(Action).where(
        Action.vendor_id == device.vendor_id,
        Action.workspace_id == device.workspace_id,
        Action.device_id == device.device_id,
    )
    return list(db.session.scalars(query.order_by(Action.id.desc()).limit(NEWEST)))


def ask(runtime: Runtime, actor: str, device: DeviceRow, kind: ActionKind) -> Action:
    """Wish for an action; RuleError when it makes no sense or is under way already."""
    if kind not in offered(runtime, device):
        raise RuleError("action", "This is not possible on this device.")
    target, now = ActionTarget(device.workspace_id, device.device_id), runtime.now()
    action = waiting(kind, device.vendor_id, target, device.name)
    action.asked_by, action.asked_at = actor, now
    with writing() as session:
        if session.scalar(select(Action.id).where(Action.living == action.living)) is not None:
            raise RuleError("action", "This is under way on the device already.")
        session.add(action)
        session.flush()
        audit(runtime, session, actor, "action.ask", device.name, after=_told(action))
        lane, subject = lane_of(device.vendor_id), str(action.id)
        enqueue(session, RUN, subject, lane, now=now, connection_id=action.vendor_id)
    runtime.wake(lane)
    return action


def waiting(kind: ActionKind, vendor_id: int, target: ActionTarget, name: str) -> Action:
    """Return an action that is not asked for yet, on a device or on a whole workspace."""
    return Action(
        vendor_id=vendor_id,
        workspace_id=target.workspace_id,
        device_id=target.device_id,
        device_name=name,
        kind=kind.value,
        living=living_key(kind, vendor_id, target),
        state=ActionState.WAITING.value,
        reference="",
        detail="",
    )


def living_key(kind: ActionKind, vendor_id: int, target: ActionTarget) -> str:
    """Return what only one living action may be called."""
    return f"{vendor_id}:{kind.value}:{target.workspace_id}:{target.device_id}"[:480]


def lane_of(vendor_id: int) -> str:
    """Return the lane in which the actions of a vendor connection are worked."""
    return f"actions:{vendor_id}"


def _told(action: Action) -> dict[str, object]:
    return {
        "id": action.id,
        "action": action.kind,
        "device": action.device_id,
        "state": action.state,
        "detail": action.detail,
    }


# -- working -------------------------------------------------------------------------------------


def work(runtime: Runtime, claim: Claim) -> datetime | None:
    """Start an action, or look how far it is; returns when to look again."""
    action = db.session.get(Action, int(claim.subject))
    if action is None or action.living is None:
        claim.heard = False
        return None
    if not runtime.is_active(action.vendor):
        claim.heard = False
        return runtime.now() + timedelta(seconds=60)
    runner = cast(RunsActions, runtime.vendor(action.vendor))
    if not action.reference and not _start(runtime, runner, action):
        return None
    reference = action.reference
    db.session.commit()
    return _follow(runtime, action, runner.progress(reference))


def _start(runtime: Runtime, runner: RunsActions, action: Action) -> bool:
    """Start it, or find what an earlier try has started; False when the vendor will not."""
    kind, target = ActionKind(action.kind), ActionTarget(action.workspace_id, action.device_id)
    sent_at = action.sent_at
    try:
        found = _search(runner, action, kind, target) if sent_at is not None else ""
        if not found:
            with writing():
                action.sent_at = sent_at or runtime.now()
            found, detail = runner.start(kind, target), ""
        else:
            detail = "found at the vendor after an unclear answer; not started twice"
    except (RefusedError, MissingError, RuleError) as error:
        if isinstance(error, RefusedError) and error.status != 403:
            raise
        _end(runtime, action, ActionState.FAILED, _why_not(runner, error))
        return False
    with writing():
        action.reference, action.detail = found, detail
    return True


def _search(runner: RunsActions, action: Action, kind: ActionKind, target: ActionTarget) -> str:
    """Return the reference of what a lost answer had started, empty when there is none."""
    since = (action.sent_at or action.asked_at) - CLOCKS_APART
    known = set(
        db.session.scalars(
            select(Action.reference).where(
                Action.vendor_id == action.vendor_id, Action.device_id == action.device_id
            )
        )
    )
    db.session.commit()
    found = islice(runner.started(kind, target, since), _MOST_FOUND)
    return next((each for each in found if each not in known), "")


def _why_not(runner: RunsActions, error: EdgeError | RuleError) -> str:
    """Return cause and cure: what the account may not do concerns this action alone."""
    if isinstance(error, RuleError):
        return error.message
    advice = runner.advice("", error) if hasattr(runner, "advice") else None
    advice = advice or advice_for(error)
    return f"{error.who} {error.message}. Why: {advice.cause} What to do: {advice.cure}"


def _follow(runtime: Runtime, action: Action, progress: ActionProgress) -> datetime | None:
    now = runtime.now()
    if progress.state in {ActionState.DONE, ActionState.FAILED}:
        _end(runtime, action, progress.state, progress.detail)
        return None
    if now - action.asked_at > PATIENCE:
        text = f"the vendor told no end within {PATIENCE.days} days; it may still happen"
        _end(runtime, action, ActionState.FAILED, text)
        return None
    if (action.state, action.detail) != (progress.state.value, progress.detail):
        with writing():
            action.state, action.detail = progress.state.value, progress.detail
    return now + _pause(action, now)


def _pause(action: Action, now: datetime) -> timedelta:
    """Return when to look again: many of one wish together look only a few times a second."""
    usual = LOOK_AGAIN if now - action.asked_at < SOON else LATER
    return max(usual, (action.wish.tasks if action.wish else 0) * A_LOOK)


def _end(runtime: Runtime, action: Action, state: ActionState, detail: str) -> None:
    with writing() as session:
        action.state, action.living, action.ended_at = state.value, None, runtime.now()
        action.detail = detail[:2000]
        audit(runtime, session, SYSTEM, "action.end", action.device_name, after=_told(action))


# -- what went wrong -----------------------------------------------------------------------------


def note_fate(runtime: Runtime, claim: Claim, fate: Fate) -> None:
    """Write into the action what failed and what happens next."""
    action = db.session.get(Action, int(claim.subject))
    if action is None or action.living is None:
        return
    if fate.kind in {FateKind.DEAD, FateKind.DROPPED}:
        unclear = action.sent_at is not None and not action.reference
        text = "; look at the vendor whether it was started" if unclear else ""
        _end(runtime, action, ActionState.FAILED, fate.reason + text)
        return
    when = fate.due_at.strftime("%H:%M:%S UTC") if fate.due_at else ""
    after = f"tried again at {when}" if when else "waits until the connection is mended"
    search = ", searching the vendor first" if action.sent_at and not action.reference else ""
    action.detail = f"{fate.reason}; {after}{search}"[:2000]
