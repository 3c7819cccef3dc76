"""Wishes for many devices: asked for once, done as actions that are each followed to their end."""

from collections.abc import Mapping, Sequence

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from plugin.domain.errors import RuleError
from plugin.domain.model import ActionKind, ActionState
from plugin.runtime import Runtime
from plugin.services import actions
from plugin.services.action_plans import Part, Plan, key, living
from plugin.services.journal import audit
from plugin.services.lists.scope import Scope
from plugin.store.actions import Action, ActionWish
from plugin.store.base import db, writing
from plugin.store.queue import enqueue_many

_URGENCY = case(
    {ActionState.FAILED.value: 0, ActionState.DONE.value: 2}, value=Action.state, else_=1
)


# -- asking --------------------------------------------------------------------------------------


def asked(actor: str, token: str) -> ActionWish | None:
    """Return the wish that was sent with a token; RuleError when it was another person's."""
    found = db.session.scalar(select(ActionWish).where(ActionWish.token == token))
    if found is not None and found.asked_by != actor:
        raise RuleError("key", "This key was used by somebody else; choose another one.")
    return found


def ask(runtime: Runtime, actor: str, made: Plan, token: str) -> ActionWish:
    """Wish for what a plan says; with the token of an earlier wish, that one is returned."""
    if made.too_many:
        raise RuleError("action", f"At most {made.most:,} can be asked for at once.")
    with writing() as session:
        known, under_way = asked(actor, token), living(made)
        if known is not None:
            return known
        parts = [each for each in made.parts if key(made.kind, each) not in under_way]
        if not parts:
            raise RuleError("action", "This is not possible on any of them now.")
        wish = _wish(runtime, actor, made, parts)
        wish.token = token
        _write(runtime, session, wish, parts)
    for vendor_id in {each.vendor_id for each in parts}:
        runtime.wake(actions.lane_of(vendor_id))
    return wish


def _wish(runtime: Runtime, actor: str, made: Plan, parts: Sequence[Part]) -> ActionWish:
    devices = sum(each.devices for each in parts)
    return ActionWish(
        kind=made.kind.value,
        target=(made.name or f"{devices:,} picked {'device' if devices == 1 else 'devices'}")[:300],
        tasks=len(parts),
        devices=devices,
        left_out=[
            {"vendor_id": e.vendor_id, "workspace_id": e.workspace_id, "name": e.name, "why": e.why}
            for e in made.left_out
        ],
        asked_by=actor,
        asked_at=runtime.now(),
    )


def _write(runtime: Runtime, session: Session, wish: ActionWish, parts: Sequence[Part]) -> None:
    """Write the wish, its actions with their jobs, and one audit entry with the whole list."""
    session.add(wish)
    session.flush()
    kind, made = ActionKind(wish.kind), list[Action]()
    for part in parts:
        action = actions.waiting(kind, part.vendor_id, part.target, part.name)
        action.wish_id, action.asked_by, action.asked_at = wish.id, wish.asked_by, wish.asked_at
        made.append(action)
    session.add_all(made)
    session.flush()
    for vendor_id in {each.vendor_id for each in parts}:
        subjects = [str(each.id) for each in made if each.vendor_id == vendor_id]
        lane, now = actions.lane_of(vendor_id), runtime.now()
        enqueue_many(session, actions.RUN, subjects, lane, now=now, connection_id=vendor_id)
    told = _told(wish, parts)
    audit(runtime, session, wish.asked_by, "action.ask_many", wish.target, after=told)


def _told(wish: ActionWish, parts: Sequence[Part]) -> dict[str, object]:
    return {
        "wish": wish.id,
        "action": wish.kind,
        "devices": [
            {"name": each.name, "device": each.device_id, "workspace": each.workspace_id}
            for each in parts
        ],
        "left_out": [{"name": each["name"], "why": each["why"]} for each in wish.left_out],
    }


# -- following -----------------------------------------------------------------------------------


def get(wish_id: int) -> ActionWish:
    """Return a wish; RuleError when there is none."""
    found = db.session.get(ActionWish, wish_id)
    if found is None:
        raise RuleError("wish", f"there is no wish {wish_id}")
    return found


def shown(scope: Scope, wish: ActionWish) -> bool:
    """Tell whether a reader may see a wish: everything that it is about must be his."""
    columns = select(Action.vendor_id, Action.workspace_id).where(Action.wish_id == wish.id)
    about = {(vendor, workspace) for vendor, workspace in db.session.execute(columns.distinct())}
    if not about:
        return False
    about |= {(each["vendor_id"], each["workspace_id"]) for each in wish.left_out}
    return all(scope.shows_workspace(vendor, workspace) for vendor, workspace in about)


def actions_of(wish: ActionWish, most: int) -> list[Action]:
    """Return the actions of a wish: what failed first, then what lives, then what is done."""
    query = select(Action).where(Action.wish_id == wish.id)
    query = query.order_by(_URGENCY, Action.device_name, Action.id)
    return list(db.session.scalars(query.limit(most)))


def state_of(numbers: Mapping[str, int]) -> str:
    """Return how far a wish is, from its counts: waiting, running, done, partial or failed.

    >>> state_of({"done": 2, "failed": 1}), state_of({"waiting": 2, "done": 0})
    ('partial', 'waiting')
    """
    waiting, running = numbers.get("waiting", 0), numbers.get("running", 0)
    done, failed = numbers.get("done", 0), numbers.get("failed", 0)
    if running or (waiting and (done or failed)):
        return "running"
    if waiting:
        return "waiting"
    if failed:
        return "partial" if done else "failed"
    return "done"
