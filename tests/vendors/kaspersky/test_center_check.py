"""The connection check: green when all is well, and every refusal with its advice."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from plugin.domain.contracts import WARNING, Advice
from plugin.domain.errors import AnswerError, EdgeError, RefusedError, TransientError
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from tests.rig import EPOCH, link_to, small_world

Make = Callable[..., SecurityCenter]
Switch = Callable[..., None]
Seen = list[tuple[str, str | EdgeError]]


@pytest.fixture(autouse=True)
def story_begins_now(emulator: SecurityCenterEmulator) -> None:
    emulator.clock.move(EPOCH)


def climb(center: SecurityCenter) -> Seen:
    """Return what each step saw, the first failure last."""
    seen: Seen = []
    for rung in center.rungs():
        try:
            seen.append((rung.name, rung.run()))
        except EdgeError as error:
            seen.append((rung.name, error))
            break
    return seen


def failure(center: SecurityCenter) -> tuple[str, EdgeError, Advice]:
    rung, error = climb(center)[-1]
    assert isinstance(error, EdgeError)
    advice = center.advice(rung, error)
    assert advice is not None
    return rung, error, advice


def test_all_is_well_step_by_step(center: SecurityCenter) -> None:
    seen = climb(center)
    names = [name for name, _ in seen]
    assert names == [
        "Sign in",
        "Clock",
        "Virtual servers",
        "Devices",
        "Events",
        "Licences",
        "Tasks",
    ]
    assert [told for _, told in seen if str(told).startswith(WARNING)] == []


def test_the_first_step_is_the_cheapest(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    center.rungs()[0].run()
    assert [each["path"].rpartition("/")[2] for each in emulator.requests] == [
        "Session.StartSession",
        "Session.Ping",
    ]


@pytest.mark.parametrize(
    ("name", "value", "rung", "kind", "says"),
    [
        ("two_step", True, "Sign in", RefusedError, "two-step"),
        ("blocked", True, "Sign in", RefusedError, "blocked"),
        ("console_port", True, "Sign in", TransientError, "13291"),
        ("no_right_to_servers", True, "Virtual servers", RefusedError, "list the virtual servers"),
        ("no_right_to_devices", True, "Devices", RefusedError, "Basic functionality"),
        ("no_right_to_events", True, "Events", RefusedError, "events"),
        ("no_right_to_licences", True, "Licences", RefusedError, "licence keys"),
        ("no_right_to_tasks", True, "Tasks", RefusedError, "tasks"),
        ("ignores_virtual_server", True, "Devices", AnswerError, "took no notice"),
    ],
)
def test_each_refusal_has_its_advice(
    center: SecurityCenter,
    switch: Switch,
    name: str,
    value: object,
    rung: str,
    kind: type[EdgeError],
    says: str,
) -> None:
    switch(name, value)
    failed, error, advice = failure(center)
    assert failed == rung
    assert isinstance(error, kind)
    assert says in f"{advice.cause} {advice.cure}"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"password": "wrong"}, "does not know this user name and password"),
        ({"user": "nobody"}, "does not know this user name and password"),
        ({"virtual_server": "Nobody Ltd"}, "no virtual server of this name"),
    ],
)
def test_what_was_typed_in_wrongly_is_told(make: Make, changed: dict[str, str], says: str) -> None:
    rung, _, advice = failure(make(**changed))
    assert rung == "Sign in"
    assert says in advice.cause


@pytest.mark.parametrize(
    ("fault", "path", "rung", "says"),
    [
        ("html", "", "Sign in", "Something else than the Open API"),
        ("refuse", "", "Sign in", "cannot be reached"),
        ("error-in-200", "", "Sign in", "starting, stopping"),
    ],
)
def test_what_is_wrong_on_the_way_is_told(
    emulator: SecurityCenterEmulator,
    center: SecurityCenter,
    fault: str,
    path: str,
    rung: str,
    says: str,
) -> None:
    emulator.add_fault(fault, times=99, path=path)
    failed, _, advice = failure(center)
    assert failed == rung
    assert says in advice.cause


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("certificate", "klserver.cer"),
        ("address", "private network"),
        ("name", "cannot be found"),
        ("timeout", "firewall"),
        ("limit", "sessions"),
        ("no_such_call", "too old"),
        ("not_found", "gone"),
    ],
)
def test_what_cannot_be_played_here_has_its_advice_too(
    center: SecurityCenter, code: str, says: str
) -> None:
    advice = center.advice("Sign in", RefusedError("KSC", "x", code=code))
    assert advice is not None
    assert says in f"{advice.cause} {advice.cure}"


def test_what_nobody_foresaw_has_the_default_advice(center: SecurityCenter) -> None:
    assert center.advice("Sign in", AnswerError("KSC", "x", code="4711")) is None


def test_too_many_sessions_are_told(make: Make, switch: Switch) -> None:
    switch("most_sessions", 1)
    make().rungs()[0].run()
    _, _, advice = failure(make())
    assert "limits" in advice.cause


def warnings(center: SecurityCenter) -> dict[str, str]:
    return {
        name: told
        for name, told in climb(center)
        if isinstance(told, str) and told.startswith(WARNING)
    }


def test_nothing_to_be_seen_is_a_warning_at_every_step() -> None:
    emulator = SecurityCenterEmulator()
    emulator.reset(small_world(companies=0, devices=0))
    found = warnings(SecurityCenter(link_to(emulator)))
    assert set(found) == {"Virtual servers", "Devices", "Events", "Licences"}


def test_empty_virtual_servers_are_a_warning() -> None:
    emulator = SecurityCenterEmulator()
    emulator.reset(small_world(companies=2, devices=0))
    found = warnings(SecurityCenter(link_to(emulator)))
    assert set(found) == {"Devices", "Events"}


def test_a_virtual_server_with_devices_is_looked_into_first() -> None:
    emulator = SecurityCenterEmulator()
    world = small_world()
    first = world.clients[0]
    empty = type(first)(**{**{n: getattr(first, n) for n in first.__slots__}, "machines": ()})
    emulator.reset(type(world)(world.seed, world.started_at, (empty, *world.clients[1:])))
    emulator.clock.move(EPOCH)
    assert warnings(SecurityCenter(link_to(emulator, now=emulator.clock))) == {}


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_clock_that_is_wrong_is_a_warning(
    center: SecurityCenter, switch: Switch, seconds: int
) -> None:
    switch("clock_ahead", seconds)
    assert "60 minutes apart" in warnings(center)["Clock"]


def test_a_clock_a_little_off_is_none(center: SecurityCenter, switch: Switch) -> None:
    switch("clock_ahead", 120)
    assert warnings(center) == {}


def test_a_server_that_hides_its_clock_is_no_warning(center: SecurityCenter) -> None:
    steps = {rung.name: rung for rung in center.rungs()}
    assert steps["Clock"].run() == "The server does not show its clock."


def test_missing_tasks_are_a_warning_that_names_them(make: Make) -> None:
    found = warnings(make(scan_task="Nobody made this"))
    assert "for: scan." in found["Tasks"]


def test_a_connection_to_one_virtual_server_is_checked_in_it(make: Make, switch: Switch) -> None:
    switch("no_right_to_servers", True)
    center = make(virtual_server=small_world().clients[0].name)
    assert warnings(center) == {}
    assert climb(center)[-1][0] == "Tasks"


def test_old_events_only_are_a_warning(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    emulator.clock.move(EPOCH + timedelta(days=60))
    assert set(warnings(center)) == {"Events"}
