"""The lists and changes of ESET Connect's emulator, as strangers use them."""

from urllib.parse import urlencode

import pytest

from plugin.edge.emulator import Happening
from plugin.vendors.eset.emulator import EsetEmulator
from tests.vendors.eset.callers import Caller
from tests.vendors.eset.house import make_emulator

NOW = "timestamp('2026-11-02T08:00:00Z')"

# -- lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "count"), [("", 50), ("0", 50), ("7", 7), ("1000", 60), ("2000", 60)]
)
def test_page_sizes_are_cut_and_have_a_default(size: str, count: int) -> None:
    caller = Caller(make_emulator(companies=2, devices=60))
    path = "/v1/devices" + (f"?pageSize={size}" if size else "")
    assert len(caller.json(path)["devices"]) == count


@pytest.mark.parametrize("query", ["pageSize=x", "pageSize=-1", "pageToken=x", "pageToken=bmV4dDo"])
@pytest.mark.breaches
def test_a_bad_argument_is_a_400_without_a_body(query: str) -> None:
    answer = Caller(make_emulator()).call(f"/v1/devices?{query}")
    assert (answer.status_code, answer.get_data()) == (400, b"")


def test_devices_are_filtered(caller: Caller, emulator: EsetEmulator) -> None:
    name = next(iter(emulator.table("devices").values()))["name"]
    found = caller.json("/v1/devices?" + urlencode({"displayNames": name}))["devices"]
    assert [each["displayName"] for each in found] == [name]
    status = "DEVICE_FUNCTIONALITY_STATUS_ATTENTION_REQUIRED"
    found = caller.json(f"/v1/devices?functionalityStatus={status}")["devices"]
    assert {each["functionalityStatus"] for each in found} == {status}
    assert caller.json("/v1/devices?isMuted=true")["devices"] == []


def test_a_batch_is_all_or_nothing_and_keeps_its_order(
    caller: Caller, emulator: EsetEmulator
) -> None:
    ids = list(emulator.table("devices"))[:3][::-1]
    query = urlencode([("devicesUuids", each) for each in ids])
    found = caller.json(f"/v1/devices:batchGet?{query}")["devices"]
    assert [each["uuid"] for each in found] == ids
    assert caller.call(f"/v1/devices:batchGet?{query}&devicesUuids=gone").status_code == 404


def test_members_with_subgroups_name_the_group_they_sit_in(
    caller: Caller, emulator: EsetEmulator
) -> None:
    groups = {
        one["displayName"]: one["uuid"] for one in caller.json("/v1/device_groups")["deviceGroups"]
    }
    path = f"/v1/device_groups/{groups['All']}/devices"
    assert caller.json(path)["totalSize"] == 0
    deep = caller.json(f"{path}?recurseSubgroups=true&pageSize=100")
    static = [
        one for one in deep["devices"] if not emulator.table("groups")[one["groupUuid"]]["dynamic"]
    ]
    assert len({one["uuid"] for one in static}) == 24
    assert deep["totalSize"] == len(deep["devices"])


def test_devices_are_moved_renamed_and_shown(caller: Caller, emulator: EsetEmulator) -> None:
    device = next(iter(emulator.table("devices")))
    target = next(key for key, one in emulator.table("groups").items() if one["name"] == "Branch")
    moved = caller.call(f"/v1/devices/{device}:move", method="POST", body={"newParentUuid": target})
    named = caller.call(f"/v1/devices/{device}:rename", method="POST", body={"displayName": "X1"})
    assert (moved.status_code, named.status_code) == (200, 200)
    shown = caller.json(f"/v1/devices/{device}")["device"]
    assert (shown["parentGroupUuid"], shown["displayName"]) == (target, "X1")
    assert caller.json(f"/v1/device_groups/{target}/devices")["totalSize"] == 1
    assert caller.call("/v1/devices/gone").status_code == 404


# -- detections and incidents ----------------------------------------------------------------


