"""Clients, locations, computers, groups and alerts."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from plugin import hosts
from plugin.domain.model import DeviceClass, EventAction, EventKind
from plugin.edge.discovery import find_adapters
from plugin.edge.emulator import serve
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.host import ConnectWiseAutomate
from tests.hosts.connectwise_automate.stand import happen, host_of, later
from tests.rig import small_world


def test_every_client_is_a_company_once(emulator: AutomateEmulator) -> None:
    companies = list(host_of(emulator).companies())
    assert [company.id for company in companies] == ["1", "2", "3", "4"]
    assert companies[0].name == "Harbour Point IT"
    names = {company.name for company in companies}
    assert {client.name for client in small_world().clients} <= names
    assert companies[1].identifier == "101"
    assert companies[1].address == small_world().clients[0].city
    assert all(company.active for company in companies)


def test_a_renamed_client_is_seen_under_its_id(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    told = happen(emulator, "company-renamed", company="2", name='Umlaut & "Söhne" GmbH')
    after = {company.id: company.name for company in host.companies()}
    assert after[told["company"]] == 'Umlaut & "Söhne" GmbH'


def test_locations_name_their_client(emulator: AutomateEmulator) -> None:
    locations = list(host_of(emulator).locations())
    assert locations[0].label == "Main"
    assert {location.parent for location in locations} == {"1", "2", "3", "4"}


def test_every_computer_comes_once_with_what_matching_needs(emulator: AutomateEmulator) -> None:
    computers = {computer.id: computer for computer in host_of(emulator).computers()}
    assert len(computers) == 29
    machine = small_world().clients[0].machines[0]
    computer = computers[str(machine.number + 5)]
    assert computer.company_id == "2"
    assert computer.name == machine.name
    assert computer.serial == machine.serial
    assert computer.macs == (machine.mac,)
    assert computer.address == machine.address
    assert computer.device_class is DeviceClass.SERVER
    assert computer.online is True
    assert computer.operating_system.startswith("Microsoft Windows Server")
    assert not computer.is_bridge


@pytest.mark.parametrize("zone", [-300, 0, 330])
@pytest.mark.parametrize("with_zone", [True, False])
def test_last_contact_is_told_in_utc(
    emulator: AutomateEmulator, zone: int, *, with_zone: bool
) -> None:
    happen(emulator, "switch", zone_minutes=zone, times_with_zone=with_zone)
    host = host_of(emulator)
    happen(emulator, "computer-offline", computer="6")
    gone = emulator.clock()
    later(emulator, hours=3)
    computer = next(each for each in host.computers() if each.id == "6")
    assert computer.online is False
    assert computer.seen_at is not None
    assert abs(computer.seen_at - gone) < timedelta(seconds=5)


def test_a_connection_may_say_that_times_are_utc(emulator: AutomateEmulator) -> None:
    happen(emulator, "switch", zone_minutes=120)
    by_clock = next(host_of(emulator).computers()).seen_at
    as_utc = next(host_of(emulator, None, server_time="utc").computers()).seen_at
    assert by_clock is not None
    assert as_utc is not None
    assert round((as_utc - by_clock) / timedelta(minutes=1)) == 120


def test_offline_and_online_are_seen(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    happen(emulator, "computer-offline", computer="MSP-BRIDGE01")
    assert next(host.computers()).online is False
    happen(emulator, "computer-online", computer="MSP-BRIDGE01")
    assert next(host.computers()).online is True


def test_groups_say_whether_they_fill_themselves(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    groups = {group.name: group for group in host.groups()}
    assert groups["All servers"].dynamic is False
    assert groups["Security integration bridges"].dynamic is True
    assert list(host.members(groups["Security integration bridges"].id)) == ["1", "2"]
    assert list(host.members(groups["All servers"].id)) == []


def test_alerts_are_told_as_calls_would_tell_them(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    happen(emulator, "alert-raised", computer="6")
    later(emulator, hours=2)
    told = happen(emulator, "alert-raised", computer="MSP-KSC01", message="Database is old")
    (event,) = host.alerts(emulator.clock() - timedelta(hours=1))
    assert (event.kind, event.action) == (EventKind.ALERT, EventAction.ADDED)
    assert event.entity_id == "3"
    details = dict(event.details)
    assert details["event"] == "alert_raised"
    assert details["alert_id"] == told["alert"]
    assert details["client_id"] == "1"
    assert details["severity"] == "Error"
    assert event.occurred_at is not None
    assert abs(event.occurred_at - emulator.clock()) < timedelta(seconds=5)


def test_a_cleared_alert_is_not_listed(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    happen(emulator, "alert-raised", computer="6")
    happen(emulator, "alert-cleared")
    assert list(host.alerts(datetime(2020, 1, 1, tzinfo=UTC))) == []


def test_everything_works_over_a_real_socket(emulator: AutomateEmulator) -> None:
    with serve(emulator) as origin:
        assert emulator.connection_settings()["server"] == origin
        host = host_of(emulator)
        assert len(list(host.companies())) == 4
        assert sum(computer.is_bridge for computer in host.computers()) == 3


def test_only_the_fields_that_are_used_are_asked_for(emulator: AutomateEmulator) -> None:
    list(host_of(emulator).computers())
    asked = [each["query"] for each in emulator.requests if "v1/Computers" in each["path"]]
    assert asked
    assert all("includeFields=Id%2CComputerName" in query for query in asked)


def test_state_is_plain_json(emulator: AutomateEmulator) -> None:
    happen(emulator, "alert-raised")
    held = json.loads(json.dumps(emulator.overview()))
    assert len(held["computers"]) == 29
    assert held["alerts"][0]["computer"] == "1"
    assert held["contract_breaches"] == 0
    assert held["switches"]["two-factor"] is False


def test_discovery_finds_it() -> None:
    assert find_adapters(hosts)["connectwise_automate"] is ConnectWiseAutomate
