"""Workers tell how the remotes look from where they are; the worst word counts."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plugin.runtime import Runtime
from plugin.services import reports
from plugin.settings import Pace
from plugin.store.integrations import Connection
from tests.house import HOST, House, open_house


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path) as opened:
        yield opened


def another_process(house: House) -> Runtime:
    return replace(house.runtime, _made=threading.local(), _shared={})


def break_it(runtime: Runtime, connection: Connection) -> None:
    circuit = runtime.circuit(connection)
    for _ in range(10):
        circuit.leave(failed=True)
    assert circuit.state == "open"


def test_a_breaker_that_opened_in_one_worker_shows_in_every_process(house: House) -> None:
    connection = house.connect(HOST)
    worker, web = another_process(house), another_process(house)
    break_it(worker, connection)
    reports.report(worker, "one:1")
    reports.report(house.runtime, "two:2")
    assert reports.circuit_of(web, connection) == "open"
    assert set(reports.workers(house.clock())) == {"one:1", "two:2"}


def test_a_worker_that_is_gone_has_no_word_and_is_forgotten(house: House) -> None:
    connection = house.connect(HOST)
    worker = another_process(house)
    break_it(worker, connection)
    reports.report(worker, "one:1")
    house.clock.forward(90)
    assert reports.circuit_of(house.runtime, connection) == "closed"
    house.clock.forward(3600)
    reports.report(house.runtime, "two:2")
    assert set(reports.workers(house.clock())) == {"two:2"}


def test_the_budget_is_that_of_the_worker_with_the_fewest_calls_left(house: House) -> None:
    connection = house.connect(HOST)
    limits = replace(house.runtime.settings.limits, pace={"default": Pace(0.01, 100)})
    settings = replace(house.runtime.settings, limits=limits)
    busy, idle = (replace(another_process(house), settings=settings) for _ in range(2))
    for worker in (busy, idle):
        worker.circuit(connection)
    for _ in range(3):
        busy._shared[connection.id].pace.take()
    reports.report(idle, "one:1")
    reports.report(busy, "two:2")
    assert reports.budgets(house.clock()) == {connection.id: 97}
    house.clock.forward(90)
    assert reports.budgets(house.clock()) == {}