def test_latest_gives_a_token_and_no_rows(caller: Caller, emulator: EsetEmulator) -> None:
    service, path = "incident-management", "/v1/detections:listDelta"
    first = caller.json(f"{path}?deltaToken=latest", service)
    assert first["createdDetections"] == []
    emulator.occur(Happening("detection", {}))
    query = urlencode({"deltaToken": first["nextDeltaToken"]})
    second = caller.json(f"{path}?{query}", service)
    assert len(second["createdDetections"]) == 1
    assert second["nextDeltaToken"] != first["nextDeltaToken"]
    assert caller.call(path, service).status_code == 400
    assert caller.call(f"{path}?deltaToken=bmV4dDo=", service).status_code == 400


def test_detections_are_filtered_by_device_and_time_only(
    caller: Caller, emulator: EsetEmulator
) -> None:
    service = "incident-management"
    every = caller.json("/v1/detections", service)
    one = every["detections"][0]
    at, device = one["occurTime"], one["context"]["deviceUuid"]
    assert every["totalSize"] == len(emulator.table("detections"))
    only = caller.json(
        "/v1/detections?" + urlencode({"startTime": at, "deviceUuid": device}), service
    )
    assert one["uuid"] in {each["uuid"] for each in only["detections"]}
    none = caller.json(
        "/v1/detections?" + urlencode({"endTime": at, "deviceUuid": device}), service
    )
    assert one["uuid"] not in {each["uuid"] for each in none["detections"]}


@pytest.mark.breaches
@pytest.mark.parametrize("query", ["orderBy=x", "startTime=soon", "startTime=2026-11-01T00:00:00"])
def test_sorting_or_a_loose_moment_is_refused(query: str) -> None:
    answer = Caller(make_emulator()).call(f"/v1/detections?{query}", "incident-management")
    assert (answer.status_code, answer.get_data()) == (400, b"")


def test_any_detection_is_shown_by_version_two_with_its_device(
    caller: Caller, emulator: EsetEmulator
) -> None:
    key = next(iter(emulator.table("detections")))
    service = "incident-management"
    assert "resolved" not in caller.json(f"/v1/detections/{key}", service)["detection"]
    shown = caller.json(f"/v2/detections/{key}", service)["detection"]
    assert shown["device"]["displayName"]
    assert caller.json("/v2/detections", service)["detections"] == []
    assert caller.call("/v1/detections/gone", service).status_code == 404
    assert caller.call("/v2/detections/gone", service).status_code == 404


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("", 2),
        ("status==INCIDENT_STATUS_OPEN", 2),
        ("incident.status == INCIDENT_STATUS_CLOSED", 0),
        ("incident.severity != INCIDENT_SEVERITY_LEVEL_LOW", 1),
        (f"incident.create_time >= {NOW}", 2),
        (f"incident.create_time < {NOW} && status==INCIDENT_STATUS_OPEN", 0),
    ],
)
def test_incidents_are_filtered_in_cel(
    caller: Caller, emulator: EsetEmulator, condition: str, count: int
) -> None:
    for severity in ("LOW", "HIGH"):
        emulator.occur(Happening("incident", {"severity": severity}))
    query = urlencode({"filter": condition})
    found = caller.json(f"/v2/incidents?{query}", "incident-management")["incidents"]
    assert len(found) == count


@pytest.mark.parametrize(
    "condition",
    [
        "status=='INCIDENT_STATUS_OPEN'",
        "severity > 3",
        "create_time >= timestamp('soon')",
        "a" * 201,
    ],
)
@pytest.mark.breaches
def test_other_filters_are_refused(condition: str) -> None:
    emulator = make_emulator()
    emulator.occur(Happening("incident", {}))
    path = "/v2/incidents?" + urlencode({"filter": condition})
    assert Caller(emulator).call(path, "incident-management").status_code == 400


