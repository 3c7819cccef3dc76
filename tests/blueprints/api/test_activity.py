"""Received calls and sync runs: looked at, repeated, ended."""

from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.work import Delivery
from tests.blueprints.api.rooms import CANARY, Rooms
from tests.blueprints.api.test_faults import problem


def test_a_call_is_told_with_its_body_and_masked_headers(rooms: Rooms) -> None:
    told = rooms.get("deliveries/1", Role.TECHNICIAN)
    assert (told["body"], told["body_encoding"]) == ('{"ID": 7}', "utf-8")
    assert told["headers"] == {"x-api-token": "••••••••", "content-type": "application/json"}
    assert CANARY not in str(told)
    line = rooms.get("deliveries", state="waiting", kind="unread", connection=1)["items"][0]
    assert line["connection"] == "Desk"
    assert "body" not in line


def test_a_body_that_is_no_text_is_told_in_base64(rooms: Rooms) -> None:
    with rooms.app.app_context(), writing() as session:
        session.get_one(Delivery, 1).body = b"\xff\x00"
    told = rooms.get("deliveries/1")
    assert (told["body"], told["body_encoding"]) == ("/wA=", "base64")


def test_a_call_is_handled_once_more_on_demand(rooms: Rooms) -> None:
    with rooms.app.app_context(), writing() as session:
        session.get_one(Delivery, 1).state = "dead"
    answer = rooms.ask("POST", "deliveries/1/replay", Role.TECHNICIAN)
    assert answer.status_code == 202
    told = answer.json
    assert told is not None
    assert (told["state"], told["replays"]) == ("waiting", 1)
    with rooms.app.app_context():
        assert db.session.get_one(Delivery, 1).replays == 1
    problem(rooms.ask("POST", "deliveries/9/replay"), 404)


def test_calls_since_a_moment_are_handled_once_more(rooms: Rooms) -> None:
    with rooms.app.app_context(), writing() as session:
        row = session.get_one(Delivery, 1)
        since, row.state = row.received_at, "handled"
    wish = {"since": since.isoformat()}
    assert rooms.ask("POST", "deliveries/replay", Role.TECHNICIAN, json=wish).json == {
        "replayed": 0,
        "more": False,
    }
    told = rooms.ask(
        "POST", "deliveries/replay", Role.TECHNICIAN, json={**wish, "dead_only": False}
    )
    assert told.status_code == 202
    assert told.json is not None
    assert told.json["replayed"] >= 1
    with rooms.app.app_context():
        assert db.session.get_one(Delivery, 1).replays == 1
    problem(rooms.ask("POST", "deliveries/replay", Role.TECHNICIAN, json={}), 422)


def test_a_run_is_told_and_ended_on_demand(rooms: Rooms) -> None:
    run = rooms.get("runs", state="waiting", what="data")["items"][0]
    assert (run["workspace"], run["asked_by"]) == ("Acme", "tester")
    answer = rooms.ask("POST", f"runs/{run['id']}/cancel", Role.TECHNICIAN)
    assert (answer.status_code, answer.json) == (202, run | {"cancel_asked": True})
    done = rooms.get("runs", state="done")["items"][0]
    untouched = rooms.ask("POST", f"runs/{done['id']}/cancel").json
    assert untouched == done == rooms.get(f"runs/{done['id']}")
