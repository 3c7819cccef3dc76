"""QR6 and QR3: calls at a set pace and in bursts, kills in between, and what lies on the disk.

One web process on SQLite, its data in the folder for temporary files that outlive a start of the
machine (``/var/tmp``), which must be on a disk. The order of reading, syncing and answering is
seen with strace.
"""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from bench.table import Row
from soak._door import Door
from soak._pace import Answers, offer

DISK = "/var/tmp"  # noqa: S108 - the one folder for temporary files that is on a disk
PACE, SECONDS, MOST_P99 = 200, 30, 0.100
BURST, BURST_SECONDS, AT_ONCE = 1000, 5, 256
KILLS, KILL_SECONDS = 20, 1.5
TRACED = 20


def run() -> list[Row]:
    """Play all stories in one installation."""
    with tempfile.TemporaryDirectory(dir=DISK) as name:
        door = Door(Path(name))
        try:
            door.start()
            return [*_paced(door), _killed(door), _traced(door)]
        finally:
            door.part.kill()


def _paced(door: Door) -> list[Row]:
    offer(door, 50, 2)  # threads and statements warm up
    steady, burst = (
        offer(door, PACE, SECONDS),
        offer(door, BURST * 1.1, BURST_SECONDS, callers=AT_ONCE),
    )
    lost = len((steady.acknowledged | burst.acknowledged) - door.stored())
    return [
        Row(
            "QR6",
            f"{steady.rate:.0f} signed calls of 1.6 kB a second, {SECONDS} s on {_kind_of_disk()}",
            f"p99 {1000 * steady.p99():.0f} ms; {steady.told()}",
            "",
            "",
            f"p99 ≤ {1000 * MOST_P99:.0f} ms",
            steady.p99() <= MOST_P99 and steady.statuses.keys() == {204},
        ),
        Row(
            "QR6",
            f"{burst.rate:,.0f} a second sent for {BURST_SECONDS} s: {burst.told()}",
            f"{lost} acknowledged lost; p99 {1000 * burst.p99():,.0f} ms",
            "",
            "",
            "0 lost; refusals are 429",
            lost == 0 and burst.rate >= BURST and burst.statuses.keys() <= {204, 429},
        ),
    ]


def _kind_of_disk() -> str:
    told = subprocess.run(["stat", "-f", "-c", "%T", DISK], capture_output=True, check=True)
    kind = told.stdout.decode().strip()
    assert kind != "tmpfs", f"{DISK} is in memory: nothing there is ever synced to a disk"
    return kind


def _killed(door: Door) -> Row:
    every = Answers()
    for _ in range(KILLS):
        every.each += offer(door, PACE, KILL_SECONDS, halfway=door.part.kill).each
        door.start_again()
    lost = len(every.acknowledged - door.stored())
    whole = door.whole()
    return Row(
        "QR3",
        f"killed {KILLS} times at {PACE} calls a second: {every.told()}",
        f"{lost} of {len(every.acknowledged):,} acknowledged lost, database {whole}",
        "",
        "",
        "0 lost",
        lost == 0 and len(every.acknowledged) > 0 and whole == "ok",
    )


# -- what the kernel saw -------------------------------------------------------------------------


def _traced(door: Door) -> Row:
    if shutil.which("strace") is None:
        return _row_of_trace("not seen: strace is missing", holds=False)
    trace = door.folder / "trace"
    command = ["strace", "-f", "-s", "8192", "-o", str(trace)]
    command += ["-e", "trace=read,readv,recvfrom,pwrite64,fsync,fdatasync,write,writev,sendto"]
    for process in door.processes():
        command += ["-p", str(process.pid)]
    watching = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)  # strace says nothing once it is attached
        calls = [door.call() for _ in range(TRACED)]
    finally:
        watching.terminate()
        watching.wait(10)
    lines = trace.read_text("utf-8", "replace").splitlines()
    seen = sum(_is_synced_first(lines, message) for status, _, message in calls if status == 204)
    return _row_of_trace(f"{seen} of {TRACED} in this order", holds=seen == TRACED)


def _row_of_trace(ours: str, *, holds: bool) -> Row:
    what = f"{TRACED} single calls in strace: bytes read, row written, synced to disk, then 204"
    return Row("QR3", what, ours, "", "", "each 2xx after its sync", holds)


def _is_synced_first(lines: list[str], message: str) -> bool:
    """Tell whether a call was read, written, synced and answered, in this order."""
    steps = [
        lambda line: message in line and ("recv" in line or "read" in line),
        lambda line: message in line and "pwrite64" in line,
        lambda line: "sync" in line and line.endswith("= 0"),
        lambda line: "HTTP/1.1 204" in line,
    ]
    first = next((n for n, line in enumerate(lines) if message in line), len(lines))
    following = iter(lines[first:])
    for step in steps:
        for line in following:
            if step is not steps[-1] and "HTTP/1.1 204" in line:
                return False
            if step(line):
                break
        else:
            return False
    return True
