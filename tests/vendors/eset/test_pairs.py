import random

import pytest

from plugin.domain.errors import RuleError
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.pairs import Named, propose_pairs, read_pairs
from tests.vendors.eset.house import adapter_to


def group(identifier: str, *path: str) -> Named:
    return Named(identifier, path)


def proposed(groups: list[Named], customers: list[Named]) -> list[tuple[str, str, int]]:
    found = propose_pairs(groups, customers)
    return [(pair.workspace_id, pair.customer_id, pair.score) for pair in found]


def test_the_same_path_is_surer_than_the_same_name() -> None:
    groups = [group("g1", "North", "Acme"), group("g2", "Birch Ltd")]
    customers = [group("c2", "Managed", "birch  LTD."), group("c1", "North", "ACME")]
    assert proposed(groups, customers) == [("g1", "c1", 100), ("g2", "c2", 95)]


def test_a_name_that_stands_twice_proves_nothing() -> None:
    groups = [group("g1", "Acme"), group("g2", "South", "Acme")]
    customers = [group("c1", "East", "Acme"), group("c2", "West", "Acme")]
    assert not [pair for pair in proposed(groups, customers) if pair[2] >= 95]


def test_the_path_tells_two_of_one_name_apart() -> None:
    groups = [group("g1", "North", "Acme"), group("g2", "South", "Acme")]
    customers = [group("c2", "South", "Acme"), group("c1", "North", "Acme")]
    assert proposed(groups, customers) == [("g1", "c1", 100), ("g2", "c2", 100)]


def test_a_similar_name_is_proposed_with_its_likeness() -> None:
    found = propose_pairs([group("g", "Thornton Motors Ltd")], [group("c", "Thornton Motor Ltd")])
    assert [(pair.reason, 80 <= pair.score < 95) for pair in found] == [("similar name", True)]
    assert proposed([group("g", "Alder Foods")], [group("c", "Alder Legal Partners")]) == []


def test_a_legal_form_alone_makes_nobody_alike() -> None:
    customers = [group(f"c{n}", f"{chr(97 + n)}x GmbH") for n in range(25)]
    assert proposed([group("g", "zx GmbH")], customers) == []


def test_nobody_is_proposed_twice_and_the_order_of_the_lists_does_not_matter() -> None:
    dice = random.Random(5)
    words = "Alder Birch Cedar Foods Legal Motors Ltd GmbH Group".split()
    groups = [group(f"g{n}", " ".join(dice.sample(words, 3))) for n in range(40)]
    customers = [group(f"c{n}", " ".join(dice.sample(words, 3))) for n in range(40)]
    found = proposed(groups, customers)
    assert len({pair[0] for pair in found}) == len({pair[1] for pair in found}) == len(found) > 5
    shuffled = proposed(dice.sample(groups, 40), dice.sample(customers, 40))
    assert sorted(shuffled) == sorted(found)


def test_empty_names_are_no_pair() -> None:
    assert proposed([group("g")], [group("c")]) == []
    assert proposed([group("g", "--")], [group("c", "..")]) == []


def test_thousands_of_clients_take_a_moment() -> None:
    groups = [group(f"g{n}", f"Client {n} Alpha Ltd") for n in range(3000)]
    customers = [group(f"c{n}", f"Client {n} Beta Ltd") for n in range(3000)]
    assert len(propose_pairs(groups, customers)) == 3000


def test_confirmed_pairs_are_read_from_lines() -> None:
    assert read_pairs(" g1 = c1 \n\ng2=c2;g3=c3,") == {"g1": "c1", "g2": "c2", "g3": "c3"}
    assert read_pairs("") == {}


@pytest.mark.parametrize(
    "text", ["g1", "g1=", "=c1", "g1=c1=x", "g 1=c1", "g1=c1\ng1=c2", "g1=c\ng2=c"]
)
def test_pairs_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        read_pairs(text)


def test_the_adapter_proposes_what_is_not_joined_yet(emulator: EsetEmulator) -> None:
    given = emulator.connection_settings()["customer_pairs"].splitlines()
    assert adapter_to(emulator).propose_pairs() == ()
    some = adapter_to(emulator, customer_pairs=given[0]).propose_pairs()
    assert {f"{pair.workspace_id}={pair.customer_id}" for pair in some} == set(given[1:])
    assert {pair.score for pair in some} == {100}


def test_pairs_that_cannot_be_read_are_a_fault_of_the_form(emulator: EsetEmulator) -> None:
    with pytest.raises(RuleError) as caught:
        list(adapter_to(emulator, customer_pairs="nonsense").licences(""))
    assert caught.value.field == "customer_pairs"
