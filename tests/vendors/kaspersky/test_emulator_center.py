"""The stand-in is as strict and as odd as the real server, and forgets nothing."""

import base64
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from plugin.domain.errors import TransientError
from plugin.edge.addresses import AddressGuard
from plugin.edge.emulator import Happening, serve
from plugin.edge.http import Http, Timeouts
from plugin.edge.link import Classify, Link
from plugin.edge.shelf import Shelf
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from plugin.vendors.kaspersky.emulator_center_facts import EVENT_TYPES, PASSWORD, USER, PxgFault
from plugin.vendors.kaspersky.emulator_center_filter import read_filter
from tests.rig import EPOCH, link_to, small_world

Switch = Callable[..., None]
BREACHES = pytest.mark.breaches


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def basic(user: str = USER, password: str = PASSWORD, rest: str = "") -> dict[str, str]:
    header = f'KSCBasic user="{encoded(user)}", pass="{encoded(password)}"{rest}'
    return {"Authorization": header}


class Caller:
    """Somebody else's client: it speaks as the reference says, without our code."""

    def __init__(self, emulator: SecurityCenterEmulator) -> None:
        self._client = Client(emulator)
        self.headers: dict[str, str] = {}

    def post(self, name: str, body: Any = None, **headers: str) -> TestResponse:  # noqa: ANN401
        return self._client.post(
            f"/api/v1.0/{name}",
            data=json.dumps({} if body is None else body),
            headers={"Content-Type": "application/json", **self.headers, **headers},
        )

    def call(self, name: str, **arguments: Any) -> Any:  # noqa: ANN401
        return self.post(name, arguments).get_json()

    def log_in(self, server: str = "", **how: str) -> "Caller":
        headers = {**basic(**how), "X-KSC-VServer": encoded(server)}
        told = self.post("Session.StartSession", **headers).get_json()
        self.headers = {"X-KSC-Session": told["PxgRetVal"]}
        return self


@pytest.fixture
def caller(emulator: SecurityCenterEmulator) -> Caller:
    return Caller(emulator)


# -- logging in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rest", ["", ', domain="", internal="0"', ', domain="", internal="1"', ", internal=true"]
)
def test_every_known_spelling_of_the_log_in_is_taken(caller: Caller, rest: str) -> None:
    assert caller.post("Session.StartSession", **basic(rest=rest)).status_code == 200


@pytest.mark.parametrize("server", ["", "x"])
def test_the_main_server_has_two_spellings(caller: Caller, server: str) -> None:
    answer = caller.post("Session.StartSession", **basic(), **{"X-KSC-VServer": server})
    assert "PxgRetVal" in answer.get_json()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 1453),
        (basic(password="wrong"), 1453),
        (basic(user="nobody"), 1453),
        ({"Authorization": "Basic abc"}, 1453),
        ({"Authorization": "KSCBasic user=!!, pass=!!"}, 1453),
        ({"Authorization": "KSCGW nothing"}, 1453),
    ],
)
def test_a_wrong_log_in_is_401(caller: Caller, headers: dict[str, str], code: int) -> None:
    answer = caller.post("Session.StartSession", **headers)
    assert answer.status_code == 401
    assert answer.get_json()["PxgError"]["code"] == code


def test_a_log_in_of_the_connection_needs_no_session(caller: Caller) -> None:
    assert caller.post("login", **basic()).get_json() == {}
    assert caller.post("HostGroup.GroupIdGroups").get_json() == {"PxgRetVal": 0}


def test_nobody_gets_anything_without_a_session(caller: Caller) -> None:
    answer = caller.post("VServers.GetVServers", {"lParentGroup": -1})
    assert (answer.status_code, answer.data) == (403, b"")


def test_an_ended_session_is_403(caller: Caller) -> None:
    caller.log_in()
    assert caller.post("Session.EndSession").status_code == 200
    assert caller.post("Session.Ping").status_code == 403


def test_an_idle_session_ends(emulator: SecurityCenterEmulator, caller: Caller) -> None:
    caller.log_in()
    emulator.clock.move(emulator.clock() + timedelta(minutes=16))
    assert caller.post("Session.Ping").status_code == 403


def test_sessions_are_limited_and_idle_ones_make_room(
    emulator: SecurityCenterEmulator, caller: Caller, switch: Switch
) -> None:
    switch("most_sessions", 3)
    for _ in range(3):
        caller.log_in()
    told = caller.post("Session.StartSession", **basic()).get_json()
    assert told["PxgError"]["code"] == 1229
    emulator.clock.move(emulator.clock() + timedelta(minutes=16))
    assert "PxgRetVal" in caller.post("Session.StartSession", **basic()).get_json()


# -- being strict ------------------------------------------------------------------------------


def test_outside_the_api_there_is_nothing(emulator: SecurityCenterEmulator) -> None:
    assert Client(emulator).get("/elsewhere").status_code == 404


