"""The emulator: what strangers' clients see, and that it forgets nothing."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from plugin.edge.emulator import Happening
from plugin.edge.shelf import Shelf
from plugin.edge.world import make_world
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.emulator_world import (
    CLIENT_ID,
    PASSWORD,
    ROLES,
    USER,
)
from plugin.hosts.connectwise_automate.fields import ADMINISTRATION_SERVER
from tests.hosts.connectwise_automate.stand import (
    EPOCH,
    Stranger,
    filled_emulator,
    happen,
    host_of,
    later,
)


@pytest.fixture
def stranger(emulator: AutomateEmulator) -> Stranger:
    return Stranger(emulator)


SHORT = {
    "page": 2,
    "pagesize": 3,
    "condition": "Client.Id = 2",
    "orderby": "ComputerName desc",
    "includefields": "id, computername",
}
LONG = {
    "Options.Page": 2,
    "options.pageSize": 3,
    "options.condition": "Client.Id = 2",
    "options.orderBy.name": "ComputerName",
    "options.orderBy.type": "Descending",
    "options.includedFields": "Id,ComputerName",
}


def test_both_spellings_of_list_options_mean_the_same(stranger: Stranger) -> None:
    short = stranger.call("GET", "/v1/computers", **SHORT)
    long = stranger.call("GET", "/V1/Computers/", None, **LONG)
    assert short == long
    assert len(short) == 3
    assert [set(row) for row in short] == [{"Id", "ComputerName"}] * 3
    names = [row["ComputerName"] for row in short]
    assert names == sorted(names, reverse=True)


def test_fields_can_be_left_out_and_ids_chosen(stranger: Stranger) -> None:
    rows = stranger.call("GET", "/v1/Computers", ids="3, 5,77", excludeFields="Client,Location")
    assert [row["Id"] for row in rows] == ["3", "5"]
    assert "Client" not in rows[0]


def test_groups_of_a_computer_need_expanding(stranger: Stranger) -> None:
    (plain,) = stranger.call("GET", "/v1/Computers", ids="1")
    (expanded,) = stranger.call("GET", "/v1/Computers", ids="1", expand="Groups")
    assert "Groups" not in plain
    assert [group["Id"] for group in expanded["Groups"]] == ["2"]
    (client,) = stranger.call("GET", "/v1/Clients", ids="2", expand="locations")
    assert len(client["Locations"]) == 2


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"condition": "Nope = 1"}, "Nope"),
        ({"condition": "Id ="}, "condition"),
        ({"orderBy": "Nope asc"}, "nope"),
        ({"page": "x"}, "page"),
    ],
)
def test_bad_options_are_a_400(stranger: Stranger, query: dict[str, str], word: str) -> None:
    answer = stranger.open("GET", "/v1/Computers", **query)
    assert answer.status_code == 400
    assert answer.json is not None
    assert word in answer.json["message"]
    assert answer.json["code"] == "BadRequest"


def test_the_page_after_the_last_is_empty(stranger: Stranger) -> None:
    assert len(stranger.call("GET", "/v1/Computers", pageSize=5000)) == 29
    assert len(stranger.call("GET", "/v1/Computers")) == 29
    assert stranger.call("GET", "/v1/Computers", page=2) == []
    assert stranger.call("GET", "/v1/Computers", page=1, pageSize=1000)[-1]["Id"] == "29"


LISTS = ("Clients", "Locations", "Computers", "Groups", "GroupComputers", "Searches", "Scripts")
MORE = ("Commands", "Alerts", "Tickets", "ComputerMenus", "System/ServerInformation")


@pytest.mark.parametrize("name", LISTS + MORE)
def test_every_list_keeps_the_contract(
    emulator: AutomateEmulator, stranger: Stranger, name: str
) -> None:
    happen(emulator, "alert-raised")
    stranger.call("POST", "/v1/ComputerMenus", {"Text": "x", "RootOnly": 0})
    rows = stranger.call("GET", f"/v1/{name}")
    assert rows
    happen(emulator, "switch", times_with_zone=True)
    assert stranger.call("GET", f"/v1/{name}") != []


@pytest.mark.parametrize(
    "path", ["Clients/2", "Locations/2", "Computers/6", "Groups/2", "Tickets/1", "Alerts/1"]
)
def test_every_record_is_shown_alone_or_missing(
    emulator: AutomateEmulator, stranger: Stranger, path: str
) -> None:
    happen(emulator, "alert-raised")
    assert stranger.call("GET", f"/v1/{path}")
    answer = stranger.open("GET", f"/v1/{path.partition('/')[0]}/9999")
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["code"] == "NotFound"


def test_members_come_and_go_by_batch_and_by_row(
    emulator: AutomateEmulator, stranger: Stranger
) -> None:
    send = {"EntityType": 1, "TargetType": 7, "TargetId": "1", "EntityIds": [6, 7, 8, 999]}
    assert stranger.open("POST", "/v1/Batch/Commands/SendTo", send).status_code == 200
    assert stranger.open("POST", "/v1/Batch/Commands/SendTo", send).status_code == 200
    assert emulator.members("1") == {"6", "7", "8"}
    drop = {"EntityType": "Computer", "GroupId": 1, "EntityIds": [7]}
    assert stranger.open("POST", "/v1/Batch/Groups/RemoveEntities", drop).status_code == 200
    row = stranger.call("POST", "/v1/GroupComputers", {"GroupId": "1", "ComputerId": "9"})
    assert emulator.members("1") == {"6", "8", "9"}
    gone = stranger.open("DELETE", f"/v1/GroupComputers/{row['Id']}")
    assert (gone.status_code, emulator.members("1")) == (204, {"6", "8"})
    assert stranger.open("DELETE", f"/v1/GroupComputers/{row['Id']}").status_code == 404
    wrong = {"EntityType": "Ticket", "TargetType": "Group", "TargetId": 1, "EntityIds": [1]}
    assert stranger.open("POST", "/v1/Batch/Commands/SendTo", wrong).status_code == 400
    members = stranger.call("GET", "/v2/groups/1/computers", pageSize=1000)
    assert [member["Id"] for member in members] == ["6", "8"]


@pytest.mark.parametrize(
    ("kind", "detected", "held"),
    [(0, 0, False), (0, 1, True), (1, 0, True), (1, 1, True), (2, 0, False), (2, 1, False)],
)
def test_a_role_is_held_by_the_products_own_predicate(
    emulator: AutomateEmulator, kind: int, detected: int, *, held: bool
) -> None:
    emulator.set_role("6", "2", kind, detected=bool(detected))
    assert ("6" in emulator.holders("2")) is held
    assert ("6" in emulator.members("3")) is held


def test_a_computer_put_in_by_hand_stays_when_the_role_goes(emulator: AutomateEmulator) -> None:
    number = str(emulator.table("group_computers").next_id())
    emulator.table("group_computers")[number] = {"group": "3", "computer": "9", "auto": False}
    happen(emulator, "role-gained", computer="9", role=ADMINISTRATION_SERVER)
    happen(emulator, "role-lost", computer="9", role=ADMINISTRATION_SERVER)
    assert "9" in emulator.members("3")


def test_the_published_interface_shows_no_roles(stranger: Stranger) -> None:
    for name in ("Roles", "RoleDefinitions", "ComputerRoleDefinitions"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AutomateEmulator, "_judge", lambda *arguments: None)
            assert stranger.open("GET", f"/v1/{name}").status_code == 404


def test_an_address_outside_is_the_web_servers(emulator: AutomateEmulator) -> None:
    answer = Client(emulator).get("/automate", headers={"clientId": CLIENT_ID})
    assert answer.status_code in {401, 404}
    stranger = Stranger(emulator)
    page = stranger._client.get("/elsewhere", headers=stranger.headers)
    assert page.status_code == 404
    assert page.mimetype == "text/html"


def test_a_disabled_token_is_refused(emulator: AutomateEmulator) -> None:
    stranger = Stranger(emulator)
    token = stranger.headers["Authorization"].removeprefix("Bearer ")
    done = stranger.open("POST", "/v1/apitoken/disable", {"SecurityToken": token})
    assert done.status_code == 200
    assert stranger.open("GET", "/v1/Clients").status_code == 401


@pytest.mark.parametrize("body", [None, [], "x", {}, {"username": 5, "password": ["x"]}])
def test_an_odd_sign_in_is_refused(emulator: AutomateEmulator, body: Any) -> None:  # noqa: ANN401
    client = Client(emulator)
    answer = client.post("/cwa/api/v1/apitoken", json=body, headers={"clientId": CLIENT_ID})
    assert answer.status_code == 401


@pytest.mark.parametrize("body", [b"", b"{}", b"token", b'"stranger"', b"null"])
def test_an_odd_renewal_is_refused(emulator: AutomateEmulator, body: bytes) -> None:
    answer = Client(emulator).post(
        "/cwa/api/v1/apitoken/refresh",
        data=body,
        content_type="application/json",
        headers={"clientId": CLIENT_ID},
    )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "what", ["computer-offline", "computer-online", "alert-raised", "bridge-result"]
)
def test_a_happening_without_a_name_takes_a_bridge(emulator: AutomateEmulator, what: str) -> None:
    assert happen(emulator, what)["name"] == "MSP-BRIDGE01"


@pytest.mark.parametrize("role", ["1", "2"])
def test_a_role_without_a_name_changes_who_is_a_bridge(
    emulator: AutomateEmulator, role: str
) -> None:
    before = emulator.holders(role)
    gained = happen(emulator, "role-gained", role=ROLES[role])
    assert emulator.holders(role) == before | {gained["computer"]}
    lost = happen(emulator, "role-lost", role=ROLES[role])
    assert lost["computer"] == gained["computer"]
    assert emulator.holders(role) == before


@pytest.mark.parametrize(
    ("what", "details"),
    [
        ("ticket-closed", {}),
        ("computer-offline", {"computer": "nobody"}),
        ("company-renamed", {"company": "nobody"}),
        ("role-gained", {"computer": "nobody"}),
    ],
)
def test_what_is_not_ours_does_not_happen(
    emulator: AutomateEmulator, what: str, details: dict[str, str]
) -> None:
    assert emulator.occur(Happening(what, details)) is None


def test_a_role_that_nobody_holds_cannot_be_lost(emulator: AutomateEmulator) -> None:
    assert happen(emulator, "role-lost", role=ROLES["2"])["name"] == "MSP-KSC01"
    assert emulator.occur(Happening("role-lost", {"role": ROLES["2"]})) is None


def test_an_unknown_switch_or_fault_is_an_error(emulator: AutomateEmulator) -> None:
    with pytest.raises(ValueError, match="no switch"):
        happen(emulator, "switch", nonsense=1)
    with pytest.raises(ValueError, match="no fault"):
        emulator.add_fault("nonsense")


@pytest.mark.breaches
def test_what_the_contract_does_not_allow_is_recorded() -> None:
    emulator = filled_emulator()
    stranger = Stranger(emulator)
    stranger.open("GET", "/v1/Computers", surplus="1")
    stranger.open("GET", "/v1/Nothing")
    stranger.open("POST", "/v1/ComputerMenus", {"Text": "x", "Surplus": 1})
    problems = [breach.problem for breach in emulator.breaches]
    assert len(problems) == 3
    assert "surplus" in problems[0]
    assert "no such operation" in problems[1]
    assert "Surplus" in problems[2]


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    first = AutomateEmulator(Shelf(tmp_path / "automate.db"))
    first.reset(make_world(2, 12, 7, EPOCH))
    token = Stranger(first).headers["Authorization"]
    happen(first, "role-gained", computer="MSP-ADMIN01")
    happen(first, "switch", command_delay=60)
    before = first.state()
    first.shelf.close()
    second = AutomateEmulator(Shelf(tmp_path / "automate.db"))
    assert second.state() == before
    again = Client(second).get(
        "/cwa/api/v1/Clients", headers={"clientId": CLIENT_ID, "Authorization": token}
    )
    assert again.status_code == 200
    second.shelf.close()


def test_a_kill_loses_nothing_it_has_answered(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        emulator = AutomateEmulator(Shelf(tmp_path / "kill.db"))
        emulator.reset(make_world(2, 12, 7, EPOCH))
        patch = [{"op": "replace", "path": "/TextFieldSettings/Value", "value": "kept"}]
        Stranger(emulator).call("PATCH", "/v1/Computers/6/ExtraFields/3", patch)
        os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    shelf = Shelf(tmp_path / "kill.db")
    assert AutomateEmulator(shelf).field_value("computers", "6", "3") == "kept"
    shelf.close()


@pytest.mark.breaches
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/Computers/6/CommandExecute", {"Command": "2", "Parameters": "x"}),
        ("/v1/Batch/ScriptExecute", {"ScriptId": 6, "EntityType": 1, "Schedule": "now"}),
        (
            "/v1/Batch/ScriptExecute",
            {
                "ScriptId": 6,
                "EntityType": 1,
                "EntityIds": ["x"],
                "Schedule": {"ScriptScheduleFrequency": {"ScriptScheduleFrequencyId": 1}},
            },
        ),
        ("/v1/GroupComputers", {"GroupId": [], "ComputerId": {}}),
        ("/v1/ComputerMenus", []),
    ],
)
def test_an_odd_body_is_a_400(path: str, body: object) -> None:
    assert Stranger(filled_emulator()).open("POST", path, body).status_code == 400


def test_commands_outlive_tokens(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    reference = host.run_command("6", "echo still here")
    later(emulator, hours=9)
    assert host.command_progress(reference).detail == "still here"


def test_it_is_quick_with_many_computers() -> None:
    emulator = AutomateEmulator()
    emulator.reset(make_world(30, 3_000, 7, EPOCH))
    host = host_of(emulator)
    computers = list(host.computers())
    assert len(computers) == 3_005
    assert len({computer.id for computer in computers}) == 3_005
    assert sum(request["path"].endswith("Computers") for request in emulator.requests) <= 10
    assert Client(emulator).get("/").status_code == 401
    assert (USER, PASSWORD) == ("bridgehead", "Automate-Sandbox-1")
