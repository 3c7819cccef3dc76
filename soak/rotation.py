"""QS7: 10,000 secrets sealed anew while two processes open them and one saves new ones.

The rotation is killed half-way, at a moment picked at random, then run again to its end.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert, select

from bench.table import Row
from plugin.cli_shared import inside
from plugin.runtime import Runtime, sealed_place, utc_now
from plugin.settings import load
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from tests.databases import borrowed_postgresql, fresh_sqlite

SECRETS, READERS, KILLS = 10_000, 2, 3
MOST_WAIT = 2.0


def run() -> list[Row]:
    """Rotate on both kinds of database."""
    with tempfile.TemporaryDirectory() as name:
        rows = [_on(fresh_sqlite(Path(name)), Path(name), "SQLite")]
    with tempfile.TemporaryDirectory() as name, borrowed_postgresql(durable=True) as url:
        return [*rows, _on(url, Path(name), "PostgreSQL")]


def _on(url: str, folder: Path, kind: str) -> Row:
    around = {"BRIDGEHEAD_DATA": str(folder), "BRIDGEHEAD_DATABASE_URL": url}
    with inside(load(around)) as (_, runtime):
        _fill(runtime)
        before = _keys_in_use(runtime)
        with _traffic(os.environ | around) as told:
            killed = [_rotate(os.environ | around, kill=True) for _ in range(KILLS)]
            half_way = len(_keys_in_use(runtime))
            finished = _rotate(os.environ | around, kill=False)
        left = sum(before.values()) - sum((_keys_in_use(runtime) - before).values())
        keys = len(_keys_in_use(runtime))
    reads, failed = (
        sum(each["done"] for each in told[:READERS]),
        sum(each.get("failed", 0) for each in told),
    )
    waited = told[-1]["longest"]
    holds = (failed, keys, finished, left) == (0, 1, 0, 0) and half_way > 1 and waited < MOST_WAIT
    ours = (
        f"{failed} of {reads} reads failed, {told[-1]['done']} saved meanwhile (longest "
        f"{waited:.2f} s), {half_way} keys after {len(killed)} kills, {keys} at the end"
    )
    what = f"{SECRETS:,} secrets rotated under traffic ({kind})"
    return Row("QS7", what, ours, "", "", "0 failed, 1 key left", holds)


def _fill(runtime: Runtime) -> None:
    now = utc_now()
    rows = [
        {
            "id": number,
            "kind": "tigerpaw",
            "side": "host",
            "name": f"connection {number}",
            "settings": {},
            "sealed": runtime.vault.seal({"password": f"secret {number}"}, sealed_place(number)),
            "created_at": now,
        }
        for number in range(1, SECRETS + 1)
    ]
    with writing() as session:
        session.execute(insert(Connection), rows)


def _keys_in_use(runtime: Runtime) -> Counter[str]:
    db.session.rollback()
    return Counter(
        runtime.vault.key_id(each) for each in db.session.scalars(select(Connection.sealed))
    )


def _rotate(around: dict[str, str], *, kill: bool) -> int:
    """Run ``bridgehead secrets rotate``, killed while it seals where wanted; its exit status."""
    command = [sys.executable, "-m", "plugin.cli", "secrets", "rotate"]
    process = subprocess.Popen(command, env=around, stdout=subprocess.PIPE, text=True)
    if kill:
        _wait_for_new_keys(around, process)
        time.sleep(random.uniform(0.0, 0.2))
        process.kill()
    process.communicate()
    return process.returncode


def _wait_for_new_keys(around: dict[str, str], process: subprocess.Popen[str]) -> None:
    """Wait until the key file has its new key: from then on rows are sealed anew."""
    path = Path(around["BRIDGEHEAD_DATA"]) / "vault.key"
    stamp = path.stat().st_ino
    while process.poll() is None and path.stat().st_ino == stamp:
        time.sleep(0.001)


@contextmanager
def _traffic(around: dict[str, str]) -> Iterator[list[dict[str, float]]]:
    """Let processes read and write meanwhile; the list is filled with their figures at the end."""
    told: list[dict[str, float]] = []
    kinds = ["read"] * READERS + ["write"]
    command = [sys.executable, "-m", "soak._traffic"]
    processes = [
        subprocess.Popen([*command, kind], env=around, stdout=subprocess.PIPE, text=True)
        for kind in kinds
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
    try:
        yield told
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        told += [json.loads(process.communicate()[0]) for process in processes]
