"""The connection check: every refusal with its step, its cause and its cure."""

import pytest

from plugin.domain.contracts import WARNING
from plugin.domain.errors import RefusedError, TransientError
from plugin.edge.world import make_world
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from plugin.hosts.tigerpaw.host import Tigerpaw
from tests.hosts.tigerpaw.stand import first_failure, host_of, paths, switch, told_by
from tests.rig import EPOCH

KEYS, RIGHTS, PRODUCT = "Address and keys", "Rights", "Product"
CHARGES = "SubmitAgreementAdditionalCharges"


def test_a_good_connection_is_green_from_the_first_step_to_the_last(host: Tigerpaw) -> None:
    told = {rung.name: rung.run() for rung in host.rungs()}
    assert list(told) == [
        KEYS, "Clock", PRODUCT, RIGHTS, "Accounts", "Rep and statuses", "External product",
        "Charges",
    ]  # fmt: skip
    assert not any(text.startswith(WARNING) for text in told.values())
    assert "custom folders and fields" in told[RIGHTS]
    assert "tried by the first charge" in told["Charges"]


def test_the_check_writes_nothing(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    before = emulator.state()
    for rung in host.rungs():
        rung.run()
    assert emulator.state() == before
    assert "POST /api/rmm/tsiWS.asmx" not in paths(emulator)


@pytest.mark.parametrize(
    ("settings", "step", "cause", "cure"),
    [
        ({"public_key": "wrong"}, KEYS, "does not accept the keys", "Account Reps"),
        ({"private_key": "wrong"}, KEYS, "does not accept the keys", "REST API Security"),
        ({"closed_status": "Done"}, "Rep and statuses", "master table", "letter by letter"),
        ({"new_status": "Fresh"}, "Rep and statuses", "master table", "letter by letter"),
        ({"taken_by": "9"}, "Rep and statuses", "does not exist or is inactive", "active rep"),
        ({"external_product": "Else"}, "External product", "not there", "External Products"),
        ({"wsdl": "https://x.example/api/rmm/tsiws.asmx"}, "Charges", "not a desc", "browser"),
    ],
)
def test_a_wrong_field_is_found_at_its_step(
    emulator: TigerpawEmulator, settings: dict[str, str], step: str, cause: str, cure: str
) -> None:
    name, _, advice = first_failure(host_of(emulator, None, **settings))
    assert name == step
    assert cause in advice.cause
    assert cure in advice.cure


@pytest.mark.parametrize(
    ("switches", "step", "cause"),
    [
        ({"site": False}, KEYS, "no Tigerpaw API site"),
        ({"keys_active": False}, KEYS, "does not accept the keys"),
        ({"keys_active": False, "clock_skew": 1800}, KEYS, "clocks differ"),
        ({"licence": False}, PRODUCT, "no valid licence"),
        ({"archived": True}, PRODUCT, "archived copy"),
    ],
)
def test_what_is_wrong_at_the_server_is_found_at_its_step(
    emulator: TigerpawEmulator,
    host: Tigerpaw,
    switches: dict[str, object],
    step: str,
    cause: str,
) -> None:
    switch(emulator, **switches)
    name, _, advice = first_failure(host)
    assert name == step
    assert cause in advice.cause
    assert advice.cure


@pytest.mark.parametrize("fault", ["html", "redirect"])
def test_a_page_in_the_place_of_the_site_is_told(
    emulator: TigerpawEmulator, host: Tigerpaw, fault: str
) -> None:
    emulator.add_fault(fault, times=9)
    name, _, advice = first_failure(host)
    assert name == KEYS
    assert "no Tigerpaw API site" in advice.cause


def test_a_server_that_is_down_is_not_taken_for_a_wrong_setting(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    emulator.add_fault("503", times=9)
    with pytest.raises(TransientError):
        host.rungs()[0].run()


@pytest.mark.parametrize("seconds", [200, -1_800])
def test_a_wrong_clock_is_a_warning_because_it_is_corrected(
    emulator: TigerpawEmulator, host: Tigerpaw, seconds: int
) -> None:
    switch(emulator, clock_skew=seconds)
    told = told_by(host, "Clock")
    assert told.startswith(WARNING)
    assert ("ahead of" if seconds > 0 else "behind") in told
    assert told_by(host, "External product") == "The external product Bridgehead is there."


@pytest.mark.parametrize("how", [401, 403, 200])
@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("serviceorders", "service orders: get, create, update"),
        ("agreements", "recurring agreements: get, create, update"),
        ("pricebook", "price book items: get"),
        ("mastertables", "master tables: get, create, update"),
        ("customfields", "custom folders and fields: get, create, update"),
        ("accounts", "accounts: get, update"),
    ],
)
def test_a_missing_right_is_named_however_it_is_refused(
    emulator: TigerpawEmulator, host: Tigerpaw, how: int, word: str, right: str
) -> None:
    switch(emulator, denied=["search"] if word == "accounts" else [word], denied_as=how)
    name, error, advice = first_failure(host)
    assert name == RIGHTS
    assert isinstance(error, RefusedError)
    assert right in error.message.partition("It may read:")[0]
    assert "security role" in advice.cause


def test_all_missing_rights_are_named_at_once(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    switch(emulator, denied=["pricebook", "agreements"])
    _, error, _ = first_failure(host)
    lacking, _, had = error.message.partition("It may read:")
    assert "price book" in lacking
    assert "agreements" in lacking
    assert "accounts" in had
    assert "price book" not in had


def test_a_rep_that_sees_no_account_is_a_warning_and_says_what_was_not_tried() -> None:
    emulator = TigerpawEmulator()
    emulator.reset(make_world(0, 0, 7, EPOCH))
    del emulator.table("accounts")["1000"]
    host = host_of(emulator)
    assert "Not tried without an account: recurring agreements" in told_by(host, RIGHTS)
    assert told_by(host, "Accounts").startswith(WARNING)


def test_a_connection_without_a_rep_or_a_product_says_what_that_means(
    emulator: TigerpawEmulator,
) -> None:
    host = host_of(emulator, taken_by="", external_product="")
    assert told_by(host, "Rep and statuses").startswith(WARNING)
    assert told_by(host, "External product").startswith("Not used")


@pytest.mark.parametrize(
    ("settings", "switches", "why"),
    [
        ({"charges_confirmed": ""}, {}, "nobody has confirmed"),
        ({}, {"without_operations": [CHARGES]}, "no operation"),
        ({}, {"soap_service": False}, "no service description"),
    ],
)
def test_export_only_is_a_warning_with_its_cure(
    emulator: TigerpawEmulator, settings: dict[str, str], switches: dict[str, object], why: str
) -> None:
    switch(emulator, **switches)
    told = told_by(host_of(emulator, None, **settings), "Charges")
    assert told.startswith(f"{WARNING}Charges are exported only")
    assert why in told
    assert "under Advanced" in told
