import json
from datetime import timedelta
from pathlib import Path

import pytest

from plugin.edge.emulator import Happening
from plugin.edge.shelf import Shelf
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator, HubEmulator
from plugin.vendors.kaspersky.emulator_cloud_facts import EVENT_TYPES, USER, token_of
from plugin.vendors.kaspersky.emulator_cloud_gate import CONTRACT
from tests.rig import small_world
from tests.vendors.kaspersky.clouds import ANNA, LONG_AGO, Caller, cloud, filled, happen, switch


@pytest.fixture
def emulator() -> CloudEmulator:
    return filled(CloudEmulator())


@pytest.fixture
def caller(emulator: CloudEmulator) -> Caller:
    return Caller(emulator)


def test_the_contract_says_that_it_is_ours() -> None:
    info = CONTRACT.description["info"]
    assert "RECONSTRUCTED" in info["title"]
    assert "not the vendor's" in info["description"]
    assert CONTRACT.path.with_name("cloud.SOURCE.txt").read_text().startswith("File: cloud")


# -- strictness ----------------------------------------------------------------------------------


def test_nobody_gets_in_without_a_token(caller: Caller) -> None:
    caller.token = ""
    status, answer = caller.call("GET", "/v1/tenants")
    assert (status, answer["error"]["code"]) == (401, "token-expired")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/tenants?limit=501", None),
        ("GET", "/v1/tenants?limit=many", None),
        ("GET", "/v1/tenants?page=nonsense", None),
        ("GET", "/v1/tenants?color=red", None),
        ("GET", "/v1/tenants/{tenant}/devices?page=Y2hhbmdlCjE", None),
        ("GET", "/v1/tenants/{tenant}/device-changes", None),
        ("GET", "/v1/tenants/{tenant}/device-changes?since=ä", None),
        ("GET", "/v1/tenants/{tenant}/device-changes?since=Y2hhbmdlCnh4", None),
        ("GET", "/v1/tenants/{tenant}/events?after=Y2hhbmdlCjE", None),
        ("GET", "/v1/tenants/{tenant}/usage", None),
        ("POST", "/v1/tasks", {"kind": "format", "tenantId": "x"}),
        ("POST", "/v1/tasks", None),
        ("POST", "/v1/integrations", {"name": "", "platform": "p", "tenants": []}),
        ("POST", "/v1/sessions", {"email": "a@b.c"}),
    ],
)
def test_what_is_not_as_described_is_refused(
    emulator: CloudEmulator, caller: Caller, method: str, path: str, body: object
) -> None:
    tenant = next(iter(emulator.estates["production"].table("tenants")))
    status, answer = caller.call(method, path.replace("{tenant}", tenant), body)
    assert (status, answer["error"]["code"]) == (400, "bad-request")


@pytest.mark.breaches
def test_an_unknown_address_is_not_found(caller: Caller) -> None:
    status, answer = caller.call("GET", "/v1/secrets")
    assert (status, answer["error"]["code"]) == (404, "not-found")


def test_a_token_of_production_does_not_open_beta(emulator: CloudEmulator) -> None:
    caller = Caller(emulator)
    beta = Caller(emulator, host="beta.cloud.example")
    assert beta.call("GET", "/v1/tenants")[0] == 200
    beta.token = caller.token
    assert beta.call("GET", "/v1/tenants")[0] == 401


def test_somebody_elses_tenant_is_not_found(emulator: CloudEmulator) -> None:
    tenant = next(iter(emulator.estates["production"].table("tenants")))
    status, _ = Caller(emulator, ANNA).call("GET", f"/v1/tenants/{tenant}/devices")
    assert status == 404


def test_a_plain_user_gets_nowhere(emulator: CloudEmulator, caller: Caller) -> None:
    tenant = next(iter(emulator.estates["production"].table("tenants")))
    switch(emulator, "not_administrator", True)
    for path in ("/v1/tenants", f"/v1/tenants/{tenant}/devices"):
        status, answer = caller.call("GET", path)
        assert (status, answer["error"]["code"]) == (403, "not-administrator")


def test_a_refresh_token_works_once(emulator: CloudEmulator, caller: Caller) -> None:
    [token] = emulator.estates["production"].table("refresh")
    body = {"refreshToken": token}
    assert caller.call("POST", "/v1/sessions/refresh", body)[0] == 200
    status, answer = caller.call("POST", "/v1/sessions/refresh", body)
    assert (status, answer["error"]["code"]) == (401, "session-expired")


def test_old_tokens_are_forgotten(emulator: CloudEmulator) -> None:
    for _ in range(3):
        Caller(emulator)
    emulator.clock.offset += timedelta(days=1)
    Caller(emulator)
    assert len(emulator.estates["production"].table("access")) == 1


# -- what happens --------------------------------------------------------------------------------


def test_every_detection_without_details_is_a_new_ticket(emulator: CloudEmulator) -> None:
    told = [happen(emulator, "detection") for _ in range(30)]
    assert len({(each["device"], each["condition"]) for each in told}) == 30
    assert all(EVENT_TYPES[each["condition"]].severity != "information" for each in told)


def test_detections_go_round_the_clients(emulator: CloudEmulator) -> None:
    told = [happen(emulator, "detection")["workspace"] for _ in range(3)]
    assert len(set(told)) == 3


def test_when_every_device_has_had_everything_a_new_one_comes() -> None:
    emulator = filled(CloudEmulator(), 1, 1)
    told = [happen(emulator, "detection") for _ in range(12)]
    assert len({(each["device"], each["condition"]) for each in told}) == 12


