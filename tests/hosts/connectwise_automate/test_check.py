"""The connection check: every refusal is told apart, with a cause and a cure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from plugin.domain.contracts import WARNING, Advice
from plugin.domain.errors import AnswerError, EdgeError, MissingError, RefusedError
from plugin.hosts.connectwise_automate import check
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.host import ConnectWiseAutomate
from tests.hosts.connectwise_automate.stand import filled_emulator, happen, host_of


def climb(host: ConnectWiseAutomate) -> tuple[dict[str, str], str, Advice | None]:
    """Run the steps in order: what each said, the first that failed, and the advice."""
    said: dict[str, str] = {}
    for rung in host.rungs():
        try:
            said[rung.name] = rung.run()
        except EdgeError as error:
            return said, rung.name, host.advice(rung.name, error)
    return said, "", None


def test_a_good_connection_is_green(emulator: AutomateEmulator) -> None:
    said, failed, _ = climb(host_of(emulator))
    assert failed == ""
    assert len(said) == 11
    assert not [text for text in said.values() if text.startswith(WARNING)]
    assert said["Bridges"] == "3 computers hold a bridge role."


def test_each_step_is_a_small_call(emulator: AutomateEmulator) -> None:
    climb(host_of(emulator))
    lists = [each for each in emulator.requests if "pageSize" in each["query"]]
    assert all("pageSize=1&" in f"{each['query']}&" or "roups" in each["path"] for each in lists)
    assert emulator.request_count < 25
    assert {each["method"] for each in emulator.requests} == {"GET", "POST"}
    posts = [each["path"] for each in emulator.requests if each["method"] == "POST"]
    assert all(path.endswith("apitoken") for path in posts)


@dataclass
class Case:
    """A refusal: how it comes about, the step that finds it, words of cause and cure."""

    name: str
    step: str
    cause: str
    cure: str
    settings: dict[str, str] = field(default_factory=dict)
    switches: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


def right(step: str, word: str, cause: str) -> Case:
    return Case(f"no right to {word}", step, cause, "user's class", switches={"denied": [word]})


CASES = [
    Case("no clientId", check.SERVER, "Client ID is missing", "developer", {"client_id": ""}),
    Case(
        "a clientId of another product",
        check.SERVER,
        "not known",
        "developer.connectwise.com",
        {"client_id": "00000000-0000-0000-0000-000000000000"},
    ),
    Case("not Automate", check.SERVER, "no Automate interface", "address", fault="html"),
    Case("a redirect", check.SERVER, "no Automate interface", "address", fault="redirect"),
    Case("wrong password", check.SIGN_IN, "password is wrong", "Try", {"password": "x"}),
    Case("unknown user", check.SIGN_IN, "user name", "Control Center", {"user": "nobody"}),
    Case(
        "two-factor sign-in",
        check.SIGN_IN,
        "has two-factor sign-in",
        "integrator",
        switches={"two-factor": True},
    ),
    Case(
        "a passcode that has passed",
        check.SIGN_IN,
        "passcode has passed",
        "half a minute",
        {"passcode": "999999"},
        {"two-factor": True},
    ),
    Case("a broken key", check.SIGN_IN, "neither six digits", "again", {"passcode": "no key"}),
    Case("clock behind", check.CLOCK, "clock", "time server", switches={"clock-skew": -400}),
    Case("clock ahead", check.CLOCK, "clock", "time stamp", switches={"clock-skew": 3600}),
    right(check.CLOCK, "databaseservertime", "the server's time"),
    right(check.CLIENTS, "clients", "Read on clients"),
    right(check.COMPUTERS, "computers", "Read on computers"),
    right(check.BRIDGES, "groups", "Read on groups"),
    Case("no group", check.BRIDGES, "does not exist", "exactly", {"bridge_group": "Nope"}),
    Case(
        "no field",
        check.BRIDGES,
        "no extra data field",
        "Additional fields",
        {"bridge_field": "Nope", "bridge_clients": "1"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_refusal_is_told_apart(case: Case) -> None:
    emulator = filled_emulator()
    happen(emulator, "switch", **case.switches)
    if case.fault:
        emulator.add_fault(case.fault, times=9)
    _, failed, advice = climb(host_of(emulator, None, **case.settings))
    assert failed == case.step
    assert advice is not None
    assert case.cause.lower() in advice.cause.lower()
    assert case.cure.lower() in advice.cure.lower()


@pytest.mark.parametrize(
    ("word", "step"),
    [
        ("extrafields", check.FIELDS),
        ("commandexecute", check.COMMANDS),
        ("scripts", check.SCRIPTS),
        ("alerts", check.ALERTS),
        ("computermenus", check.MENUS),
    ],
)
def test_a_right_that_only_some_features_need_is_a_warning(
    emulator: AutomateEmulator, word: str, step: str
) -> None:
    happen(emulator, "switch", denied=[word])
    said, failed, _ = climb(host_of(emulator))
    assert failed == ""
    warned = [name for name, text in said.items() if text.startswith(WARNING)]
    assert warned == [step]


def emptied(*tables: str) -> Callable[[AutomateEmulator], None]:
    def empty(emulator: AutomateEmulator) -> None:
        for table in tables:
            for key in list(emulator.table(table)):
                del emulator.table(table)[key]

    return empty


@pytest.mark.parametrize(
    ("tables", "step", "text"),
    [
        (("clients",), check.CLIENTS, "sees no client"),
        (("computers", "group_computers"), check.COMPUTERS, "sees no computer"),
        (("computers", "group_computers"), check.FIELDS, "Not tried"),
        (("computers", "group_computers"), check.COMMANDS, "Not tried"),
        (("fields",), check.FIELDS, "no extra data field"),
        (("group_computers",), check.BRIDGES, "No computer holds"),
    ],
)
def test_a_200_with_nothing_to_see_is_a_warning(
    emulator: AutomateEmulator, tables: tuple[str, ...], step: str, text: str
) -> None:
    host = host_of(emulator)
    if tables == ("clients",):  # computers name their clients, so they go, too
        tables = ("clients", "computers", "group_computers")
    emptied(*tables)(emulator)
    said, failed, _ = climb(host)
    assert failed == ""
    assert said[step].startswith(WARNING)
    assert text in said[step]


def test_bridges_that_nobody_asked_for_are_no_warning(emulator: AutomateEmulator) -> None:
    said, _, _ = climb(host_of(emulator, None, bridge_group="", admin_server_group=""))
    assert said["Bridges"] == "Bridges are not used."


def test_a_hand_given_computer_that_is_not_there_is_named(emulator: AutomateEmulator) -> None:
    said, _, _ = climb(host_of(emulator, None, bridge_computers="1, 999"))
    assert said["Bridges"] == f"{WARNING}There is no computer with the id 999."


def test_a_bridge_field_is_looked_for(emulator: AutomateEmulator) -> None:
    settings = {"bridge_field": "Security integration bridge", "bridge_clients": "1"}
    said, failed, _ = climb(
        host_of(emulator, None, bridge_group="", admin_server_group="", **settings)
    )
    assert failed == ""
    assert said["Bridges"] == "The bridge field exists on computers."


def test_a_token_that_is_never_taken_has_its_own_advice(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    advice = host.advice(check.CLIENTS, RefusedError("x", "no", status=401, code="unauthorized"))
    assert advice is not None
    assert "Authorization header" in advice.cure


def test_a_busy_server_gets_the_general_advice(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    list(host.companies())
    emulator.add_fault("503", times=9)
    _, failed, advice = climb(host)
    assert failed == check.SERVER
    assert advice is None


def test_an_address_without_automate_has_advice(emulator: AutomateEmulator) -> None:
    advice = host_of(emulator).advice(check.SERVER, MissingError("x", "no", status=404))
    assert advice is not None
    assert "no Automate interface" in advice.cause
    assert host_of(emulator).advice(check.CLIENTS, AnswerError("x", "no", code="shape")) is None


@pytest.mark.parametrize(
    ("code", "word"), [("certificate", "certificate"), ("address", "private addresses")]
)
def test_what_the_door_refuses_has_advice(emulator: AutomateEmulator, code: str, word: str) -> None:
    advice = host_of(emulator).advice(check.SERVER, RefusedError("x", "no", code=code))
    assert advice is not None
    assert word in advice.cause + advice.cure
