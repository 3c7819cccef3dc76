"""Users, sessions and tokens: made once, shown once, ended at once."""

from plugin.services import access
from plugin.services.access import Role
from tests.blueprints.api.rooms import CANARY, Rooms
from tests.blueprints.api.test_faults import problem


def test_a_user_is_made_with_a_password_that_is_shown_once(rooms: Rooms) -> None:
    wish = {"email": "Bob@Example.com", "role": "technician"}
    answer = rooms.ask("POST", "users", json=wish)
    assert answer.status_code == 201, answer.text
    told = answer.json
    assert told is not None
    assert (told["email"], told["role"], told["must_change"]) == (
        "bob@example.com",
        "technician",
        True,
    )
    with rooms.app.app_context():
        assert access.sign_in(rooms.runtime, "bob@example.com", told["password"])
    assert told["password"] not in str(rooms.get("users", q="bob", role="technician"))
    again = problem(rooms.ask("POST", "users", json=wish), 422)
    assert list(again["errors"]) == ["email"]


def test_a_token_is_shown_when_it_is_made_and_never_again(rooms: Rooms) -> None:
    answer = rooms.ask("POST", "tokens", json={"name": "script", "role": "viewer", "days": 30})
    assert answer.status_code == 201
    told = answer.json
    assert told is not None
    secret = told["token"]
    assert told["expires_at"] == "2026-12-02T08:00:00+00:00"
    listed = rooms.get("tokens", sort="-name")
    assert secret not in str(listed)
    mine = {"Authorization": f"Bearer {secret}"}
    assert rooms.ask("GET", "devices", None, headers=mine).status_code == 200
    assert rooms.ask("DELETE", f"tokens/{told['id']}").status_code == 204
    assert rooms.ask("DELETE", f"tokens/{told['id']}").status_code == 204
    assert rooms.ask("GET", "devices", None, headers=mine).status_code == 401
    assert rooms.get("audit", action="token.revoke")["total"] == 1
    problem(rooms.ask("DELETE", "tokens/99"), 404)


def test_a_session_is_told_and_ended(rooms: Rooms) -> None:
    one = rooms.get("sessions")["items"][0]
    assert (one["email"], one["agent"], one["current"]) == ("ann@example.com", "Browser", False)
    assert rooms.ask("DELETE", f"sessions/{one['id']}").status_code == 204
    assert rooms.get("sessions")["total"] == 0
    problem(rooms.ask("DELETE", "sessions/99"), 404)


def test_no_answer_holds_a_secret(showroom: Rooms) -> None:
    paths = [
        rule.rule.replace("<int(min=1,max=9007199254740991):number>", "1")
        for rule in showroom.app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
    ]
    hidden = [CANARY, "argon2", "digest", '"mac"', *showroom.tokens.values()]
    for path in paths:
        answer = showroom.ask("GET", path.removeprefix("/api/v1/"), Role.ADMINISTRATOR)
        assert not [each for each in hidden if each in answer.text], path
