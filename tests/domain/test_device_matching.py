"""Which computer a device is: sure ones, and doubts that are not guessed."""

from collections.abc import Collection, Mapping

import pytest

from plugin.domain.device_matching import Machine, Match, mac_key, match, serial_key

MAC, OTHER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


def machine(number: str, name: str = "", serial: str = "", *macs: str) -> Machine:
    return Machine(number, name or f"name-{number}", serial, macs)


def decided(
    devices: list[Machine],
    computers: list[Machine],
    settled: Mapping[str, str] | None = None,
    refused: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Match]:
    return {e.device_id: e for e in match(devices, computers, settled or {}, refused or {})}


def test_the_serial_number_wins_over_mac_and_name() -> None:
    device = machine("d", "PC-1", "SER-1234", MAC)
    computers = [
        machine("by name", "pc-1.corp.example"),
        machine("by mac", "x", "", MAC),
        machine("by serial", "y", "ser1234"),
    ]
    found = decided([device], computers)["d"]
    assert (found.computer_id, found.how) == ("by serial", "serial")
    found = decided([device], computers[:2])["d"]
    assert (found.computer_id, found.how) == ("by mac", "mac")
    found = decided([device], computers[:1])["d"]
    assert (found.computer_id, found.how) == ("by name", "name")


def test_what_shares_nothing_is_neither_match_nor_doubt() -> None:
    assert decided([machine("d", "PC-1")], [machine("c", "PC-2")]) == {}


@pytest.mark.parametrize(
    ("device", "computer", "but"),
    [
        (machine("d", "PC-1", "AAAA-1"), machine("c", "PC-1", "BBBB-2"), "another serial number"),
        (machine("d", "PC-1", "", MAC), machine("c", "PC-1", "", OTHER_MAC), "another MAC"),
        (machine("d", "a", "AAAA-1", MAC), machine("c", "b", "BBBB-2", MAC), "another serial"),
    ],
)
def test_a_weak_sign_against_a_strong_one_is_a_doubt(
    device: Machine, computer: Machine, but: str
) -> None:
    found = decided([device], [computer])["d"]
    assert found.computer_id == ""
    assert but in found.candidates[0].why


def test_two_with_one_serial_number_are_doubts_on_either_side() -> None:
    twins = [machine("c1", "a", "SAME-1"), machine("c2", "b", "SAME-1")]
    found = decided([machine("d", "x", "SAME-1")], twins)["d"]
    assert found.computer_id == ""
    assert [each.id for each in found.candidates] == ["c1", "c2"]
    both = decided([machine("d1", "x", "SAME-1"), machine("d2", "y", "SAME-1")], twins[:1])
    assert [each.computer_id for each in both.values()] == ["", ""]


def test_two_devices_that_lead_to_one_computer_by_different_signs_are_doubts() -> None:
    computer = machine("c", "PC-1", "SER-1234")
    found = decided([machine("d1", "x", "SER-1234"), machine("d2", "PC-1")], [computer])
    assert [each.computer_id for each in found.values()] == ["", ""]
    assert "another device fits it too" in found["d1"].candidates[0].why


def test_what_persons_settled_and_ruled_out_is_respected() -> None:
    devices = [machine("d1", "PC-1"), machine("d2", "PC-1")]
    computers = [machine("c1", "PC-1"), machine("c2", "PC-1")]
    found = decided(devices, computers, settled={"d1": "c1"})
    assert set(found) == {"d2"}
    assert found["d2"].computer_id == "c2"
    found = decided(devices[:1], computers, refused={"d1": ["c1"]})
    assert found["d1"].computer_id == "c2"
    assert decided(devices[:1], computers, refused={"d1": ["c1", "c2"]}) == {}


def test_the_next_sign_is_asked_once_a_stronger_one_was_ruled_out() -> None:
    device = machine("d", "PC-1", "SER-1234")
    computers = [machine("c1", "x", "SER-1234"), machine("c2", "PC-1")]
    found = decided([device], computers, refused={"d": ["c1"]})["d"]
    assert (found.computer_id, found.how) == ("c2", "name")


@pytest.mark.parametrize(
    "serial",
    ["", "0", "000000", "To Be Filled By O.E.M.", "Default string", "N/A", "None", "123456789",
     "System Serial Number", "XXXXXXXX", "Not Specified", "-- --"],
)  # fmt: skip
def test_unfilled_serial_numbers_prove_nothing(serial: str) -> None:
    assert serial_key(serial) == ""
    devices, computers = [machine("d", "x", serial)], [machine("c", "y", serial)]
    assert decided(devices, computers) == {}


@pytest.mark.parametrize("mac", ["", "00:00:00:00:00:00", "FF-FF-FF-FF-FF-FF", "02:00:00", "x"])
def test_addresses_that_many_have_prove_nothing(mac: str) -> None:
    assert mac_key(mac) == ""
