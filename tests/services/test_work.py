import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from plugin.domain.errors import (
    AnswerError,
    BusyError,
    CircuitOpenError,
    MissingError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.runtime import Runtime
from plugin.services.fate import Fate, FateKind, fate_of
from plugin.services.work import Handler, work
from plugin.store import queue
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, ConnectionState, Preference
from plugin.store.queue import Claim, enqueue
from plugin.store.work import Job, JobState
from tests.scene import Scene, scene


@pytest.fixture
def play(database: str) -> Iterator[Scene]:
    with scene(database) as played:
        yield played


@pytest.fixture
def here(sqlite: str) -> Iterator[Scene]:
    with scene(sqlite) as played:
        yield played


def wish(play: Scene, *subjects: str, connection: Connection | None = None) -> None:
    with writing() as session:
        for subject in subjects or ("1",):
            number = connection.id if connection else None
            enqueue(session, "do", subject, "lane", now=play.clock(), connection_id=number)


def run(play: Scene, handler: Handler, **more: object) -> int:
    return work(play.runtime, "lane", {"do": handler}, **more)  # type: ignore[arg-type]


def failing(error: Exception) -> Handler:
    def fail(runtime: Runtime, claim: Claim) -> None:
        raise error

    return fail


def succeed(runtime: Runtime, claim: Claim) -> None:
    return None


def the_job() -> Job:
    db.session.remove()
    return db.session.scalars(select(Job)).one()


def jobs_left() -> int:
    db.session.remove()
    return len(db.session.scalars(select(Job)).all())


def test_a_lane_is_worked_until_it_is_empty_in_order(play: Scene) -> None:
    done: list[str] = []
    wish(play, *(str(number) for number in range(250)))
    assert run(play, lambda runtime, claim: done.append(claim.subject)) == 250
    assert sorted(done, key=int) == [str(number) for number in range(250)]
    assert jobs_left() == 0


def test_a_job_may_ask_to_be_done_again_later(play: Scene) -> None:
    later = play.clock() + timedelta(hours=1)
    wish(play)
    run(play, lambda runtime, claim: later)
    assert the_job().due_at == later
    assert run(play, succeed) == 0
    play.clock.move(hours=1)
    assert run(play, succeed) == 1


def test_what_is_wished_for_during_the_work_is_done_before_the_lane_ends(play: Scene) -> None:
    done: list[str] = []

    def wish_once(runtime: Runtime, claim: Claim) -> None:
        if not done:
            wish(play)
        done.append(claim.subject)

    wish(play)
    run(play, wish_once)
    assert done == ["1", "1"]


def test_a_time_out_waits_longer_each_time_and_dies_after_three_days(here: Scene) -> None:
    wish(here)
    waits = []
    for _ in range(200):
        run(here, failing(TransientError("Host", "timed out")))
        job = the_job()
        if job.state == JobState.DEAD:
            break
        waits.append((job.due_at - here.clock()).total_seconds())
        here.clock.at = job.due_at
    assert 24 <= waits[0] <= 36
    assert 48 <= waits[1] <= 72
    assert max(waits) <= 3600
    assert timedelta(days=3) <= here.clock() - job.created_at < timedelta(days=3, hours=1.1)
    assert "timed out" in job.problem
    assert job.failures == len(waits)


def test_retry_after_is_obeyed(here: Scene) -> None:
    wish(here)
    run(here, failing(TransientError("Host", "slow down", retry_after=86_400)))
    assert the_job().due_at == here.clock() + timedelta(days=1)


def test_success_forgets_failures(here: Scene) -> None:
    wish(here)
    run(here, failing(TransientError("Host", "timed out")))
    here.clock.move(minutes=1)
    run(here, lambda runtime, claim: here.clock() + timedelta(hours=1))
    assert (the_job().failures, the_job().first_failed_at, the_job().problem) == (0, None, "")


def test_an_open_circuit_lets_the_connections_lane_wait_and_counts_nothing(play: Scene) -> None:
    connection = play.add_connection()
    tried: list[str] = []

    def meet_open_circuit(runtime: Runtime, claim: Claim) -> None:
        tried.append(claim.subject)
        raise CircuitOpenError("Host", "down", retry_after=20)

    wish(play, *(str(number) for number in range(250)), connection=connection)
    run(play, meet_open_circuit)
    assert len(tried) == 1
    for job in db.session.scalars(select(Job)):
        assert (job.failures, job.state) == (0, JobState.DUE)
        assert job.due_at == play.clock() + timedelta(seconds=20)
    play.clock.move(seconds=20)
    assert run(play, succeed) == 250


def test_a_refusal_parks_the_connections_work_and_asks_for_an_administrator(
    play: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    connection = play.add_connection()
    with writing() as session:
        enqueue(session, "do", "9", "other", now=play.clock(), connection_id=connection.id)
    wish(play, "1", "2", "3", connection=connection)
    tried: list[str] = []

    def be_refused(runtime: Runtime, claim: Claim) -> None:
        tried.append(claim.subject)
        raise RefusedError("Host", "wrong password")

    with caplog.at_level(logging.WARNING, "plugin"):
        run(play, be_refused)
    assert len(tried) == 1
    db.session.remove()
    assert {job.state for job in db.session.scalars(select(Job))} == {JobState.PARKED}
    seen = db.session.get_one(Connection, connection.id)
    assert (seen.state, seen.problem) == (ConnectionState.ATTENTION, "Host: wrong password")
    assert seen.version == 1
    turned = [entry for entry in caplog.messages if "needs attention" in entry]
    assert len(turned) == 1


def test_a_refusing_remote_is_asked_again_only_after_a_while(here: Scene) -> None:
    connection = here.add_connection()
    wish(here, "1", connection=connection)
    run(here, failing(RefusedError("Host", "wrong password")))
    wish(here, "2", connection=connection)
    assert run(here, failing(AssertionError("it was asked"))) == 1
    here.clock.move(minutes=6)
    wish(here, "3", connection=connection)
    tried: list[str] = []
    run(here, lambda runtime, claim: tried.append(claim.subject))
    assert sorted(tried) == ["1", "2", "3"]


def test_recovery_is_noted_once_and_wakes_what_was_parked(
    here: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    connection = here.add_connection()
    wish(here, "1", connection=connection)
    run(here, failing(RefusedError("Host", "wrong password")))
    here.clock.move(minutes=6)
    wish(here, "2", connection=connection)
    with caplog.at_level(logging.INFO, "plugin"):
        run(here, succeed)
    db.session.remove()
    seen = db.session.get_one(Connection, connection.id)
    assert (seen.state, seen.problem) == (ConnectionState.WORKING, "")
    assert seen.worked_at == here.clock()
    assert jobs_left() == 0
    assert [entry for entry in caplog.messages if entry.endswith("works")] == [
        f"connection {connection.id} works"
    ]
    assert here.woken == ["lane"]


def test_work_that_did_not_hear_the_remote_proves_nothing(here: Scene) -> None:
    connection = here.add_connection()

    def decide_alone(runtime: Runtime, claim: Claim) -> None:
        claim.heard = False

    wish(here, connection=connection)
    run(here, decide_alone)
    db.session.remove()
    assert db.session.get_one(Connection, connection.id).state == ConnectionState.NEW


@pytest.mark.parametrize(
    ("error", "state", "traceback"),
    [
        (AnswerError("Host", "not JSON"), JobState.DEAD, True),
        (KeyError("a bug"), JobState.DEAD, True),
        (RuleError("field", "no company is mapped"), JobState.PARKED, False),
    ],
)
def test_what_cannot_be_repeated_waits_for_a_person(
    play: Scene,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    state: JobState,
    traceback: bool,
) -> None:
    wish(play)
    with caplog.at_level(logging.INFO, "plugin"):
        run(play, failing(error))
    assert the_job().state == state
    assert the_job().problem
    assert any(record.exc_info for record in caplog.records) is traceback


def test_a_missing_record_ends_the_job(play: Scene) -> None:
    wish(play)
    run(play, failing(MissingError("Host", "no such ticket")))
    assert jobs_left() == 0


@pytest.mark.parametrize(
    "error", [BusyError("locked"), OperationalError("SELECT", {}, Exception("gone"))]
)
def test_trouble_with_our_own_store_is_no_bug_of_the_job(here: Scene, error: Exception) -> None:
    wish(here)
    run(here, failing(error))
    assert the_job().state == JobState.DUE


def test_the_next_job_runs_after_a_bug(play: Scene) -> None:
    done: list[str] = []

    def stumble(runtime: Runtime, claim: Claim) -> None:
        if claim.subject == "1":
            with writing() as session:
                session.add(Job(kind="half a row"))
        done.append(claim.subject)

    wish(play, "1", "2", "3")
    run(play, stumble)
    assert done == ["2", "3"]


def test_a_job_nobody_knows_is_dead_not_lost(here: Scene) -> None:
    wish(here)
    work(here.runtime, "lane", {})
    assert the_job().state == JobState.DEAD


def test_a_hook_writes_the_fate_in_the_same_transaction(play: Scene) -> None:
    seen: list[Fate] = []
    wish(play)
    run(play, failing(RuleError("", "not mapped")), hooks={"do": lambda r, c, f: seen.append(f)})
    assert [(fate.kind, fate.reason) for fate in seen] == [(FateKind.PARKED, "not mapped")]


def test_an_outcome_after_a_takeover_changes_nothing(play: Scene) -> None:
    noted: list[Fate] = []

    def oversleep(runtime: Runtime, claim: Claim) -> None:
        play.clock.move(minutes=2)
        now = play.clock()
        lease = timedelta(minutes=1)
        assert queue.take("lane", now=now, lease=lease, worker="other", limit=9)
        raise TransientError("Host", "timed out")

    wish(play)
    run(play, oversleep, hooks={"do": lambda r, c, f: noted.append(f)})
    job = the_job()
    assert (job.leased_by or "").startswith("other")
    assert job.problem == ""
    assert noted == []


def test_a_long_batch_keeps_its_lease(here: Scene) -> None:
    stolen: list[Claim] = []

    def dawdle(runtime: Runtime, claim: Claim) -> None:
        here.clock.move(seconds=30)
        now, lease = here.clock(), timedelta(minutes=1)
        stolen.extend(queue.take("lane", now=now, lease=lease, worker="other", limit=9))

    wish(here, *"123456789")
    assert run(here, dawdle) == 9
    assert stolen == []


def test_a_stop_gives_back_what_was_not_begun(play: Scene) -> None:
    done: list[str] = []
    wish(play, "1", "2", "3")
    assert run(play, lambda r, c: done.append(c.subject), stopping=lambda: len(done) == 1) == 1
    assert jobs_left() == 2
    assert run(play, succeed) == 2


def test_work_waits_while_its_environment_is_not_active(play: Scene) -> None:
    connection = play.add_connection(environment="beta")
    wish(play, "1", "2", connection=connection)
    assert run(play, failing(AssertionError("it was worked"))) == 2
    with writing() as session:
        session.add(Preference(name="environment", value="beta", changed_at=play.clock()))
    play.clock.move(minutes=6)
    assert run(play, succeed) == 2
    assert jobs_left() == 0


def test_work_of_a_deleted_connection_waits(here: Scene) -> None:
    connection = here.add_connection(deleted_at=here.clock())
    wish(here, connection=connection)
    run(here, failing(AssertionError("it was worked")))
    assert the_job().problem == "the connection is deleted"


def test_backoff_never_leaves_its_bounds(here: Scene) -> None:
    limits = here.runtime.settings.limits.work
    wish(here)
    (claim,) = queue.take("lane", now=here.clock(), lease=timedelta(minutes=1), worker="w", limit=1)
    for failures in (0, 5, 50, 5000):
        claim.failures = failures
        fate = fate_of(TransientError("Host", "busy"), claim, here.clock(), limits)
        assert _seconds(fate, here.clock) <= limits.retry_cap


def _seconds(fate: Fate, now: Callable[[], datetime]) -> float:
    assert fate.due_at is not None
    return (fate.due_at - now()).total_seconds()
