"""PF7: a lane with 100,000 due jobs of no effect, from wake to last row done."""

import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bench.table import Row
from plugin.runtime import Runtime, utc_now
from plugin.services.work import work
from plugin.store import queue, settling
from plugin.store.base import writing
from plugin.store.queue import Claim
from tests.databases import borrowed_postgresql, fresh_sqlite
from tests.scene import Scene, scene

COUNT = 100_000
ALONE = 2_000
BAR = 5_000


def run() -> list[Row]:
    """Measure on both databases, beside taking and finishing jobs one by one."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [_measure("SQLite", fresh_sqlite(Path(folder)))]
    with borrowed_postgresql() as url:
        rows.append(_measure("PostgreSQL", url))
    return rows


def _measure(name: str, url: str) -> Row:
    with scene(url, now=utc_now) as play:
        _fill(play, "lane", COUNT)
        ours = _rate(lambda: work(play.runtime, "lane", {"nothing": _do_nothing}))
        _fill(play, "alone", ALONE)
        alone = _rate(lambda: _one_by_one("alone"))
    return Row(
        "PF7",
        f"{COUNT:,} jobs of no effect, {name}",
        f"{ours:,.0f}/s",
        f"one a transaction {alone:,.0f}/s",
        f"{ours / alone:.1f}",
        f">= {BAR:,}/s",
        ours >= BAR,
    )


def _fill(play: Scene, lane: str, count: int) -> None:
    connection = play.add_connection()
    subjects = [f"{lane} {number}" for number in range(count)]
    with writing() as session:
        queue.enqueue_many(
            session, "nothing", subjects, lane, now=utc_now(), connection_id=connection.id
        )


def _rate(do: Callable[[], int]) -> float:
    started = time.perf_counter()
    return do() / (time.perf_counter() - started)


def _do_nothing(runtime: Runtime, claim: Claim) -> None:
    return None


def _one_by_one(lane: str) -> int:
    done, lease = 0, timedelta(minutes=1)
    while claims := queue.take(lane, now=utc_now(), lease=lease, worker="bench", limit=1):
        with writing() as session:
            done += settling.finish(session, claims, utc_now())
    return done
