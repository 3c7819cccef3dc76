"""Our page as an entry in the right-click menu of computers."""

import pytest

from plugin.domain.errors import RuleError, TransientError
from plugin.domain.model import Placement
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.menus import COMPUTER_SCREEN, MENU
from tests.hosts.connectwise_automate.stand import Stranger, host_of

OURS = "https://bridgehead.example"
WANTED = Placement(MENU, COMPUTER_SCREEN, "Kaspersky", f"{OURS}/embed/computer")


def test_an_entry_is_made_once(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    made = host.place(WANTED)
    assert made.id == "1"
    assert host.place(WANTED) == made
    assert list(host.placements(OURS)) == [made]
    assert len(emulator.table("menus")) == 1


def test_an_unclear_entry_is_looked_for_first(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    assert list(host.placements(OURS)) == []
    # The first call looks, the second writes and hears nothing.
    emulator.add_fault("slow", path="(?i)computermenus", seconds=0)
    emulator.add_fault("done-but-timeout", path="(?i)computermenus", seconds=0)
    with pytest.raises(TransientError):
        host.place(WANTED)
    assert host.place(WANTED).id == "1"
    assert len(emulator.table("menus")) == 1


def test_only_our_own_entries_are_ours(emulator: AutomateEmulator) -> None:
    stranger = Stranger(emulator)
    for url in ("https://other.example/", "https://bridgehead.example.evil/", "notepad.exe", ""):
        stranger.call("POST", "/v1/ComputerMenus", {"Text": "Theirs", "URLorEXE": url})
    stranger.call("POST", "/v1/ComputerMenus", {"Text": "Odd", "URLorEXE": "https://[x"})
    host = host_of(emulator)
    host.place(WANTED)
    assert [each.title for each in host.placements("HTTPS://Bridgehead.Example/any")] == [
        "Kaspersky"
    ]


def test_the_action_word_can_be_set(emulator: AutomateEmulator) -> None:
    host_of(emulator).place(WANTED)
    host_of(emulator, None, menu_action="OpenUrl").place(
        Placement(MENU, COMPUTER_SCREEN, "Second", WANTED.url)
    )
    assert [menu["Action"] for menu in emulator.table("menus").values()] == ["URL", "OpenUrl"]


def test_removing_says_that_a_person_must(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    made = host.place(WANTED)
    assert host.removes_pages is False
    with pytest.raises(RuleError, match="delete “Kaspersky” in the Control Center"):
        host.remove_placement(made)
    del emulator.table("menus")[made.id]
    host.remove_placement(made)


def test_there_is_one_screen(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    assert [choice.value for choice in host.screens()] == ["computer"]
    with pytest.raises(RuleError):
        host.place(Placement("pod", "ticket", "x", OURS))
    with pytest.raises(RuleError):
        host.place(Placement(MENU, "client", "x", OURS))
