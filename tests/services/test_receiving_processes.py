"""Receiving with several processes, with killed ones, and with a database that hangs."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess

import pytest
from sqlalchemy import select

from plugin.services import inbox
from plugin.services.receiver import Receiver
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.work import Delivery, Job
from tests.blueprints.test_webhooks import Door, open_door
from tests.databases import postgresql_server
from tests.processes import pipe, start
from tests.scene import Scene, saying, scene, signed
from tests.services.sender import send

pytestmark = pytest.mark.slow


@pytest.fixture
def play(database: str) -> Iterator[Scene]:
    with scene(database) as played:
        yield played


def sender(
    play: Scene, connection: Connection, count: int, *, same: bool
) -> tuple[BaseProcess, Pipe]:
    """Start a process that is ready to send."""
    url = db.engine.url.render_as_string(hide_password=False)
    ours, theirs = pipe()
    process = start(send, url, connection.id, count, same, theirs)
    assert ours.recv() == "ready"
    theirs.close()
    return process, ours


def answers(theirs: Pipe) -> list[int]:
    """Return what is still in the pipe of a process that is done or dead."""
    found = []
    try:
        while (said := theirs.recv()) != "done":
            found.append(said)
    except EOFError:
        pass
    return found


def stored() -> list[Delivery]:
    db.session.remove()
    return list(db.session.scalars(select(Delivery)))


def test_one_call_two_hundred_times_to_four_processes_has_one_effect(play: Scene) -> None:
    connection = play.add_connection()
    started = [sender(play, connection, 50, same=True) for _ in range(4)]
    for _, theirs in started:
        theirs.send("go")
    stored_ids = [each for _, theirs in started for each in answers(theirs)]
    assert len(stored_ids) == 200
    assert len(set(stored_ids)) == 1
    (row,) = stored()
    assert row.repeats == 199
    assert len(db.session.scalars(select(Job)).all()) == 1


def test_what_was_acknowledged_survives_a_killed_receiver(play: Scene) -> None:
    connection = play.add_connection()
    acknowledged: set[int] = set()
    for least in (1, 20, 100):
        process, theirs = sender(play, connection, 100_000, same=False)
        theirs.send("go")
        acknowledged |= {theirs.recv() for _ in range(least)}
        process.kill()
        acknowledged |= set(answers(theirs))
        process.join()
    rows = stored()
    assert acknowledged <= {row.id for row in rows}
    jobs = {job.subject for job in db.session.scalars(select(Job))}
    assert {str(row.id) for row in rows} == jobs


def test_a_frozen_server_makes_it_busy_in_two_seconds_and_loses_nothing(postgresql: str) -> None:
    with scene(postgresql) as play:
        door = Door(play, open_door(play.app, play, fast=False))
        assert door.send().status_code == 204
        with postgresql_server(durable=False).frozen():
            for number in range(3):
                started = time.monotonic()
                with ThreadPoolExecutor(1) as unprepared:  # a server's thread that never called
                    answer = unprepared.submit(door.send, saying(ID=number)).result()
                assert time.monotonic() - started < 3.5
                assert answer.status_code == 429
                assert answer.headers["Retry-After"] == "2"
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
