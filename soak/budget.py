"""S4: three processes that share a remote's budget on PostgreSQL take all they can.

For half a minute, at the pace of two kinds of remotes at once. A stretch of time is any between
two calls; none may hold more than the pace gives and the burst.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.table import Row
from plugin.settings import Pace, load
from tests.databases import borrowed_postgresql
from tests.processes import pipe, start
from tests.scene import scene
from tests.services.spender import Call, most_over, spend

PROCESSES = 3
SECONDS = 30.0
KINDS = ("eset_protect", "kaspersky_ksc")
LEAST = 0.95


def run() -> list[Row]:
    """Let every process take what it gets, and look at the calls of each connection together."""
    with tempfile.TemporaryDirectory() as folder:
        limits = load({}, root=Path(folder)).limits
    paces = [limits.pace_of(kind) for kind in KINDS]
    with borrowed_postgresql(durable=True) as url, scene(url) as play:
        numbers = [play.add_connection().id for _ in paces]
        found = _spend(url, list(zip(numbers, paces, strict=True)))
    return [row for pace, parts in zip(paces, found, strict=True) for row in _rows(pace, parts)]


def _spend(url: str, budgets: Sequence[tuple[int, Pace]]) -> list[list[list[Call]]]:
    """Return the calls of each process, by budget."""
    ends = []
    for number, pace in budgets:
        for _ in range(PROCESSES):
            ours, theirs = pipe()
            start(spend, url, number, pace.per_second, pace.burst, SECONDS, theirs)
            ends.append(ours)
    for end in ends:
        assert end.recv() == "ready"
    for end in ends:
        end.send(time.monotonic())
    parts = [end.recv() for end in ends]
    return [parts[place : place + PROCESSES] for place in range(0, len(parts), PROCESSES)]


def _rows(pace: Pace, parts: Sequence[list[Call]]) -> list[Row]:
    calls = [call for part in parts for call in part]
    worst = most_over(calls, pace.per_second)
    allowed = pace.per_second * SECONDS
    ratio = len(calls) / allowed
    what = f"{PROCESSES} processes share {pace.per_second:g} calls a second, {SECONDS:g} s"
    told = f"{len(calls)} ({', '.join(str(len(part)) for part in parts)})"
    most = f"{worst:.1f} above the pace"
    least = f">= {LEAST}"
    return [
        Row("S4", f"{what}: calls", told, f"{allowed:g}", f"{ratio:.2f}", least, ratio >= LEAST),
        Row(
            "S4", f"{what}: worst stretch", most, "–", "–", f"<= {pace.burst}", worst <= pace.burst
        ),
    ]
