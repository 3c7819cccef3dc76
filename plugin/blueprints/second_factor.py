"""The second factor: setting it up, typing it in at the sign-in, taking it off."""

import segno
from flask import abort, flash, redirect, request

from plugin.blueprints.access import own_address
from plugin.blueprints.forms import Faults, Form, faults_in, text
from plugin.blueprints.guard import allow, anyone, person, runtime, start_cookie
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, one, show, to
from plugin.domain.errors import RuleError
from plugin.services import access, second_factor
from plugin.services.access import Role
from plugin.services.guessing import SignInError
from plugin.services.second_factor import Offer
from plugin.store.base import db
from plugin.store.people import User

blueprint = new_blueprint("second_factor", __name__)


class CodeForm(Form):
    """A form that asks for a code."""

    code = text(60)
    voucher = text(1000)
    next = text(2000)


@blueprint.post("/sign-in/code")
@anyone(why="the second half of coming in", in_frames=True)
def enter() -> Answer:
    """Check the code and start a session."""
    given, _ = CodeForm.read(request.form)
    try:
        user = second_factor.answer(runtime(), given["voucher"], given["code"])
    except SignInError as error:
        return code_page(given["voucher"], given["next"], error.message), 422
    secret, _csrf = access.start_session(runtime(), user, request.user_agent.string)
    answer = redirect(own_address(given["next"]))
    start_cookie(answer, secret)
    return answer


def code_page(voucher: str, target: str, error: str = "") -> str:
    """Show the form that asks for the code; the password was right."""
    return show("sign_in_code.html", voucher=voucher, next=own_address(target), error=error)


@blueprint.get("/second-factor")
@allow(Role.VIEWER, limited=True)
def page() -> Answer:
    """Show the second factor of one's own account, or a picture to set one up."""
    user = _user()
    if user.totp_sealed or user.identity is not None:
        return _page(user, None, {})
    return _page(user, second_factor.offer(runtime(), user), {})


@blueprint.post("/second-factor")
@allow(Role.VIEWER, limited=True)
def turn_on() -> Answer:
    """Put the second factor in force, and show the recovery codes this once."""
    user, (given, _) = _user(), CodeForm.read(request.form)
    try:
        taken = second_factor.offered(runtime(), user, given["voucher"])
    except RuleError as error:
        return _page(user, second_factor.offer(runtime(), user), faults_in(error)), 422
    try:
        codes = second_factor.turn_on(runtime(), user, taken, given["code"])
    except RuleError as error:
        return _page(user, taken, faults_in(error)), 422
    return show("second_factor_codes.html", codes=codes)


@blueprint.post("/second-factor/off")
@allow(Role.VIEWER, limited=True)
def turn_off() -> Answer:
    """Take one's own second factor off, proven by a code of it."""
    user, (given, _) = _user(), CodeForm.read(request.form)
    try:
        second_factor.check(runtime(), user, given["code"])
    except SignInError as error:
        return _page(user, None, {"code": [error.message]}), 422
    second_factor.turn_off(runtime(), person().name, user)
    flash("Your second factor was taken off. Your password alone lets you in now.", "warning")
    return to("second_factor.page")


@blueprint.post("/accounts/<int:user_id>/second-factor/off")
@allow(Role.ADMINISTRATOR)
def take_off(user_id: int) -> Answer:
    """Take the second factor off an account whose owner lost it."""
    user = one(User, user_id)
    second_factor.turn_off(runtime(), person().name, user)
    flash(f"The second factor of {user.email} was taken off.", "warning")
    return to("accounts.account", user_id=user_id)


def _user() -> User:
    found = db.session.get(User, person().user_id or -1)
    return found or abort(403)


def _page(user: User, offer: Offer | None, faults: Faults) -> str:
    picture = _picture(offer.address) if offer else ""
    return show("second_factor.html", account=user, offer=offer, picture=picture, errors=faults)


def _picture(address: str) -> str:
    """Draw an address as an app reads it, without any other server's help."""
    return segno.make(address).svg_data_uri(scale=5, dark="#000", light="#fff")
