"""PF8 and PF9: a full sync of 300 companies and 30,000 devices, and a second one without news.

``BENCH_DEVICES=300000`` for more devices, ``BENCH_VENDORS=eset_protect`` for some vendors only.

The remotes, the worker and this program are three processes, so that the worker's memory is its
own and the remotes count what really reached them.
"""

import os

from bench._least import LEAST
from bench._stage import HOST, Pass, stage
from bench.table import Row

MOST_GROWTH = 50.0
MOST_REQUESTS = 1.05


def run() -> list[Row]:
    """Measure every vendor in an installation of its own."""
    wanted = os.environ.get("BENCH_VENDORS", "").split() or LEAST
    return [row for vendor in wanted for row in _measure(vendor)]


def _measure(vendor: str) -> list[Row]:
    with stage(vendor) as played:
        least = LEAST[vendor](played.facts)
        first = played.play(full=True)
        before = played.mirror()
        second = played.play(full=False)
        after = played.mirror()
    changed = sum(before.get(row) != after.get(row) for row in before.keys() | after.keys())
    devices = sum(table == "device" for table, _ in before)
    whole = devices == sum(played.facts.devices)
    return [
        _memory(vendor, first, devices),
        _requests("PF8", "requests of a full sync", vendor, first, least.full, whole=whole),
        _requests("PF9", least.delta_calls, vendor, second, least.delta, whole=whole),
        _silence(vendor, second, changed),
    ]


def _memory(vendor: str, first: Pass, devices: int) -> Row:
    return Row(
        "PF8",
        f"{vendor}: memory of the worker, {devices:,} devices in {first.seconds:.0f} s",
        f"+{first.growth:.1f} MiB",
        "idle",
        "",
        f"<= +{MOST_GROWTH:g} MiB",
        first.growth <= MOST_GROWTH,
    )


def _requests(number: str, what: str, vendor: str, ours: Pass, least: int, *, whole: bool) -> Row:
    ratio = ours.sent(vendor) / least
    return Row(
        number,
        f"{vendor}: {what}",
        f"{ours.sent(vendor):,}",
        f"least possible {least:,}",
        f"{ratio:.3f}",
        f"<= {MOST_REQUESTS:g}",
        whole and not ours.breaches and ratio <= MOST_REQUESTS,
    )


def _silence(vendor: str, second: Pass, changed: int) -> Row:
    written = second.written(HOST)
    return Row(
        "PF9",
        f"{vendor}: an unchanged second sync in {second.seconds:.0f} s",
        f"{changed} rows, {written} host writes",
        "",
        "",
        "0 and 0",
        changed == written == 0,
    )
