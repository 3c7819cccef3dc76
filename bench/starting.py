"""PF13: from the start of the program to ready, and what its processes then hold in memory."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.table import Row
from soak.installation import Installation

STARTS = 5
MOST_SECONDS, MOST_MIB = 4.0, 260
SETTLED_SECONDS = 10


class Bare(Installation):
    """Web and worker, without the sandbox's emulators."""

    options = ()


def run() -> list[Row]:
    """Start an installation several times over the same data; the first start makes its tables."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, held = zip(*(_start(Path(folder)) for _ in range(STARTS)), strict=True)
    again, imports = sorted(seconds[1:]), _imports()
    return [
        _row("start to ready, the first (makes the tables)", seconds[0], imports),
        _row(f"start to ready, the slowest of {len(again)} more", again[-1], imports),
        Row(
            "PF13",
            "memory (PSS) of web, worker and the process that watches them",
            f"{max(held):.0f} MiB",
            "",
            "",
            f"<= {MOST_MIB} MiB",
            max(held) <= MOST_MIB,
        ),
    ]


def _row(what: str, seconds: float, imports: float) -> Row:
    return Row(
        "PF13",
        what,
        f"{seconds:.2f} s",
        f"importing the program {imports:.2f} s",
        f"{seconds / imports:.2f}",
        f"<= {MOST_SECONDS:g} s",
        seconds <= MOST_SECONDS,
    )


def _start(folder: Path) -> tuple[float, float]:
    """Return the seconds until ready, and the MiB held once it has settled."""
    installation = Bare(folder)
    started = time.monotonic()
    try:
        installation.start()
        seconds = time.monotonic() - started
        time.sleep(SETTLED_SECONDS)
        held = sum(_pss(each) for each in installation.processes())
    finally:
        installation.stop()
    return seconds, held


def _pss(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / 2**20


def _imports() -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import plugin.app"], check=True)
    return time.monotonic() - started
