"""A web process alone, with a connection whose scripts call it."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from plugin.app import create_app
from plugin.hosts.connectwise_automate.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from plugin.runtime import Runtime
from plugin.sandbox.emulators import EMULATORS
from plugin.services import connections
from plugin.settings import load
from plugin.store.base import db
from soak.cluster import Part
from soak.installation import Installation

KIND, NOBODY = "connectwise_automate", "http://127.0.0.1:1"
PAD = "x" * 1400
"""Makes a call 1.6 kB long."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A call of a script: its message's id, its headers, its body."""

    message: str
    headers: dict[str, str]
    body: bytes


class Door(Installation):
    """A web process alone, with a connection whose scripts call it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Prepare in ``folder``, with these settings of its environment; nothing is started yet."""
        super().__init__(folder)
        del self.environment["BRIDGEHEAD_SANDBOX_PORT"]
        self.environment |= settings
        self.log = Path(tempfile.gettempdir()) / f"doors-{os.getpid()}.log"
        command = [sys.executable, "-m", "plugin.cli", "web"]
        self.part = Part("web", command, self.environment, self.log)
        self.token = self.secret = ""
        self.ahead = 0
        """Seconds by which the callers' clock is ahead of this machine's."""

    def start(self) -> None:
        """Make the tables and the connection, and wait until it answers."""
        command = [sys.executable, "-m", "plugin.cli", "db", "upgrade"]
        subprocess.run(command, env=self.environment, check=True, capture_output=True)
        with self.inside() as runtime:
            given = EMULATORS[KIND](origin=NOBODY).connection_settings()
            made = connections.create(
                runtime, "soak", KIND, "Automate", given, origin_override=NOBODY
            )
            self.token, self.secret = made.webhook_token or "", given["webhook_secret"]
        self.part.look()
        self.wait_for(self.is_ready, 600, "the web process is not ready")

    def start_again(self) -> None:
        """Start the web process anew after it was killed, and wait until it answers."""
        assert self.part.process is not None
        self.part.process.wait(10)
        self.wait_for(self._looked_after, 120, "the web process did not start again")

    def _looked_after(self) -> bool:
        self.part.look()
        return self.is_ready()

    def processes(self) -> list[psutil.Process]:
        """Return the web process with all it has started."""
        assert self.part.process is not None
        leader = psutil.Process(self.part.process.pid)
        return [leader, *leader.children(recursive=True)]

    @contextmanager
    def inside(self) -> Iterator[Runtime]:
        """Enter an application of this process on the same database."""
        app = create_app(load({k: v for k, v in self.environment.items() if "BRIDGEHEAD_" in k}))
        with app.app_context():
            try:
                yield app.extensions["bridgehead"]
            finally:
                db.session.remove()
                db.engine.dispose()

    def signed(self) -> Signed:
        """Return a new call, signed now."""
        message, moment = str(uuid.uuid4()), str(int(time.time()) + self.ahead)
        said = {"event": "computer_online", "computer_id": "1", "client_id": "1"}
        said |= {"message_id": message, "occurred_at": datetime.now(UTC).isoformat()}
        body = json.dumps(said | {"details": {"pad": PAD}}).encode()
        signature = sign(self.secret, moment, body)
        return Signed(message, {TIMESTAMP_HEADER: moment, SIGNATURE_HEADER: signature}, body)

    def call(self) -> tuple[int, float, str]:
        """Send one signed call: the status, the seconds, and the message's id."""
        call = self.signed()
        url, started = f"{self.address}/webhooks/{self.token}", time.monotonic()
        try:
            request = urllib.request.Request(url, call.body, call.headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                status = int(answer.status)
        except urllib.error.HTTPError as refused:
            status = refused.code
        except OSError:
            status = 0
        return status, time.monotonic() - started, call.message

    def stored(self) -> set[str]:
        """Return the ids of the messages that are in the database."""
        with self.inside():
            bodies = db.session.scalars(db.text("SELECT body FROM delivery")).all()
        return {json.loads(bytes(body))["message_id"] for body in bodies}

    def whole(self) -> str:
        """Have SQLite check its file; ``ok`` where it is whole."""
        with self.inside():
            return str(db.session.scalar(db.text("PRAGMA integrity_check")))
