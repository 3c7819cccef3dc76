from collections.abc import Iterator
from dataclasses import replace

import pytest

from plugin.domain.contracts import WARNING, Rung
from plugin.domain.errors import EdgeError, RefusedError
from plugin.vendors.kaspersky.cloud import KasperskyCloud, KasperskyHub
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator, HubEmulator
from tests.rig import link_to
from tests.vendors.kaspersky.clouds import cloud, filled, join, switch


@pytest.fixture
def emulator() -> CloudEmulator:
    return filled(CloudEmulator())


def climb(rungs: tuple[Rung, ...]) -> Iterator[tuple[str, str]]:
    for rung in rungs:
        yield rung.name, rung.run()


def first_failure(adapter: KasperskyCloud | KasperskyHub) -> tuple[str, EdgeError]:
    for rung in adapter.rungs():
        try:
            rung.run()
        except EdgeError as error:
            return rung.name, error
    raise AssertionError("nothing failed")


def test_a_healthy_connection_is_green_from_top_to_bottom(emulator: CloudEmulator) -> None:
    seen = dict(climb(cloud(emulator).rungs()))
    names = ["Server address", "Sign in", "Product", "Clock", "Workspaces", "Devices"]
    assert list(seen) == names
    assert not [text for text in seen.values() if text.startswith(WARNING)]
    assert seen["Workspaces"] == "3 workspaces can be seen."


def test_the_hub_speaks_of_companies() -> None:
    hub = join(KasperskyHub, filled(HubEmulator(), 1, 2))
    assert dict(climb(hub.rungs()))["Companies"] == "1 company can be seen."


REFUSALS = [
    ({}, {"password": "wrong"}, "Sign in", "does not know this e-mail", "Type both again"),
    ({}, {"user": "zoe@msp.example"}, "Sign in", "does not know this e-mail", "Type both again"),
    ({"two_step": True}, {}, "Sign in", "Two-step verification", "two-step verification off"),
    ({"account_locked": True}, {}, "Sign in", "locked", "Unlock it"),
    ({"not_administrator": True}, {}, "Workspaces", "plain user", "Make it an administrator"),
]


@pytest.mark.parametrize(("switches", "settings", "step", "cause", "cure"), REFUSALS)
def test_every_refusal_has_a_cause_and_a_cure(
    emulator: CloudEmulator,
    switches: dict[str, bool],
    settings: dict[str, str],
    step: str,
    cause: str,
    cure: str,
) -> None:
    for switch_name, value in switches.items():
        switch(emulator, switch_name, value)
    adapter = cloud(emulator, **settings)
    name, error = first_failure(adapter)
    advice = adapter.advice(name, error)
    assert name == step
    assert isinstance(error, RefusedError)
    assert advice is not None
    assert cause in advice.cause
    assert cure in advice.cure


@pytest.mark.parametrize("environment", ["production", "beta", "test"])
def test_a_missing_address_is_the_first_thing_named(
    emulator: CloudEmulator, environment: str
) -> None:
    link = link_to(emulator, environment=environment)
    adapter = KasperskyCloud(replace(link, addresses={"api": ""}))
    name, error = first_failure(adapter)
    assert name == "Server address"
    assert error.message == f"no address for environment {environment}"
    advice = adapter.advice(name, error)
    assert advice is not None
    assert "publishes no address" in advice.cause
    assert f"[addresses.{environment}.kaspersky_cloud]" in advice.cure


def test_an_account_of_the_other_product_is_told_apart() -> None:
    cloud_at_the_hub = join(KasperskyCloud, filled(HubEmulator()))
    name, error = first_failure(cloud_at_the_hub)
    advice = cloud_at_the_hub.advice(name, error)
    assert (name, error.code) == ("Product", "other_product")
    assert advice is not None
    assert "companies" in advice.cause


def test_an_account_that_sees_nothing_is_a_warning(emulator: CloudEmulator) -> None:
    switch(emulator, "nothing_visible", True)
    seen = dict(climb(cloud(emulator).rungs()))
    assert seen["Workspaces"].startswith(f"{WARNING}this account administers no workspace.")
    assert "in the portal" in seen["Workspaces"]
    assert seen["Devices"].startswith(WARNING)


def test_workspaces_without_a_device_are_a_warning() -> None:
    seen = dict(climb(cloud(filled(CloudEmulator(), 2, 0)).rungs()))
    assert seen["Devices"].startswith(f"{WARNING}no device is visible in any workspace.")
    assert "See in the portal" in seen["Devices"]


def test_a_wrong_clock_is_a_warning(emulator: CloudEmulator) -> None:
    switch(emulator, "clock_ahead", 660)
    seen = dict(climb(cloud(emulator).rungs()))
    assert seen["Clock"].startswith(f"{WARNING}the server's clock and ours are 11 minutes apart.")
    assert "time server" in seen["Clock"]


def test_a_step_can_be_run_by_itself(emulator: CloudEmulator) -> None:
    clock = next(rung for rung in cloud(emulator).rungs() if rung.name == "Clock")
    assert clock.run() == "The server's clock agrees with ours."


def test_what_is_not_special_here_gets_the_usual_advice(emulator: CloudEmulator) -> None:
    error = RefusedError("somebody", "says no", code="something else")
    assert cloud(emulator).advice("Sign in", error) is None
