"""Loans, weights, and who is slow."""

from plugin.domain.pools import lend, slow, weigh

LOADS = {"a": 5.0, "b": 9.0, "c": 1.0}
HOMES = {"pc1": "a", "pc2": "b", "pc3": "c"}


def test_nothing_is_lent_while_every_integration_has_a_bridge() -> None:
    assert lend(LOADS, HOMES, ["pc1", "pc2", "pc3"], {}) == {}


def test_the_bridge_that_carries_least_helps_out_and_the_loan_stays() -> None:
    assert lend(LOADS, HOMES, ["pc1", "pc3"], {}) == {"b": "pc3"}
    assert lend(LOADS, HOMES, ["pc1", "pc3"], {"b": "pc1"}) == {"b": "pc1"}


def test_a_bridge_that_belongs_nowhere_comes_first() -> None:
    assert lend(LOADS, HOMES, ["pc1", "pc3", "pc9"], {}) == {"b": "pc9"}


def test_without_any_bridge_nothing_is_lent() -> None:
    assert lend(LOADS, HOMES, [], {"a": "pc1"}) == {}


def test_measured_cost_bends_a_weight_only_so_far() -> None:
    weights = weigh({"a": 99, "b": 99, "c": 9}, {"a": 1000.0, "b": 0.1})
    assert weights == {"a": 199.98, "b": 3.125, "c": 10.0}


def test_one_bridge_alone_is_never_slow() -> None:
    assert slow({"a": 100.0}, {"a": 9}) == set()
    assert slow({"a": 100.0, "b": 1.0}, {"a": 9, "b": 99}) == set()
    assert slow({"a": 100.0, "b": 0.0}, {"a": 99, "b": 99}) == set()
    assert slow({"a": 100.0, "b": 1.0}, {"a": 10, "b": 10}) == {"a"}
    assert slow({"a": 0.3, "b": 0.01}, {"a": 10, "b": 10}) == set()
