"""Who may do what: every route, as nobody, as each role, with bad tokens and with a cookie."""

import re

import pytest
from flask import Flask
from flask.views import MethodView

from plugin.blueprints import guard
from plugin.blueprints.api import DOORS
from plugin.services import access
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.people import User
from tests.blueprints.api.rooms import Rooms

PROBLEM = "application/problem+json"
OPEN = {"/openapi.json", "/docs"}


def routes() -> list[tuple[str, str, Role]]:
    """Return every method of every route with the role it needs."""
    app = Flask("bare")
    for door in DOORS:
        app.register_blueprint(door.blueprint)
    found = []
    for rule in app.url_map.iter_rules():
        owner = getattr(app.view_functions[rule.endpoint], "view_class", None)
        for method in sorted(owner.methods if owner else ()):
            path = re.sub(r"<[^>]+>", "999", rule.rule).removeprefix("/api/v1/")
            found.append((method, path, getattr(owner, method.lower()).access_rule[1]))
    return found


ROUTES = routes()


def test_every_collection_is_among_the_routes() -> None:
    assert {path.split("/")[0] for _, path, _ in ROUTES} == {door.name for door in DOORS}
    assert len(ROUTES) >= 40


@pytest.mark.parametrize(("method", "path", "needed"), ROUTES)
def test_a_route_lets_in_whom_it_says_and_nobody_else(
    showroom: Rooms, method: str, path: str, needed: Role
) -> None:
    stranger = showroom.ask(method, path, None)
    assert (stranger.status_code, stranger.content_type) == (401, PROBLEM)
    assert stranger.headers["WWW-Authenticate"] == 'Bearer realm="Bridgehead"'
    for role in Role:
        answer = showroom.ask(method, path, role)
        refused = answer.status_code in {401, 403}
        assert refused is not role.covers(needed), role
        assert not refused or answer.content_type == PROBLEM


def test_no_route_is_left_without_a_rule(showroom: Rooms) -> None:
    assert guard.undeclared(showroom.app) == []


def test_a_method_without_a_rule_is_noticed() -> None:
    class Half(MethodView):
        @guard.allow(Role.VIEWER)
        def get(self) -> str:
            return ""

        def post(self) -> str:
            return ""

    app = Flask("bare")
    app.add_url_rule("/half", view_func=Half.as_view("half"))
    assert guard.undeclared(app) == ["half"]


@pytest.mark.parametrize("token", ["", "wrong", "bh_" + "A" * 43, "ä"])
def test_a_wrong_token_is_refused_as_such(showroom: Rooms, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    answer = showroom.ask("GET", "devices", None, headers=headers)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_the_scheme_of_a_token_is_read_in_any_letter_case(showroom: Rooms) -> None:
    headers = {"Authorization": f"bEaReR {showroom.tokens[Role.VIEWER]}"}
    assert showroom.ask("GET", "devices", None, headers=headers).status_code == 200


def test_a_revoked_or_expired_token_opens_nothing(rooms: Rooms) -> None:
    made = rooms.ask("POST", "tokens", json={"name": "short", "role": "viewer", "days": 1})
    assert made.json is not None
    headers = {"Authorization": f"Bearer {made.json['token']}"}
    assert rooms.ask("GET", "devices", None, headers=headers).status_code == 200
    rooms.clock.move(days=2)
    assert rooms.ask("GET", "devices", None, headers=headers).status_code == 401
    viewer = next(each for each in rooms.get("tokens", q="viewer")["items"])
    assert rooms.ask("DELETE", f"tokens/{viewer['id']}").status_code == 204
    assert rooms.ask("GET", "devices", Role.VIEWER).status_code == 401


def test_a_browser_reads_with_its_cookie_and_changes_nothing_without_the_form_token(
    rooms: Rooms,
) -> None:
    secret, csrf = sign_in(rooms, must_change=False)
    client = rooms.app.test_client()
    client.set_cookie("bridgehead", secret)
    assert client.get("/api/v1/users").status_code == 200
    wish = {"name": "x", "role": "viewer"}
    refused = client.post("/api/v1/tokens", json=wish)
    assert (refused.status_code, refused.content_type) == (400, PROBLEM)
    foreign = {"X-CSRF-Token": csrf, "Origin": "https://evil.example"}
    assert client.post("/api/v1/tokens", json=wish, headers=foreign).status_code == 403
    taken = client.post("/api/v1/tokens", json=wish, headers={"X-CSRF-Token": csrf})
    assert taken.status_code == 201


def test_a_one_time_password_does_not_open_the_api(rooms: Rooms) -> None:
    secret, _ = sign_in(rooms, must_change=True)
    client = rooms.app.test_client()
    client.set_cookie("bridgehead", secret)
    answer = client.get("/api/v1/devices")
    assert (answer.status_code, answer.content_type) == (403, PROBLEM)


def sign_in(rooms: Rooms, *, must_change: bool) -> tuple[str, str]:
    with rooms.app.app_context():
        user, _ = access.create_user(rooms.runtime, "tester", "eve@example.com", Role.ADMINISTRATOR)
        with writing():
            db.session.get_one(User, user.id).must_change = must_change
        return access.start_session(rooms.runtime, user)


def test_the_document_and_its_viewer_are_for_everybody(showroom: Rooms) -> None:
    assert {path for path in OPEN if showroom.ask("GET", path[1:], None).status_code == 200} == OPEN
