"""QR9 and QR8: slow and half-open clients, then a full disk, at the real web server on SQLite.

The data lies on a small file system in memory, made and mounted for this; that needs root.
"""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.table import Row
from soak._door import Door

SIZE = "32m"
EACH, HONEST, MOST_SECONDS = 400, 100, 1.0
FULL_CALLS, MOST_CALLS = 30, 5000


def run() -> list[Row]:
    """Play both stories in one installation."""
    with _small_disk() as folder:
        door = Door(folder)
        try:
            door.start()
            return [_slow_clients(door), _full_disk(door)]
        finally:
            door.part.kill()


@contextlib.contextmanager
def _small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "soak", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def _slow_clients(door: Door) -> Row:
    door.call()
    head = f"POST /webhooks/{door.token} HTTP/1.1\r\nHost: soak\r\n"
    length = "Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
    slow: list[socket.socket] = []
    with contextlib.ExitStack() as closing:
        for text in [head, head + length] * EACH:
            each = closing.enter_context(socket.create_connection(door.web, 30))
            each.sendall(text.encode())
            slow.append(each)
        answers = []
        for _ in range(HONEST):
            answers.append(door.call())
            for each in slow[1::2]:
                with contextlib.suppress(OSError):
                    each.sendall(b" ")
    late = sum(seconds > MOST_SECONDS for _, seconds, _ in answers)
    failed = sum(status != 204 for status, _, _ in answers)
    worst = max(seconds for _, seconds, _ in answers)
    return Row(
        "QR9",
        f"{EACH} half-open requests and {EACH} slow bodies, {HONEST} honest calls",
        f"{late} above {MOST_SECONDS:g} s, {failed} not taken; the slowest {worst:.2f} s",
        "–",
        "–",
        "0 above 1 s",
        late == failed == 0,
    )


def _full_disk(door: Door) -> Row:
    acknowledged = {door.call()[2]}
    filler = door.folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    full: list[tuple[int, float, str]] = []
    # What the write-ahead log has room for is still taken, rightly: it is on the disk.
    while len(full) < MOST_CALLS and sum(status != 204 for status, _, _ in full) < FULL_CALLS:
        full.append(door.call())
    acknowledged |= {message for status, _, message in full if status == 204}
    statuses = Counter(status for status, _, _ in full)
    filler.unlink()
    started = time.monotonic()
    again = False
    while not again and time.monotonic() - started < 30:
        status, _, message = door.call()
        if again := status == 204:
            acknowledged.add(message)
    seconds = time.monotonic() - started
    lost, whole = len(acknowledged - door.stored()), door.whole()
    told = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
    return Row(
        "QR8",
        f"disk full: {told}; taken again after {seconds:.1f} s without a restart",
        f"{lost} acknowledged lost, database {whole}",
        "–",
        "–",
        "429, nothing lost, whole",
        again and not lost and whole == "ok" and statuses.keys() <= {204, 429} and 429 in statuses,
    )
