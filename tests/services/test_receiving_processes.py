"""Receiving with several processes, with killed ones, and with a database that hangs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from sqlalchemy import select

from plugin.services import inbox
from plugin.services.receiver import Receiver
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.work import Delivery, Job
from tests.blueprints.test_webhooks import Door, open_door
from tests.databases import postgresql_server
from tests.scene import Scene, saying, scene, signed

pytestmark = pytest.mark.slow


@pytest.fixture
def play(database: str) -> Iterator[Scene]:
    with scene(database) as played:
        yield played


def senders(
    play: Scene, connection: Connection, processes: int, count: int, kind: str
) -> list[subprocess.Popen[str]]:
    """Start processes and wait until all of them are ready to send."""
    url = db.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.services.sender", url, str(connection.id)]
    started = [
        subprocess.Popen(
            [*command, str(count), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(processes)
    ]
    for process in started:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    return started


def release(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()


def stored() -> list[Delivery]:
    db.session.remove()
    return list(db.session.scalars(select(Delivery)))


def test_one_call_two_hundred_times_to_two_processes_has_one_effect(play: Scene) -> None:
    connection = play.add_connection()
    processes = senders(play, connection, 2, 100, "same")
    release(processes)
    answers = [line for each in processes for line in each.communicate()[0].splitlines()]
    assert all(each.returncode == 0 for each in processes)
    assert len(answers) == 200
    assert len(set(answers)) == 1
    (row,) = stored()
    assert row.repeats == 199
    assert len(db.session.scalars(select(Job)).all()) == 1


def test_what_was_acknowledged_survives_a_killed_receiver(play: Scene) -> None:
    connection = play.add_connection()
    acknowledged: set[int] = set()
    for least in (10, 60):
        (process,) = senders(play, connection, 1, 100_000, "distinct")
        release([process])
        assert process.stdout
        for _ in range(least):
            acknowledged.add(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        lines = process.communicate()[0].splitlines(keepends=True)
        acknowledged |= {int(line) for line in lines if line.endswith("\n")}
    rows = stored()
    assert acknowledged <= {row.id for row in rows}
    jobs = {job.subject for job in db.session.scalars(select(Job))}
    assert {str(row.id) for row in rows} == jobs


@contextmanager
def frozen_server() -> Iterator[None]:
    """Stop every process of the PostgreSQL server, as a dying disk would."""
    data = postgresql_server().folder / "data" / "postmaster.pid"
    postmaster = psutil.Process(int(data.read_text().splitlines()[0]))
    everyone = [postmaster, *postmaster.children(recursive=True)]
    for process in everyone:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in everyone:
            os.kill(process.pid, signal.SIGCONT)


def test_a_frozen_server_makes_it_busy_in_two_seconds_and_loses_nothing(postgresql: str) -> None:
    with scene(postgresql) as play:
        door = Door(play, open_door(play.app, play, fast=False))
        assert door.send().status_code == 204
        with frozen_server():
            for number in range(3):
                started = time.monotonic()
                answer = door.send(saying(ID=number))
                assert time.monotonic() - started < 3.5
                assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
            time.sleep(2.5)  # by now the token's last look-up is old news
            answer = door.send(saying(ID=4))
            assert answer.status_code == 429
        started = time.monotonic()
        while door.send(saying(ID=9)).status_code != 204:
            assert time.monotonic() - started < 5
        assert {saying(), saying(ID=9)} <= {row.body for row in stored()}


def test_a_receiver_whose_thread_has_died_starts_another(sqlite: str) -> None:
    with scene(sqlite) as play:
        connection = play.add_connection()
        receiver = Receiver(play.app, play.runtime)
        receiver._writer._process = -1
        for _ in range(2):
            stored = inbox.accept(
                receiver, connection, body=saying(), headers=signed(saying()), query=""
            )
            assert stored.delivery_id
