"""One process of the rotation's traffic: ``python -m soak._traffic read|write``, until ended.

It opens secrets at random, or saves new ones; at the end it tells how often and what failed.
"""

import json
import random
import signal
import sys
import time
from collections import Counter
from threading import Event

from sqlalchemy import select

from plugin.cli_shared import inside
from plugin.runtime import Runtime, sealed_place
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.vault import VaultError


def main(kind: str) -> None:
    """Work until a TERM signal, then print what was done."""
    told: Counter[str] = Counter()
    waits: list[float] = []
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with inside() as (_, runtime):
        ids = list(db.session.scalars(select(Connection.id)))
        print("ready", flush=True)
        while not ended.is_set():
            number = random.choice(ids)
            told["done"] += 1
            if kind == "read":
                told["failed"] += not _opens(runtime, number)
            else:
                waits.append(_save(runtime, number, f"saved {told['done']}"))
                time.sleep(0.02)
    waits.sort()
    print(json.dumps({**told, "longest": waits[-1] if waits else 0.0}), flush=True)


def _opens(runtime: Runtime, number: int) -> bool:
    db.session.rollback()  # each read sees what is true now
    try:
        opened = runtime.opened(db.session.get_one(Connection, number, populate_existing=True))
    except VaultError as error:
        print(f"connection {number}: {error}", file=sys.stderr)
        return False
    return opened["password"].startswith((f"secret {number}", "saved"))


def _save(runtime: Runtime, number: int, secret: str) -> float:
    """Save a new secret as a person would; returns how many seconds that took."""
    start = time.monotonic()
    with writing() as session:
        row = session.get_one(Connection, number, populate_existing=True)
        row.sealed = runtime.vault.seal({"password": secret}, sealed_place(number))
    return time.monotonic() - start


if __name__ == "__main__":
    main(sys.argv[1])
