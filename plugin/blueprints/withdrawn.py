"""Keeps people out of integrations on which their rights were withdrawn."""

from flask import Flask, abort, request

from plugin.blueprints import strict_json
from plugin.blueprints.guard import current_person
from plugin.blueprints.strict_json import JsonError
from plugin.services import administrators
from plugin.store.base import db
from plugin.store.integrations import TicketRule

API_OF_ONE, API_OF_RULE = "/api/v1/integrations/", "/api/v1/rules/"
TEXT = "Your rights on this integration were withdrawn by one of its administrators."


def install(app: Flask) -> None:
    """Ask before every view that concerns one integration; install it after the guard."""
    app.before_request(_keep_out)


def _keep_out() -> None:
    who = current_person()
    if who is None or who.user_id is None:
        return
    named = _named()
    if named and named & administrators.kept_out_of(who.name):
        abort(403, TEXT)


def _named() -> set[int]:
    """Return the integrations that a request names: in its address, its query or its JSON."""
    given = request.view_args or {}
    body = _json() if request.is_json else None
    said: list[object] = [given.get("integration_id"), request.args.get("integration")]
    if request.path.startswith(API_OF_ONE):
        said.append(given.get("number"))
    if request.path.startswith(API_OF_RULE):
        said.append(_integration_of_rule(given.get("number")))
    if isinstance(body, dict):
        said.append(body.get("integration_id"))
    return {int(each) for each in map(str, said) if each.isdecimal()}


def _json() -> object:
    """Return what a request says; what cannot be read names nothing, and the view refuses it."""
    try:
        return strict_json.read(request.get_data())
    except JsonError:
        return None


def _integration_of_rule(number: int | None) -> int | None:
    rule = db.session.get(TicketRule, number) if number is not None else None
    return rule.integration_id if rule is not None else None
