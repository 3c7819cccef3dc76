"""The tasks that ESET's agents are given: what each looks like on the wire."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from plugin.domain.model import ActionKind, ActionProgress, ActionState

ACTIONS = frozenset(
    {ActionKind.SCAN, ActionKind.ISOLATE, ActionKind.END_ISOLATION, ActionKind.RESTART}
)
LASTS = timedelta(days=1)
"""How long an agent that is off line may still fetch a task."""

_TYPES = "type.googleapis.com/Era.Common.DataDefinition.Task"
_WIRE: dict[ActionKind, dict[str, Any]] = {
    ActionKind.SCAN: {
        "name": "OnDemandScan",
        "params": {
            "@type": f"{_TYPES}.ESS.OnDemandScan",
            "scanProfile": "InDepth",
            "scanTargets": ["eset://AllTargets"],
            "cleaningEnabled": True,
            "shutdownEnabled": False,
        },
    },
    ActionKind.ISOLATE: {"name": "StartNetworkIsolation"},
    ActionKind.END_ISOLATION: {"name": "EndNetworkIsolation"},
    ActionKind.RESTART: {
        "name": "ShutdownComputer",
        "params": {"@type": f"{_TYPES}.OS.ShutdownComputer", "restart": True},
    },
}
_NAMES = {
    ActionKind.SCAN: "Bridgehead: scan",
    ActionKind.ISOLATE: "Bridgehead: isolate from the network",
    ActionKind.END_ISOLATION: "Bridgehead: end isolation",
    ActionKind.RESTART: "Bridgehead: restart",
}


def task(action: ActionKind, targets: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the body that makes a task.

    Name and description never change, because tasks that share them and the action share one
    template at ESET (vendor contract); a time in them would fill the console with templates.
    """
    expires = (now + LASTS).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "task": {
            "displayName": _NAMES[action],
            "description": "Asked for in Bridgehead",
            "action": _WIRE[action],
            "targets": dict(targets),
            "triggers": [{"manual": {"expireTime": expires}}],
        }
    }


def is_ours(
    row: Mapping[str, Any], action: ActionKind, targets: Mapping[str, Any], since: datetime
) -> bool:
    """Tell whether a listed task is one that we made for exactly these targets since then."""
    aimed = {name: ids for name, ids in (row["targets"] or {}).items() if ids}
    made_at: datetime | None = row["made_at"]
    if made_at is None or made_at < since:
        return False
    return row["name"] == _NAMES[action] and aimed == dict(targets)


def progress_of(states: Iterable[ActionState]) -> ActionProgress:
    """Return how far a task is that runs on several devices.

    >>> progress_of([ActionState.DONE, ActionState.WAITING]).state
    <ActionState.RUNNING: 'running'>
    """
    counts = dict.fromkeys(ActionState, 0)
    for state in states:
        counts[state] += 1
    total = sum(counts.values())
    if not total:
        return ActionProgress(ActionState.WAITING, "no device has fetched it yet")
    words = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return ActionProgress(_whole(counts, total), f"{words} of {total}" if total > 1 else words)


def _whole(counts: Mapping[ActionState, int], total: int) -> ActionState:
    if counts[ActionState.WAITING] == total:
        return ActionState.WAITING
    if counts[ActionState.WAITING] or counts[ActionState.RUNNING]:
        return ActionState.RUNNING
    return ActionState.FAILED if counts[ActionState.FAILED] else ActionState.DONE
