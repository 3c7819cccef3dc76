"""QR19 over PostgreSQL: the same stories, and the database restarted in the middle of a sync."""

import tempfile
import time
from pathlib import Path

from bench.table import Row
from soak._bridges import BEAT, yard
from soak._clock import Clock
from soak.bridges import Play, clock_moved, frozen, killed, restarted
from tests.databases import Server, postgresql_server


def run() -> list[Row]:
    """Play the stories in one installation on a PostgreSQL server of its own."""
    server = postgresql_server(durable=True)
    server.execute("CREATE DATABASE soak")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = Clock(folder)
        with yard(folder, server.url("soak"), **clock.settings) as open_yard:
            play = Play(open_yard, open_yard.devices())
            rows = [killed(play), frozen(play), restarted(play), _database_restarted(play, server)]
            rows += clock_moved(play, clock)
    return [_named(row) for row in rows]


def _database_restarted(play: Play, server: Server) -> Row:
    def act() -> None:
        time.sleep(2)
        data, log = str(server.folder / "data"), str(server.folder / "log")
        server.run("pg_ctl", "-D", data, "-m", "immediate", "-w", "-l", log, "restart")
        time.sleep(3 * BEAT)

    return play.story("the database killed and started again", act, [])


def _named(row: Row) -> Row:
    return Row(
        row.id, f"PostgreSQL: {row.what}", row.ours, row.baseline, row.ratio, row.bar, row.holds
    )