def test_closing_an_incident_needs_a_reason(caller: Caller, emulator: EsetEmulator) -> None:
    told = emulator.occur(Happening("incident", {}))
    assert told is not None
    path, service = f"/v2/incidents/{told['id']}", "incident-management"
    assert caller.json(path, service)["incident"]["status"] == "INCIDENT_STATUS_OPEN"
    assert caller.call(f"{path}:close", service, "POST", {}).status_code == 400
    body = {"closureReason": "INCIDENT_RESOLVE_REASON_FALSE_POSITIVE"}
    assert caller.call(f"{path}:close", service, "POST", body).status_code == 200
    assert caller.json(path, service)["incident"]["status"] == "INCIDENT_STATUS_CLOSED"
    assert caller.call("/v2/incidents/gone", service).status_code == 404


# -- tasks and installers --------------------------------------------------------------------


def task(emulator: EsetEmulator, **changes: object) -> dict[str, object]:
    device = next(iter(emulator.table("devices")))
    whole = {
        "displayName": "x",
        "action": {"name": "StartNetworkIsolation"},
        "targets": {"devicesUuids": [device]},
        "triggers": [{"manual": {"expireTime": "2026-12-01T00:00:00Z"}}],
    }
    return {"task": {**whole, **changes}}


@pytest.mark.parametrize(
    "changes",
    [
        {"triggers": []},
        {"targets": {}},
        {"targets": {"devicesUuids": ["gone"]}},
        {"action": {"name": "MakeCoffee"}},
        {"action": {"name": "OnDemandScan"}},
        {"action": {"name": "ShutdownComputer", "params": {"@type": "x"}}},
    ],
)
def test_a_task_that_cannot_run_is_refused(
    caller: Caller, emulator: EsetEmulator, changes: dict[str, object]
) -> None:
    body = task(emulator, **changes)
    answer = caller.call("/v1/device_tasks", "automation", "POST", body)
    assert (answer.status_code, answer.get_data()) == (400, b"")


def test_tasks_are_listed_shown_and_removed(caller: Caller, emulator: EsetEmulator) -> None:
    made = caller.call("/v1/device_tasks", "automation", "POST", task(emulator)).get_json()
    path = f"/v1/device_tasks/{made['task']['uuid']}"
    assert len(caller.json("/v1/device_tasks", "automation")["tasks"]) == 1
    assert caller.json(path, "automation")["task"]["displayName"] == "x"
    device = made["task"]["targets"]["devicesUuids"][0]
    runs = caller.json(f"{path}/runs?deviceUuid={device}", "automation")["taskRuns"]
    assert [run["status"] for run in runs] == ["TASK_RUN_STATUS_QUEUED"]
    assert caller.call(path, "automation", "DELETE").status_code == 200
    assert caller.call(path, "automation").status_code == 404
    assert caller.call(path, "automation", "DELETE").status_code == 404


def test_installers_are_made_for_static_groups_listed_and_removed(
    caller: Caller, emulator: EsetEmulator
) -> None:
    service = "installer-management"
    groups = {one["name"]: key for key, one in emulator.table("groups").items()}

    def wanted(group: str, family: int) -> dict[str, object]:
        enrolment = {"securityGroupUuid": groups[group]}
        return {"installer": {"operatingSystemFamilyId": family, "deviceEnrollment": enrolment}}

    made = caller.call("/v1/installers", service, "POST", wanted("Lost & found", 3)).get_json()
    path = f"/v1/installers/{made['installer']['uuid']}"
    assert caller.json(path, service)["installer"]["usable"] is True
    assert caller.json("/v1/installers?usable=false", service)["installers"] == []
    assert caller.json("/v1/installers", service)["totalSize"] == 1
    for odd in (wanted("Computers with problems", 1), wanted("Lost & found", 9)):
        assert caller.call("/v1/installers", service, "POST", odd).status_code == 400
    assert caller.call(path, service, "DELETE").status_code == 200
    assert caller.call(path, service).status_code == 404
    assert caller.call(path, service, "DELETE").status_code == 404
