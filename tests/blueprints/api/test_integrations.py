"""Integrations with their workspaces, mappings and rules: what an administrator arranges."""

from typing import Any

import pytest

from plugin.services import integrations, suggesting
from plugin.services.access import Role
from tests.blueprints.api.rooms import Rooms
from tests.blueprints.api.test_faults import problem


def test_an_integration_is_made_with_the_usual_name(rooms: Rooms) -> None:
    answer = rooms.ask("POST", "integrations", json={"host_id": 1, "vendor_id": 2})
    assert answer.status_code == 201, answer.text
    told = answer.json
    assert told is not None
    assert (told["name"], told["state"]) == ("Integration with Desk", "draft")
    assert (told["host"], told["vendor"], told["writes_tickets"]) == ("Desk", "Shield", False)
    assert rooms.get(f"integrations/{told['id']}") == told


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"host_id": 99, "vendor_id": 2}, "host_id"),
        ({"host_id": 1, "vendor_id": 99}, "vendor_id"),
        ({"host_id": 2, "vendor_id": 1}, "host_id"),
        ({"host_id": 1, "vendor_id": 1}, "vendor_id"),
        ({"host_id": 1, "vendor_id": 2, "name": " "}, "name"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_at_its_field(
    rooms: Rooms, wish: dict[str, Any], field: str
) -> None:
    assert list(problem(rooms.ask("POST", "integrations", json=wish), 422)["errors"]) == [field]


def test_an_integration_is_renamed_and_switched_in_one_go(rooms: Rooms) -> None:
    version = rooms.get("integrations/1")["version"]
    change = {"version": version, "name": "Renamed", "writes_tickets": False}
    told = rooms.ask("PATCH", "integrations/1", json=change).json
    assert told is not None
    assert (told["name"], told["writes_tickets"]) == ("Renamed", False)
    assert told["version"] > version


@pytest.mark.parametrize("change", [{"name": "Late"}, {"writes_tickets": False}])
def test_the_second_of_two_editors_is_told(rooms: Rooms, change: dict[str, Any]) -> None:
    version = rooms.get("integrations/1")["version"]
    late = {"version": version - 1, **change}
    problem(rooms.ask("PATCH", "integrations/1", json=late), 409)


def test_workspaces_are_chosen_as_a_whole(rooms: Rooms) -> None:
    before = rooms.get("integrations/1/workspaces", sort="name")["items"]
    assert [(each["workspace_id"], each["chosen"]) for each in before] == [
        ("w1", True),
        ("w2", False),
    ]
    chosen = rooms.ask("PUT", "integrations/1/workspaces", json={"workspaces": ["w2"]})
    assert chosen.status_code == 200
    after = rooms.get("integrations/1/workspaces", q="bol")["items"]
    assert [(each["workspace_id"], each["chosen"]) for each in after] == [("w2", True)]
    assert rooms.get("workspaces", integration=1)["items"][0]["name"] == "Bolt"


def test_a_workspace_that_another_integration_serves_is_shown_and_refused(rooms: Rooms) -> None:
    other = rooms.ask("POST", "integrations", json={"host_id": 1, "vendor_id": 2}).json
    assert other is not None
    path = f"integrations/{other['id']}/workspaces"
    assert rooms.get(path, q="acme")["items"][0]["owner"] == "Desk with Shield"
    for wanted in (["w1"], ["w9"]):
        told = problem(rooms.ask("PUT", path, json={"workspaces": wanted}), 422)
        assert list(told["errors"]) == ["workspaces"]


def test_a_sync_is_asked_for_and_its_runs_told(rooms: Rooms) -> None:
    answer = rooms.ask("POST", "integrations/1/sync", Role.TECHNICIAN, json={"full": True})
    assert answer.status_code == 202
    told = answer.json
    assert told is not None
    assert [each["what"] for each in told["runs"]] == ["workspaces", "companies", "tickets", "data"]
    assert rooms.ask("POST", "integrations/1/sync").status_code == 202


def test_a_workspace_choice_may_name_the_version_it_looked_at(rooms: Rooms) -> None:
    late = {"workspaces": ["w2"], "version": rooms.get("integrations/1")["version"] - 1}
    problem(rooms.ask("PUT", "integrations/1/workspaces", json=late), 409)


def test_a_deleted_integration_is_gone_and_frees_its_workspaces(rooms: Rooms) -> None:
    assert rooms.ask("DELETE", "integrations/1").status_code == 204
    problem(rooms.ask("GET", "integrations/1"), 404)
    problem(rooms.ask("DELETE", "integrations/1"), 404)
    other = rooms.ask("POST", "integrations", json={"host_id": 1, "vendor_id": 2}).json
    assert other is not None
    path = f"integrations/{other['id']}/workspaces"
    assert rooms.ask("PUT", path, json={"workspaces": ["w1"]}).status_code == 200


def test_a_move_is_refused_at_its_field(rooms: Rooms) -> None:
    for host in (1, 2, 99):
        told = problem(rooms.ask("POST", "integrations/1/move", json={"host_id": host}), 422)
        assert list(told["errors"]) == ["host_id"]


def test_a_vendor_without_administrators_and_records_says_so(rooms: Rooms) -> None:
    path = "integrations/1/administrators"
    assert rooms.get(path)["total"] == 0
    wish = {"administrators": [{"email": "a@msp.example"}]}
    told = problem(rooms.ask("POST", path, json=wish), 422)
    assert told["errors"] == {"administrators": ["Shield knows no integration administrators."]}
    problem(rooms.ask("DELETE", f"{path}/a@msp.example"), 404)
    problem(rooms.ask("POST", "integrations/1/register"), 422)


# -- mappings ------------------------------------------------------------------------------------


def wish(workspace: str, company: str | None, integration: int = 1) -> dict[str, Any]:
    return {"integration_id": integration, "workspace_id": workspace, "company_id": company}


def test_a_workspace_is_mapped_and_taken_off_again(rooms: Rooms) -> None:
    told = rooms.ask("PUT", "mappings", json=wish("w2", "c2")).json
    assert told is not None
    assert (told["workspace"]["name"], told["company"]["name"]) == ("Bolt", "Bolt")
    assert (told["state"], told["made_by"]) == ("mapped", "token administrator of tests")
    off = rooms.ask("PUT", "mappings", json=wish("w1", None)).json
    assert off is not None
    assert (off["state"], off["company"], off["made_at"]) == ("unmapped", None, None)
    assert rooms.get("mappings", integration=1, state="unmapped")["total"] == 1
    assert rooms.get("mappings", integration=1, state="mapped")["total"] == 0


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (wish("w2", "c1"), "company_id"),
        (wish("w2", "c9"), "company_id"),
        (wish("w9", "c2"), "workspace_id"),
        (wish("w1", "c2", 99), "integration_id"),
    ],
)
def test_a_mapping_against_the_rules_is_refused_at_its_field(
    rooms: Rooms, wanted: dict[str, Any], field: str
) -> None:
    assert list(problem(rooms.ask("PUT", "mappings", json=wanted), 422)["errors"]) == [field]


