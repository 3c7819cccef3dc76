"""Our pages inside PSA."""

from dataclasses import replace

import pytest

from plugin.domain.errors import AnswerError, RuleError
from plugin.domain.model import Placement
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from tests.hosts.connectwise_psa.caller import Caller
from tests.hosts.connectwise_psa.made_up import link_to_answers

URL = "https://b.example/embed/psa?id=[cw_id]&screen=[cw_screen]"
POD = Placement("Pod", "1", "Security", URL)
MENU = Placement("Menu", "Companies", "Kaspersky", "https://b.example/")


def test_screens_are_those_of_psa_and_the_headings_of_its_menu(host: ConnectWisePsa) -> None:
    screens = host.screens()
    assert [(each.value, each.label) for each in screens[:3]] == [
        ("1", "Company"),
        ("2", "Contact"),
        ("3", "Service Ticket"),
    ]
    assert ("Companies", "Menu: Companies") in [(each.value, each.label) for each in screens]


@pytest.mark.parametrize("kind", ["Tab", "Pod", "ToolbarButton"])
def test_a_page_is_registered_once(host: ConnectWisePsa, caller: Caller, kind: str) -> None:
    placed = host.place(replace(POD, kind=kind))
    assert placed == replace(POD, kind=kind, id="setup-1")
    assert host.place(replace(POD, kind=kind)) == placed
    assert list(host.placements("https://b.example/")) == [placed]
    entry = caller.get("/system/connectwisehostedsetups/1")
    assert entry["origin"] == "https://b.example"
    assert entry.get("podHeight") == (400 if kind == "Pod" else None)


def test_a_menu_entry_is_registered_once(host: ConnectWisePsa) -> None:
    placed = host.place(MENU)
    assert placed == replace(MENU, id="menu-1")
    assert host.place(MENU) == placed


def test_removing_twice_is_harmless(host: ConnectWisePsa) -> None:
    for placed in (host.place(POD), host.place(MENU)):
        host.remove_placement(placed)
        host.remove_placement(placed)
    assert list(host.placements("https://b.example/")) == []


def test_pages_of_others_are_left_alone(host: ConnectWisePsa) -> None:
    host.place(replace(POD, url="https://b.example.evil.example/"))
    host.place(replace(POD, url="http://b.example/"))
    assert list(host.placements("https://b.example/")) == []


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (replace(POD, kind="Window"), "kind"),
        (replace(POD, screen="company"), "screen"),
        (replace(POD, title=""), "title"),
        (replace(POD, title="x" * 51), "title"),
        (replace(POD, url="https://b.example/" + "x" * 1024), "url"),
        (replace(POD, url=f"https://{'b' * 100}.example/"), "url"),
    ],
)
def test_what_psa_would_refuse_is_not_sent(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator, wanted: Placement, field: str
) -> None:
    with pytest.raises(RuleError) as caught:
        host.place(wanted)
    assert caught.value.field == field
    assert not psa.requests


def test_a_screen_that_does_not_exist_is_refused_by_psa(host: ConnectWisePsa) -> None:
    with pytest.raises(AnswerError, match="screenId"):
        host.place(replace(POD, screen="9"))


def test_a_page_registered_otherwise_than_asked_is_noticed() -> None:
    def answer(request: object) -> object:
        method = getattr(request, "method", "")
        path = getattr(request, "path", "")
        row = {"id": 5, "url": "https://elsewhere.example/", "type": "Pod", "screenId": 1}
        return row if method == "POST" or path.endswith("/5") else []

    with pytest.raises(AnswerError, match="not as it was asked"):
        ConnectWisePsa(link_to_answers(answer)).place(POD)
