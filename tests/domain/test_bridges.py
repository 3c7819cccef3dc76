import os
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.domain.bridges import balance, lower_bound, share_out

EXAMPLES = 500 if os.environ.get("BRIDGEHEAD_SOAK") else 50
NAMES = st.text("abcdefgh", min_size=1, max_size=3)
WEIGHTS = st.dictionaries(NAMES, st.floats(0, 100), max_size=30)
BRIDGES = st.lists(st.sampled_from([f"pc{number}" for number in range(8)]), unique=True)
SOME_BRIDGES = st.lists(
    st.sampled_from([f"pc{number}" for number in range(8)]), unique=True, min_size=1
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(WEIGHTS, SOME_BRIDGES)
def test_every_workspace_has_exactly_one_holder(
    weights: dict[str, float], bridges: list[str]
) -> None:
    plan = balance(weights, bridges, {})
    assert set(plan.assigned) == set(weights)
    assert set(plan.assigned.values()) <= set(bridges)
    assert abs(sum(plan.load_after.values()) - sum(weights.values())) < 1e-6


@settings(max_examples=EXAMPLES, deadline=None)
@given(WEIGHTS, SOME_BRIDGES)
def test_a_settled_map_stays_as_it_is(weights: dict[str, float], bridges: list[str]) -> None:
    plan = balance(weights, bridges, {})
    again = balance(weights, list(reversed(bridges)), plan.assigned)
    assert again.moves == ()
    assert again.assigned == plan.assigned


@settings(max_examples=EXAMPLES, deadline=None)
@given(WEIGHTS, SOME_BRIDGES)
def test_a_lost_bridge_moves_only_its_own_workspaces(
    weights: dict[str, float], bridges: list[str]
) -> None:
    settled = balance(weights, [*bridges, "lost"], {}).assigned
    # A bridge that had nothing while the lost one lived may be given work now; others keep theirs.
    busy = [bridge for bridge in bridges if bridge in settled.values()]
    plan = balance(weights, busy, settled)
    assert {move.before for move in plan.moves} <= {"lost"}


@settings(max_examples=EXAMPLES, deadline=None)
@given(WEIGHTS, SOME_BRIDGES)
def test_a_returning_bridge_only_takes_and_only_what_lowers_the_heaviest_load(
    weights: dict[str, float], bridges: list[str]
) -> None:
    settled = balance(weights, bridges, {})
    plan = balance(weights, [*bridges, "back"], settled.assigned)
    busy = set(settled.assigned.values())
    idle = {*bridges, "back"} - busy
    assert all(move.after in idle for move in plan.moves)
    assert plan.heaviest <= settled.heaviest + 1e-9
    if plan.moves:
        assert plan.heaviest < settled.heaviest + 1e-9


@settings(max_examples=EXAMPLES, deadline=None)
@given(WEIGHTS, SOME_BRIDGES)
def test_the_heaviest_bridge_is_near_the_bound(
    weights: dict[str, float], bridges: list[str]
) -> None:
    plan = balance(weights, bridges, {})
    assert plan.heaviest <= 4 / 3 * lower_bound(weights.values(), len(bridges)) + 1e-6


def test_nothing_is_assigned_while_no_bridge_is_online() -> None:
    plan = balance({"north": 1}, [], {"north": "pc1"})
    assert plan.assigned == {}
    assert plan.heaviest == 0


def test_a_pin_holds_while_its_bridge_is_online() -> None:
    weights = {"north": 90.0, "south": 10.0}
    plan = balance(weights, ["pc1", "pc2"], {"north": "pc1"}, pins={"north": "pc2"})
    assert plan.assigned["north"] == "pc2"
    gone = balance(weights, ["pc1"], {}, pins={"north": "pc2"})
    assert gone.assigned["north"] == "pc1"


def test_no_bridge_is_over_capacity_unless_all_are() -> None:
    weights = {f"w{number}": 10.0 for number in range(6)}
    plan = balance(weights, ["big", "small"], {}, capacity={"small": 10})
    assert plan.load_after == {"big": 50.0, "small": 10.0}
    full = balance(weights, ["a", "b"], {}, capacity={"a": 10, "b": 20})
    assert sum(full.load_after.values()) == 60


def test_levelling_on_request_evens_out_busy_bridges() -> None:
    weights = {"a": 30.0, "b": 30.0, "c": 30.0, "d": 10.0}
    current = {"a": "pc1", "b": "pc1", "c": "pc1", "d": "pc2"}
    assert balance(weights, ["pc1", "pc2"], current).moves == ()
    assert balance(weights, ["pc1", "pc2"], current, level=True).heaviest == 60.0


def test_a_levelled_map_stays_while_costs_waver() -> None:
    chance = Random(7)
    weights = {f"w{number}": chance.uniform(5, 15) for number in range(100)}
    levelled = balance(weights, ["pc1", "pc2"], {"w0": "pc1", "w1": "pc1"}, level=True)
    for _ in range(20):
        wavering = {name: weight * chance.uniform(0.95, 1.05) for name, weight in weights.items()}
        assert balance(wavering, ["pc1", "pc2"], levelled.assigned, level=True).moves == ()
    of_one = {name for name, bridge in levelled.assigned.items() if bridge == "pc1"}
    doubled = {name: weight * (1 + (name in of_one)) for name, weight in weights.items()}
    assert balance(doubled, ["pc1", "pc2"], levelled.assigned, level=True).moves


def test_the_bound_knows_that_too_many_must_share() -> None:
    assert lower_bound([10, 10, 10], 2) == 20
    assert lower_bound([], 2) == 0


def test_each_integration_gets_a_bridge_before_any_gets_two() -> None:
    pools = share_out({"a": 100, "b": 1, "c": 1}, ["pc1", "pc2", "pc3", "pc4"], {})
    assert sorted(pools.assigned.values()) == ["a", "a", "b", "c"]
    assert pools.unserved == ()


def test_an_integration_that_lost_its_only_bridge_is_lent_one() -> None:
    loads = {"a": 10.0, "b": 20.0}
    current = {"pc1": "a", "pc2": "a", "pc3": "b"}
    pools = share_out(loads, ["pc1", "pc2"], current)
    assert sorted(pools.assigned.values()) == ["a", "b"]
    assert len(pools.lent) == 1


def test_nothing_is_lent_when_nobody_can_spare_a_bridge() -> None:
    pools = share_out({"a": 1.0, "b": 2.0}, ["pc1"], {"pc1": "a"})
    assert pools.assigned == {"pc1": "a"}
    assert pools.unserved == ("b",)


def test_a_pinned_bridge_is_not_lent() -> None:
    loads = {"a": 1.0, "b": 2.0}
    pools = share_out(loads, ["pc1", "pc2"], {"pc1": "a", "pc2": "a"}, {"pc1": "a", "pc2": "a"})
    assert set(pools.assigned.values()) == {"a"}


@settings(max_examples=EXAMPLES, deadline=None)
@given(WEIGHTS, SOME_BRIDGES, st.randoms(use_true_random=False))
def test_the_same_input_gives_the_same_plan_in_any_order(
    weights: dict[str, float], bridges: list[str], dice: Random
) -> None:
    current = {name: dice.choice([*bridges, "gone"]) for name in weights}
    shuffled = list(weights.items())
    dice.shuffle(shuffled)
    one = balance(weights, bridges, current, level=True)
    other = balance(dict(shuffled), list(reversed(bridges)), current, level=True)
    assert one.assigned == other.assigned


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.dictionaries(NAMES, st.integers(0, 50), max_size=20),
    SOME_BRIDGES,
    st.lists(st.integers(1, 200), min_size=8, max_size=8),
)
def test_a_bridge_is_over_its_capacity_only_where_no_other_has_room(
    weights: dict[str, float], bridges: list[str], limits: list[int]
) -> None:
    capacity = {bridge: float(limits[int(bridge[2:])]) for bridge in bridges}
    plan = balance(weights, bridges, {}, capacity=capacity)
    over = {each for each in bridges if plan.load_after[each] > capacity[each] + 1e-6}
    for name, holder in plan.assigned.items():
        if holder in over and weights[name]:
            for other in set(bridges) - {holder}:
                assert plan.load_after[other] + weights[name] > capacity[other]
