"""Coming in, going out, passwords, sessions, form tokens and origins."""

import pytest
from flask import Flask
from werkzeug.routing import Rule

from plugin.blueprints import guard
from plugin.services import access
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.people import User
from tests.blueprints.pages.office import PASSWORD, Office, Visitor, sessions_of

EMAIL = "someone@example.com"
OF_EVERYBODY = ("access.", "second_factor.", "setting_up.", "oidc.")
"""Coming in, and what concerns one's own account."""


@pytest.fixture
def someone(empty_office: Office) -> Office:
    """Add an account with a password."""
    with writing() as session:
        session.add(
            User(
                email=EMAIL,
                role=Role.VIEWER,
                created_at=empty_office.house.runtime.now(),
                password_hash=access._hasher.hash(PASSWORD),
            )
        )
    return empty_office


def arrive(office: Office, **form: str) -> Visitor:
    """Open the sign-in page and take its form token, as a browser does."""
    visitor = office.stranger()
    shown = visitor.get("/sign-in").text
    visitor.token = shown.partition('name="csrf_token" value="')[2].partition('"')[0]
    return visitor


def test_a_person_signs_in_and_comes_where_he_wanted(someone: Office) -> None:
    visitor = arrive(someone)
    answer = visitor.post(
        "/sign-in", {"email": EMAIL, "password": PASSWORD, "next": "/devices?q=x"}
    )
    assert (answer.status_code, answer.location) == (302, "/devices?q=x")
    assert "Devices" in visitor.read("/devices")


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil", "javascript:1"]
)
def test_a_sign_in_leads_to_no_other_site(someone: Office, target: str) -> None:
    form = {"email": EMAIL, "password": PASSWORD, "next": target}
    assert arrive(someone).post("/sign-in", form).location == "/"


def test_a_wrong_password_says_so_and_keeps_the_address(someone: Office) -> None:
    answer = arrive(someone).post("/sign-in", {"email": EMAIL, "password": "wrong"})
    assert answer.status_code == 422
    assert "E-mail address or password is wrong." in answer.text
    assert f'value="{EMAIL}"' in answer.text


def test_the_sixth_guess_is_told_to_wait(someone: Office) -> None:
    visitor = arrive(someone)
    for _ in range(5):
        visitor.post("/sign-in", {"email": "guessed@example.com", "password": "x"})
    answer = visitor.post("/sign-in", {"email": "guessed@example.com", "password": "x"})
    assert "Too many failed tries" in answer.text


def test_the_session_of_a_visitor_is_not_the_session_after_sign_in(someone: Office) -> None:
    visitor = arrive(someone)
    visitor.client.set_cookie("bridgehead", "chosen-by-somebody-else")
    visitor.post("/sign-in", {"email": EMAIL, "password": PASSWORD})
    cookie = visitor.client.get_cookie("bridgehead")
    assert cookie is not None
    assert cookie.value != "chosen-by-somebody-else"


def test_a_copied_cookie_is_worthless_after_sign_out(empty_office: Office) -> None:
    visitor = empty_office.administrator
    cookie = visitor.client.get_cookie("bridgehead")
    assert cookie is not None
    assert visitor.post("/sign-out").location == "/sign-in"
    thief = empty_office.stranger()
    thief.client.set_cookie("bridgehead", cookie.value)
    assert thief.get("/").status_code == 302


def test_a_one_time_password_must_be_replaced_before_anything_else(empty_office: Office) -> None:
    new = empty_office.newcomer(Role.ADMINISTRATOR, "new@example.com", must_change=True)
    assert new.get("/devices").location == "/password"
    shown = new.read("/password")
    assert "Choose your password" in shown
    assert 'aria-label="Main"' not in shown


def test_a_new_password_ends_the_sessions_elsewhere(someone: Office) -> None:
    here, there = arrive(someone), arrive(someone)
    for each in (here, there):
        each.post("/sign-in", {"email": EMAIL, "password": PASSWORD})
    shown = here.read("/password")
    here.token = shown.partition('name="csrf_token" value="')[2].partition('"')[0]
    new = "another long password"
    answer = here.post("/password", {"old": PASSWORD, "new": new, "again": new})
    assert answer.status_code == 302
    assert "Your password was changed" in here.read("/")
    assert there.get("/").status_code == 302
    someone.fresh()
    assert sorted(each.ended_at is None for each in sessions_of(EMAIL)) == [False, True]


