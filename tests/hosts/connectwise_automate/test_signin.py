"""The token's life: first sign-in, renewal, absolute end, refusals."""

from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.wrappers import Request, Response

from plugin.domain.errors import AnswerError, RefusedError, TransientError
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.emulator_signin import ABSOLUTE_LIFE, TOKEN_LIFE
from tests.hosts.connectwise_automate.stand import api_of, calls, happen, host_of, later
from tests.hosts.connectwise_automate.test_passcode import RFC_KEY
from tests.rig import small_world


def sign_ins(emulator: AutomateEmulator) -> int:
    paths = [request["path"].lower() for request in emulator.requests]
    return sum(path.endswith("/apitoken") for path in paths)


def test_one_token_serves_many_calls(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    for _ in range(3):
        list(host.companies())
    assert sign_ins(emulator) == 1
    assert calls(emulator, "refresh") == 0


def test_a_token_is_renewed_minutes_before_its_end(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    list(host.companies())
    later(emulator, seconds=TOKEN_LIFE - 200)
    list(host.companies())
    assert calls(emulator, "refresh") == 0
    later(emulator, seconds=30)
    list(host.companies())
    assert calls(emulator, "refresh") == 1
    assert sign_ins(emulator) == 1


def test_at_the_absolute_end_it_signs_in_again(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    passed = 0
    while passed < ABSOLUTE_LIFE + TOKEN_LIFE:
        list(host.companies())
        later(emulator, minutes=58)  # well within the minutes in which a token is renewed
        passed += 58 * 60
    assert calls(emulator, "refresh") == 4
    assert sign_ins(emulator) == 2


@pytest.mark.parametrize("skew", [-7200, -400, 0, 400, 7200])
@pytest.mark.parametrize("zone", [-300, 0, 345])
def test_a_wrong_clock_or_zone_does_not_shorten_the_life(
    emulator: AutomateEmulator, skew: int, zone: int
) -> None:
    happen(emulator, "switch", clock_skew=skew, zone_minutes=zone)
    life = api_of(emulator).sign_in.life()
    assert timedelta(seconds=TOKEN_LIFE - 5) < life <= timedelta(seconds=TOKEN_LIFE + 5)


@pytest.mark.parametrize("skew", [-7200, 0, 7200])
def test_a_life_with_a_zone_is_read_as_well(emulator: AutomateEmulator, skew: int) -> None:
    happen(emulator, "switch", times_with_zone=True, clock_skew=skew)
    life = api_of(emulator).sign_in.life()
    assert timedelta(seconds=TOKEN_LIFE - 5) < life <= timedelta(seconds=TOKEN_LIFE + 5)


def test_a_token_of_unknown_life_is_believed_for_a_quarter_of_an_hour(
    emulator: AutomateEmulator,
) -> None:
    happen(emulator, "switch", denied=["databaseservertime"])
    life = api_of(emulator).sign_in.life()
    assert timedelta(minutes=14) < life <= timedelta(minutes=15)


def test_a_token_that_is_suddenly_refused_is_replaced_once(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    list(host.companies())
    emulator.add_fault("expired-token", path="(?i)clients")
    assert len(list(host.companies())) == 4
    assert sign_ins(emulator) == 2


def test_a_write_with_a_refused_token_happens_once(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    list(host.companies())
    emulator.end_tokens()
    assert host.run_command("1", "echo once") == "1/1"
    assert len(emulator.table("commands")) == 1


def test_a_renewal_that_is_refused_leads_to_a_sign_in(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    list(host.companies())
    later(emulator, seconds=TOKEN_LIFE - 100)
    emulator.end_tokens()
    assert len(list(host.companies())) == 4
    assert sign_ins(emulator) == 2


def test_a_wrong_password_is_tried_once(emulator: AutomateEmulator) -> None:
    with pytest.raises(RefusedError) as caught:
        list(host_of(emulator, password="not-this-one").companies())
    assert caught.value.status == 401
    assert sign_ins(emulator) == 1
    assert "not-this-one" not in str(caught.value)


def test_the_client_id_goes_with_every_call(emulator: AutomateEmulator) -> None:
    with pytest.raises(RefusedError) as caught:
        list(host_of(emulator, client_id="").companies())
    assert caught.value.status == 401
    assert emulator.request_count == 1


def test_two_factor_sign_in_is_recognised(emulator: AutomateEmulator) -> None:
    happen(emulator, "switch", two_factor=True)
    with pytest.raises(RefusedError) as caught:
        list(host_of(emulator).companies())
    assert caught.value.code == "two-factor"


def test_a_passcode_serves_one_sign_in(emulator: AutomateEmulator) -> None:
    happen(emulator, "switch", two_factor=True)
    assert len(list(host_of(emulator, passcode="123 456").companies())) == 4
    with pytest.raises(RefusedError) as caught:
        list(host_of(emulator, passcode="654321").companies())
    assert caught.value.status == 401


def test_a_setup_key_makes_passcodes(emulator: AutomateEmulator) -> None:
    happen(emulator, "switch", two_factor=True)
    emulator.clock.move(datetime.fromtimestamp(2000000000, UTC))
    user = emulator.table("users")["bridgehead"]
    emulator.table("users")["bridgehead"] = {**user, "passcodes": ["279037"]}
    assert len(list(host_of(emulator, passcode=RFC_KEY).companies())) == 4


def test_a_broken_setup_key_is_said_so(emulator: AutomateEmulator) -> None:
    with pytest.raises(RefusedError) as caught:
        list(host_of(emulator, passcode="no key!").companies())
    assert caught.value.code == "passcode"
    assert "no key" not in str(caught.value)


@pytest.mark.parametrize("fault", ["500", "503", "refuse", "aspnet-error"])
def test_a_sign_in_that_stumbles_is_tried_again(emulator: AutomateEmulator, fault: str) -> None:
    emulator.add_fault(fault, times=2, path="(?i)apitoken")
    assert len(list(host_of(emulator).companies())) == 4


def test_a_sign_in_that_stays_down_is_transient(emulator: AutomateEmulator) -> None:
    emulator.add_fault("500", times=9, path="(?i)apitoken")
    with pytest.raises(TransientError):
        list(host_of(emulator).companies())


def test_a_web_page_instead_of_a_token_is_no_token(emulator: AutomateEmulator) -> None:
    emulator.add_fault("html", times=9, path="(?i)apitoken")
    with pytest.raises((AnswerError, TransientError)):
        list(host_of(emulator).companies())


def test_the_token_is_in_no_text(emulator: AutomateEmulator) -> None:
    api = api_of(emulator)
    headers = api.sign_in.headers()
    token = headers["Authorization"].removeprefix("Bearer ")
    assert token in emulator.table("tokens")
    assert token not in repr(api.sign_in._token)


def test_just_before_the_absolute_end_it_does_not_ask_for_a_renewal(
    emulator: AutomateEmulator,
) -> None:
    host = host_of(emulator)
    while emulator.request_count < 100:
        list(host.companies())
        tokens = emulator.table("tokens").values()
        last = max(tokens, key=lambda token: float(token["expires"]))
        if last["expires"] >= last["absolute"]:
            break
        later(emulator, minutes=57)
    renewals = calls(emulator, "refresh")
    later(emulator, seconds=last["expires"] - emulator.clock().timestamp() - 100)
    list(host.companies())
    assert calls(emulator, "refresh") == renewals
    assert sign_ins(emulator) == 2


class OddSignIn(AutomateEmulator):
    """Answers a sign-in with what a test says."""

    said: object = None

    def sign_in(self, request: Request) -> Response:
        return self.json(self.said)

    sign_in.routes = AutomateEmulator.sign_in.routes  # type: ignore[attr-defined]

    def _has_token(self, request: Request) -> bool:
        return True

    def _judge(self, request: Request, response: Response) -> None:
        """Say nothing: the oddity is meant."""


def odd_sign_in(said: object) -> OddSignIn:
    emulator = OddSignIn()
    emulator.reset(small_world())
    emulator.said = said
    return emulator


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (None, "the whole"),
        ([], "the whole"),
        ({}, "accesstoken"),
        ({"AccessToken": ""}, "accesstoken"),
        ({"AccessToken": {}}, "accesstoken"),
        ({"AccessToken": "t", "ExpirationDate": "soon"}, "expirationdate"),
        ({"AccessToken": "t", "IsTwoFactorRequired": "perhaps"}, "istwofactorrequired"),
    ],
)
def test_an_odd_sign_in_is_an_answer_error(said: object, field: str) -> None:
    with pytest.raises(AnswerError, match=f"a sign-in that is not as promised .{field}"):
        api_of(odd_sign_in(said)).sign_in.headers()


@pytest.mark.parametrize(
    ("ends", "minutes"),
    [
        (None, 15),
        ("0001-01-01T00:00:00", 15),
        ("2020-01-01T00:00:00Z", 15),
        ("2020-01-01T00:00:00", 15),
        ("9999-12-31T23:59:59Z", 24 * 60),
        ("9999-12-31T23:59:59", 24 * 60),
    ],
)
def test_an_odd_end_is_not_believed(ends: str | None, minutes: int) -> None:
    said = {"AccessToken": "token", "ExpirationDate": ends, "AbsoluteExpirationDate": ends}
    life = api_of(odd_sign_in(said)).sign_in.life()
    assert round(life / timedelta(minutes=1)) == minutes
