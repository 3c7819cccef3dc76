"""O2: two web and three worker processes on PostgreSQL, everything dying under load.

For ``BRIDGEHEAD_SOAK_MINUTES`` (10) detections happen and signed calls come in, some of them twice
at the same moment at both web processes. Meanwhile workers and web processes are killed at random,
the database is killed and restarted, and a worker is frozen for longer than its lease.
"""

import json
import os
import random
import re
import signal
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from bench.table import Row
from plugin.hosts.connectwise_automate.emulator_world import WEBHOOK_SECRET
from plugin.hosts.connectwise_automate.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from soak.cluster import Cluster, Part, clustered

MINUTES = float(os.environ.get("BRIDGEHEAD_SOAK_MINUTES", "10"))
CALLS_A_SECOND = 10
DETECTION_SECONDS = 1.5
LEASE = 60
FROZEN_SECONDS = LEASE + 15
DATABASE_AWAY_SECONDS = 5.0
KILL_SECONDS = (3.0, 15.0)
MARK = re.compile(r"BH-[A-Z2-7]+#[0-9]+")


def run() -> list[Row]:
    """Let everything die for the set time, wait until all is done, and count."""
    with tempfile.TemporaryDirectory() as folder, clustered(Path(folder)) as cluster:
        calls, detections, chaos = Calls(cluster), Detections(cluster), Chaos(cluster)
        with calls, detections:
            chaos.reign(MINUTES * 60)
        cluster.wait_for(cluster.is_ready, 120, "not ready again")
        settled = _settle(cluster, detections)
        told = f"{chaos.told()}; all done {settled:.0f} s after the end"
        return [
            _tickets(cluster, detections, told),
            _calls(cluster, calls),
            _answers(calls),
        ]


class Load:
    """Something done again and again in a thread of its own, for the length of a ``with``."""

    pause = 1.0

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self.end()

    def _go_on(self) -> None:
        while not self._ending.wait(self.pause):
            self.once()

    def once(self) -> None:
        """Do it once."""
        raise NotImplementedError

    def end(self) -> None:
        """Bring to an end what was begun."""


class Detections(Load):
    """Lets detections happen at the vendor."""

    pause = DETECTION_SECONDS

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.told: list[dict[str, str]] = []

    def once(self) -> None:
        again = random.choice(self.told) if self.told and random.random() < 0.2 else {}
        same = {name: again[name] for name in ("device", "condition") if again}
        self.told.append(self.cluster.steer("happen", what="detection", **same))


class Calls(Load):
    """Sends signed calls as a host does: answered or not, it never asks again after 5xx."""

    pause = 1 / CALLS_A_SECOND

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        ((token,),) = cluster.query(
            "SELECT webhook_token FROM connection WHERE kind = 'connectwise_automate'"
        )
        self._token = token
        self._pool = ThreadPoolExecutor(32)
        self._lock = threading.Lock()
        self.statuses = Counter[int]()
        self.acknowledged: set[str] = set()
        self.slowest = 0.0

    def once(self) -> None:
        message, body = _body()
        addresses = [self.cluster.address]
        if random.random() < 0.2:
            addresses = self.cluster.web_addresses  # the very same call at both, at once
        for address in addresses:
            self._pool.submit(self._send, address, message, body)

    def end(self) -> None:
        self._pool.shutdown(wait=True)

    def _send(self, address: str, message: str, body: bytes) -> None:
        moment = str(int(time.time()))
        headers = {
            TIMESTAMP_HEADER: moment,
            SIGNATURE_HEADER: sign(WEBHOOK_SECRET, moment, body),
            "Content-Type": "application/json",
        }
        started = time.monotonic()
        status = 0
        for _ in range(20):  # as hosts do after 429, a few times more
            status = _post(f"{address}/webhooks/{self._token}", body, headers)
            if status != 429:
                break
            time.sleep(2)
        with self._lock:
            self.statuses[status] += 1
            if 200 <= status < 300:
                self.acknowledged.add(message)
                self.slowest = max(self.slowest, time.monotonic() - started)


def _body() -> tuple[str, bytes]:
    message = str(uuid.uuid4())
    said = {
        "event": "computer_online",
        "computer_id": str(random.randint(1, 100_000)),
        "client_id": "1",
        "message_id": message,
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    return message, json.dumps(said).encode()


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, body, headers), timeout=10
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


