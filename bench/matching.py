"""PF12: matching 2,000 workspaces with 2,000 companies."""

import time
from datetime import UTC, datetime
from difflib import SequenceMatcher

from bench.table import Row
from plugin.domain.matching import Party, normal_name, suggest
from plugin.edge.world import make_world

COUNT = 2_000
SAMPLE = 40


def run() -> list[Row]:
    """Measure the suggestions against the standard library's string distance."""
    world = make_world(COUNT, COUNT, 3, datetime(2026, 1, 1, tzinfo=UTC))
    workspaces = [Party(f"w{each.number}", each.name.upper()) for each in world.clients]
    companies = [Party(f"c{each.number}", each.name) for each in world.clients]
    started = time.perf_counter()
    found = suggest(workspaces, companies)
    ours = time.perf_counter() - started
    wrong = sum(each.sure and each.workspace_id[1:] != each.company_id[1:] for each in found)
    baseline = _difflib(workspaces, companies)
    return [
        Row(
            "PF12",
            f"{COUNT:,} × {COUNT:,} names, {wrong} wrong automatic matches",
            f"{ours:.2f} s",
            f"difflib {baseline:.0f} s (from {SAMPLE} rows)",
            f"{ours / baseline:.3f}",
            "≤ 5 s, 0 wrong",
            ours <= 5 and wrong == 0,
        )
    ]


def _difflib(workspaces: list[Party], companies: list[Party]) -> float:
    names = [normal_name(each.name) for each in companies]
    started = time.perf_counter()
    for workspace in workspaces[:SAMPLE]:
        matcher = SequenceMatcher(b=normal_name(workspace.name))
        for name in names:
            matcher.set_seq1(name)
            matcher.ratio()
    return (time.perf_counter() - started) * COUNT / SAMPLE