def test_mappings_are_asked_for_one_integration(rooms: Rooms) -> None:
    assert list(problem(rooms.ask("GET", "mappings"), 422)["errors"]) == ["integration"]
    problem(rooms.ask("GET", "mappings", query_string={"integration": 99}), 404)


# -- suggestions and options ---------------------------------------------------------------------


@pytest.fixture
def suggested(rooms: Rooms) -> int:
    """Serve a second workspace, whose exact match is suggested; return the suggestion's id."""
    rooms.ask("PUT", "integrations/1/workspaces", json={"workspaces": ["w1", "w2"]})
    assert rooms.ask("POST", "mappings/options/1/suggestions").status_code == 202
    with rooms.app.app_context():
        suggesting.refresh(rooms.runtime, integrations.get(1))
    (found,) = rooms.get("mappings/suggestions", integration=1)["items"]
    assert (found["workspace"]["name"], found["company"]["name"]) == ("Bolt", "Bolt")
    assert (found["score"], found["exact"], found["reasons"]) == (
        100,
        True,
        ["the names are equal"],
    )
    return int(found["id"])


@pytest.mark.parametrize("named", [True, False])
def test_suggestions_are_accepted_by_number_or_all_exact_ones(
    rooms: Rooms, suggested: int, named: bool
) -> None:
    wish = {"integration_id": 1} | ({"suggestions": [suggested]} if named else {})
    told = rooms.ask("POST", "mappings/suggestions/accept", json=wish).json
    assert told == {"mapped": 1, "left_out": []}
    assert rooms.get("mappings", integration=1, state="unmapped")["total"] == 0
    assert rooms.get("coverage")["total"] == 1


def test_a_refused_suggestion_is_gone_until_refusals_are_forgotten(
    rooms: Rooms, suggested: int
) -> None:
    wish = {"integration_id": 1, "suggestions": [suggested]}
    assert rooms.ask("POST", "mappings/suggestions/refuse", json=wish).json == {"refused": 1}
    assert rooms.get("mappings/suggestions", integration=1)["total"] == 0
    assert rooms.ask("DELETE", "mappings/options/1/refusals").json == {"refused": 1}


def test_options_change_one_at_a_time_and_a_fault_names_its_field(rooms: Rooms) -> None:
    path = "mappings/options/1"
    assert rooms.ask("PATCH", path, json={"several": True}).status_code == 200
    told = rooms.ask("PATCH", path, json={"catch_all_id": "c2"}).json
    assert told is not None
    assert (told["several"], told["catch_all_id"]) == (True, "c2")
    wrong = rooms.ask("PATCH", path, json={"catch_all_id": "c9"})
    assert list(problem(wrong, 422)["errors"]) == ["catch_all_id"]
    assert rooms.get(path) == told


# -- rules ---------------------------------------------------------------------------------------


def test_a_rule_is_switched_and_keeps_what_is_left_out(rooms: Rooms) -> None:
    rule = rooms.get("rules", q="critical")["items"][0]
    assert (rule["enabled"], rule["fields"]) == (True, {"board": "Help"})
    path = f"rules/{rule['id']}"
    off = rooms.ask("PATCH", path, json={"enabled": False}).json
    assert off == rule | {"enabled": False}
    on = rooms.ask("PATCH", path, json={"enabled": True, "fields": {"board": "Other"}}).json
    assert on == rule | {"fields": {"board": "Other"}}
    assert rooms.get(path) == on


def test_a_rule_takes_no_word_that_its_host_does_not_know(rooms: Rooms) -> None:
    told = problem(rooms.ask("PATCH", "rules/1", json={"fields": {"colour": "red"}}), 422)
    assert list(told["errors"]) == ["fields"]
    problem(rooms.ask("PATCH", "rules/1", json={}), 422)


def test_the_rules_of_a_deleted_integration_are_gone(rooms: Rooms) -> None:
    rooms.ask("DELETE", "connections/1")
    problem(rooms.ask("GET", "rules/1"), 404)
