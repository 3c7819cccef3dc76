"""What every engine promises, on both databases."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from plugin.engine import DistributedEngine, Engine
from plugin.engine.cron import cron_of
from plugin.runtime import utc_now
from plugin.store.base import db
from plugin.store.work import Job
from tests.engine.stage import LEASE, Stage
from tests.engine.worker import run_worker
from tests.processes import start


@pytest.fixture
def stage(database: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(database, tmp_path / "notes")
    yield stage
    stage.close()


def jobs_left(stage: Stage) -> int:
    with stage.app.app_context():
        return db.session.scalar(select(func.count(Job.id))) or 0


def test_a_woken_lane_is_worked_at_once(stage: Stage) -> None:
    with stage.running() as (engine,):
        time.sleep(1.0)
        stage.wish("a", "1")
        engine.wake("a")
        assert stage.wait_for(1, "did") < 1.0
    assert jobs_left(stage) == 0


def test_work_is_found_when_the_wake_got_lost(stage: Stage) -> None:
    stage.wish("a", "before the start")
    with stage.running():
        stage.wait_for(1, "did")
        stage.wish("b", "1", "2")
        assert stage.wait_for(3, "did") < 2.5


def test_work_that_becomes_due_by_the_clock_is_found(stage: Stage) -> None:
    with stage.running():
        stage.wish("a", "1", seconds=1.5)
        assert 1.0 < stage.wait_for(1, "did") < 4.0


def test_a_lane_has_one_holder_however_many_workers_there_are(stage: Stage) -> None:
    with stage.running(3) as engines:
        for subject in "1234":
            stage.wish("a", subject, kind="slow")
            for engine in engines:
                engine.wake("a")
        stage.wait_for(4, "end")
    lines = stage.notes()
    for begin, end in zip(lines[::2], lines[1::2], strict=True):
        assert begin.removeprefix("begin") == end.removeprefix("end")


def test_lanes_are_worked_side_by_side(stage: Stage) -> None:
    for lane in "abc":
        stage.wish(lane, lane, kind="meeting")
    with stage.running():
        stage.wait_for(3, "met")


def test_a_wish_during_the_last_job_of_a_lane_is_not_forgotten(stage: Stage) -> None:
    with stage.running() as (engine,):
        stage.wish("a", "1", kind="slow")
        engine.wake("a")
        stage.wait_for(1, "begin")
        stage.wish("a", "1", kind="slow")
        engine.wake("a")
        stage.wait_for(2, "end")
    assert jobs_left(stage) == 0


def test_a_stop_lets_the_present_job_end_and_gives_the_rest_back(stage: Stage) -> None:
    stage.wish("a", "1", "2", "3", kind="slow")
    with stage.running():
        stage.wait_for(1, "begin")
    assert [line.split()[0] for line in stage.notes()] == ["begin", "end"]
    assert jobs_left(stage) == 2
    with stage.running():
        stage.wait_for(3, "end", seconds=LEASE)


def test_periodic_things_happen_again_and_again(stage: Stage) -> None:
    def tick(engine: Engine) -> None:
        engine.every(1, "periodic:tick", lambda: stage.note("tick"))

    with stage.running(1, tick):
        stage.wait_for(3, "tick")


def test_periodic_things_do_not_wait_behind_a_backlog(stage: Stage) -> None:
    def tick(engine: Engine) -> None:
        engine.every(1, "periodic:tick", lambda: stage.note("tick"))

    for lane in range(100):  # on eight threads they take five seconds
        stage.wish(f"lane {lane}", str(lane), kind="slow")
    with stage.running(1, tick):
        stage.wait_for(2, "tick")
        assert len(stage.notes("end")) < 70


def test_two_workers_share_the_ticks() -> None:
    assert [cron_of(seconds) for seconds in (0.2, 15, 60, 90, 3600, 100_000)] == [
        "* * * * * */1",
        "* * * * * */15",
        "*/1 * * * *",
        "*/1 * * * *",
        "0 */1 * * *",
        "0 0 * * *",
    ]


def test_a_periodic_thing_that_fails_comes_again_and_stops_nothing(stage: Stage) -> None:
    def stumble() -> None:
        stage.note("stumble")
        raise RuntimeError("a bug")

    def prepare(engine: Engine) -> None:
        engine.every(1, "periodic:stumble", stumble)

    with stage.running(1, prepare) as (engine,):
        stage.wait_for(1, "stumble")
        stage.wish("a", "1")
        engine.wake("a")
        stage.wait_for(1, "did")
        stage.wait_for(2, "stumble")


def test_periodic_things_go_on_when_the_clock_is_set_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = [3600.0]
    moved = SimpleNamespace(time=lambda: time.time() + ahead[0])
    monkeypatch.setattr("procrastinate.periodic.time", moved)

    def prepare(engine: Engine) -> None:
        engine._now = lambda: utc_now() + timedelta(seconds=ahead[0])
        engine.every(1, "periodic:tick", lambda: stage.note("tick"))

    with stage.running(1, prepare):
        stage.wait_for(2, "tick")
        ahead[0] = 0.0
        stage.wait_for(len(stage.notes("tick")) + 3, "tick")


@pytest.mark.slow
def test_a_killed_workers_job_is_taken_over_after_its_lease(stage: Stage) -> None:
    stage.wish("a", "1", kind="for ever")
    stage.wish("b", "2")
    with stage.app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    victim = start(run_worker, url, str(stage.path))
    try:
        stage.wait_for(1, "try 1 of 1", seconds=30)
        stage.wait_for(1, "did 2")
    finally:
        victim.kill()
        victim.join()
    with stage.running():
        assert stage.wait_for(1, "try 2 of 1", seconds=30) < LEASE + 5
        for _ in range(100):  # the other lane's outcome may have died with the worker as well
            if jobs_left(stage) == 0:
                return
            time.sleep(0.1)
    pytest.fail("the dead worker's jobs were not taken over")


@pytest.mark.slow
def test_a_worker_that_is_asked_to_end_ends_well(stage: Stage) -> None:
    stage.wish("a", "1", "2", kind="slow")
    with stage.app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    worker = start(run_worker, url, str(stage.path))
    stage.wait_for(2, "end", seconds=30)
    worker.terminate()
    worker.join(10)
    assert worker.exitcode == 0
    assert jobs_left(stage) == 0


def test_waking_never_fails_even_without_tables_or_server(postgresql: str, tmp_path: Path) -> None:
    stage = Stage(postgresql, tmp_path / "notes")
    engine = stage.engine()
    assert isinstance(engine, DistributedEngine)
    engine.wake("a")
    engine._bell.close()
    stage.close()
