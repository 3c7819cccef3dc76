"""PF1 to PF3 and PF5: taking signed webhooks durably, in the same server as its baselines."""

import tempfile
from pathlib import Path

from bench._load import Load
from bench._receiver import fire_at, served
from bench.table import Row
from plugin.runtime import utc_now
from tests.databases import borrowed_postgresql, fresh_sqlite
from tests.scene import scene

CALLS = 8000
ROUNDS = 2


def run() -> list[Row]:
    """Measure every pair in turns, so that a noisy machine is noisy for both."""
    with tempfile.TemporaryDirectory() as folder:
        url = fresh_sqlite(Path(folder))
        kinds = [("nothing", 1), ("plain", 1), ("ours", 1), ("fast", 1), ("ours", 2)]
        loads = _measure(url, kinds)
    with borrowed_postgresql(durable=True) as url:
        loads |= {("postgresql", 2): _measure(url, [("ours", 2)])["ours", 2]}
    return _rows(loads)


def _rows(loads: dict[tuple[str, int], Load]) -> list[Row]:
    ours, fast = loads["ours", 1], loads["fast", 1]
    two, postgresql = loads["ours", 2], loads["postgresql", 2]
    return [
        _row("PF1", "blueprint", ours, "storing nothing", loads["nothing", 1], 0.6),
        _row("PF1", "blueprint", ours, "add and commit", loads["plain", 1], 3.0),
        _late("PF1", "blueprint", ours, 0.040),
        _row("PF2", "fast inbox", fast, "blueprint", ours, 2.0),
        _late("PF2", "fast inbox", fast, 0.025),
        _row("PF3", "two processes", two, "one process", ours, 1.2),
        _row("PF5", "two processes, PostgreSQL", postgresql, "SQLite", two, 0.8),
    ]


def _row(number: str, what: str, ours: Load, name: str, other: Load, bar: float) -> Row:
    ratio = ours.rate / other.rate
    return Row(
        number,
        f"durable signed webhooks, {what}",
        f"{ours.rate:,.0f}/s",
        f"{name} {other.rate:,.0f}/s",
        f"{ratio:.2f}",
        f">= {bar}",
        ratio >= bar and not ours.failed,
    )


def _late(number: str, what: str, ours: Load, bar: float) -> Row:
    p99 = f"{ours.p99 * 1000:.0f} ms"
    return Row(number, f"p99, {what}", p99, "", "", f"<= {bar * 1000:.0f} ms", ours.p99 <= bar)


def _measure(url: str, kinds: list[tuple[str, int]]) -> dict[tuple[str, int], Load]:
    with scene(url, now=utc_now) as play:
        token = play.add_connection().webhook_token or ""
    best: dict[tuple[str, int], Load] = {}
    for _ in range(ROUNDS):
        for kind, processes in kinds:
            with served(kind, processes, url) as port:
                load = fire_at(port, kind, token, CALLS)
            if (kind, processes) not in best or load.rate > best[kind, processes].rate:
                best[kind, processes] = load
    return best
