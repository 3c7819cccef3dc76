"""The first run's page: whoever holds the one-time link makes the first administrator's account."""

from typing import Any

from flask import flash, redirect, request, url_for
from marshmallow import ValidationError, validates_schema

from plugin.blueprints.forms import Faults, Form, faults_in, text
from plugin.blueprints.guard import anyone, runtime, start_cookie
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, show
from plugin.domain.errors import RuleError
from plugin.services import access, setting_up
from plugin.services.setting_up import SetUpError

blueprint = new_blueprint("setting_up", __name__)


class SetUpForm(Form):
    """The form of the first administrator."""

    token = text(200)
    email = text(254, required="Enter your e-mail address.")
    new = text(1000, required="Choose a password.")
    again = text(1000, required="Enter the password once more.")

    @validates_schema
    def _same(self, given: dict[str, Any], **_: Any) -> None:
        if given.get("new") != given.get("again"):
            raise ValidationError("The two passwords differ.", "again")


@blueprint.get("/set-up")
@anyone(why="nobody has an account yet; the one-time link is asked for")
def start() -> Answer:
    """Show the form of the first administrator to whoever holds the link."""
    token = request.args.get("token", "")
    try:
        setting_up.check(runtime(), token)
    except SetUpError as error:
        return _refused(error)
    return _page(token, "", {})


@blueprint.post("/set-up")
@anyone(why="nobody has an account yet; the one-time link is asked for")
def finish() -> Answer:
    """Make the first administrator's account and sign in."""
    given, faults = SetUpForm.read(request.form)
    if faults:
        return _page(given["token"], given["email"], faults), 422
    try:
        user = setting_up.finish(runtime(), given["token"], given["email"], given["new"])
    except SetUpError as error:
        return _refused(error)
    except RuleError as error:
        return _page(given["token"], given["email"], faults_in(error)), 422
    secret, _csrf = access.start_session(runtime(), user, request.user_agent.string)
    flash("Your account is made. A second factor under Account makes it safer still.", "ok")
    answer = redirect(url_for("dashboard.home"), 303)
    start_cookie(answer, secret)
    return answer


def _refused(error: SetUpError) -> Answer:
    return show("set_up_refused.html", what=error.message, done=setting_up.is_done()), 403


def _page(token: str, email: str, faults: Faults) -> str:
    return show(
        "set_up.html", token=token, email=email, errors=faults, shortest=access.SHORTEST_PASSWORD
    )
