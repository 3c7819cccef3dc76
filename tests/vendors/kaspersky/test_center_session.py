"""Logging in, renewing, and what the server's errors mean."""

import base64
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest

from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    TransientError,
)
from plugin.edge.answers import Answer
from plugin.edge.emulator import Clock
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.center_session import (
    MAIN,
    MOST_SESSIONS,
    Server,
    SessionLostError,
    Sessions,
    classify,
    classify_log_in,
)
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from plugin.vendors.kaspersky.emulator_center_facts import PASSWORD, USER
from tests.rig import link_to
from tests.vendors.kaspersky.conftest import WatchedCenter

Switch = Callable[..., None]
WHO = "Kaspersky Security Center"


def answer(status: int, body: bytes) -> Answer:
    return Answer("POST", "https://ksc.example", status, {}, body, WHO)


def fault(module: str, code: object) -> bytes:
    return f'{{"PxgError": {{"module": "{module}", "code": {code}, "message": "x"}}}}'.encode()


def paths(emulator: SecurityCenterEmulator) -> list[str]:
    return [each["path"].removeprefix("/api/v1.0/") for each in emulator.requests]


def test_a_session_is_started_once_and_used_for_every_call(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    for _ in range(3):
        sessions.call(MAIN, "Session.Ping")
    assert paths(emulator) == ["Session.StartSession", *["Session.Ping"] * 3]


def test_the_log_in_says_who_in_base64_and_where(emulator: WatchedCenter) -> None:
    settings = {**emulator.connection_settings(), "internal_user": "false"}
    Sessions(link_to(emulator, settings), WHO).session(Server("Northwind Dental GmbH"))
    user, password = (base64.b64encode(each.encode()).decode() for each in (USER, PASSWORD))
    sent = emulator.seen[0]
    assert sent["authorization"] == (
        f'KSCBasic user="{user}", pass="{password}", domain="", internal="0"'
    )
    assert base64.b64decode(sent["x-ksc-vserver"]).decode() == "Northwind Dental GmbH"


def test_a_session_that_ended_is_renewed_once_and_the_call_repeated(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    sessions.call(MAIN, "Session.Ping")
    emulator.add_fault("expired-token")
    assert sessions.call(MAIN, "HostGroup.GroupIdGroups")["PxgRetVal"] == 0
    assert paths(emulator)[-2:] == ["Session.StartSession", "HostGroup.GroupIdGroups"]


def test_an_idle_session_is_renewed(sessions: Sessions, emulator: SecurityCenterEmulator) -> None:
    sessions.call(MAIN, "Session.Ping")
    emulator.clock.move(emulator.clock() + timedelta(hours=1))
    sessions.call(MAIN, "Session.Ping")
    assert paths(emulator).count("Session.StartSession") == 2


def test_a_server_that_ends_every_session_is_given_up(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    emulator.add_fault("expired-token", times=20, path="Ping")
    with pytest.raises(TransientError) as caught:
        sessions.call(MAIN, "Session.Ping")
    assert caught.value.code == "session_ended"
    assert paths(emulator).count("Session.StartSession") == 2


def test_no_more_than_a_few_sessions_are_open_at_once(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    names = [server["name"] for server in emulator.table("servers").values()]
    for name in ["", *names, "", *names]:
        sessions.call(Server(name), "Session.Ping")
    assert len(emulator.sessions) <= MOST_SESSIONS
    uids = [server["uid"] for server in emulator.table("servers").values()]
    for name, uid in zip(names, uids, strict=True):
        sessions.call(Server(name, uid), "Session.Ping")
    assert len(emulator.sessions) <= MOST_SESSIONS


def test_a_session_whose_answer_was_lost_is_never_used_again(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    first = sessions.session(MAIN)
    emulator.add_fault("refuse", times=3, path="Ping")
    with pytest.raises(TransientError):
        sessions.call(MAIN, "Session.Ping")
    assert sessions.session(MAIN) != first


def test_a_busy_server_keeps_our_session(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    first = sessions.session(MAIN)
    emulator.add_fault("busy", times=3, path="Ping")
    with pytest.raises(TransientError) as caught:
        sessions.call(MAIN, "Session.Ping")
    assert caught.value.status == 503
    assert sessions.session(MAIN) == first


def test_a_read_is_tried_again_and_what_leaves_something_behind_is_not(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    emulator.add_fault("busy", times=2, path="GetVServers")
    assert list(center.workspaces())
    emulator.add_fault("busy", path="FindHosts")
    with pytest.raises(TransientError):
        list(center.devices("11", None))


def test_a_call_on_a_session_that_is_gone_is_not_made(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    with pytest.raises(SessionLostError):
        sessions.call_on(MAIN, "some-old-session", "Session.Ping")
    assert paths(emulator) == []


def test_a_proof_that_fails_leaves_no_session_behind(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    name = emulator.table("servers")["11"]["name"]
    emulator.add_fault("error-in-200", times=9, path="GroupIdGroups")
    for _ in range(2):
        with pytest.raises(TransientError):
            sessions.call(Server(name, "", 1010), "Session.Ping")
    assert "Session.Ping" not in paths(emulator)
    assert emulator.sessions == {}


@pytest.mark.parametrize("session", ["", "two\\nlines", "a b", "x" * 600, "ä"])
def test_an_odd_session_id_never_becomes_a_header(
    emulator: SecurityCenterEmulator, sessions: Sessions, session: str
) -> None:
    body = f'{{"PxgRetVal": "{session}"}}'.encode()
    emulator.respond = lambda work: emulator.json({})  # type: ignore[method-assign]
    http = SimpleNamespace(send=lambda *a, **k: answer(200, body))
    sessions._http = http  # type: ignore[assignment]
    with pytest.raises(AnswerError, match="without a usable id"):
        sessions.session(MAIN)


@pytest.mark.parametrize(
    ("module", "code", "kind", "word"),
    [
        ("KLSTD", 1184, RefusedError, "access_denied"),
        ("KLSTD", 1186, MissingError, "not_found"),
        ("KLSTD", 1192, AnswerError, "bad_format"),
        ("KLSTD", 1193, RefusedError, "not_permitted"),
        ("KLSTD", 1195, TransientError, "unavailable"),
        ("KLSTD", 1229, TransientError, "limit"),
        ("KLCONN", 1194, AnswerError, "no_such_call"),
        ("KLPRSS", 1125, AnswerError, "1125"),
        ("<b>", 7, AnswerError, "7"),
    ],
)
def test_an_error_inside_a_200_has_its_meaning(
    module: str, code: int, kind: type[EdgeError], word: str
) -> None:
    error = classify(answer(200, fault(module, code)))
    assert type(error) is kind
    assert error.code == word
    assert "<b>" not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b'{"PxgError": "x"}',
        b'{"PxgError": {"code": "1184", "module": "KLSTD"}}',
        b'{"PxgError": {"code": true, "module": "KLSTD"}}',
        b'{"PxgError": {}}',
        b'{"PxgError": {"code": 1, "module": 2}}',
    ],
)
def test_an_error_of_an_odd_shape_is_an_answer_error(body: bytes) -> None:
    assert isinstance(classify(answer(200, body)), AnswerError)


def test_the_word_alone_makes_no_error() -> None:
    assert classify(answer(200, b'{"PxgRetVal": "\\"PxgError\\""}')) is None
    assert classify(answer(200, b'["\\"PxgError\\"", "PxgError"]')) is None


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (401, fault("KLWAT", 1453), "password"),
        (200, fault("KLWAT", 1453), "password"),
        (401, b"", "password"),
        (403, b"<html>", "password"),
        (401, fault("SPL", 2013), "blocked"),
        (200, fault("KLSPL", 2013), "blocked"),
        (200, fault("KLSTD", 1193), "two_step"),
        (200, fault("KLSTD", 1186), "virtual_server"),
        (200, fault("KLSTD", 1184), "access_denied"),
        (200, fault("KLSTD", 1229), "limit"),
        (200, fault("KLXX", 1), "1"),
    ],
)
def test_a_refused_log_in_says_why(status: int, body: bytes, word: str) -> None:
    error = classify_log_in(answer(status, body))
    assert error is not None
    assert error.code == word


def test_a_log_in_that_is_no_refusal_is_left_to_the_default() -> None:
    assert classify_log_in(answer(200, b'{"PxgRetVal": "id"}')) is None
    assert classify_log_in(answer(503, b"")) is None


def test_the_servers_clock_is_noted_where_it_is_shown(
    emulator: SecurityCenterEmulator, sessions: Sessions
) -> None:
    emulator.clock.move(Clock()() - timedelta(days=3))
    sessions.session(MAIN)
    assert sessions.server_clock is not None
    assert abs(sessions.server_clock - emulator.clock()) < timedelta(seconds=5)
