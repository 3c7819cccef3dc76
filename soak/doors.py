"""QR9 and QR8: slow and half-open clients, then a full disk, at the real web server on SQLite.

The data lies on a small file system in memory, made and mounted for this; that needs root.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.table import Row
from plugin.app import create_app
from plugin.hosts.connectwise_automate.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from plugin.sandbox.emulators import EMULATORS
from plugin.services import connections
from plugin.settings import load
from plugin.store.base import db
from soak.cluster import Part
from soak.installation import Installation

KIND, NOBODY = "connectwise_automate", "http://127.0.0.1:1"
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


class Door(Installation):
    """A web process alone, with a connection whose scripts call it."""

    def __init__(self, folder: Path) -> None:
        """Prepare in ``folder``; nothing is started yet."""
        super().__init__(folder)
        del self.environment["BRIDGEHEAD_SANDBOX_PORT"]
        self.log = Path(tempfile.gettempdir()) / f"doors-{os.getpid()}.log"
        command = [sys.executable, "-m", "plugin.cli", "web"]
        self.part = Part("web", command, self.environment, self.log)
        self.token = self.secret = ""

    def start(self) -> None:
        """Make the tables and the connection, and wait until it answers."""
        command = [sys.executable, "-m", "plugin.cli", "db", "upgrade"]
        subprocess.run(command, env=self.environment, check=True, capture_output=True)
        app = create_app(load({k: v for k, v in self.environment.items() if "BRIDGEHEAD_" in k}))
        with app.app_context():
            given = EMULATORS[KIND](origin=NOBODY).connection_settings()
            runtime = app.extensions["bridgehead"]
            made = connections.create(
                runtime, "soak", KIND, "Automate", given, origin_override=NOBODY
            )
            self.token, self.secret = made.webhook_token or "", given["webhook_secret"]
            db.session.remove()
            db.engine.dispose()
        self.part.look()
        self.wait_for(self.is_ready, 600, "the web process is not ready")

    def call(self) -> tuple[int, float, str]:
        """Send one signed call: the status, the seconds, and the message's id."""
        message, moment = str(uuid.uuid4()), str(int(time.time()))
        said = {"event": "computer_online", "computer_id": "1", "client_id": "1"}
        said |= {"message_id": message, "occurred_at": datetime.now(UTC).isoformat()}
        body = json.dumps(said | {"details": {"pad": "x" * 1200}}).encode()
        signature = sign(self.secret, moment, body)
        headers = {TIMESTAMP_HEADER: moment, SIGNATURE_HEADER: signature}
        url, started = f"{self.address}/webhooks/{self.token}", time.monotonic()
        try:
            request = urllib.request.Request(url, body, headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                status = int(answer.status)
        except urllib.error.HTTPError as refused:
            status = refused.code
        except OSError:
            status = 0
        return status, time.monotonic() - started, message


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
    lost, whole = _look(door, acknowledged)
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


def _look(door: Door, acknowledged: set[str]) -> tuple[int, str]:
    """Count acknowledged calls that are not stored, and check the file."""
    app = create_app(load({k: v for k, v in door.environment.items() if "BRIDGEHEAD_" in k}))
    with app.app_context():
        bodies = db.session.scalars(db.text("SELECT body FROM delivery")).all()
        stored = {json.loads(body)["message_id"] for body in bodies}
        whole = db.session.scalar(db.text("PRAGMA integrity_check"))
        db.session.remove()
        db.engine.dispose()
    return len(acknowledged - stored), str(whole)
