from collections.abc import Iterator
from datetime import timedelta

import pytest

from plugin.store import backlog, queue, settling
from plugin.store.base import db, writing
from plugin.store.work import JobState
from tests.scene import Scene, scene


@pytest.fixture
def play(database: str) -> Iterator[Scene]:
    with scene(database) as played:
        yield played


def test_nothing_waits_at_first(play: Scene) -> None:
    assert backlog.lag(db.session(), play.clock()) == timedelta(0)
    assert backlog.lanes(db.session(), play.clock()) == []
    assert set(backlog.count_by_state(db.session()).values()) == {0}


def test_lanes_show_what_waits_and_for_how_long(play: Scene) -> None:
    now = play.clock()
    with writing() as session:
        queue.enqueue_many(session, "do", "12", "busy", now=now - timedelta(minutes=9))
        queue.enqueue(session, "do", "3", "busy", now=now, due_at=now + timedelta(hours=1))
        queue.enqueue(session, "do", "4", "calm", now=now - timedelta(minutes=1))
    (claim,) = queue.take("calm", now=now, lease=timedelta(minutes=1), worker="w", limit=1)
    busy, calm = backlog.lanes(db.session(), now)
    assert (busy.lane, busy.due, busy.later, busy.working) == ("busy", 2, 1, False)
    assert (calm.lane, calm.due, calm.working) == ("calm", 1, True)
    assert busy.oldest == timedelta(minutes=9) == backlog.lag(db.session(), now)
    with writing() as session:
        settling.shelve(session, claim, JobState.DEAD, "a bug")
    assert backlog.count_by_state(db.session()) == {"due": 3, "parked": 0, "dead": 1}
    assert backlog.lanes(db.session(), now)[1].dead == 1