@BREACHES
@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("Nothing.LikeIt", {}, 1194),
        ("vservers.getvservers", {"lParentGroup": -1}, 1194),
        ("VServers.GetVServers", {}, 1192),
        ("VServers.GetVServers", {"lParentGroup": "all"}, 1192),
        ("VServers.GetVServers", {"lParentGroup": -1, "more": 1}, 1192),
        ("VServers.GetVServers", [], 1192),
    ],
)
def test_a_wrong_call_is_an_error_and_a_breach(name: str, body: object, code: int) -> None:
    emulator = SecurityCenterEmulator()
    emulator.reset(small_world())
    caller = Caller(emulator).log_in()
    assert caller.post(name, body).get_json()["PxgError"]["code"] == code
    assert emulator.breach_count == 1


@BREACHES
@pytest.mark.parametrize(
    "value",
    [None, {"type": "params", "value": {"a": None}}, 1.5, {"type": "long", "value": "7"}],
)
def test_a_value_of_no_type_is_refused(value: object) -> None:
    emulator = SecurityCenterEmulator()
    emulator.reset(small_world())
    wanted = {"pFilter": {"x": value}, "vecFieldsToReturn": [], "lifetimeSec": 60}
    told = Caller(emulator).log_in().post("EventProcessingFactory.CreateEventProcessing2", wanted)
    assert told.get_json()["PxgError"]["code"] == 1192
    assert emulator.breach_count == 1


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("VServers.GetVServerInfo", {"lVServer": 99, "pFields2Return": []}),
        ("VServers2.GetVServerStatistic", {"lVsId": 99}),
        ("HostGroup.GetHostInfo", {"strHostName": "x", "pFields2Return": []}),
        ("ChunkAccessor.GetItemsCount", {"strAccessor": "x"}),
        ("ChunkAccessor.Release", {"strAccessor": "x"}),
        ("EventProcessing.ReleaseIterator", {"strIteratorId": "x"}),
        ("GroupSyncIterator.ReleaseIterator", {"szwIterator": "x"}),
        ("LicenseKeys.AcquireKeyHosts", {"pInData": {"KLLIC_SERIAL": "x"}, "pFields": []}),
        ("Tasks.RunTask", {"strTask": "x"}),
        ("Tasks.ResolveTaskId", {"strPrtsTaskId": "x"}),
        ("HostTasks.GetNextTask", {"strSrvObjId": "x"}),
    ],
)
def test_what_is_not_there_is_not_found(caller: Caller, name: str, arguments: Any) -> None:  # noqa: ANN401
    assert caller.log_in().call(name, **arguments)["PxgError"]["code"] == 1186


def test_a_set_lives_only_in_its_session_and_its_time(
    emulator: SecurityCenterEmulator, caller: Caller
) -> None:
    search = {"wstrFilter": "", "vecFieldsToReturn": ["KLHST_WKS_DN"], "lMaxLifeTime": 60}
    name = caller.log_in().call("HostGroup.FindHosts", **search)["strAccessor"]
    other = Caller(emulator).log_in()
    assert "PxgError" in other.call("ChunkAccessor.GetItemsCount", strAccessor=name)
    emulator.clock.move(emulator.clock() + timedelta(seconds=61))
    assert "PxgError" in caller.call("ChunkAccessor.GetItemsCount", strAccessor=name)


def test_a_virtual_server_sees_only_its_own(emulator: SecurityCenterEmulator) -> None:
    first, second = small_world().clients[:2]
    caller = Caller(emulator).log_in(first.name)
    servers = caller.call("VServers.GetVServers", lParentGroup=-1)["PxgRetVal"]
    assert [each["value"]["KLVSRV_DN"] for each in servers] == [first.name]
    stranger = emulator.index.hosts[10 + second.number][0]
    told = caller.call("HostGroup.GetHostInfo", strHostName=stranger, pFields2Return=[])
    assert told["PxgError"]["code"] == 1186


def test_the_main_server_has_no_hosts_of_its_own(caller: Caller) -> None:
    search = {"wstrFilter": "", "vecFieldsToReturn": [], "lMaxLifeTime": 60}
    own = {"pParams": {"KLGRP_FIND_FROM_CUR_VS_ONLY": True}}
    caller.log_in()
    for name, count in (("FindHosts", 24), ("FindGroups", 15)):
        told = caller.call(f"HostGroup.{name}", **search)
        assert told["PxgRetVal"] == count
        caller.call("ChunkAccessor.Release", strAccessor=told["strAccessor"])
        told = caller.call(f"HostGroup.{name}", **search, **own)
        assert told["PxgRetVal"] == 0
        caller.call("ChunkAccessor.Release", strAccessor=told["strAccessor"])


