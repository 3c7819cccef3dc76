"""Each collection tells what there is, in the shape all lists share."""

import pytest

from plugin.services.access import Role
from tests.blueprints.api.rooms import CANARY, Rooms
from tests.blueprints.api.test_faults import problem

LISTS = {
    "vendors": 1,
    "hosts": 1,
    "connections": 2,
    "integrations": 1,
    "integrations/1/workspaces": 2,
    "workspaces": 2,
    "companies": 2,
    "mappings?integration=1": 1,
    "mappings/suggestions?integration=1": 0,
    "coverage": 1,
    "devices": 1,
    "detections": 1,
    "licences": 1,
    "rules": 3,
    "tickets": 1,
    "ticket-log": 2,
    "deliveries": 1,
    "runs": 7,
    "action-wishes": 0,
    "users": 1,
    "sessions": 1,
    "tokens": 4,
    "audit": 17,
}


@pytest.mark.parametrize(("path", "total"), LISTS.items())
def test_a_list_tells_items_total_and_page(showroom: Rooms, path: str, total: int) -> None:
    told = showroom.get(path)
    assert set(told) == {"items", "total", "page"}
    assert (len(told["items"]), told["total"], told["page"]) == (total, total, 1)
    assert CANARY not in str(told)


def test_a_page_can_be_cut_sorted_searched_and_filtered(showroom: Rooms) -> None:
    first = showroom.get("companies", page_size=1, sort="-name")
    assert ([each["name"] for each in first["items"]], first["total"]) == (["Bolt"], 2)
    second = showroom.get("companies", page_size=1, sort="-name", page=2)
    assert ([each["name"] for each in second["items"]], second["page"]) == (["Acme"], 2)
    assert showroom.get("companies", q="bol")["total"] == 1
    assert showroom.get("companies", active="false")["total"] == 0
    assert showroom.get("companies", page=1_000_000)["items"] == []


def test_a_list_in_memory_is_cut_and_sorted_alike(showroom: Rooms) -> None:
    told = showroom.get("connections", sort="-name", page_size=1, page=2)
    assert ([each["name"] for each in told["items"]], told["total"]) == (["Desk"], 2)
    assert showroom.get("connections", side="vendor")["total"] == 1
    assert showroom.get("tokens", q="VIEWER")["total"] == 1
    assert showroom.get("sessions", q="ann@", sort="seen")["total"] == 1
    assert showroom.get("rules", integration=1, q="crit")["total"] == 1
    assert showroom.get("rules", integration=2)["total"] == 0


def test_what_a_vendor_said_is_told_with_the_client_it_belongs_to(showroom: Rooms) -> None:
    device = showroom.get("devices", **{"class": "server", "client": "acm"})["items"][0]
    assert device["workspace"]["name"] == "Acme"
    assert device["name"] == "<svg onload=alert(1)>"
    assert device["macs"] == ["00:11:22:33:44:55"]
    detection = showroom.get("detections", severity="critical", device="d-w1")["items"][0]
    assert (detection["kind"], detection["workspace"]["name"]) == ("malware", "Acme")
    assert detection["occurred_at"] == "2026-11-02T08:00:00+00:00"
    licence = showroom.get("licences", state="active")["items"][0]
    assert (licence["limit"], licence["used"]) == (10, 3)


def test_statistics_count_over_everything(showroom: Rooms) -> None:
    told = showroom.get("statistics")
    assert (told["workspaces"], told["devices"], told["devices_critical"]) == (2, 1, 1)
    assert (told["tickets_open"], told["deliveries_waiting"]) == (1, 1)


def test_the_environment_is_told_with_its_source(showroom: Rooms) -> None:
    told = showroom.get("environment")
    assert told == {"environment": "production", "source": "default", "locked": False}


def test_the_environment_changes_when_its_name_is_given_twice(rooms: Rooms) -> None:
    wish = {"environment": "beta", "confirmed": "production"}
    answer = problem(rooms.ask("PUT", "environment", json=wish), 422)
    assert list(answer["errors"]) == ["confirmed"]
    wish["confirmed"] = "beta"
    assert rooms.ask("PUT", "environment", json=wish).status_code == 200
    assert rooms.get("environment")["environment"] == "beta"
    assert rooms.ask("PUT", "environment", Role.TECHNICIAN, json=wish).status_code == 403


def test_kinds_tell_their_fields(showroom: Rooms) -> None:
    kind = showroom.get("vendors")["items"][0]
    assert (kind["kind"], kind["title"], kind["workspace"]) == ("shield", "Shield", "tenant")
    fields = {each["name"]: each for each in kind["fields"]}
    assert fields["password"]["secret"]
    assert [each["value"] for each in fields["region"]["choices"]] == ["eu", "us"]
    assert showroom.get("hosts")["items"][0]["calls_us"]


def test_tickets_tell_what_they_are_about_and_why(showroom: Rooms) -> None:
    ticket = showroom.get("tickets", state="open", integration=1, company="acm")["items"][0]
    assert ticket["ticket_id"] == "4711"
    about = [ticket[name] for name in ("company", "workspace", "device", "integration")]
    assert about == ["Acme", "Acme", "<svg onload=alert(1)>", "Desk with Shield"]
    reasons = showroom.get("ticket-log", ticket=ticket["id"])["items"]
    assert [each["decision"] for each in reasons] == ["sent", "made"]


def test_the_audit_log_tells_who_did_what(showroom: Rooms) -> None:
    told = showroom.get("audit", action="connection.", actor="tester")["items"]
    assert [each["action"] for each in told] == ["connection.create"] * 2
    assert told[0]["after"]["kind"] == "shield"
