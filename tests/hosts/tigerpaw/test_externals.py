"""The vendor's client id on the account: kept once, changed, found and removed."""

import pytest

from plugin.domain.errors import RefusedError, RuleError
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from plugin.hosts.tigerpaw.host import Tigerpaw
from tests.hosts.tigerpaw.stand import failure_of, host_of


def test_an_id_is_kept_changed_found_and_removed(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    assert host.external_id("1001") == ""
    for wanted in ("tenant-1", "tenant-1", "tenant-2"):
        host.keep_external_id("1001", wanted)
        assert host.external_id("1001") == wanted
        assert len(emulator.state()["externals"]) == 1
    host.keep_external_id("1002", "tenant-2")
    assert host.companies_with("tenant-2") == ("1001", "1002")
    assert host.companies_with("tenant-1") == ()
    for _ in range(2):
        host.forget_external_id("1001")
        assert host.external_id("1001") == ""
    assert host.companies_with("tenant-2") == ("1002",)


def test_ids_of_other_products_are_left_alone(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    emulator.table("externals")["1"] = {"account": "1001", "product": "2", "id": "tenant-9"}
    host.keep_external_id("1001", "tenant-1")
    host.forget_external_id("1001")
    assert [each["id"] for each in emulator.state()["externals"]] == ["tenant-9"]
    assert host.companies_with("tenant-9") == ()


@pytest.mark.parametrize("name", ["No such product", "Old backup"])
def test_a_product_that_is_not_active_is_named(emulator: TigerpawEmulator, name: str) -> None:
    error = failure_of(lambda: host_of(emulator, external_product=name).external_id("1001"))
    assert isinstance(error, RefusedError)
    assert name in error.message
    assert "Master Tables" in error.message


def test_without_a_product_or_an_id_nothing_is_asked(emulator: TigerpawEmulator) -> None:
    for host, wanted in ((host_of(emulator, external_product=""), "x"), (host_of(emulator), "")):
        with pytest.raises(RuleError):
            host.keep_external_id("1001", wanted)
    assert list(emulator.requests) == []