def test_statistics_leave_out_silent_agents_when_asked(
    emulator: SecurityCenterEmulator, caller: Caller
) -> None:
    emulator.clock.move(EPOCH + timedelta(days=1))
    host = emulator.index.hosts[11][0]
    record = emulator.table("hosts")[host]
    record["seen"] = (EPOCH - timedelta(days=40)).isoformat()
    emulator.table("hosts")[host] = record
    caller.log_in()
    whole = caller.call("VServers2.GetVServerStatistic2", lVsId=11, nMaxAgentInactivityDays=0)
    some = caller.call("VServers2.GetVServerStatistic2", lVsId=11, nMaxAgentInactivityDays=30)
    assert whole["PxgRetVal"]["KLVSRV_AGENTS"] - some["PxgRetVal"]["KLVSRV_AGENTS"] == 1
    assert "KLVSRV_LICENSES" in whole["PxgRetVal"]


def test_other_calls_of_the_reference_answer_too(caller: Caller) -> None:
    caller.log_in(small_world().clients[0].name)
    assert caller.call("HostGroup.GroupIdUnassigned") == {"PxgRetVal": 1012}
    info = caller.call("VServers.GetVServerInfo", lVServer=11, pFields2Return=["KLVSRV_DN"])
    assert info["PxgRetVal"] == {"KLVSRV_DN": small_world().clients[0].name}
    wanted = {"vecFieldsToReturn": ["event_type"], "lifetimeSec": 60}
    name = caller.call("EventProcessingFactory.CreateEventProcessing", **wanted)["strIteratorId"]
    assert caller.call("EventProcessing.GetRecordCount", strIteratorId=name)["PxgRetVal"] == 5
    caller.call("EventProcessing.ReleaseIterator", strIteratorId=name)
    opened = caller.call(
        "Tasks.ResetTasksIterator",
        nGroupId=1010,
        bGroupIdSignificant=True,
        strProductName="KES",
        bIncludeSupergroups=True,
    )["strTaskIteratorId"]
    task = caller.call("Tasks.GetNextTask", strTaskIteratorId=opened)["pTaskData"]
    caller.call("Tasks.ReleaseTasksIterator", strTaskIteratorId=opened)
    number = task["TASK_UNIQUE_ID"]
    assert caller.call("Tasks.GetTask", strTask=number)["PxgRetVal"]["DisplayName"] == "Virus scan"
    caller.call("Tasks.RunTask", strTask=number)
    caller.call("Tasks.CancelTask", strTask=number)
    assert caller.call("Tasks.GetTaskStatistics", strTask=number)["PxgRetVal"]["2"] == 0


def test_an_agent_answers_only_who_came_through_the_gateway(caller: Caller) -> None:
    told = caller.log_in().call("NagHstCtl.GetHostRuntimeInfo", pFilter={})
    assert told["PxgError"]["code"] == 1193


@BREACHES
def test_a_second_request_on_a_session_is_a_breach() -> None:
    emulator = SecurityCenterEmulator()
    emulator.reset(small_world())
    caller = Caller(emulator).log_in()
    inside, go_on = threading.Event(), threading.Event()

    def wait(seconds: float) -> None:
        inside.set()
        go_on.wait(5)

    emulator.faults.sleep = wait
    emulator.add_fault("slow", path="Ping")
    slow = threading.Thread(target=lambda: caller.post("Session.Ping"))
    slow.start()
    assert inside.wait(5)
    caller.post("HostGroup.GroupIdGroups")
    go_on.set()
    slow.join(5)
    assert [each.problem for each in emulator.breaches] == [
        "a second request on a session before the answer to the first"
    ]
    caller.post("Session.Ping")
    assert emulator.breach_count == 1


# -- the filter --------------------------------------------------------------------------------

ROW = {
    "NAME": 'pc "7"',
    "STATUS": 5,
    "SEEN": {"type": "datetime", "value": "2026-11-02T08:00:00Z"},
}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("  ", True),
        ("STATUS=5", True),
        ("(STATUS<>5)", False),
        ("(STATUS>=5)", True),
        ("(STATUS<5)", False),
        ("(STATUS&4<>0)", True),
        ("(STATUS & 2 <> 0)", False),
        ("(MISSING=0)", True),
        ('(NAME="PC*")', True),
        ('(NAME="*9*")', False),
        ('(NAME="pc \\"7\\"")', True),
        ('(NAME<>"x")', True),
        ('(&(STATUS=5)(NAME="pc*"))', True),
        ('(&(STATUS=5)(NAME="x*"))', False),
        ('(|(STATUS=9)(NAME="pc*"))', True),
        ("(!(STATUS=5))", False),
        ('(SEEN>=T"2026-11-02 07:00:00")', True),
        ('(SEEN<T"2026-11-02 07:00:00")', False),
    ],
)
def test_a_filter_finds_what_it_says(text: str, *, passes: bool) -> None:
    assert read_filter(text)(ROW) is passes