@pytest.mark.parametrize(
    ("form", "field", "says"),
    [
        ({}, "old", "Enter your present password."),
        ({"old": "x", "new": "a", "again": "b"}, "again", "The two new passwords differ."),
        (
            {"old": "wrong", "new": "a" * 20, "again": "a" * 20},
            "old",
            "The present password is wrong",
        ),
        ({"old": PASSWORD, "new": "short", "again": "short"}, "new", "at least 12 characters"),
    ],
)
def test_a_bad_new_password_is_explained_at_its_field(
    someone: Office, form: dict[str, str], field: str, says: str
) -> None:
    visitor = arrive(someone)
    visitor.post("/sign-in", {"email": EMAIL, "password": PASSWORD})
    visitor.token = sessions_of(EMAIL)[0].csrf
    answer = visitor.post("/password", form)
    assert answer.status_code == 422
    at_field = answer.text.partition(f'id="{field}-error"')[2].partition("</div>")[0]
    assert says in at_field
    assert PASSWORD not in answer.text


def test_people_end_their_own_sessions_and_administrators_anybodys(empty_office: Office) -> None:
    viewer, other = empty_office.viewer, empty_office.technician
    mine = sessions_of("viewer@example.com")[0].id
    assert other.post(f"/sessions/{mine}/end").status_code == 404
    assert "viewer@example.com" not in other.read("/sessions")
    assert empty_office.administrator.post(f"/sessions/{mine}/end").status_code == 302
    assert viewer.get("/").status_code == 302


def test_a_page_left_open_keeps_nobody_signed_in(empty_office: Office) -> None:
    viewer, minutes = empty_office.viewer, empty_office.house.runtime.settings.limits.access
    for _ in range(3):
        empty_office.house.clock.forward(minutes.idle_minutes * 60 * 0.4)
        answer = viewer.get("/dashboard/runs")
    assert answer.status_code == 302
    technician = empty_office.technician
    for _ in range(3):
        empty_office.house.clock.forward(minutes.idle_minutes * 60 * 0.4)
        assert technician.get("/devices").status_code == 200


# -- every form ----------------------------------------------------------------------------------


def changing(app: Flask) -> list[Rule]:
    """Return the routes of pages that take a POST."""
    rules = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    own = [
        rule
        for rule in rules
        if not rule.rule.startswith(("/api/", "/bridge/v1/", "/webhooks"))
        and not getattr(app.view_functions[rule.endpoint], "checks_itself", False)
    ]
    assert len(own) > 20
    return own


def path_of(rule: Rule) -> str:
    parts = rule.rule.split("/")
    return "/".join(
        ("1" if "int:" in part else "x") if part.startswith("<") else part for part in parts
    )


def test_no_form_is_taken_without_its_token(empty_office: Office) -> None:
    for rule in changing(empty_office.app):
        answer = empty_office.administrator.client.post(path_of(rule), data={"csrf_token": "wrong"})
        assert answer.status_code == 400, rule.rule
        assert "The form is out of date" in answer.text


def test_no_form_is_taken_from_another_site(empty_office: Office) -> None:
    for rule in changing(empty_office.app):
        answer = empty_office.administrator.post(
            path_of(rule), headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403, rule.rule


def test_a_stranger_and_a_viewer_change_nothing(empty_office: Office) -> None:
    stranger = arrive(empty_office)
    for rule in changing(empty_office.app):
        if rule.endpoint.startswith(OF_EVERYBODY) or rule.endpoint == "notifications.mark_read":
            continue
        assert stranger.post(path_of(rule)).status_code == 401, rule.rule
        assert empty_office.viewer.post(path_of(rule)).status_code == 403, rule.rule
    db.session.rollback()


def test_every_route_says_who_may_enter(empty_office: Office) -> None:
    assert guard.undeclared(empty_office.app) == []


def test_the_message_cookie_holds_no_session(empty_office: Office) -> None:
    visitor = empty_office.technician
    visitor.post("/sync")
    cookie = visitor.client.get_cookie("bridgehead-messages")
    assert cookie is not None
    assert cookie.http_only
    assert "There is nothing to synchronise yet" in visitor.read("/")
