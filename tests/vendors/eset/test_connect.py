from datetime import UTC, datetime

import pytest
from werkzeug.wrappers import Response

from plugin import __version__
from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.vendors.eset.connect import Connect, part
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.protect import EsetProtect
from plugin.vendors.eset.wire import GroupPageWire
from tests.rig import link_to
from tests.vendors.eset.house import (
    ADDRESSES,
    CONSOLE,
    LONG_AGO,
    Liar,
    adapter_to,
    adapter_without_msp,
    asked,
    clock_of,
    count_groups,
    link_to_liar,
    switch,
)

GROUPS = "/v1/device_groups"


# -- the token -------------------------------------------------------------------------------


def test_a_token_is_asked_for_once_and_used_for_every_service(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    count_groups(protect)
    list(protect.detections("", None, LONG_AGO))
    assert asked(emulator, "/oauth/token") == 1


def test_an_expired_token_is_renewed_silently(emulator: EsetEmulator, protect: EsetProtect) -> None:
    count_groups(protect)
    emulator.add_fault("expired-token", 1, GROUPS)
    assert count_groups(protect) == 13
    assert asked(emulator, "/oauth/token") == 2


def test_expires_in_is_obeyed(emulator: EsetEmulator) -> None:
    switch(emulator, token_seconds=120)
    protect = adapter_to(emulator)
    count_groups(protect)
    clock_of(emulator).go(seconds=107)
    count_groups(protect)
    assert asked(emulator, "/oauth/token") == 1
    clock_of(emulator).go(seconds=2)
    count_groups(protect)
    assert asked(emulator, "/oauth/token") == 2


def test_a_refresh_token_that_is_gone_leads_to_the_password(
    emulator: EsetEmulator, protect: EsetProtect
) -> None:
    switch(emulator, refresh_tokens=False)
    count_groups(protect)
    clock_of(emulator).go(hours=2)
    assert count_groups(protect) == 13
    assert asked(emulator, "/oauth/token") == 3


def test_a_token_that_is_refused_twice_is_a_refusal(emulator: EsetEmulator) -> None:
    protect = adapter_to(emulator)
    emulator.add_fault("expired-token", 2, GROUPS)
    with pytest.raises(RefusedError) as caught:
        count_groups(protect)
    assert caught.value.code == "token"


def test_calls_name_the_integration_and_its_version() -> None:
    liar = Liar({GROUPS: {"deviceGroups": []}})
    connect = Connect(link_to_liar(liar), "ESET")
    connect.get("device-management", GROUPS)
    token, call = liar.asked
    assert token.headers["3rd-integration"] == call.headers["3rd-integration"] == "Bridgehead"
    assert call.headers["Version"] == __version__
    assert call.headers["Authorization"] == "Bearer a"
    assert token.form.to_dict()["grant_type"] == "password"
    assert (token.host, call.host) == (
        "eu.business-account.iam.eset.systems",
        "eu.device-management.eset.systems",
    )


# -- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["sign_in", "service"])
def test_a_missing_address_is_named(emulator: EsetEmulator, missing: str) -> None:
    addresses = {name: value for name, value in ADDRESSES.items() if name != missing}
    protect = EsetProtect(link_to(emulator, addresses=addresses))
    with pytest.raises(RuleError, match=missing):
        count_groups(protect)
    step = protect.rungs()[0 if missing == "sign_in" else 1]
    with pytest.raises(RefusedError, match=missing):
        step.run()


def test_a_missing_address_of_the_second_slot_is_named(emulator: EsetEmulator) -> None:
    addresses = {name: value for name, value in ADDRESSES.items() if name != "msp"}
    with pytest.raises(RuleError, match="msp"):
        list(EsetProtect(link_to(emulator, addresses=addresses)).licences(""))


@pytest.mark.parametrize("region", ["", "uk", "eu.evil.example/", "EU"])
def test_a_region_that_is_none_of_esets_reaches_no_address(
    emulator: EsetEmulator, region: str
) -> None:
    with pytest.raises(RuleError) as caught:
        count_groups(adapter_to(emulator, region=region))
    assert caught.value.field == "region"
    assert emulator.request_count == 0


@pytest.mark.parametrize("region", ["eu", "de", "us", "ca", "jpn"])
def test_every_region_has_servers_of_its_own(emulator: EsetEmulator, region: str) -> None:
    switch(emulator, region=region)
    assert count_groups(adapter_to(emulator)) == 13


def test_an_on_premises_console_is_asked_at_its_own_address(emulator: EsetEmulator) -> None:
    protect = adapter_without_msp(emulator, **CONSOLE)
    assert count_groups(protect) == 13
    assert asked(emulator, "/GetTokens") == 1
    assert asked(emulator, "/oauth/token") == 0
    clock_of(emulator).go(hours=2)
    assert count_groups(protect) == 13
    assert asked(emulator, "/GetTokens") == 2


def test_a_console_without_an_address_is_a_fault_of_the_form(emulator: EsetEmulator) -> None:
    with pytest.raises(RuleError) as caught:
        count_groups(adapter_to(emulator, **{**CONSOLE, "server": ""}))
    assert caught.value.field == "server"


def test_a_domain_user_is_told_to_the_console() -> None:
    liar = Liar({"/GetTokens": {"accessToken": "a"}, GROUPS: {}})
    link = link_to_liar(liar, {**CONSOLE, "domain_user": "true"})
    list(Connect(link, "ESET").pages("device-management", GROUPS, GroupPageWire, {}))
    assert liar.asked[0].get_json()["is_domain_user"] is True


# -- limits ----------------------------------------------------------------------------------


def test_more_than_ten_calls_a_second_are_refused_for_the_moment(emulator: EsetEmulator) -> None:
    protect = adapter_to(emulator)
    switch(emulator, calls_per_second=10)
    for _ in range(9):
        count_groups(protect)
    with pytest.raises(TransientError) as caught:
        count_groups(protect)
    assert caught.value.status == 429
    clock_of(emulator).go(seconds=1)
    assert count_groups(protect) == 13


@pytest.mark.parametrize("page_max", [1, 5, 12, 13, 14])
def test_every_page_of_a_list_is_read_once(emulator: EsetEmulator, page_max: int) -> None:
    switch(emulator, page_max=page_max)
    protect = adapter_to(emulator)
    groups = [group.id for group in protect.groups()]
    assert len(groups) == len(set(groups)) == 13
    assert asked(emulator, GROUPS) == -(-13 // page_max)


def test_a_list_in_a_circle_is_refused() -> None:
    pages = [{"nextPageToken": token} for token in "aba"]
    connect = Connect(link_to_liar(Liar({GROUPS: pages})), "ESET")
    with pytest.raises(AnswerError) as caught:
        list(connect.pages("device-management", GROUPS, GroupPageWire, {}))
    assert caught.value.code == "paging"


# -- failures --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("429", TransientError),
        ("500", TransientError),
        ("503", TransientError),
        ("refuse", TransientError),
        ("html", EdgeError),
        ("redirect", AnswerError),
        ("flipped", EdgeError),
        ("module-missing", EdgeError),
    ],
)
def test_every_fault_is_one_of_our_errors(
    emulator: EsetEmulator, protect: EsetProtect, fault: str, kind: type[EdgeError]
) -> None:
    emulator.add_fault(fault, 9, GROUPS)
    with pytest.raises(kind):
        count_groups(protect)


