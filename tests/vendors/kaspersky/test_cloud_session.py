from dataclasses import replace
from datetime import timedelta

import pytest

from plugin.domain.errors import AnswerError, EdgeError, RefusedError, TransientError
from plugin.vendors.kaspersky.cloud import KasperskyCloud, KasperskyHub
from plugin.vendors.kaspersky.cloud_session import Tokens
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator
from plugin.vendors.kaspersky.emulator_cloud_facts import ACCESS_LIFE, PASSWORD, REFRESH_LIFE
from tests.rig import link_to
from tests.vendors.kaspersky.clouds import LyingCloud, calls, cloud, filled, switch


@pytest.fixture
def emulator() -> CloudEmulator:
    return filled(CloudEmulator(), 1, 2)


def test_one_sign_in_serves_many_calls(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    for _ in range(3):
        list(adapter.workspaces())
    assert (calls(emulator, "/sessions"), calls(emulator, "/refresh")) == (1, 0)


def test_a_token_is_refreshed_before_it_ends(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    list(adapter.workspaces())
    emulator.clock.offset += ACCESS_LIFE - timedelta(seconds=10)
    list(adapter.workspaces())
    assert (calls(emulator, "/sessions"), calls(emulator, "/refresh")) == (1, 1)


def test_a_token_that_ended_early_costs_one_more_call(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    list(adapter.workspaces())
    emulator.add_fault("expired-token", path="/v1/tenants")
    assert len(list(adapter.workspaces())) == 1
    assert calls(emulator, "/refresh") == 1


def test_after_the_session_it_signs_in_again(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    list(adapter.workspaces())
    emulator.clock.offset += REFRESH_LIFE + timedelta(minutes=1)
    assert len(list(adapter.workspaces())) == 1
    assert (calls(emulator, "/sessions"), calls(emulator, "/refresh")) == (2, 1)


def test_a_token_that_is_never_good_is_no_endless_loop(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    emulator.add_fault("expired-token", times=50, path="/v1/tenants")
    with pytest.raises(RefusedError) as caught:
        list(adapter.workspaces())
    assert caught.value.code == "token-expired"
    assert calls(emulator, "/tenants") == 2


def test_the_second_step_can_be_asked_for_in_the_middle(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    list(adapter.workspaces())
    emulator.add_fault("two-step", path="/v1/tenants")
    with pytest.raises(RefusedError) as caught:
        list(adapter.workspaces())
    assert caught.value.code == "two-step-required"
    assert len(list(adapter.workspaces())) == 1


def test_a_refresh_refused_for_another_reason_is_told(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    list(adapter.workspaces())
    switch(emulator, "two_step", True)
    emulator.clock.offset += ACCESS_LIFE
    with pytest.raises(RefusedError) as caught:
        list(adapter.workspaces())
    assert caught.value.code == "two-step-required"


def test_a_token_of_one_environment_is_nothing_in_another(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    list(adapter.workspaces())
    tokens = list(emulator.estates["production"].table("access"))
    assert tokens
    assert not list(emulator.estates["beta"].table("access"))


def test_a_wrong_password_is_tried_once(emulator: CloudEmulator) -> None:
    with pytest.raises(RefusedError):
        list(cloud(emulator, password="wrong").workspaces())
    assert calls(emulator, "/sessions") == 1


@pytest.mark.parametrize("environment", ["production", "beta", "test"])
@pytest.mark.parametrize("kind", [KasperskyCloud, KasperskyHub])
def test_without_an_address_nothing_is_guessed_and_nothing_asked(
    emulator: CloudEmulator,
    kind: type[KasperskyCloud] | type[KasperskyHub],
    environment: str,
) -> None:
    link = link_to(emulator, environment=environment)
    for addresses in ({}, {"api": ""}):
        adapter = kind(replace(link, addresses=addresses))
        with pytest.raises(RefusedError, match=f"no address for environment {environment}"):
            list(adapter.workspaces())
        with pytest.raises(RefusedError, match=f"no address for environment {environment}"):
            adapter.known("anna@msp.example")
    assert not emulator.requests


def test_the_address_of_the_table_is_the_one_that_is_called() -> None:
    emulator = filled(CloudEmulator(), 1, 2)
    link = link_to(emulator, addresses={"api": "https://beta.cloud.example/"}, environment="beta")
    names = [each.name for each in KasperskyCloud(link).workspaces()]
    assert all(name.endswith("(beta)") for name in names)


FAULTS: list[tuple[str, type[EdgeError]]] = [
    ("500", TransientError),
    ("503", TransientError),
    ("429", TransientError),
    ("refuse", TransientError),
    ("cut", TransientError),
    ("html", TransientError),
    ("redirect", AnswerError),
    ("flipped", AnswerError),
    ("wrong-types", AnswerError),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS)
def test_what_goes_wrong_on_the_way_is_one_of_our_errors(
    emulator: CloudEmulator, fault: str, kind: type[EdgeError]
) -> None:
    adapter = cloud(emulator)
    emulator.add_fault(fault, times=9, path="/v1/tenants")
    with pytest.raises(kind) as caught:
        list(adapter.workspaces())
    assert PASSWORD not in str(caught.value)


def test_the_time_a_busy_cloud_asks_for_is_kept(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    switch(emulator, "out_of_order", True)
    with pytest.raises(TransientError) as caught:
        list(adapter.workspaces())
    assert caught.value.retry_after == 30


@pytest.mark.parametrize("fault", ["500", "cut", "done-but-timeout"])
def test_one_fault_on_the_way_is_not_noticed(emulator: CloudEmulator, fault: str) -> None:
    adapter = cloud(emulator)
    emulator.add_fault(fault, path="/v1/tenants")
    assert len(list(adapter.workspaces())) == 1


@pytest.mark.breaches
@pytest.mark.parametrize(
    "lie",
    [
        {},
        [],
        None,
        "token",
        {"accessToken": "a", "expiresIn": 900},
        {"accessToken": "a", "refreshToken": "b", "expiresIn": "soon"},
        {"accessToken": "a", "refreshToken": "b", "expiresIn": -5},
        {"accessToken": "a", "refreshToken": "b", "expiresIn": 10**30},
        {"accessToken": "a\r\nX-Evil: 1", "refreshToken": "b", "expiresIn": 900},
        {"accessToken": "ä", "refreshToken": "b", "expiresIn": 900},
        {"accessToken": "", "refreshToken": "b", "expiresIn": 900},
    ],
)
def test_a_sign_in_answer_that_is_not_as_promised_is_named(lie: object) -> None:
    emulator = LyingCloud()
    emulator.lies = {"/v1/sessions": lie}
    with pytest.raises(AnswerError, match="sign-in"):
        list(cloud(filled(emulator, 1, 2)).workspaces())


def test_tokens_do_not_show_in_a_log(emulator: CloudEmulator) -> None:
    tokens = Tokens("secret-access", "secret-refresh", emulator.clock())
    assert "secret" not in repr(tokens)


@pytest.mark.breaches
@pytest.mark.parametrize("body", ["<h1>no</h1>", [], {"error": "no"}, {"error": {"code": {}}}])
def test_a_refusal_without_a_readable_body_means_what_its_status_says(body: object) -> None:
    emulator = LyingCloud()
    adapter = cloud(filled(emulator, 1, 2))
    emulator.refused_with = body
    with pytest.raises(RefusedError) as caught:
        list(adapter.workspaces())
    assert (caught.value.code, caught.value.status) == ("", 403)
