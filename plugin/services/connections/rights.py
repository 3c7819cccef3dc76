"""The permission self-test: each right of the remote's account, had, missing or not to be told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from plugin.domain.contracts import WARNING, Adapter
from plugin.domain.errors import EdgeError, RefusedError, RuleError, TransientError
from plugin.domain.rights import GuideStep, Holding, Mark, Recipe, Right
from plugin.store.integrations import Connection

MOST_RIGHTS = 40
"""More than any remote asks for; an adapter cannot make us call without end."""

PATIENCE = 45.0
"""Seconds after which no further right is tried."""

_MARK = "holding"
"""What tells a right from a step among what is kept of a check."""


@dataclass(frozen=True, slots=True)
class RightTold:
    """One right as the self-test found it; the cure is empty unless it is missing."""

    name: str
    access: str
    needed_for: str
    without: str
    holding: str
    seen: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class GuideLine:
    """One step of the guide with its mark and the reason for it."""

    text: str
    recipe: Recipe
    mark: Mark
    reason: str


def try_rights(
    adapter: Adapter, passed: Sequence[str], clock: Callable[[], float] = monotonic
) -> list[RightTold]:
    """Try every right of an adapter, whatever the others say; ``passed`` are the check's steps.

    Once the remote does not answer, or time is up, the rest is not tried.
    """
    until, told, silent = clock() + PATIENCE, list[RightTold](), ""
    for right in adapter.rights()[:MOST_RIGHTS]:
        if right.prove is None:
            told.append(_told(right, Holding.UNTOLD, right.unproven))
            continue
        late = "Not tried: the self-test took too long." if clock() > until else ""
        if reason := silent or _reason_against(right, passed) or late:
            told.append(_told(right, Holding.UNTOLD, reason))
            continue
        holding, seen, lost = _tried(right.prove)
        silent = "Not tried: the remote stopped answering." if lost else ""
        told.append(_told(right, holding, seen))
    return told


def _reason_against(right: Right, passed: Sequence[str]) -> str:
    """Return why a right is not tried; empty when it can be."""
    if not right.after or right.after in passed:
        return ""
    return f"Not tried: the step “{right.after}” did not go through."


def _tried(prove: Callable[[], str]) -> tuple[Holding, str, bool]:
    """Return what a try showed, and whether the remote was lost over it."""
    try:
        seen = prove()
    except RefusedError as error:
        # 401 speaks of the sign-in, not of a right.
        untold = error.status == 401
        return (Holding.UNTOLD if untold else Holding.MISSING), _sentence(error.message), False
    except EdgeError as error:
        return Holding.UNTOLD, _sentence(error.message), isinstance(error, TransientError)
    except RuleError as error:
        return Holding.UNTOLD, _sentence(error.message), False
    if seen.startswith(WARNING):
        return Holding.UNTOLD, _sentence(seen.removeprefix(WARNING)), False
    return Holding.HAS, _sentence(seen), False


def _told(right: Right, holding: Holding, seen: str) -> RightTold:
    missing = holding is Holding.MISSING
    unsure = "" if holding is Holding.HAS else right.unsure
    return RightTold(
        name=right.name,
        access=right.access.value,
        needed_for=right.needed_for,
        without=right.without,
        holding=holding.value,
        seen=" ".join(part for part in (seen, unsure) if part),
        cure=right.cure if missing else "",
    )


def _sentence(text: str) -> str:
    whole = text[:1].upper() + text[1:]
    return whole if whole.endswith((".", "?", "!")) else f"{whole}."


# -- what was kept -------------------------------------------------------------------------------


def steps_kept(connection: Connection) -> list[dict[str, str]]:
    """Return the steps of the last check of a connection."""
    return [each for each in connection.check_result or () if _MARK not in each]


def rights_kept(connection: Connection) -> list[dict[str, str]]:
    """Return the rights as the last check of a connection found them."""
    return [each for each in connection.check_result or () if _MARK in each]


def missing_rights(connection: Connection) -> list[dict[str, str]]:
    """Return the rights that the account lacked at the last check of a connection."""
    return [each for each in rights_kept(connection) if each[_MARK] == Holding.MISSING.value]


def guide_of(adapter: type[Adapter], connection: Connection) -> list[GuideLine]:
    """Return the guide of a kind with a mark at each step, as the last check of it shows."""
    recipe = adapter.recipe(connection.settings)
    found = {each["name"]: each[_MARK] for each in rights_kept(connection)}
    passed = {each["name"] for each in steps_kept(connection) if each["outcome"] != "failed"}
    found |= dict.fromkeys(passed - found.keys(), Holding.HAS.value)
    return [GuideLine(each.text, each.recipe, *_mark(each, recipe, found)) for each in
            adapter.recipes]  # fmt: skip


def _mark(step: GuideStep, recipe: Recipe, found: dict[str, str]) -> tuple[Mark, str]:
    if step.recipe not in {Recipe.BOTH, recipe}:
        return Mark.UNNEEDED, "This connection follows the other recipe."
    lacking = [each for each in step.proofs if found.get(each) == Holding.MISSING.value]
    if lacking:
        return Mark.NOT_DONE, f"Missing: {', '.join(lacking)}."
    unknown = list(_unknown(step, found))
    if unknown or not step.proofs:
        return Mark.UNTOLD, step.unproven or f"Not proven yet: {', '.join(unknown)}."
    return Mark.DONE, f"Proven by: {', '.join(step.proofs)}."


def _unknown(step: GuideStep, found: dict[str, str]) -> Iterator[str]:
    return (each for each in step.proofs if found.get(each) != Holding.HAS.value)
