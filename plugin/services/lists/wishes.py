"""Wishes for actions on many devices, and how far each is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, exists, func, select

from plugin.domain.model import ActionState
from plugin.services.lists.paging import Ask, Table, contains, ordered
from plugin.services.lists.scope import Scope
from plugin.store.actions import Action, ActionWish
from plugin.store.base import db


@dataclass(frozen=True, slots=True)
class WishLine:
    """A wish with how many of its actions are in each state."""

    row: ActionWish
    counts: Mapping[str, int]


def _ids(scope: Scope, ask: Ask) -> Select[int]:
    here = exists().where(Action.wish_id == ActionWish.id, *scope.of_vendors(Action.vendor_id))
    query = select(ActionWish.id).where(here)
    if kind := ask.text("action"):
        query = query.where(ActionWish.kind == kind)
    if ask.q:
        query = query.where(contains(ask.q, ActionWish.target, ActionWish.asked_by))
    return ordered(query, ask, {"time": (ActionWish.asked_at, ActionWish.id)}, "-time")


def _lines(ids: Sequence[int]) -> dict[int, WishLine]:
    found: dict[int | None, dict[str, int]] = {each: _none() for each in ids}
    columns = select(Action.wish_id, Action.state, func.count()).where(Action.wish_id.in_(ids))
    grouped = columns.group_by(Action.wish_id, Action.state)
    for wish_id, state, number in db.session.execute(grouped):
        found[wish_id][state] = number
    rows = db.session.scalars(select(ActionWish).where(ActionWish.id.in_(ids)))
    return {row.id: WishLine(row, found[row.id]) for row in rows}


def _none() -> dict[str, int]:
    return {each.value: 0 for each in ActionState}


wishes: Table[WishLine] = Table(_ids, _lines)
"""Wishes. Filters: ``action``. Sorts: ``time``."""
