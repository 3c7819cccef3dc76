"""Who holds a bridge role: by a group, by a field, by hand."""

import pytest

from plugin.domain.errors import RefusedError
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.fields import ADMINISTRATION_SERVER, CLOUD_BRIDGE
from tests.hosts.connectwise_automate.stand import calls, happen, host_of

NONE = {"bridge_group": "", "admin_server_group": ""}


def roles(emulator: AutomateEmulator, **settings: str) -> dict[str, tuple[str, ...]]:
    host = host_of(emulator, None, **settings)
    return {each.name: each.roles for each in host.computers() if each.is_bridge}


def test_groups_that_join_by_the_role_show_it(emulator: AutomateEmulator) -> None:
    assert roles(emulator) == {
        "MSP-BRIDGE01": (CLOUD_BRIDGE,),
        "MSP-BRIDGE02": (CLOUD_BRIDGE,),
        "MSP-KSC01": (ADMINISTRATION_SERVER,),
    }


def test_a_role_gained_and_lost_is_seen(emulator: AutomateEmulator) -> None:
    happen(emulator, "role-gained", computer="MSP-FILES01")
    assert "MSP-FILES01" in roles(emulator)
    happen(emulator, "role-lost", computer="MSP-FILES01")
    assert "MSP-FILES01" not in roles(emulator)


def test_a_role_taken_off_by_hand_stays_off_though_it_is_detected(
    emulator: AutomateEmulator,
) -> None:
    happen(emulator, "role-lost", computer="MSP-BRIDGE01", by="hand")
    row = emulator.table("computerroledefinitions")["1:1"]
    emulator.table("computerroledefinitions")["1:1"] = {**row, "CurrentlyDetected": 1}
    emulator.fill_groups("1")
    assert "MSP-BRIDGE01" not in roles(emulator)


def test_one_computer_may_hold_both(emulator: AutomateEmulator) -> None:
    happen(emulator, "role-gained", computer="MSP-KSC01", role=CLOUD_BRIDGE, by="hand")
    assert roles(emulator)["MSP-KSC01"] == (CLOUD_BRIDGE, ADMINISTRATION_SERVER)


def test_a_group_is_found_by_its_name_in_any_letter_case(emulator: AutomateEmulator) -> None:
    found = roles(emulator, bridge_group=" SECURITY integration BRIDGES ", admin_server_group="")
    assert set(found) == {"MSP-BRIDGE01", "MSP-BRIDGE02"}


def test_two_groups_of_one_name_count_together(emulator: AutomateEmulator) -> None:
    group = emulator.table("groups")["2"]
    emulator.table("groups")["9"] = {**group, "search": None, "full": "Other.Bridges"}
    number = str(emulator.table("group_computers").next_id())
    emulator.table("group_computers")[number] = {"group": "9", "computer": "5", "auto": False}
    assert "MSP-ADMIN01" in roles(emulator)


def test_a_group_that_is_gone_is_said_and_not_taken_for_no_bridges(
    emulator: AutomateEmulator,
) -> None:
    with pytest.raises(RefusedError, match="no group called Nobody's bridges") as caught:
        roles(emulator, bridge_group="Nobody's bridges")
    assert caught.value.code == "bridge-group"


def test_an_empty_group_means_no_bridges(emulator: AutomateEmulator) -> None:
    assert roles(emulator, bridge_group="All servers", admin_server_group="") == {}


def test_ids_given_by_hand_count(emulator: AutomateEmulator) -> None:
    found = roles(emulator, **NONE, bridge_computers="4, 5,,4", admin_server_computers="3,5,99999")
    assert found == {
        "MSP-KSC01": (ADMINISTRATION_SERVER,),
        "MSP-FILES01": (CLOUD_BRIDGE,),
        "MSP-ADMIN01": (CLOUD_BRIDGE, ADMINISTRATION_SERVER),
    }


@pytest.mark.parametrize(
    ("value", "role"),
    [
        (CLOUD_BRIDGE, CLOUD_BRIDGE),
        (ADMINISTRATION_SERVER, ADMINISTRATION_SERVER),
        (ADMINISTRATION_SERVER.upper(), ADMINISTRATION_SERVER),
        (" bridge ", CLOUD_BRIDGE),
        ("", None),
        ("perhaps", None),
    ],
)
def test_a_fields_value_names_the_role(
    emulator: AutomateEmulator, value: str, role: str | None
) -> None:
    happen(emulator, "field-set", computer="5", title="Security integration bridge", value=value)
    settings = {"bridge_field": "security integration BRIDGE", "bridge_clients": "1"}
    found = roles(emulator, **NONE, **settings)
    assert found == ({"MSP-ADMIN01": (role,)} if role else {})


def test_fields_are_asked_for_the_named_clients_only(emulator: AutomateEmulator) -> None:
    settings = {"bridge_field": "Security integration bridge", "bridge_clients": "1, 77"}
    roles(emulator, **NONE, **settings)
    assert calls(emulator, "ExtraFields") == 5


def test_a_field_that_is_gone_is_said(emulator: AutomateEmulator) -> None:
    with pytest.raises(RefusedError) as caught:
        roles(emulator, **NONE, bridge_field="Not there", bridge_clients="1")
    assert caught.value.code == "bridge-field"


def test_without_any_sign_nothing_extra_is_asked(emulator: AutomateEmulator) -> None:
    assert roles(emulator, **NONE) == {}
    assert calls(emulator, "groups") == 0
    assert calls(emulator, "ExtraFields") == 0


def test_a_computer_removed_meanwhile_holds_no_role(emulator: AutomateEmulator) -> None:
    settings = {"bridge_field": "Security integration bridge", "bridge_clients": "1"}
    host = host_of(emulator, None, **NONE, **settings)
    computers = host.computers()
    assert next(computers).id == "1"
    del emulator.table("computers")["2"]
    assert next(computers).is_bridge is False
