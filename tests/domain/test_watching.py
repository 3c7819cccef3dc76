"""How often is looked: as wanted where that is little, within half of the calls where it is not."""

from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.domain.watching import measured, spacing


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 100),
    st.integers(0, 2000),
    st.floats(0, 100),
    st.floats(0.1, 100),
)
def test_looking_takes_half_of_the_allowed_calls_at_most(
    wanted: int, scopes: int, calls: float, per_second: float
) -> None:
    seconds = spacing(wanted, scopes, calls, per_second)
    assert seconds >= wanted
    assert scopes * calls / seconds <= per_second / 2 + 1e-9


def test_few_scopes_are_looked_at_as_often_as_wanted() -> None:
    assert spacing(60, scopes=59, calls=10, per_second=20) == 60
    assert spacing(60, scopes=61, calls=10, per_second=20) == 61


def test_the_sandbox_shows_within_ten_seconds_what_happens() -> None:
    assert spacing(4, scopes=12, calls=10, per_second=40) <= 6


def test_a_cost_that_was_never_measured_stretches_nothing() -> None:
    assert spacing(60, scopes=5000, calls=0, per_second=1) == 60


def test_what_a_look_costs_follows_what_is_measured() -> None:
    known = measured(0, 40)
    assert known == 40
    for _ in range(20):
        known = measured(known, 10)
    assert 10 <= known <= 12.5


def test_an_unknown_or_usual_cost_changes_nothing() -> None:
    assert measured(10, 0) == 10
    assert measured(10, 12) == 10
