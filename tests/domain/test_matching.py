from datetime import UTC, datetime

import pytest

from plugin.domain.matching import Party, normal_name, suggest
from plugin.edge.world import make_world

HARD_PAIRS = [
    ("Smith Dental", "Smith Rental"),
    ("Contoso - Site A", "Contoso - Site B"),
    ("Globex LLC", "Globe Export LLC"),
    ("Northwind Dental Ltd", "Northwind Dental GmbH"),
    ("Harbour Foods", "Harbour Foods 2"),
]
SAME_FIRM = [
    ("Acme Corporation", "ACME Corp."),
    ("Müller & Söhne GmbH", "Mueller und Soehne"),
    ("NORTHWIND  dental, ltd.", "Northwind Dental Ltd"),
]


@pytest.mark.parametrize(("workspace", "company"), HARD_PAIRS)
def test_names_that_only_look_alike_are_never_sure(workspace: str, company: str) -> None:
    found = suggest([Party("w", workspace)], [Party("c", company)])
    assert not any(each.sure for each in found)


@pytest.mark.parametrize(("workspace", "company"), SAME_FIRM)
def test_spellings_of_one_name_are_sure(workspace: str, company: str) -> None:
    (found,) = suggest([Party("w", workspace)], [Party("c", company)])
    assert found.sure
    assert found.score == 100


def test_a_name_that_stands_twice_on_either_side_is_not_sure() -> None:
    two = [Party("c1", "Acme Ltd"), Party("c2", "Acme Ltd")]
    assert not any(each.sure for each in suggest([Party("w", "Acme Ltd")], two))
    workspaces = [Party("w1", "Acme Ltd"), Party("w2", "ACME")]
    assert not any(each.sure for each in suggest(workspaces, [Party("c", "Acme Ltd")]))


def test_a_shared_domain_outweighs_the_name_and_another_one_contradicts_it() -> None:
    by_domain = suggest(
        [Party("w", "Bluebird", domain="acme.example")],
        [Party("c", "Acme Ltd", domain="ACME.example")],
    )
    assert by_domain[0].sure
    assert "same domain ACME.example" in by_domain[0].reasons
    other = suggest(
        [Party("w", "Acme Ltd", domain="acme.example")],
        [Party("c", "Acme Ltd", domain="acme.test")],
    )
    assert not other[0].sure


def test_shared_devices_are_a_reason() -> None:
    serials = frozenset({"S1", "S2", "S3"})
    found = suggest(
        [Party("w", "Bluebird", serials=serials)],
        [Party("c", "Acme Ltd", serials=serials | {"S9"})],
    )
    assert found[0].reasons[-1] == "100% of the devices are computers of this company"


def test_a_refused_pair_is_not_suggested_again() -> None:
    pair = [Party("w", "Acme")], [Party("c", "Acme")]
    assert suggest(*pair)
    assert suggest(*pair, refused=[("w", "c")]) == []


def test_many_names_find_their_own_and_no_other() -> None:
    world = make_world(300, 300, 3, datetime(2026, 1, 1, tzinfo=UTC))
    workspaces = [Party(f"w{each.number}", each.name.upper()) for each in world.clients]
    companies = [Party(f"c{each.number}", each.name) for each in world.clients]
    sure = {
        each.workspace_id: each.company_id for each in suggest(workspaces, companies) if each.sure
    }
    assert len(sure) == 300
    assert all(workspace[1:] == company[1:] for workspace, company in sure.items())


def test_a_name_that_is_only_a_legal_form_keeps_something_to_compare() -> None:
    assert normal_name("Ltd") == "ltd"
