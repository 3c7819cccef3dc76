"""O2, O5: the tables are upgraded by the next version while the former one serves under load.

The next version is this one with migrations of its own: the first adds a table and columns, also
to the busiest tables; the second takes one of them away again and names the first as the oldest
program that still works.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import plugin
from bench.table import Row
from plugin.store.database import MIGRATIONS
from soak.cluster import Cluster, Part, clustered
from soak.scale import Calls, Detections, Load

SECONDS = float(os.environ.get("BRIDGEHEAD_SOAK_SECONDS", "20"))
"""How long each stage lasts."""

_PACKAGE = Path(plugin.__file__).parent
_ADDED = """
    op.create_table('made_up', sa.Column('id', sa.Integer(), primary_key=True))
    for table in ('job', 'delivery', 'connection', 'device'):
        op.add_column(table, sa.Column('made_up', sa.Integer(), nullable=True))
        op.add_column(table, sa.Column('told', sa.Text(), nullable=False, server_default=''))
"""
_TAKEN = "\n    op.drop_column('job', 'made_up')\n"


def run() -> list[Row]:
    """Upgrade under load, start former and next processes on the new tables, then take away."""
    with tempfile.TemporaryDirectory() as name, clustered(Path(name), workers=2) as cluster:
        upgrade = Upgrade(cluster, Path(name))
        calls, pages, detections = Calls(cluster), Pages(cluster), Detections(cluster)
        with calls, pages, detections:
            time.sleep(SECONDS)
            took = upgrade.add()
            time.sleep(SECONDS)
            started = upgrade.start_former()
            newer = upgrade.start_next()
            time.sleep(SECONDS)
        upgrade.take_away()
        refused = cluster.wait_for(cluster.problems, 30, "the former version is still ready")
        return [
            _row(f"`db upgrade` of the next version under load, {took:.1f} s", calls, pages),
            _starts(started, newer),
            _refusal(cluster, refused),
        ]


class Upgrade:
    """The next version in a folder of its own."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder / "next"
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_PACKAGE, self._folder / "plugin", ignore=leave_out)
        shutil.copytree(_PACKAGE.parent / "config", self._folder / "config")
        self._head = max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
        self._environment = cluster.environment | {"PYTHONPATH": str(self._folder)}

    def add(self) -> float:
        """Upgrade to tables with more in them; returns how many seconds it took."""
        self._write("9001", self._head, _ADDED)
        return self._upgrade()

    def take_away(self) -> None:
        """Upgrade to tables that lack something."""
        self._write("9002", "9001", _TAKEN, oldest_program="9001")
        self._upgrade()

    def start_former(self) -> float:
        """Start this version's web process once more; returns the seconds until it is ready."""
        return self._start(self._cluster.environment)

    def start_next(self) -> float:
        """Start the next version's."""
        return self._start(self._environment)

    def _write(self, number: str, after: str, do: str, oldest_program: str = "") -> None:
        place = self._folder / "plugin/store/migrations/versions" / f"{number}_made_up.py"
        place.write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n"
            f"revision, down_revision = {number!r}, {after!r}\n"
            f"oldest_program = {oldest_program!r}\n\n\ndef upgrade() -> None:{do}",
            "utf-8",
        )

    def _upgrade(self) -> float:
        began = time.monotonic()
        command = [sys.executable, "-m", "plugin.cli", "db", "upgrade"]
        subprocess.run(
            command, env=self._environment, cwd=self._folder, check=True, capture_output=True
        )
        return time.monotonic() - began

    def _start(self, environment: dict[str, str]) -> float:
        port = self._cluster.web[1] + 18
        place = {"BRIDGEHEAD_BIND": f"127.0.0.1:{port}"}
        command = [sys.executable, "-m", "plugin.cli", "web"]
        log = self._cluster.folder / "another.log"
        part = Part("another", command, environment | place, log)
        part.look()
        try:
            address = f"http://127.0.0.1:{port}/readyz"
            return self._cluster.wait_for(
                lambda: _status(address) == 200, 60, "another is not ready"
            )
        finally:
            part.kill()
            assert part.process is not None
            part.process.wait()


class Pages(Load):
    """Asks every web process whether it is ready, and for a page's and a list's worth of rows."""

    pause = 0.1

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._token = cluster.administrators_token()
        self._lock = threading.Lock()
        self.statuses = Counter[str]()

    def once(self) -> None:
        for address in self.cluster.web_addresses:
            for path in ("readyz", "sign-in", "api/v1/connections", "api/v1/devices"):
                status = _status(f"{address}/{path}", self._token if "api" in path else "")
                self.statuses[f"{status} {path}"] += 1

    @property
    def failed(self) -> int:
        """How many were not answered well."""
        return sum(count for told, count in self.statuses.items() if not told.startswith("200"))


def _status(url: str, token: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=30
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


def _row(what: str, calls: Calls, pages: Pages) -> Row:
    failed = sum(count for status, count in calls.statuses.items() if status != 204)
    asked, sent = sum(pages.statuses.values()), sum(calls.statuses.values())
    ours = f"{asked} pages and lists, {pages.failed} failed; {sent} signed calls, {failed} failed"
    return Row("O5", what, ours, "–", "–", "0 failed", pages.failed == failed == 0)


def _starts(former: float, newer: float) -> Row:
    told = f"after {former:.1f} s, the next version after {newer:.1f} s"
    return Row("O5", "the former version started again, ready", told, "–", "–", "both", True)


def _refusal(cluster: Cluster, seconds: float) -> Row:
    said = json.loads(cluster.problems() or '{"problems": [""]}')["problems"][0]
    what = "a migration took away what the former version needs: /readyz"
    return Row("O5", what, f"503: {said[:80]} …", "–", "–", "503", "cannot work with it" in said)
