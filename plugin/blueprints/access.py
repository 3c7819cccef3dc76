"""Signing in and out, passwords, and where one is signed in."""

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from plugin.blueprints.forms import PasswordForm, SignInForm
from plugin.blueprints.guard import (
    allow,
    anyone,
    current_person,
    end_cookie,
    person,
    runtime,
    start_cookie,
)
from plugin.blueprints.guard import (
    blueprint as new_blueprint,
)
from plugin.domain.errors import RuleError
from plugin.services import access, lists, second_factor, sign_on
from plugin.services.access import CodeNeededError, Role
from plugin.store.base import db
from plugin.store.people import User, UserSession

blueprint = new_blueprint("access", __name__)
Answer = str | Response | tuple[str, int]


@blueprint.get("/sign-in")
@anyone(why="this is where people come in", in_frames=True)
def sign_in() -> str:
    """Show the sign-in form."""
    return sign_in_page(request.args.get("next", ""))


@blueprint.post("/sign-in")
@anyone(why="this is where people come in", in_frames=True)
def enter() -> Answer:
    """Check the password and start a session."""
    given, _ = SignInForm.read(request.form)
    try:
        secret, _csrf = access.sign_in(
            runtime(), given["email"], given["password"], request.user_agent.string
        )
    except CodeNeededError as needed:
        voucher = second_factor.challenge(runtime(), needed.user_id)
        return render_template(
            "sign_in_code.html", voucher=voucher, next=own_address(given["next"])
        )
    except RuleError as error:
        return sign_in_page(given["next"], given["email"], error.message), 422
    answer = redirect(own_address(given["next"]))
    start_cookie(answer, secret)
    return answer


def sign_in_page(target: str, email: str = "", error: str = "") -> str:
    """Show the sign-in form, with single sign-on where a provider is configured."""
    oidc = {"href": url_for("oidc.leave", next=own_address(target)), "label": "Single sign-on"}
    return render_template(
        "sign_in.html",
        action=url_for("access.enter"),
        next=own_address(target) if target else "",
        email=email,
        error=error,
        oidc=oidc if sign_on.is_on(runtime()) else None,
        window_href=url_for("access.sign_in", next=own_address(target)),
    )


def own_address(target: str) -> str:
    """Return ``target`` when it is a path of ours, else the start page.

    >>> own_address("/devices?q=x"), own_address("//evil.example"), own_address("https://evil")
    ('/devices?q=x', '/', '/')
    """
    odd = "\\" in target or not target.isprintable()
    return target if target.startswith("/") and not target.startswith("//") and not odd else "/"


@blueprint.post("/sign-out")
@anyone(why="ending a session needs no right", in_frames=True)
def sign_out() -> Response:
    """End this session at once."""
    answer = redirect(url_for("access.sign_in"))
    who = current_person()
    if who is not None and who.session_id is not None:
        access.end_session(runtime(), who.session_id, who.name)
    end_cookie(answer)
    return answer


@blueprint.get("/password")
@allow(Role.VIEWER, limited=True)
def password() -> str:
    """Show the form for a new password."""
    return _password_page({})


@blueprint.post("/password")
@allow(Role.VIEWER, limited=True)
def change_password() -> Answer:
    """Set a new password."""
    given, faults = PasswordForm.read(request.form)
    if not faults:
        try:
            access.change_password(
                runtime(), _user(), given["old"], given["new"], keep=person().session_id
            )
        except RuleError as error:
            faults = {error.field: [error.message]}
    if faults:
        return _password_page(faults), 422
    flash("Your password was changed. Sessions elsewhere have ended.", "ok")
    return redirect(url_for("dashboard.home"))


def _password_page(faults: dict[str, list[str]]) -> str:
    return render_template(
        "password.html",
        errors=faults,
        account=person().name,
        first=person().must_change,
        shortest=access.SHORTEST_PASSWORD,
    )


def _user() -> User:
    found = db.session.get(User, person().user_id or -1)
    return found or abort(403)


@blueprint.get("/sessions")
@allow(Role.VIEWER, limited=True)
def sessions() -> str:
    """Show where one is signed in; an administrator sees everybody."""
    mine = None if person().role.covers(Role.ADMINISTRATOR) else person().user_id or -1
    return render_template(
        "sessions.html", sessions=lists.sessions(runtime().now(), mine), own=person().session_id
    )


@blueprint.post("/sessions/<int:session_id>/end")
@allow(Role.VIEWER, limited=True)
def end(session_id: int) -> Response:
    """End a session: one's own, or anybody's for an administrator."""
    found = db.session.get(UserSession, session_id) or abort(404)
    if found.user_id != person().user_id and not person().role.covers(Role.ADMINISTRATOR):
        abort(404)
    access.end_session(runtime(), session_id, person().name)
    flash("The session was ended.", "ok")
    return redirect(url_for("access.sessions"))
