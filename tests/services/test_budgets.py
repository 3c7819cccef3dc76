"""A remote's budget that several processes share on PostgreSQL."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from plugin.app import create_app
from plugin.domain.budgets import terms_of
from plugin.edge.pace import Pace, SharedBudget
from plugin.services import reports
from plugin.services.budgets import Budgets, of_process
from plugin.settings import Pace as PaceLimit
from plugin.settings import load
from plugin.store import budgets as rows
from plugin.store.base import db, writing
from tests.databases import bare_app, postgresql_server
from tests.processes import pipe, start
from tests.scene import Scene, scene
from tests.services.spender import Call, most_over, spend


@pytest.fixture
def play(postgresql: str) -> Iterator[Scene]:
    with scene(postgresql) as played:
        yield played


def url() -> str:
    return db.engine.url.render_as_string(hide_password=False)


Another = Callable[..., SharedBudget]


@pytest.fixture
def another(play: Scene) -> Iterator[Another]:
    """Give what makes a connection's budget as another process has it: with its own engine."""
    made: list[tuple[Flask, Budgets]] = []

    def make(
        number: int, per_second: float, burst: int, patience: float = 30.0, alone: float = 5.0
    ) -> SharedBudget:
        app = bare_app(url())
        made.append((app, Budgets(app, patience=patience, alone=alone)))
        return made[-1][1].of(number, per_second, burst)

    yield make
    for app, shared in made:
        shared._clerk.ask(lambda _: None, 30)  # it has done by then what nobody waits for any more
        with app.app_context():
            db.engine.dispose()


def take_all(budget: SharedBudget) -> int:
    """Take permits until there is none at once; returns how many there were."""
    count = 0
    while budget.take() == 0.0:
        count += 1
    return count


def spent_by(numbers: list[int], per_second: float, burst: int, seconds: float) -> list[list[Call]]:
    """Have a process for each of these connections spend what it gets; returns their calls."""
    ends = []
    for number in numbers:
        ours, theirs = pipe()
        start(spend, url(), number, per_second, burst, seconds, theirs)
        ends.append(ours)
    for end in ends:
        assert end.recv() == "ready"
    for end in ends:
        end.send(time.monotonic())
    return [end.recv() for end in ends]


@pytest.mark.slow
def test_processes_never_call_faster_together_than_one_may(play: Scene) -> None:
    busy, calm = play.add_connection(), play.add_connection()
    *together, alone = spent_by([busy.id, busy.id, busy.id, calm.id], 40, 8, seconds=3)
    calls = [call for part in together for call in part]
    assert all(together)
    assert len(calls) > 8
    assert most_over(calls, 40) <= 8
    assert len(alone) > 8
    assert most_over(alone, 40) <= 8


def test_the_measure_sees_processes_that_share_nothing() -> None:
    calls = [Call(moment / 40, moment / 40) for moment in range(120)]
    assert most_over(calls, 40) == pytest.approx(1)
    assert most_over(calls * 3, 40) > 8


def test_what_one_process_took_another_does_not_get(play: Scene, another: Another) -> None:
    number = play.add_connection().id
    first, second = another(number, 0.01, 6), another(number, 0.01, 6)
    assert take_all(first) == 5  # one is kept back for what is drawn and used later
    assert second.take() == pytest.approx(100, abs=5)
    assert take_all(another(play.add_connection().id, 0.01, 6)) == 5


def test_what_is_left_is_what_no_process_has_drawn(play: Scene, another: Another) -> None:
    number = play.add_connection().id
    budget = another(number, 0.01, 6)
    for _ in range(2):
        budget.take()
    assert rows.left(db.session()) == {number: 3}
    budget.pause(60)
    assert rows.left(db.session()) == {number: 0}


def test_a_pause_holds_up_the_other_processes(play: Scene, another: Another) -> None:
    number = play.add_connection().id
    first, second = another(number, 100, 100), another(number, 0.01, 6)
    first.pause(60)
    assert second.take() == pytest.approx(60, abs=5)
    first.pause(1)
    assert second.take() == pytest.approx(60, abs=5)


def test_a_clock_that_was_set_back_stops_nobody_for_long(play: Scene, another: Another) -> None:
    number = play.add_connection().id
    another(number, 10, 10).take()
    with writing() as session:
        session.execute(text("UPDATE remote_budget SET spent_until = now() + interval '1 year'"))
    wait = another(number, 10, 10).take()
    assert wait is not None
    assert wait < 2


def test_a_frozen_database_leaves_each_process_its_own_pace(play: Scene, another: Another) -> None:
    number = play.add_connection().id
    shared = another(number, 0.01, 3, patience=0.2, alone=60.0)
    pace = Pace(0.01, 3, shared=shared)
    # The row is held by somebody who does not let go: what a database that hangs looks like.
    with closing(db.engine.connect()) as other:
        rows.draw(other, number, terms_of(0.01, 3))
        assert [pace.take() for _ in range(3)] == [0.0, 0.0, 0.0]
        assert pace.take() > 1
        assert shared.take() is None
        other.rollback()


@pytest.mark.slow
def test_a_database_that_went_away_and_came_back_is_asked_again(
    play: Scene, another: Another
) -> None:
    number = play.add_connection().id
    budget = another(number, 0.01, 6, alone=0.0)
    assert budget.take() == 0.0
    server = postgresql_server(durable=False)
    server.execute("CHECKPOINT")  # it does not sync by itself here, and the connection must stay
    db.session.remove()
    server.kill()
    try:
        assert budget.take() is None
        budget.pause(60)
    finally:
        server.start()
    assert budget.take() == 0.0


def test_the_adapters_of_all_processes_draw_on_one_budget_and_metrics_tell_it(play: Scene) -> None:
    connection = play.add_connection()
    limits = replace(play.runtime.settings.limits, pace={"default": PaceLimit(0.01, 6)})
    settings = replace(play.runtime.settings, limits=limits)
    app = play.app
    first, second = (
        replace(
            play.runtime,
            settings=settings,
            budget_of=Budgets(app, patience=30.0).of,
            _made=threading.local(),
            _shared={},
        )
        for _ in range(2)
    )
    for runtime in (first, second):
        assert runtime._shared_by(connection).pace.take() == 0.0
    assert first._shared_by(connection).pace.take() == 0.0
    reports.report(second, "two:2")
    assert reports.budgets(play.clock()) == {connection.id: 2}


def test_an_application_on_postgresql_shares_its_budgets(play: Scene, tmp_path: Path) -> None:
    said = {"BRIDGEHEAD_DATA": str(tmp_path), "BRIDGEHEAD_DATABASE_URL": url()}
    app = create_app(load(said, root=tmp_path))
    with app.app_context():
        assert app.extensions["bridgehead"].budget_of is not None
        db.engine.dispose()


def test_a_single_process_shares_with_nobody(sqlite: str) -> None:
    assert of_process(bare_app(sqlite)) is None
