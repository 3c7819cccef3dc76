"""Accounts and API tokens: who may do what, for which companies, until when."""

from typing import Any

from flask import flash, request
from marshmallow import fields

from plugin.blueprints.forms import Faults, Form, faults_in, text
from plugin.blueprints.guard import allow, collections, person, runtime, scope
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.showing import Answer, ask, one, show, to
from plugin.domain.errors import RuleError
from plugin.domain.model import Companies
from plugin.services import access, accounts, lists, proven
from plugin.services.access import Role
from plugin.store.people import ApiToken, User

blueprint = new_blueprint("accounts", __name__)

DAYS = (30, 90, 180, 365)
"""How long a token may live; the API takes any number, and none."""


class AccountForm(Form):
    """The form of an account."""

    email = text(254)
    role = text(20)
    limited = text(10)
    companies = text(20_000)
    disabled = text(10)


class TokenForm(Form):
    """The form of a new token."""

    name = text(120, required="Give the token a name, such as the script that uses it.")
    role = text(20)
    scopes = text(2000)
    days = fields.String(load_default=str(DAYS[1]))
    limited = text(10)
    companies = text(20_000)


@blueprint.get("/accounts")
@allow(Role.ADMINISTRATOR)
def table() -> Answer:
    """List the accounts."""
    return _table({})


def _table(faults: Faults) -> str:
    asked = ask()
    return show(
        "accounts/table.html",
        listing=lists.users.page(runtime(), asked, scope()),
        ask=asked,
        roles=_roles(),
        first_role=proven.first_role().value,
        errors=faults,
    )


def _roles() -> list[tuple[str, str]]:
    return [(role.value, role.value.capitalize()) for role in Role]


def _role(given: dict[str, Any]) -> Role:
    if given["role"] not in set(Role):
        raise RuleError("role", "Choose a role.")
    return Role(given["role"])


def _limit(given: dict[str, Any]) -> Companies | None:
    return accounts.companies_by_name(given["companies"].splitlines()) if given["limited"] else None


@blueprint.post("/accounts/first-role")
@allow(Role.ADMINISTRATOR)
def first_role() -> Answer:
    """Choose the role of people whom a host or an identity provider proves."""
    try:
        proven.set_first_role(runtime(), person().name, _role({"role": request.form.get("role")}))
    except RuleError as error:
        return _table(faults_in(error)), 422
    flash("Saved. It holds for people who come in for the first time.", "ok")
    return to("accounts.table")


# -- one account ---------------------------------------------------------------------------------


@blueprint.get("/accounts/new")
@allow(Role.ADMINISTRATOR)
def new() -> Answer:
    """Show the form of a new account."""
    return _form(None, {"role": Role.VIEWER.value}, {})


@blueprint.post("/accounts/new")
@allow(Role.ADMINISTRATOR)
def create() -> Answer:
    """Make an account, and show its one-time password this once."""
    given, faults = AccountForm.read(request.form)
    if faults:
        return _form(None, given, faults), 422
    try:
        role, companies = _role(given), _limit(given)
        accounts.check_limit(role, companies)
        user, password = access.create_user(
            runtime(), person().name, given["email"], role, companies
        )
    except RuleError as error:
        return _form(None, given, faults_in(error)), 422
    return show("accounts/password.html", account=user, password=password)


@blueprint.get("/accounts/<int:user_id>")
@allow(Role.ADMINISTRATOR)
def account(user_id: int) -> Answer:
    """Show an account."""
    user = one(User, user_id)
    companies = accounts.companies_of(access.limit_of(user))
    given = {
        "email": user.email,
        "role": user.role,
        "limited": "" if companies is None else "1",
        "companies": "\n".join(dict.fromkeys(each.name for each in companies or ())),
        "disabled": "1" if user.disabled else "",
    }
    return _form(user, given, {})


@blueprint.post("/accounts/<int:user_id>")
@allow(Role.ADMINISTRATOR)
def change(user_id: int) -> Answer:
    """Change role and limits, or disable the account."""
    user = one(User, user_id)
    given, faults = AccountForm.read(request.form)
    try:
        accounts.change(
            runtime(),
            person().name,
            user,
            role=_role(given),
            companies=_limit(given),
            disabled=bool(given["disabled"]),
        )
    except RuleError as error:
        faults = faults_in(error)
    if faults:
        return _form(user, given, faults), 422
    flash(f"{user.email} was changed.", "ok")
    return to("accounts.table")


@blueprint.post("/accounts/<int:user_id>/password")
@allow(Role.ADMINISTRATOR)
def reset(user_id: int) -> Answer:
    """Give a local account a one-time password, shown this once."""
    user = one(User, user_id)
    password = accounts.reset_password(runtime(), person().name, user)
    return show("accounts/password.html", account=user, password=password)


def _form(user: User | None, given: dict[str, Any], faults: Faults) -> str:
    return show("accounts/form.html", account=user, given=given, errors=faults, roles=_roles())


# -- tokens --------------------------------------------------------------------------------------


@blueprint.get("/tokens")
@allow(Role.ADMINISTRATOR)
def tokens() -> Answer:
    """List the API tokens, with the form of a new one."""
    return _tokens({"role": Role.VIEWER.value, "days": str(DAYS[1])}, {})


@blueprint.post("/tokens")
@allow(Role.ADMINISTRATOR)
def create_token() -> Answer:
    """Make a token, and show it this once."""
    given, faults = TokenForm.read(request.form)
    if faults:
        return _tokens(given, faults), 422
    try:
        token = access.create_token(
            runtime(),
            person().name,
            given["name"],
            _role(given),
            int(given["days"]) if given["days"] in map(str, DAYS) else DAYS[0],
            scopes=accounts.scopes_of(given["scopes"].split(), collections()),
            companies=_limit(given),
        )
    except RuleError as error:
        return _tokens(given, faults_in(error)), 422
    return show("accounts/token.html", name=given["name"], token=token)


@blueprint.post("/tokens/<int:token_id>/revoke")
@allow(Role.ADMINISTRATOR)
def revoke(token_id: int) -> Answer:
    """Make a token worthless at once."""
    access.revoke_token(runtime(), one(ApiToken, token_id).id, person().name)
    flash("The token was revoked: it opens nothing any more.", "ok")
    return to("accounts.tokens")


def _tokens(given: dict[str, Any], faults: Faults) -> str:
    return show(
        "accounts/tokens.html",
        tokens=lists.tokens(),
        given=given,
        errors=faults,
        roles=_roles(),
        days=[(each, words.count(each, "day")) for each in DAYS],
        collections=sorted(collections()),
        now=runtime().now(),
    )
