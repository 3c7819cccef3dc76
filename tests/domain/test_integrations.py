import pytest

from plugin.domain.errors import RuleError
from plugin.domain.integrations import (
    AdministratorChanges,
    compare_administrators,
    integration_name,
    is_complete,
    may_remove,
    read_administrators,
)
from plugin.domain.model import Administrator

REGISTERED = {"a@msp.example", "b@msp.example", "c@msp.example"}


def known(email: str) -> bool:
    return email in REGISTERED


def test_a_name_is_kept_without_odd_blanks() -> None:
    assert integration_name("  Integration   with Tigerpaw ") == "Integration with Tigerpaw"


@pytest.mark.parametrize("name", ["", "   ", "\t\n", "x" * 201])
def test_a_blank_or_endless_name_is_refused(name: str) -> None:
    with pytest.raises(RuleError) as caught:
        integration_name(name)
    assert caught.value.field == "name"


def test_several_administrators_are_read_one_per_line() -> None:
    lines = read_administrators("a@msp.example;Anna\n\n b@msp.example \n", known)
    assert [line.administrator for line in lines] == [
        Administrator("a@msp.example", "Anna"),
        Administrator("b@msp.example", ""),
    ]
    assert [line.number for line in lines] == [1, 3]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("nobody", "not an e-mail address"),
        (";Anna", "not an e-mail address"),
        ("a@msp;Anna", "not an e-mail address"),
        ("a@msp.example;Anna;B", "more than one semicolon"),
        ("x@msp.example", "not registered at the vendor"),
        ("C@MSP.example", "already"),
    ],
)
def test_each_faulty_line_says_its_number_and_fault(text: str, word: str) -> None:
    lines = read_administrators(f"a@msp.example\n{text}", known, ["c@msp.example"])
    assert lines[0].administrator
    assert lines[1].administrator is None
    assert lines[1].fault.startswith("Line 2: ")
    assert word in lines[1].fault


def test_the_same_address_twice_in_one_text_is_a_fault() -> None:
    lines = read_administrators("a@msp.example\nA@msp.example", lambda email: True)
    assert lines[1].fault.endswith("already.")


def test_the_last_administrator_stays() -> None:
    with pytest.raises(RuleError):
        may_remove(["A@msp.example"], ["a@msp.example"])
    may_remove(["a@msp.example"], ["a@msp.example", "b@msp.example"])
    may_remove([], [])


ANNA, BEN = Administrator("a@msp.example", "Anna"), Administrator("b@msp.example")


@pytest.mark.parametrize(
    ("ours", "theirs", "leaving", "changes"),
    [
        ({ANNA: True}, [ANNA], [], AdministratorChanges()),
        ({ANNA: False}, [BEN], [], AdministratorChanges(grant=(ANNA,), adopt=(BEN,))),
        ({ANNA: True}, [ANNA, BEN], ["b@msp.example"], AdministratorChanges(revoke=(BEN,))),
        ({ANNA: True, BEN: True}, [ANNA], [], AdministratorChanges(drop=("b@msp.example",))),
        ({ANNA: False}, [Administrator("A@MSP.example")], [], AdministratorChanges()),
        ({ANNA: False}, [BEN], ["a@msp.example"], AdministratorChanges((ANNA,), (), (BEN,))),
    ],
)
def test_both_sides_administrators_come_in_step(
    ours: dict[Administrator, bool],
    theirs: list[Administrator],
    leaving: list[str],
    changes: AdministratorChanges,
) -> None:
    assert compare_administrators(ours, theirs, leaving) == changes


def test_what_an_integration_needs_to_start() -> None:
    assert not is_complete(0, 5, needs_administrator=False)
    assert not is_complete(3, 0, needs_administrator=True)
    assert is_complete(3, 1, needs_administrator=True)
