import pytest

from plugin.domain.errors import CircuitOpenError
from plugin.edge.circuit import Circuit


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit("PSA", now=clock)


def state(circuit: Circuit) -> str:
    return circuit.state


def call(circuit: Circuit, *, fails: int = 0, works: int = 0) -> None:
    for failed in [False] * works + [True] * fails:
        circuit.enter()
        circuit.leave(failed=failed)


def test_nine_failures_in_a_row_are_borne_and_the_tenth_opens(circuit: Circuit) -> None:
    call(circuit, fails=9)
    assert state(circuit) == "closed"
    call(circuit, fails=1)
    assert state(circuit) == "open"


def test_it_opens_at_seventy_per_cent_and_not_below(circuit: Circuit) -> None:
    call(circuit, works=4, fails=9)
    assert state(circuit) == "closed"
    call(circuit, fails=1)
    assert state(circuit) == "open"


def test_failures_older_than_the_window_are_forgotten(circuit: Circuit, clock: Clock) -> None:
    call(circuit, fails=9)
    clock.seconds += 30
    call(circuit, fails=9)
    assert state(circuit) == "closed"


def test_an_open_circuit_says_when_to_come_back(circuit: Circuit, clock: Clock) -> None:
    call(circuit, fails=10)
    clock.seconds += 10
    with pytest.raises(CircuitOpenError) as caught:
        circuit.enter()
    assert (caught.value.who, caught.value.retry_after) == ("PSA", 20)


def test_after_a_rest_one_call_may_try(circuit: Circuit, clock: Clock) -> None:
    call(circuit, fails=10)
    clock.seconds += 30
    assert state(circuit) == "half_open"
    circuit.enter()
    assert state(circuit) == "half_open"
    with pytest.raises(CircuitOpenError):
        circuit.enter()


def test_a_trial_that_works_closes_it(circuit: Circuit, clock: Clock) -> None:
    call(circuit, fails=10)
    clock.seconds += 30
    call(circuit, works=1)
    assert state(circuit) == "closed"
    call(circuit, fails=9)
    assert state(circuit) == "closed"


def test_a_trial_that_fails_opens_it_for_another_rest(circuit: Circuit, clock: Clock) -> None:
    call(circuit, fails=10)
    clock.seconds += 30
    call(circuit, fails=1)
    assert state(circuit) == "open"
    clock.seconds += 29
    with pytest.raises(CircuitOpenError):
        circuit.enter()


def test_a_trial_that_never_comes_back_does_not_block_for_ever(
    circuit: Circuit, clock: Clock
) -> None:
    call(circuit, fails=10)
    clock.seconds += 30
    circuit.enter()
    clock.seconds += 30
    call(circuit, works=1)
    assert state(circuit) == "closed"


def test_calls_that_end_after_it_opened_change_nothing(circuit: Circuit, clock: Clock) -> None:
    for _ in range(12):
        circuit.enter()
    for failed in [True] * 10 + [False, True]:
        circuit.leave(failed=failed)
    assert state(circuit) == "open"
