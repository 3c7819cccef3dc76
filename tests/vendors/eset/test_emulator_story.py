"""What happens at the emulator, what it keeps, and which faults it plays."""

import json
from pathlib import Path

import pytest
from werkzeug.test import Client

from plugin.edge.emulator import Happening
from plugin.edge.shelf import Shelf
from plugin.vendors.eset.emulator import EsetConnectEmulator, EsetEmulator
from tests.rig import small_world
from tests.vendors.eset.callers import Biller, Caller
from tests.vendors.eset.house import StillClock, make_emulator, switch

# -- what happens ----------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["detection", "device-status", "device-added", "incident"])
def test_each_happening_concerns_something_new(emulator: EsetEmulator, what: str) -> None:
    told = [emulator.occur(Happening(what, {})) for _ in range(10)]
    assert len({json.dumps(each) for each in told}) == 10
    conditions = [(each["device"], each.get("title")) for each in told if each]
    assert len(set(conditions)) == 10


def test_a_happening_meets_the_workspace_and_device_it_names(emulator: EsetEmulator) -> None:
    client = small_world().clients[1]
    told = emulator.occur(Happening("detection", {"workspace": client.name}))
    assert told is not None
    names = {machine.name.upper() for machine in client.machines}
    name = emulator.table("devices")[told["device"]]["name"]
    assert name.partition(".")[0].upper() in names
    again = emulator.occur(Happening("device-status", {"device": name, "condition": "ok"}))
    assert again == {"what": "device-status", "device": told["device"], "status": "OK"}


@pytest.mark.parametrize(
    ("what", "details"),
    [
        ("ticket-closed", {}),
        ("detection", {"workspace": "of another vendor"}),
        ("detection", {"device": "unknown"}),
        ("device-status", {"device": "unknown"}),
        ("incident", {"device": "unknown"}),
        ("device-added", {"workspace": "unknown"}),
        ("seat-change", {"customer": "unknown"}),
        ("group-joined", {"group": "unknown"}),
        ("switch", {"name": "of another emulator", "value": 1}),
    ],
)
def test_what_is_not_ours_is_left_to_others(
    emulator: EsetEmulator, what: str, details: dict[str, object]
) -> None:
    assert emulator.occur(Happening(what, details)) is None


def test_an_empty_msp_has_nothing_that_could_happen() -> None:
    emulator = make_emulator(companies=1, devices=0)
    for what in ("detection", "device-status", "incident", "group-left", "group-joined"):
        assert emulator.occur(Happening(what, {})) is None


def test_switches_take_texts_of_a_web_form(emulator: EsetEmulator) -> None:
    switch(
        emulator, integrations="false", calls_per_second="7", missing_services="a,b", region="de"
    )
    found = [emulator.switch(name) for name in ("integrations", "calls_per_second")]
    assert found == [False, 7]
    assert emulator.switch("missing_services") == ["a", "b"]
    assert emulator.switch("region") == "de"


def test_a_half_knows_its_own_switches_only() -> None:
    with pytest.raises(ValueError, match="no switch"):
        EsetConnectEmulator().turn(Happening("switch", {"name": "msp_api", "value": 1}))


def test_an_empty_emulator_tells_how_the_small_msp_is_connected() -> None:
    settings = EsetEmulator().connection_settings()
    assert len(settings["customer_pairs"].splitlines()) == 12
    full = make_emulator(companies=3)
    expected = full.connection_settings()["customer_pairs"].splitlines()
    assert settings["customer_pairs"].splitlines()[:3] == expected


# -- keeping ---------------------------------------------------------------------------------


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    first = EsetEmulator(Shelf(tmp_path / "eset.sqlite"), StillClock())
    first.reset(small_world())
    caller = Caller(first)
    first.occur(Happening("detection", {}))
    switch(first, write_access=False)
    state = json.dumps(first.state())
    second = EsetEmulator(Shelf(tmp_path / "eset.sqlite"), StillClock())
    assert json.dumps(second.state()) == state
    assert (
        Client(second)
        .get(
            "/v1/devices",
            base_url="https://eu.device-management.eset.systems",
            headers={"Authorization": f"Bearer {caller.token}"},
        )
        .status_code
        == 200
    )


def test_the_state_is_plain_json(emulator: EsetEmulator) -> None:
    state = json.loads(json.dumps(emulator.overview()))
    assert len(state["devices"]) == 24
    assert len(state["customers"]) == 4
    assert state["switches"]["region"] == "eu"
    assert state["switches"]["msp_api"] is True


def test_a_reset_shows_the_new_msp_only(emulator: EsetEmulator) -> None:
    emulator.reset(small_world(companies=1, devices=2))
    assert len(Caller(emulator).json("/v1/devices")["devices"]) == 2


# -- faults ----------------------------------------------------------------------------------


def test_own_faults_are_known_and_others_refused(emulator: EsetEmulator) -> None:
    assert set(EsetEmulator.own_faults) == {
        "pending",
        "expired-token",
        "module-missing",
        "start-over",
        "wrong-types",
    }
    with pytest.raises(ValueError, match="knows no fault"):
        emulator.add_fault("nonsense")


def test_an_expired_token_can_be_renewed(caller: Caller, emulator: EsetEmulator) -> None:
    emulator.add_fault("expired-token")
    assert caller.call("/v1/devices").status_code == 401
    assert caller.call("/v1/devices").status_code == 401
    emulator.add_fault("expired-token")
    assert caller.sign_in()["status"] == 400
    caller.token = caller.sign_in()["access_token"]
    assert caller.call("/v1/devices").status_code == 200


def test_a_fault_of_one_system_does_not_hit_the_other(
    biller: Biller, emulator: EsetEmulator
) -> None:
    emulator.add_fault("pending")
    assert biller.call("/api/User/Current").status_code == 200
    emulator.add_fault("expired-token")
    assert biller.call("/api/User/Current").status_code == 401
