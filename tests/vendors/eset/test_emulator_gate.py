"""The gate of the emulator, met by strangers: tokens, hosts, waiting answers, paging."""

import pytest
import requests
from werkzeug.test import Client

from plugin.edge.emulator import serve
from plugin.vendors.eset.emulator import EsetConnectEmulator, EsetEmulator, EsetMspEmulator
from plugin.vendors.eset.emulator_connect import EMAIL, PASSWORD
from tests.rig import small_world
from tests.vendors.eset.callers import SIGN_IN, Caller
from tests.vendors.eset.house import CONSOLE, StillClock, clock_of, make_emulator, switch

# -- signing in ------------------------------------------------------------------------------


def test_a_token_is_given_for_a_form_and_every_answer_has_a_request_id(
    emulator: EsetEmulator,
) -> None:
    base = "https://eu.business-account.iam.eset.systems"
    answer = Client(emulator).post("/oauth/token", base_url=base, data=SIGN_IN)
    given = answer.get_json()
    assert (answer.status_code, given["token_type"], given["expires_in"]) == (200, "Bearer", 3600)
    assert answer.headers["request-id"]


@pytest.mark.breaches
def test_a_sign_in_that_is_no_form_is_refused() -> None:
    base = "https://eu.business-account.iam.eset.systems"
    refused = Client(make_emulator()).post("/oauth/token", base_url=base, json=SIGN_IN)
    assert refused.status_code == 415


@pytest.mark.parametrize(
    "form",
    [
        {"password": "x"},
        {"username": "x"},
        {"grant_type": "client_credentials"},
        {"grant_type": ""},
    ],
)
def test_a_wrong_sign_in_is_an_oauth_error(caller: Caller, form: dict[str, str]) -> None:
    answer = caller.sign_in(**form)
    assert (answer["status"], answer["error"]) == (400, "invalid_grant")


def test_a_refresh_token_is_good_once(caller: Caller) -> None:
    refresh = caller.sign_in()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert caller.sign_in(**form)["status"] == 200
    assert caller.sign_in(**form)["status"] == 400


def test_the_edge_refuses_without_a_request_id(emulator: EsetEmulator) -> None:
    switch(emulator, integration_header=True)
    base = "https://eu.business-account.iam.eset.systems"
    client = Client(emulator)
    bare = client.post("/oauth/token", base_url=base, data=SIGN_IN)
    assert (bare.status_code, "request-id" in bare.headers) == (403, False)
    named = {"3rd-integration": "Somebody"}
    assert (
        client.post("/oauth/token", base_url=base, data=SIGN_IN, headers=named).status_code == 200
    )


def test_data_without_or_with_a_bad_token_is_refused(
    caller: Caller, emulator: EsetEmulator
) -> None:
    assert caller.call("/v1/devices").status_code == 200
    caller.token = "made-up"
    assert caller.call("/v1/devices").status_code == 401
    bare = Client(emulator).get("/v1/devices", base_url="https://eu.device-management.eset.systems")
    assert (bare.status_code, bare.get_data()) == (400, b"")


def test_tokens_expire_by_the_clock(caller: Caller, emulator: EsetEmulator) -> None:
    clock_of(emulator).go(seconds=3600)
    assert caller.call("/v1/devices").get_json()["code"] == 8


def test_old_sessions_are_forgotten(caller: Caller, emulator: EsetEmulator) -> None:
    for _ in range(210):
        caller.sign_in()
    clock_of(emulator).go(hours=2)
    caller.sign_in()
    assert len(emulator.table("sessions")) < 10


# -- hosts -----------------------------------------------------------------------------------


def test_another_region_takes_no_token(emulator: EsetEmulator) -> None:
    assert Caller(emulator, "us").call("/v1/devices").status_code == 401


@pytest.mark.breaches
def test_a_service_answers_at_its_own_host_only() -> None:
    emulator = make_emulator()
    assert Caller(emulator).call("/v1/devices", "automation").status_code == 404
    assert [breach.path for breach in emulator.breaches] == ["//automation/v1/devices"]


@pytest.mark.breaches
@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        ("https://mspapi.eset.com", "/v1/devices", 403),
        ("https://eu.device-management.eset.systems", "/api/User/Current", 404),
        ("https://mspapi.eset.com", "/api/Nowhere", 401),
    ],
)
def test_neither_system_knows_the_others_addresses(host: str, path: str, status: int) -> None:
    assert Client(make_emulator()).get(path, base_url=host).status_code == status


def test_by_the_loopback_address_the_path_decides() -> None:
    emulator = EsetEmulator()
    emulator.reset(small_world())
    with serve(emulator) as origin:
        given = requests.post(f"{origin}/oauth/token", data=SIGN_IN, timeout=5).json()
        headers = {"Authorization": f"Bearer {given['access_token']}"}
        answer = requests.get(f"{origin}/v1/devices", headers=headers, timeout=5)
        assert len(answer.json()["devices"]) == 24
        settings = emulator.connection_settings()
        user = {"username": settings["msp_email"], "password": settings["msp_password"]}
        given = requests.post(f"{origin}/api/Token/Get", json=user, timeout=5).json()
        headers = {"Authorization": f"Bearer {given['accessToken']}"}
        answer = requests.get(f"{origin}/api/User/Current", headers=headers, timeout=5)
        assert answer.json()["company"]["name"] == "Bridgehead MSP"
    assert list(emulator.breaches) == []


@pytest.mark.breaches
def test_a_call_the_contract_does_not_know_is_a_breach() -> None:
    emulator = make_emulator()
    assert Caller(emulator).call("/v1/devices?sort=name").status_code == 200
    assert [breach.problem for breach in emulator.breaches] == [
        "query parameter 'sort' is not described"
    ]


def test_the_halves_work_alone() -> None:
    for kind in (EsetConnectEmulator, EsetMspEmulator):
        half = kind(clock=StillClock())
        half.reset(small_world())
        assert half.connection_settings()
        assert half.state()
    assert EsetMspEmulator.kind == "eset_msp"


def test_a_console_serves_its_part_only(emulator: EsetEmulator) -> None:
    base, client = CONSOLE["server"], Client(emulator)
    body = {"username": EMAIL, "password": PASSWORD, "grantType": "PASSWORD"}
    given = client.post("/GetTokens", base_url=base, json=body).get_json()
    headers = {"Authorization": f"Bearer {given['accessToken']}"}
    assert client.get("/v1/devices", base_url=base, headers=headers).status_code == 200
    assert client.get("/v2/incidents", base_url=base, headers=headers).status_code == 404
    assert client.post("/GetTokens", base_url=base, json={"username": EMAIL}).status_code == 400


# -- pending answers -------------------------------------------------------------------------


def test_a_waiting_answer_is_collected_once_within_ten_minutes(
    caller: Caller, emulator: EsetEmulator
) -> None:
    emulator.add_fault("pending", 2)
    first, late = (caller.call("/v1/devices").headers["response-id"] for _ in range(2))
    assert caller.call("/v1/devices?pageSize=1", **{"response-id": first}).status_code == 404
    emulator.add_fault("pending", 1)
    again = caller.call("/v1/devices").headers["response-id"]
    assert caller.call("/v1/devices", **{"response-id": again}).status_code == 200
    assert caller.call("/v1/devices", **{"response-id": again}).status_code == 404
    clock_of(emulator).go(seconds=601)
    assert caller.call("/v1/devices", **{"response-id": late}).status_code == 404