@pytest.mark.parametrize(
    "text",
    ["(", "STATUS", "(STATUS=5", "STATUS=5)", "=5", "(STATUS=)", 'NAME="x', "(&STATUS=5)", "a;b"],
)
def test_a_filter_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(PxgFault):
        read_filter(text)


# -- happenings --------------------------------------------------------------------------------


def test_there_are_event_types_of_every_severity() -> None:
    assert len(EVENT_TYPES) >= 8
    assert {kind.severity for kind in EVENT_TYPES.values()} == {1, 2, 3, 4}


def test_detections_go_on_for_as_long_as_there_are_devices(
    emulator: SecurityCenterEmulator,
) -> None:
    told = [emulator.occur(Happening("detection")) or {} for _ in range(60)]
    assert len({(each["device"], each["condition"]) for each in told}) == 60
    assert {each["workspace"] for each in told[:3]} == {"11", "12", "13"}


def test_each_status_that_happens_is_another_condition(emulator: SecurityCenterEmulator) -> None:
    told = [emulator.occur(Happening("device-status")) or {} for _ in range(40)]
    assert len({(each["device"], each["condition"]) for each in told}) == 40


def test_something_can_happen_to_one_device_by_its_name(
    emulator: SecurityCenterEmulator,
) -> None:
    name = small_world().clients[1].machines[2].name
    told = emulator.occur(Happening("detection", {"device": name.lower(), "workspace": "12"}))
    assert told is not None
    assert told["device_name"].lower() == name.lower()
    assert told["workspace"] == "12"


@pytest.mark.parametrize(
    "happening",
    [
        Happening("ticket-closed"),
        Happening("detection", {"vendor": "eset_protect"}),
        Happening("detection", {"workspace": "nobody"}),
        Happening("detection", {"device": "nobody", "condition": "GNRL_EV_VIRUS_FOUND"}),
        Happening("detection", {"condition": "NO_SUCH_EVENT"}),
        Happening("device-status", {"condition": "no such status"}),
        Happening("switch", {"name": "of somebody else", "value": 1}),
    ],
)
def test_what_is_not_for_this_server_changes_nothing(
    emulator: SecurityCenterEmulator, happening: Happening
) -> None:
    before = emulator.state()
    assert emulator.occur(happening) is None
    assert emulator.state() == before


def test_the_state_is_json_and_whole(emulator: SecurityCenterEmulator) -> None:
    state = json.loads(json.dumps(emulator.overview()))
    assert len(state["workspaces"]) == 3
    assert len(state["devices"]) == 24
    assert len(state["detections"]) == 15
    assert len(state["licences"]) == 5


def test_a_kill_loses_nothing_but_sessions(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "center.sqlite")
    emulator = SecurityCenterEmulator(shelf)
    emulator.reset(small_world())
    Caller(emulator).log_in()
    told = emulator.occur(Happening("detection"))
    emulator.occur(Happening("seat-change"))
    emulator.occur(Happening("switch", {"name": "old_version", "value": True}))
    before = emulator.state()
    again = SecurityCenterEmulator(Shelf(tmp_path / "center.sqlite"))
    assert again.state() == {**before, "sessions": 0}
    new = again.occur(Happening("detection"))
    assert new != told
    assert list(SecurityCenter(link_to(again)).devices("11", None))


# -- over sockets ------------------------------------------------------------------------------


def served_link(emulator: SecurityCenterEmulator, origin: str, read_timeout: float) -> Link:
    def open_http(base: str, *, who: str, classify: Classify | None = None) -> Http:
        return Http(
            base,
            who=who,
            classify=classify,
            guard=AddressGuard(),
            override=origin,
            timeouts=Timeouts(connect=1.0, read=read_timeout),
            sleep=lambda seconds: None,
        )

    return Link(open_http, emulator.connection_settings(), emulator.clock)


def test_everything_works_over_a_real_socket(emulator: SecurityCenterEmulator) -> None:
    with serve(emulator) as origin:
        center = SecurityCenter(served_link(emulator, origin, 5.0))
        workspaces = list(center.workspaces())
        assert sum(len(p.rows) for w in workspaces for p in center.devices(w.id, None)) == 24
        assert "agrees" in {rung.name: rung for rung in center.rungs()}["Clock"].run()


def test_after_a_time_out_the_session_is_left_alone(emulator: SecurityCenterEmulator) -> None:
    with serve(emulator) as origin:
        center = SecurityCenter(served_link(emulator, origin, 0.4))
        assert list(center.workspaces())
        emulator.add_fault("slow", path="GetVServers", seconds=1.2)
        with pytest.raises(TransientError) as caught:
            list(center.workspaces())
        assert caught.value.code == "timeout"
        assert list(center.workspaces())
    assert list(emulator.breaches) == []
