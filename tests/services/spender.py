"""A process that makes calls at a pace it shares, for tests with several of them."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

from plugin.edge.pace import Pace
from plugin.services.budgets import Budgets
from tests.databases import bare_app

THREADS = 4


@dataclass(frozen=True)
class Call:
    """A permit that was taken between two moments of the machine's steady clock."""

    after: float
    before: float


def spend(url: str, number: int, per_second: float, burst: int, seconds: float, pipe: Pipe) -> None:
    """Take every permit there is for so long, in several threads; tell when each was taken."""
    shared = Budgets(bare_app(url), patience=30.0).of(number, per_second, burst)
    pace = Pace(per_second, burst, shared=shared)
    pipe.send("ready")
    until = pipe.recv() + seconds
    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(lambda _: _take_until(pace, until), range(THREADS)))
    pipe.send([call for part in parts for call in part])


def _take_until(pace: Pace, until: float) -> list[Call]:
    calls: list[Call] = []
    while (asked_at := time.monotonic()) < until:
        if wait := pace.take():
            time.sleep(min(wait, max(0.0, until - time.monotonic())))
        else:
            calls.append(Call(asked_at, time.monotonic()))
    return calls


def most_over(calls: list[Call], per_second: float) -> float:
    """Return the largest burst: by how many calls any stretch of time exceeds the pace.

    Only calls wholly inside a stretch count, so that a machine that is slow to write down when a
    call was made accuses nobody.
    """
    calls = sorted(calls, key=lambda call: call.before)
    worst = 0.0
    for first in calls:
        inside = 0
        for last in calls:
            if last.after >= first.after:
                inside += 1
                worst = max(worst, inside - per_second * (last.before - first.after))
    return worst