class Chaos:
    """Kills and freezes, one thing after the other, and remembers what."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._done = Counter[str]()

    def reign(self, seconds: float) -> None:
        """Go on for so many seconds, each kind of thing at least once."""
        until = time.monotonic() + seconds
        slow = [self._freeze_a_worker, self._kill_database]
        at = [time.monotonic() + seconds * share for share in (0.1, 0.25, 0.5, 0.75)]
        while time.monotonic() < until:
            if at and time.monotonic() > at[0]:
                at.pop(0)
                slow[len(at) % 2]()
            else:
                self._kill_one()
            time.sleep(random.uniform(*KILL_SECONDS))

    def told(self) -> str:
        """Say in words what was done."""
        return ", ".join(f"{count} × {what}" for what, count in sorted(self._done.items()))

    def _kill_one(self) -> None:
        cluster = self._cluster
        victim = random.choice([*cluster.workers, *cluster.workers, *cluster.webs])
        victim.kill()
        self._done[f"{victim.name.split()[0]} killed"] += 1

    def _kill_database(self) -> None:
        self._cluster.server.kill()
        time.sleep(DATABASE_AWAY_SECONDS)
        self._cluster.server.start()
        self._done["database killed"] += 1

    def _freeze_a_worker(self) -> None:
        """Stop one that holds work, so that its lease runs out while it believes to hold it."""
        victim = self._holder()
        victim.signal(signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS)
        victim.signal(signal.SIGCONT)
        self._done[f"worker frozen {FROZEN_SECONDS} s"] += 1

    def _holder(self) -> Part:
        """Return a worker that holds a lane just now, any after a while without one."""
        workers = {part.process.pid: part for part in self._cluster.workers if part.process}
        for _ in range(100):
            held = self._cluster.query("SELECT leased_by FROM job WHERE leased_until > now()")
            for (name,) in held:
                if part := workers.get(int(str(name).split(":")[1])):
                    return part
            time.sleep(0.05)
        return random.choice(self._cluster.workers)


def _settle(cluster: Cluster, detections: Detections) -> float:
    """Wait until every detection has its ticket and every call has come to its end."""
    wanted = {(each["device"], each["condition"]) for each in detections.told}

    def done() -> bool:
        found = cluster.query("SELECT device_id, condition FROM ticket_entry WHERE ticket_id <> ''")
        waiting = cluster.query("SELECT 1 FROM delivery WHERE state = 'waiting' LIMIT 1")
        return wanted <= set(found) and not waiting

    return cluster.wait_for(done, 600, "not everything is done")


# -- counting --------------------------------------------------------------------------------------


def _tickets(cluster: Cluster, detections: Detections, told: str) -> Row:
    there = cluster.world("connectwise_psa")["tickets"]
    at_host = Counter(each["externalXRef"] for each in there if each.get("externalXRef"))
    entries = cluster.query("SELECT device_id, condition, key FROM ticket_entry")
    keys = {(device, condition): str(key) for device, condition, key in entries}
    conditions = {(each["device"], each["condition"]) for each in detections.told}
    lost = sum(at_host[keys.get(each, "")] == 0 for each in conditions)
    twice = sum(count - 1 for count in at_host.values())
    notes = Counter(mark for each in there for text in each["notes"] for mark in MARK.findall(text))
    notes_twice = sum(count - 1 for count in notes.values())
    return Row(
        "O2",
        f"{len(detections.told)} detections of {len(conditions)} conditions; {told}",
        f"{lost} without a ticket, {twice} twice; {len(notes)} notes, {notes_twice} twice",
        "0",
        "–",
        "0 lost, 0 doubled",
        lost == twice == notes_twice == 0,
    )


def _calls(cluster: Cluster, calls: Calls) -> Row:
    rows = cluster.query("SELECT message_id, state FROM delivery WHERE message_id <> ''")
    handled = Counter(message for message, state in rows if state == "handled")
    lost = len(calls.acknowledged - {message for message, _ in rows})
    twice = sum(count - 1 for count in handled.values())
    dead = cluster.query("SELECT count(*) FROM job WHERE state IN ('dead', 'parked')")
    return Row(
        "O2",
        f"{len(calls.acknowledged)} calls answered 2xx, the slowest after {calls.slowest:.1f} s",
        f"{lost} lost, {twice} with two effects, {dead[0][0]} jobs dead or parked",
        "0",
        "–",
        "0 lost, 0 doubled",
        lost == twice == dead[0][0] == 0,
    )


def _answers(calls: Calls) -> Row:
    """Show every answer: 0 is a connection that died with its web process."""
    by_choice = sum(count for status, count in calls.statuses.items() if status >= 500)
    told = ", ".join(f"{count} × {status}" for status, count in sorted(calls.statuses.items()))
    return Row("W4", "answers to signed calls", told, "–", "–", "0 of 500 or above", not by_choice)