def test_details_choose_what_happens(emulator: CloudEmulator) -> None:
    client = small_world().clients[1]
    machine = client.machines[2]
    told = happen(
        emulator,
        "detection",
        workspace=client.name,
        device=machine.name,
        condition="suspicious-object",
    )
    assert told["workspace_name"] == client.name
    assert told["device_name"].casefold() == machine.name.casefold()
    again = happen(emulator, "detection", device=told["device"], condition="suspicious-object")
    assert again["id"] != told["id"]


def test_a_status_can_be_set_and_cleared(emulator: CloudEmulator) -> None:
    told = happen(emulator, "device-status", condition="protection-off")
    assert told["status"] == "critical"
    device = told["device"]
    cleared = happen(
        emulator, "device-status", device=device, condition="protection-off", cleared=True
    )
    assert cleared["status"] == "ok"


@pytest.mark.parametrize(
    ("what", "details"),
    [
        ("detection", {"condition": "no-such-event"}),
        ("detection", {"device": "no-such-device", "condition": "network-attack"}),
        ("detection", {"environment": "moon"}),
        ("device-status", {"condition": "sleepy"}),
        ("device-status", {"workspace": "nowhere"}),
        ("seat-change", {"mailboxes": True}),
        ("administrator-removed", {}),
    ],
)
def test_what_cannot_happen_is_a_key_error(
    emulator: CloudEmulator, what: str, details: dict[str, object]
) -> None:
    with pytest.raises(KeyError):
        emulator.occur(Happening(what, details))


def test_words_of_others_are_none_of_ours(emulator: CloudEmulator) -> None:
    assert emulator.occur(Happening("ticket-closed", {})) is None
    assert emulator.occur(Happening("switch", {"name": "warp", "value": True})) is None


def test_a_device_that_is_added_can_be_without_protection(emulator: CloudEmulator) -> None:
    told = happen(emulator, "device-added", name="NEW-1", protected=False)
    record = emulator.estates["production"].table("devices")[told["device"]]
    assert (record["name"], record["licence"]) == ("NEW-1", "")


def test_the_last_administrator_is_not_removed_by_a_colleague(emulator: CloudEmulator) -> None:
    cloud(emulator).create_integration("tigerpaw", "I", (), "r")
    with pytest.raises(KeyError):
        happen(emulator, "administrator-removed", email=USER)


# -- what is kept --------------------------------------------------------------------------------


def test_the_same_world_is_the_same_cloud() -> None:
    states = [filled(CloudEmulator()).state() for _ in range(2)]
    assert states[0] == states[1]
    assert states[0]["workspaces"] != filled(HubEmulator()).state()["workspaces"]


def test_the_state_is_json_with_every_environment_and_no_password(emulator: CloudEmulator) -> None:
    state = emulator.state()
    assert {row["environment"] for row in state["devices"]} == {"production", "beta", "test"}
    assert "Sandbox-Cloud" not in json.dumps(state)


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    emulator = filled(CloudEmulator(Shelf(tmp_path / "cloud.db")))
    adapter = cloud(emulator)
    workspace = next(adapter.workspaces()).id
    cursor = list(adapter.devices(workspace, None))[-1].next_cursor
    made = adapter.create_integration("connectwise_psa", "I", (workspace,), "r")
    told = happen(emulator, "device-status", workspace=workspace)
    happen(emulator, "device-removed", device=happen(emulator, "device-added")["device"])
    happen(emulator, "detection", workspace=workspace)

    again = CloudEmulator(Shelf(tmp_path / "cloud.db"))
    assert again.state() == emulator.state()
    later = cloud(again)
    delta = [row.id for page in later.devices(workspace, cursor) for row in page.rows]
    assert delta == [told["device"]]
    assert later.integration(made).workspaces == (workspace,)
    whole = [row for page in later.detections(workspace, None, LONG_AGO) for row in page.rows]
    assert len(whole) == 6


def test_a_task_ends_without_being_asked(emulator: CloudEmulator, caller: Caller) -> None:
    tenant = next(iter(emulator.estates["production"].table("tenants")))
    caller.call("POST", "/v1/tasks", {"kind": "scan", "tenantId": tenant})
    emulator.background()
    assert not emulator.state()["tasks"][0]["settled"]
    emulator.clock.offset += timedelta(seconds=20)
    emulator.background()
    assert emulator.state()["tasks"][0]["settled"]


def test_a_reset_makes_old_cursors_too_old_and_every_event_a_new_one(
    emulator: CloudEmulator,
) -> None:
    adapter = cloud(emulator)
    workspace = next(adapter.workspaces()).id
    cursor = list(adapter.devices(workspace, None))[-1].next_cursor
    [events] = adapter.detections(workspace, None, LONG_AGO)
    emulator.reset(small_world())
    pages = list(adapter.devices(workspace, cursor))
    assert sum(len(page.rows) for page in pages) == 10
    [again] = adapter.detections(workspace, events.next_cursor, LONG_AGO)
    assert len(again.rows) == len(events.rows)
    assert not {row.id for row in again.rows} & {row.id for row in events.rows}


def test_a_cursor_with_an_odd_number_is_refused(emulator: CloudEmulator, caller: Caller) -> None:
    estate = emulator.estates["production"]
    tenant = next(iter(estate.table("tenants")))
    for parts in ((estate.mark, "x"), (estate.mark,)):
        path = f"/v1/tenants/{tenant}/events?after={token_of('event', *parts)}"
        assert caller.call("GET", path)[0] == 400
