"""Calls: signed, by the server's clock where ours is wrong, lists to their end."""

from datetime import timedelta

import pytest

from plugin.domain.errors import AnswerError, MissingError, RefusedError, TransientError
from plugin.edge.world import make_world
from plugin.hosts.tigerpaw.api import address_of
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from plugin.hosts.tigerpaw.host import Tigerpaw
from tests.hosts.tigerpaw.stand import failure_of, host_of, paths, switch
from tests.rig import EPOCH

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize("seconds", [1_800, -1_800])
def test_a_wrong_clock_is_corrected_once_and_kept(
    emulator: TigerpawEmulator, host: Tigerpaw, seconds: int
) -> None:
    switch(emulator, clock_skew=seconds)
    assert len(list(host.companies())) == 4
    assert len(paths(emulator)) == 2
    list(host.companies())
    assert len(paths(emulator)) == 3


def test_our_own_wrong_clock_is_corrected_too(emulator: TigerpawEmulator) -> None:
    host = host_of(emulator, now=lambda: emulator.clock() - HALF_AN_HOUR)
    assert len(list(host.companies())) == 4


def test_a_wrong_key_is_not_tried_twice_when_the_clocks_agree(emulator: TigerpawEmulator) -> None:
    host = host_of(emulator, private_key="22222222-2222-4222-8222-222222222222")
    error = failure_of(lambda: list(host.companies()))
    assert isinstance(error, RefusedError)
    assert (error.status, error.code) == (401, "keys")
    assert len(paths(emulator)) == 1


def test_a_wrong_key_and_a_wrong_clock_are_told_apart_after_one_more_try(
    emulator: TigerpawEmulator,
) -> None:
    switch(emulator, clock_skew=1_800)
    error = failure_of(lambda: list(host_of(emulator, private_key="wrong").companies()))
    assert (error.status, error.code) == (401, "keys-or-clock")
    assert len(paths(emulator)) == 2


def test_a_write_that_was_refused_by_the_clock_is_made_once(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    switch(emulator, clock_skew=1_800)
    host.keep_external_id("1001", "tenant-1")
    kept = emulator.state()["externals"]
    assert [each["id"] for each in kept] == ["tenant-1"]


def test_a_path_before_the_interface_is_signed_too(emulator: TigerpawEmulator) -> None:
    # The emulator has no such path, but it checks the signature before it says so.
    server = "https://msp.example/tigerpaw"
    host = host_of(emulator, server=server)
    assert isinstance(failure_of(lambda: list(host.companies())), MissingError)
    wrong = host_of(emulator, server=server, private_key="wrong")
    assert isinstance(failure_of(lambda: list(wrong.companies())), RefusedError)


def test_a_long_list_is_read_to_its_end_and_each_record_once() -> None:
    emulator = TigerpawEmulator()
    emulator.reset(make_world(250, 0, 7, EPOCH))
    numbers = [company.id for company in host_of(emulator).companies()]
    assert numbers == [str(each) for each in range(1000, 1251)]
    assert len(paths(emulator)) == 3
    assert list(emulator.breaches) == []


def test_a_list_that_stops_growing_before_its_end_is_no_whole_list(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    emulator.add_fault("stuck-paging", times=9)
    error = failure_of(lambda: list(host.companies()))
    assert isinstance(error, AnswerError)
    assert error.code == "paging"
    assert "4 of 5" in error.message


def test_a_200_that_says_no_is_a_failure(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    emulator.add_fault("success-false", times=9)
    error = failure_of(lambda: list(host.companies()))
    assert isinstance(error, AnswerError)
    assert error.code == "success-false"


def test_a_fault_that_passes_is_not_seen(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    emulator.add_fault("503")
    assert len(list(host.companies())) == 4


def test_an_inactive_account_says_so(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    accounts = emulator.table("accounts")
    accounts["1002"] = {**accounts["1002"], "status": "Former client"}
    by_word = host_of(emulator, inactive_statuses="Inactive, former CLIENT")
    assert all(each.active for each in host.companies())
    assert [each.id for each in by_word.companies() if not each.active] == ["1002"]


def test_times_without_a_zone_are_read_by_the_setting(emulator: TigerpawEmulator) -> None:
    switch(emulator, zone_minutes=-300)
    seconds = emulator.table("agreements")["1201"]["start"]
    host = host_of(emulator, zone_minutes="-300")
    naive = host._api.get("api/agreements/account/1001")["Agreements"][0]["Agreement"]
    from_text = EPOCH.fromisoformat(naive["StartDate"])
    assert from_text.tzinfo is None
    read = host._api.instant(from_text)
    assert read is not None
    assert read.timestamp() == seconds


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("api.msp.example", "https://api.msp.example"),
        ("https://api.msp.example:8443/", "https://api.msp.example:8443"),
        ("https://msp.example/tiger/API/", "https://msp.example/tiger"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ],
)
def test_the_address_may_be_typed_in_many_forms(typed: str, address: str) -> None:
    assert address_of(typed) == address


def test_a_lost_connection_in_the_middle_is_unclear(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    emulator.add_fault("cut", times=9)
    assert isinstance(failure_of(lambda: list(host.companies())), TransientError)
