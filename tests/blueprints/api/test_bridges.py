"""Bridges over the API: all that the pages can do."""

from typing import Any

from plugin.services.bridges import registry
from tests.blueprints.api.rooms import Rooms


def change(rooms: Rooms, method: str, path: str, **given: Any) -> dict[str, Any]:
    answer = rooms.ask(method, path, json=given)
    assert answer.status_code < 300, answer.text
    found: dict[str, Any] = answer.json or {}
    return found


def test_a_bridge_is_named_mapped_limited_drained_and_turned_out(rooms: Rooms) -> None:
    made = change(rooms, "POST", "bridges", name="PC-ONE")
    number = made["id"]
    assert (made["name"], made["enrolled"], made["online"]) == ("PC-ONE", False, False)
    token = change(rooms, "POST", f"bridges/{number}/token")["token"]
    with rooms.app.app_context():
        registry.enrol(rooms.runtime, token, "1")
    integration = rooms.get("integrations")["items"][0]["id"]
    told = change(
        rooms, "PATCH", f"bridges/{number}", integration_id=integration, capacity=7, draining=True
    )
    assert told["integration_id"] == integration
    assert (told["capacity"], told["draining"]) == (7, "person")
    assert rooms.get("bridges", q="pc-o")["total"] == 1
    assert [each["kind"] for each in rooms.get(f"bridges/{number}/history")["items"]][-1] == (
        "enrolled"
    )
    assert change(rooms, "DELETE", f"bridges/{number}")["enrolled"] is False
    assert rooms.get("bridges")["total"] == 0


def test_plans_are_told_applied_and_made_automatic(rooms: Rooms) -> None:
    assert rooms.get("bridges/plan")["mappings"] == []
    assert change(rooms, "POST", "bridges/apply") == {"moved": 0}
    assert rooms.get("bridges/automatic") == {"automatic": False, "threshold": 20}
    change(rooms, "PUT", "bridges/automatic", automatic=True, threshold=30)
    assert rooms.get("bridges/automatic") == {"automatic": True, "threshold": 30}
    assert "moved" in change(rooms, "POST", "bridges/look")


def test_wrong_wishes_name_the_field(rooms: Rooms) -> None:
    assert rooms.ask("POST", "bridges", json={"name": " "}).status_code == 422
    assert rooms.ask("PATCH", "bridges/999", json={"capacity": 1}).status_code == 404
    pin = {"vendor_id": 999, "workspace_id": "x", "bridge_id": None}
    answer = rooms.ask("PUT", "bridges/pins", json=pin)
    assert answer.status_code == 422
    assert "No bridge has held" in answer.text
    reach = {"vendor_id": 99999, "reach": "bridge"}
    assert rooms.ask("PUT", "bridges/reach", json=reach).status_code == 404
