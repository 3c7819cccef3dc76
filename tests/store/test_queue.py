from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from plugin.store import queue, settling
from plugin.store.base import db, writing
from plugin.store.queue import Claim, LostLeaseError, enqueue
from plugin.store.work import Job, JobState
from tests.scene import Scene, scene

LEASE = timedelta(seconds=60)


@pytest.fixture
def play(database: str) -> Iterator[Scene]:
    with scene(database) as played:
        yield played


def wish(play: Scene, subject: str = "1", lane: str = "a", **more: object) -> None:
    with writing() as session:
        enqueue(session, "sync", subject, lane, now=play.clock(), **more)  # type: ignore[arg-type]


def take(play: Scene, lane: str = "a", worker: str = "w", limit: int = 10) -> list[Claim]:
    now = play.clock()
    return queue.take(lane, now=now, lease=LEASE, worker=worker, limit=limit, clock=play.clock)


def finish(play: Scene, *claims: Claim) -> int:
    with writing() as session:
        return settling.finish(session, claims, play.clock())


def jobs() -> list[Job]:
    db.session.rollback()
    return list(db.session.scalars(select(Job).order_by(Job.id)))


def test_a_wish_is_taken_once_and_gone_when_finished(play: Scene) -> None:
    wish(play)
    (claim,) = take(play)
    assert (claim.kind, claim.subject, claim.attempts) == ("sync", "1", 1)
    assert take(play) == []
    assert finish(play, claim) == 1
    assert jobs() == []


def test_two_wishes_for_the_same_are_one_job_and_the_earlier_moment_wins(play: Scene) -> None:
    wish(play, due_at=play.clock() + timedelta(hours=1))
    assert take(play) == []
    wish(play, due_at=play.clock() + timedelta(hours=2))
    wish(play)
    assert len(jobs()) == 1
    assert len(take(play)) == 1


def test_a_wish_during_the_work_has_it_done_once_more(play: Scene) -> None:
    wish(play)
    (claim,) = take(play)
    wish(play)
    wish(play)
    finish(play, claim)
    (again,) = take(play)
    assert again.attempts == 2
    finish(play, again)
    assert jobs() == []


def test_a_wish_after_an_overslept_lease_is_not_lost_with_the_sleepers_outcome(
    play: Scene,
) -> None:
    wish(play)
    (claim,) = take(play)
    play.clock.move(minutes=5)
    wish(play)
    finish(play, claim)
    assert len(take(play)) == 1


def test_jobs_come_oldest_first(play: Scene) -> None:
    for age in (1, 3, 2):
        wish(play, subject=str(age), due_at=play.clock() - timedelta(hours=age))
    assert [claim.subject for claim in take(play)] == ["3", "2", "1"]


def test_a_lane_has_one_holder_even_when_more_is_due(play: Scene) -> None:
    for subject in "123":
        wish(play, subject=subject)
    assert len(take(play, limit=1)) == 1
    assert take(play, worker="other") == []


def test_two_lanes_are_taken_side_by_side(play: Scene) -> None:
    wish(play, subject="1", lane="a")
    wish(play, subject="2", lane="b")
    assert len(take(play, "a")) == len(take(play, "b", worker="other")) == 1


def test_a_dead_workers_job_is_taken_over_and_its_late_outcome_does_not_count(play: Scene) -> None:
    wish(play)
    (lost,) = take(play)
    play.clock.move(seconds=61)
    (taken_over,) = take(play, worker="other")
    assert taken_over.attempts == 2
    assert finish(play, lost) == 0
    with writing() as session:
        assert not settling.shelve(session, lost, JobState.DEAD, "too late")
        assert not settling.repeat(session, lost, play.clock(), play.clock())
    assert finish(play, taken_over) == 1


def test_renewing_keeps_the_lane_and_says_when_it_is_lost(play: Scene) -> None:
    wish(play, subject="1")
    wish(play, subject="2")
    first, second = take(play)
    for _ in range(5):
        play.clock.move(seconds=50)
        first.renew()
    assert take(play, worker="other") == []
    play.clock.move(seconds=61)
    assert len(take(play, worker="other")) == 2
    with pytest.raises(LostLeaseError):
        second.renew()


def test_parked_and_dead_jobs_come_back_only_when_somebody_asks(play: Scene) -> None:
    for subject, state in (("1", JobState.PARKED), ("2", JobState.DEAD)):
        wish(play, subject=subject)
        (claim,) = take(play)
        with writing() as session:
            assert settling.shelve(session, claim, state, "a reason")
        wish(play, subject=subject)
        assert take(play) == []
        wish(play, subject=subject, revive=True)
        (claim,) = take(play)
        assert claim.failures == 0
        finish(play, claim)


def test_a_job_that_waits_after_a_failure_keeps_its_distance(play: Scene) -> None:
    wish(play)
    (claim,) = take(play)
    with writing() as session:
        later = play.clock() + timedelta(minutes=10)
        settling.put_back(
            session, claim, later, problem="busy", failures=1, first_failed_at=play.clock()
        )
    wish(play)
    assert take(play) == []
    wish(play, revive=True)
    assert take(play)[0].failures == 0


def test_released_jobs_look_as_if_nobody_had_taken_them(play: Scene) -> None:
    wish(play)
    claims = take(play)
    with writing() as session:
        settling.release(session, claims)
    (claim,) = take(play, worker="other")
    assert claim.attempts == 1


def test_due_lanes_are_those_with_due_work_that_nobody_holds(play: Scene) -> None:
    for lane, minutes in (("due", 0), ("later", 5), ("held", 0), ("also due", 0)):
        wish(play, subject=lane, lane=lane, due_at=play.clock() + timedelta(minutes=minutes))
    take(play, "held")
    assert queue.due_lanes(db.session(), play.clock()) == ["also due", "due"]
    play.clock.move(minutes=6)
    assert queue.due_lanes(db.session(), play.clock()) == ["also due", "due", "held", "later"]


def test_nothing_at_all_means_no_lanes(play: Scene) -> None:
    assert queue.due_lanes(db.session(), play.clock()) == []


def test_a_connections_work_is_parked_and_woken_together(play: Scene) -> None:
    one, two = play.add_connection(), play.add_connection()
    wish(play, subject="1", lane="a", connection_id=one.id)
    wish(play, subject="2", lane="b", connection_id=one.id)
    wish(play, subject="3", lane="c", connection_id=two.id)
    with writing() as session:
        assert queue.park_connection(session, one.id, "wrong password") == 2
    assert queue.due_lanes(db.session(), play.clock()) == ["c"]
    with writing() as session:
        assert sorted(queue.wake_parked(session, one.id, play.clock())) == ["a", "b"]
    assert queue.due_lanes(db.session(), play.clock()) == ["a", "b", "c"]


def test_a_thousand_wishes_go_in_at_once(play: Scene) -> None:
    subjects = [str(number) for number in range(1000)]
    with writing() as session:
        queue.enqueue_many(session, "sync", subjects, "a", now=play.clock())
        queue.enqueue_many(session, "sync", subjects, "a", now=play.clock())
    claims = take(play, limit=2000)
    assert len(claims) == 1000
    assert finish(play, *claims) == 1000
    assert jobs() == []
