"""The tables that translate Security Center's numbers and names."""

import pytest

from plugin.domain.model import DeviceClass
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.center_words import (
    CONDITION_BITS,
    CONDITIONS,
    conditions_of,
    device_class_of,
)


def test_every_bit_has_a_stable_word_and_every_word_a_label() -> None:
    assert sorted(CONDITION_BITS) == list(range(32))
    assert set(CONDITION_BITS.values()) == set(CONDITIONS) == set(SecurityCenter.conditions)
    assert all(word.isascii() and " " not in word for word in CONDITIONS)
    assert CONDITIONS["bases_outdated"] == "Databases are out of date"
    assert CONDITIONS["too_many_viruses"] == "Many viruses detected"


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (0, ()),
        (1, ("agent_inactive",)),
        (1 << 7, ("bases_outdated",)),
        (1 << 3 | 1 << 11, ("too_many_viruses", "reboot_required")),
        (1 << 15, ("encryption_fault",)),
        (1 << 20, ("status_bit_20",)),
        (1 << 40, ()),
        (-(1 << 31), ("status_bit_31",)),
    ],
)
def test_a_mask_is_read_bit_by_bit(mask: int, words: tuple[str, ...]) -> None:
    assert conditions_of(mask) == words


@pytest.mark.parametrize(
    ("system", "kind", "told"),
    [
        ("Microsoft Windows 11 Pro", 1, DeviceClass.WORKSTATION),
        ("Microsoft Windows Server 2022", 2, DeviceClass.SERVER),
        ("Microsoft Windows Server 2022", 0, DeviceClass.SERVER),
        ("Microsoft Windows", 2, DeviceClass.SERVER),
        ("Microsoft Windows", 0, DeviceClass.WORKSTATION),
        ("macOS 15", 1, DeviceClass.OTHER),
        ("Debian GNU/Linux 12", 2, DeviceClass.OTHER),
        ("Android 14", 1, DeviceClass.MOBILE),
        ("iOS 18", 1, DeviceClass.MOBILE),
        ("Cisco IOS", 1, DeviceClass.MOBILE),
        ("", 0, DeviceClass.OTHER),
        ("", 1, DeviceClass.OTHER),
    ],
)
def test_a_device_is_billed_by_its_system(system: str, kind: int, told: DeviceClass) -> None:
    assert device_class_of(system, kind) is told
