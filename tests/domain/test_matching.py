import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plugin.domain.matching import Known, Party, Suggestion, suggest
from plugin.domain.names import exact_name, forms_agree, legal_form, normal_name
from plugin.edge.world import make_world

VECTORS = Path(__file__).parents[1] / "vectors" / "mapping-hard-pairs.json"
KINDS: dict[str, list[tuple[str, str]]] = {
    kind: [(one, other) for one, other in pairs]
    for kind, pairs in json.loads(VECTORS.read_text(encoding="utf-8")).items()
    if kind != "about"
}
HARD_PAIRS = [pair for pairs in KINDS.values() for pair in pairs]
SAME_FIRM = [
    ("Acme Corporation", "ACME Corp."),
    ("Müller & Söhne GmbH", "Mueller und Soehne"),
    ("NORTHWIND  dental, ltd.", "Northwind Dental Ltd"),
    ("Smith and Jones", "Smith & Jones"),
    ("Acme, Pty. Ltd.", "Acme Pty Ltd"),
    ("Stein GmbH & Co. KG", "STEIN"),
    ("Ромашка", "РОМАШКА"),
    ("株式会社山田", "株式会社山田"),
]


def match(one: Party, other: Party, known: Known | None = None) -> Suggestion:
    (found,) = suggest([one], [other], known)
    return found


def test_the_list_of_hard_pairs_is_long_and_of_many_kinds() -> None:
    assert len({frozenset(pair) for pair in HARD_PAIRS}) == len(HARD_PAIRS) >= 202
    assert len(KINDS) >= 10


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_only_look_alike_are_never_sure(kind: str) -> None:
    for one, other in [*KINDS[kind], *((there, here) for here, there in KINDS[kind])]:
        found = suggest([Party("w", one)], [Party("c", other)])
        assert not any(each.sure for each in found), (one, other)


def test_all_hard_pairs_together_bring_no_wrong_match() -> None:
    workspaces = [Party(f"w{place}", pair[0]) for place, pair in enumerate(HARD_PAIRS)]
    companies = [Party(f"c{place}", pair[1]) for place, pair in enumerate(HARD_PAIRS)]
    names = {each.id: each.name for each in [*workspaces, *companies]}
    for each in suggest(workspaces, companies):
        if each.sure:
            assert exact_name(names[each.workspace_id]) == exact_name(names[each.company_id])


@pytest.mark.parametrize(("workspace", "company"), SAME_FIRM)
def test_spellings_of_one_name_are_sure(workspace: str, company: str) -> None:
    found = match(Party("w", workspace), Party("c", company))
    assert found.sure
    assert found.score == 100
    assert found.reasons[0].startswith("the names are equal")


def test_a_name_that_stands_twice_on_either_side_is_not_sure() -> None:
    two = [Party("c1", "Acme Ltd"), Party("c2", "Acmé")]
    assert not any(each.sure for each in suggest([Party("w", "Acme Ltd")], two))
    workspaces = [Party("w1", "Acme Ltd"), Party("w2", "ACME")]
    assert not any(each.sure for each in suggest(workspaces, [Party("c", "Acme Ltd")]))


def test_what_is_mapped_already_still_counts_for_uniqueness_and_is_not_offered() -> None:
    two = [Party("c1", "Acme Ltd"), Party("c2", "Acme Ltd")]
    found = suggest([Party("w", "Acme Ltd")], two, Known(taken=frozenset({"c1"})))
    assert [(each.company_id, each.sure) for each in found] == [("c2", False)]
    twin = Known(beside=[Party("w2", "ACME")])
    assert not match(Party("w", "Acme Ltd"), two[0], twin).sure


def test_a_shared_domain_suggests_and_alone_is_never_sure() -> None:
    found = match(
        Party("w", "Bluebird", domain="acme.example"),
        Party("c", "Acme Ltd", domain="www.ACME.example"),
    )
    assert (found.score, found.sure) == (95, False)
    assert "same domain www.ACME.example" in found.reasons


def test_a_mail_domain_that_anybody_can_have_tells_nothing() -> None:
    one, other = Party("w", "Bluebird", domain="gmail.com"), Party("c", "Acme", domain="gmail.com")
    assert suggest([one], [other]) == []


@pytest.mark.parametrize(
    ("workspace", "company", "reason"),
    [
        (Party("w", "Acme", domain="a.example"), Party("c", "Acme", domain="b.example"), "domains"),
        (
            Party("w", "Acme", address="1 Quay Street, Leeds"),
            Party("c", "Acme", address="Hauptplatz 77, Graz"),
            "addresses",
        ),
    ],
)
def test_an_equal_name_elsewhere_is_contradicted(
    workspace: Party, company: Party, reason: str
) -> None:
    found = match(workspace, company)
    assert not found.sure
    assert reason in found.reasons[-1]


def test_shared_devices_are_a_reason_and_speak_against_another_company() -> None:
    known, owner = Known(shares={"w": {"c": 0.75}}), Party("c", "Acme Ltd")
    found = match(Party("w", "Bluebird"), owner, known)
    assert (found.score, found.sure) == (90, False)
    assert found.reasons[1] == "75% of the devices are computers of this company"
    by_name, by_devices = suggest([Party("w", "Bluebird")], [owner, Party("c2", "Bluebird")], known)
    assert (by_name.company_id, by_name.sure) == ("c2", False)
    assert by_devices.company_id == "c"


def test_reasons_name_the_words_that_differ() -> None:
    found = match(Party("w", "Smith Dental"), Party("c", "Smith Rental"))
    assert found.reasons[-1] == "but “dental” is not “rental”"
    found = match(Party("w", "Harbour Foods"), Party("c", "Harbour Foods 2"))
    assert found.reasons[-1] == "but only one of them says “2”"
    assert found.score == 82


def test_a_name_that_holds_another_is_suggested_and_not_sure() -> None:
    for one, other in (("Meridian Foods Partners", "Meridian Foods"), ("Al Bo Cy Du Ed", "Bo Du")):
        for workspace, company in ((one, other), (other, one)):
            found = match(Party("w", workspace), Party("c", company))
            assert (found.reasons[0], found.sure) == ("one name holds the other", False)
    assert suggest([Party("w", "Foods Meridian Export Trading")], [Party("c", "Foods")]) == []


def test_a_refused_pair_is_not_suggested_again() -> None:
    pair = [Party("w", "Acme")], [Party("c", "Acme"), Party("d", "Acme Ltd")]
    assert len(suggest(*pair)) == 2
    (left,) = suggest(*pair, Known(refused=frozenset({("w", "c")})))
    assert left.company_id == "d"


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


def test_legal_forms_are_one_word_however_they_are_written() -> None:
    assert legal_form("Ferro S.p.A.") == legal_form("Ferro SPA") == "spa"
    assert forms_agree("Acme Incorporated", "Acme, Inc.")
    assert not forms_agree("Relax SpA", "Relax")