def test_a_request_id_is_told_for_the_support(emulator: EsetEmulator, protect: EsetProtect) -> None:
    switch(emulator, permission_set=False)
    with pytest.raises(RefusedError, match=r"request-id [0-9a-f]{16}"):
        count_groups(protect)


def test_a_request_id_that_is_none_is_left_out() -> None:
    liar = Liar({GROUPS: Response("", 403, {"request-id": "<script>"})})
    with pytest.raises(RefusedError) as caught:
        Connect(link_to_liar(liar), "ESET").get("device-management", GROUPS)
    assert "script" not in str(caught.value)


def test_no_secret_stands_in_any_message(emulator: EsetEmulator) -> None:
    protect = adapter_to(emulator, password="wrong-Secret-1")
    with pytest.raises(RefusedError) as caught:
        count_groups(protect)
    assert "wrong-Secret-1" not in str(caught.value)
    assert "wrong-Secret-1" not in repr(protect.__dict__)


def test_identifiers_are_one_part_of_a_path() -> None:
    assert part("a/b?c#d ..") == "a%2Fb%3Fc%23d%20.."


def test_a_group_that_is_gone_is_missing(protect: EsetProtect) -> None:
    with pytest.raises(MissingError):
        list(protect.members("11111111-2222-3333-4444-555555555555"))


def test_a_wrong_clock_shows_in_the_check() -> None:
    stamped = Response(
        '{"access_token": "a", "expires_in": 3600}',
        200,
        {"Date": "Mon, 02 Nov 2026 08:20:00 GMT"},
        mimetype="application/json",
    )
    now = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
    protect = EsetProtect(link_to_liar(Liar({"/oauth/token": stamped}), now=now))
    assert "20 minutes behind" in protect.rungs()[0].run()
