"""QR7: the database hangs for a minute: PostgreSQL frozen, then SQLite's write lock held elsewhere.

All the time calls arrive and people ask for pages; each must be answered in time.
"""

import sqlite3
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.table import Row
from plugin.store.base import db, write_lock
from soak._door import Door
from tests.databases import empty_postgresql, postgresql_server

SECONDS, EVERY = 60.0, 1.0
MOST_SECONDS, NORMAL_SECONDS = 2.0, 5.0
PATHS = ("/sign-in", "/", "/api/v1/connections", "/readyz", "/api/v1/connections/1/check")
CHANGES = "/check"
"""This one is posted: it stores what the check found."""


def run() -> list[Row]:
    """Freeze one kind of database after the other."""
    with tempfile.TemporaryDirectory() as name:
        url = empty_postgresql(durable=True)
        door = Door(Path(name), BRIDGEHEAD_DATABASE_URL=url)
        rows = _hung(door, "PostgreSQL frozen", postgresql_server(durable=True).frozen, {503})
    with tempfile.TemporaryDirectory() as name:
        door = Door(Path(name))
        # Reading needs no lock there, so pages that only read are answered as ever.
        return rows + _hung(door, "SQLite's write lock held", lambda: _held(door), {200, 302, 503})


@contextmanager
def _held(door: Door) -> Iterator[None]:
    """Hold both locks of a writer: the file lock of our processes and the database's own."""
    with door.inside():
        lock, path = write_lock(db.engine), db.engine.url.database
        assert lock is not None
        assert path is not None
        lock.acquire(None)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
            lock.release()


@dataclass
class Seen:
    """What was answered while the database hung: each as status and seconds."""

    calls: list[tuple[int, float]] = field(default_factory=list)
    pages: list[tuple[int, float]] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    normal: float = 999.0
    """Seconds until everything was as before."""


def _hung(
    door: Door, what: str, hang: Callable[[], AbstractContextManager[None]], right: set[int]
) -> list[Row]:
    try:
        door.start()
        door.administrators_token()
        seen = _watch(door, hang)
        lost = len(seen.acknowledged - door.stored())
    finally:
        door.part.kill()
    when = f"{what} for {SECONDS:.0f} s"
    again = f"normal after {seen.normal:.1f} s, {lost} acknowledged lost"
    return [
        _row(f"{when}: calls", seen.calls, {429}),
        _row(f"{when}: pages", seen.pages, right),
        Row("QR7", f"{when}, then let go", again, "", "", "≤ 5 s, 0 lost", _is_well(seen, lost)),
    ]


def _is_well(seen: Seen, lost: int) -> bool:
    return seen.normal <= NORMAL_SECONDS and lost == 0 and len(seen.acknowledged) > 0


def _row(what: str, answers: list[tuple[int, float]], right: set[int]) -> Row:
    statuses = Counter(status for status, _ in answers)
    told = ", ".join(f"{count} × {status or 'no answer'}" for status, count in statuses.items())
    late = sum(seconds > MOST_SECONDS for _, seconds in answers)
    slowest = max((seconds for _, seconds in answers), default=0.0)
    expected = " or ".join(str(each) for each in sorted(right))
    return Row(
        "QR7",
        what,
        f"{told}; {late} above {MOST_SECONDS:g} s, the slowest {slowest:.1f} s",
        "",
        "",
        f"{expected} within {MOST_SECONDS:g} s",
        late == 0 and statuses.keys() <= right and bool(answers),
    )


def _watch(door: Door, hang: Callable[[], AbstractContextManager[None]]) -> Seen:
    seen = Seen()
    _note_call(door, seen, [])
    before = {path: _page(door, path)[0] for path in PATHS}
    with ThreadPoolExecutor(200) as pool, ExitStack() as release:
        release.enter_context(hang())
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            pool.submit(_note_call, door, seen, seen.calls)
            for path in PATHS:
                pool.submit(lambda path: seen.pages.append(_page(door, path)), path)
            time.sleep(EVERY)
        time.sleep(MOST_SECONDS)  # the last ones have their time too
        release.close()
        return _wait_until_normal(door, seen, before)


def _wait_until_normal(door: Door, seen: Seen, before: dict[str, int]) -> Seen:
    started = time.monotonic()
    while time.monotonic() - started < 60:
        well = _note_call(door, seen, []) == 204
        if well and all(_page(door, path)[0] == status for path, status in before.items()):
            seen.normal = time.monotonic() - started
            return seen
        time.sleep(0.1)
    return seen


def _note_call(door: Door, seen: Seen, into: list[tuple[int, float]]) -> int:
    status, seconds, message = door.call()
    into.append((status, seconds))
    if status == 204:
        seen.acknowledged.add(message)
    return status


def _page(door: Door, path: str) -> tuple[int, float]:
    token = door.administrators_token() if path.startswith("/api/") else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    started = time.monotonic()
    try:
        method = "POST" if path.endswith(CHANGES) else "GET"
        request = urllib.request.Request(f"{door.address}{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=90) as answer:
            status = int(answer.status)
    except urllib.error.HTTPError as refused:
        status = refused.code
    except OSError:
        status = 0
    return status, time.monotonic() - started
