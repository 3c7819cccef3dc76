"""Accounts, tokens and the second factor on their pages."""

import html
import re

import pyotp
import pytest
from sqlalchemy import select

from plugin.services import access, second_factor
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.people import ApiToken, User
from tests.blueprints.pages.office import PASSWORD, Office, sessions_of
from tests.blueprints.pages.test_access import arrive


def account(office: Office, email: str) -> User:
    office.fresh()
    return db.session.scalars(select(User).where(User.email == email)).one()


def test_an_account_is_made_limited_disabled_and_its_password_shown_once(office: Office) -> None:
    admin = office.administrator
    name = re.findall(r"<option>([^<]+)", admin.read("/devices")) or ["Northwind Dental GmbH"]
    company = html.unescape(name[0])
    form = {"email": "New@msp.example", "role": "technician"}
    made = admin.post("/accounts/new", form)
    password = re.findall(r"<code>([a-z0-9-]{23})</code>", made.text)[0]
    assert password not in admin.read("/accounts")
    user = account(office, "new@msp.example")
    assert access.sign_in(office.house.runtime, "new@msp.example", password)
    path = f"/accounts/{user.id}"
    wrong = {"role": "viewer", "limited": "1", "companies": f"{company}\nNobody Ltd"}
    assert "Line 2: no host has a company “Nobody Ltd”." in admin.post(path, wrong).text
    right = {"role": "viewer", "limited": "1", "companies": company, "disabled": "1"}
    assert admin.post(path, right).status_code == 303
    assert company in html.unescape(admin.read(path))
    user = account(office, "new@msp.example")
    assert (user.role, user.disabled, bool(user.companies)) == ("viewer", True, True)
    assert all(each.ended_at for each in sessions_of("new@msp.example"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"role": "viewer"}, "At least one account must stay an active administrator."),
        ({"role": "administrator", "disabled": "1"}, "At least one account must stay"),
        ({"role": "administrator", "limited": "1"}, "An administrator cannot be limited"),
        ({"role": "king"}, "Choose a role."),
    ],
)
def test_nobody_locks_everybody_out(
    empty_office: Office, change: dict[str, str], says: str
) -> None:
    admin = empty_office.administrator
    user = account(empty_office, "administrator@example.com")
    answer = admin.post(f"/accounts/{user.id}", change)
    assert (answer.status_code, says in answer.text) == (422, True)
    user = account(empty_office, "administrator@example.com")
    assert (user.role, user.disabled) == ("administrator", False)


def test_a_token_is_made_with_scopes_shown_once_and_revoked(empty_office: Office) -> None:
    admin = empty_office.administrator
    wrong = admin.post("/tokens", {"name": "n", "role": "viewer", "scopes": "everything:read"})
    assert "everything:read is no scope" in wrong.text
    made = admin.post("/tokens", {"name": "n", "role": "viewer", "scopes": "devices:read"})
    token = re.findall(r"<code>(bh_[A-Za-z0-9_-]+)</code>", made.text)[0]
    assert token not in admin.read("/tokens")
    mine = {"Authorization": f"Bearer {token}"}
    visitor = empty_office.stranger()
    assert visitor.get("/api/v1/devices", headers=mine).status_code == 200
    refused = visitor.get("/api/v1/tickets", headers=mine)
    assert (refused.status_code, "scopes of this token" in refused.text) == (403, True)
    assert visitor.get("/devices", headers=mine).status_code == 302
    row = db.session.scalars(select(ApiToken)).one()
    assert row.expires_at is not None
    assert admin.post(f"/tokens/{row.id}/revoke").status_code == 303
    assert visitor.get("/api/v1/devices", headers=mine).status_code == 401


def test_the_first_role_of_proven_people_is_chosen_and_never_administrator(
    empty_office: Office,
) -> None:
    admin = empty_office.administrator
    assert admin.post("/accounts/first-role", {"role": "technician"}).status_code == 303
    assert 'value="technician" selected' in admin.read("/accounts")
    refused = admin.post("/accounts/first-role", {"role": "administrator"})
    assert "Nobody becomes an administrator" in refused.text


def test_a_second_factor_is_set_up_asked_for_and_taken_off(empty_office: Office) -> None:
    office, clock = empty_office, empty_office.house.clock
    user, _ = access.create_user(office.house.runtime, "t", "ann@msp.example", Role.VIEWER)
    with writing():
        user.password_hash, user.must_change = access.hashed(PASSWORD), False
    visitor = arrive(office)
    form = {"email": "ann@msp.example", "password": PASSWORD, "next": "/devices"}
    visitor.post("/sign-in", form)
    shown = visitor.read("/second-factor")
    assert "data:image/svg+xml" in shown
    assert ">ann@msp.example</strong>" in shown  # the frame of the page still knows who is there
    visitor.token = value_of(shown, "csrf_token")
    offer = {"voucher": value_of(shown, "voucher")}
    totp = pyotp.TOTP(re.findall(r"<code>([A-Z2-7]{32})</code>", shown)[0])
    assert "does not fit" in visitor.post("/second-factor", {**offer, "code": "1"}).text
    codes = visitor.post("/second-factor", {**offer, "code": totp.at(clock())})
    recovery = re.findall(r"<code>([a-z0-9-]{14})</code>", codes.text)
    assert len(recovery) == 10
    clock.forward(60)

    again = arrive(office)
    asked = again.post("/sign-in", form)
    assert again.get("/devices").status_code == 302  # the password alone is not enough
    voucher = value_of(asked.text, "voucher")
    wrong = again.post("/sign-in/code", {"voucher": voucher, "code": "000000"})
    assert (wrong.status_code, "This code is wrong" in wrong.text) == (422, True)
    good = {"voucher": voucher, "code": totp.at(clock()), "next": "/devices"}
    assert again.post("/sign-in/code", good).location == "/devices"
    again.token = value_of(again.read("/second-factor"), "csrf_token")
    assert "10 recovery codes" in again.read("/second-factor")
    assert again.post("/second-factor/off", {"code": "1"}).status_code == 422
    assert again.post("/second-factor/off", {"code": recovery[0]}).status_code == 303
    assert arrive(office).post("/sign-in", form).location == "/devices"


def test_an_administrator_takes_a_lost_second_factor_off(empty_office: Office) -> None:
    user, _ = access.create_user(empty_office.house.runtime, "t", "bob@msp.example", Role.VIEWER)
    offer = second_factor.offer(empty_office.house.runtime, user)
    code = pyotp.TOTP(offer.secret).at(empty_office.house.clock())
    second_factor.turn_on(empty_office.house.runtime, user, offer, code)
    admin = empty_office.administrator
    assert "Take the second factor off" in admin.read(f"/accounts/{user.id}")
    assert admin.post(f"/accounts/{user.id}/second-factor/off").status_code == 303
    assert account(empty_office, "bob@msp.example").totp_sealed == ""
    reset = admin.post(f"/accounts/{user.id}/password")
    assert "This is shown once" in reset.text


def value_of(page: str, name: str) -> str:
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]
