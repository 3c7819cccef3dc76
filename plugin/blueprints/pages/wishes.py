"""Actions on many devices: chosen, confirmed with everything they are about, followed."""

import secrets
from collections.abc import Mapping

from flask import abort, flash, request
from werkzeug.datastructures import MultiDict

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, ask, fragment, one, show, to
from plugin.domain.errors import RuleError
from plugin.domain.model import ActionKind
from plugin.services import action_plans, deploying, lists, wishes
from plugin.services.access import Role
from plugin.services.action_plans import Plan, Reach, Target
from plugin.store.actions import ActionWish
from plugin.store.integrations import Connection

blueprint = new_blueprint("wishes", __name__)

MOST_SHOWN = 100
MOST_PICKED = 1000
_LONGEST = 20 * MOST_PICKED


@blueprint.get("/actions")
@allow(Role.VIEWER)
def table() -> Answer:
    """List what was asked for on several devices."""
    asked = ask()
    listing = lists.wishes.page(runtime(), asked, scope())
    return show("wishes/table.html", listing=listing, ask=asked, state_of=wishes.state_of)


@blueprint.get("/actions/new")
@allow(Role.TECHNICIAN, limited=True)
def new() -> Answer:
    """Offer what can be done on the chosen devices, or ask once more before one thing is done."""
    target = _target(request.args)
    if target == Target():
        flash("Nothing was ticked. Tick the devices first.", "warning")
        return to("devices.table")
    here = _reach(target)
    word = request.args.get("kind", "")
    if not word:
        return show(
            "wishes/choose.html",
            here=here,
            plans=action_plans.offered(runtime(), here),
            sent=_sent(target),
            deploys=[each for each in here.workspaces if deploying.maker_of(runtime(), each)],
        )
    return _confirm(here, target, _plan(here, word))


@blueprint.post("/actions")
@allow(Role.TECHNICIAN, limited=True)
def create() -> Answer:
    """Have done what was confirmed; the same form sent twice does it once."""
    form, who = request.form, person().name
    token = form.get("token", "")[:64]
    here = _reach(target := _target(form))
    made = _plan(here, form.get("kind", ""))
    try:
        wish = wishes.asked(who, token) if token else None
        if wish is None:
            if not token or form.get("seal") != made.seal:
                text = "What this is about has changed meanwhile. Look at it once more."
                return _confirm(here, target, made, text), 409
            wish = wishes.ask(runtime(), who, made, token)
    except RuleError as error:
        return _confirm(here, target, made, error.message), 422
    return to("wishes.wish", wish_id=wish.id)


@blueprint.get("/actions/<int:wish_id>")
@allow(Role.VIEWER, limited=True)
def wish(wish_id: int) -> Answer:
    """Show how far a wish is."""
    return show("wishes/one.html", **_progress(wish_id))


@blueprint.get("/actions/<int:wish_id>/progress")
@allow(Role.VIEWER, limited=True, polled=True)
def progress(wish_id: int) -> Answer:
    """Show how far a wish is, for the part of the page that keeps itself fresh."""
    return fragment("wishes/_progress.html", **_progress(wish_id))


def _progress(wish_id: int) -> dict[str, object]:
    row = one(ActionWish, wish_id)
    if not wishes.shown(scope(), row):
        abort(404)
    line = lists.wishes.lines([row.id])[row.id]
    return {
        "wish": row,
        "counts": line.counts,
        "state": wishes.state_of(line.counts),
        "actions": wishes.actions_of(row, MOST_SHOWN),
    }


# -- what is meant -------------------------------------------------------------------------------


def _target(given: MultiDict[str, str]) -> Target:
    """Return what is pointed at; ``device`` may come several times or joined by commas."""
    joined = ",".join(given.getlist("device"))[:_LONGEST]
    numbers = tuple(number for each in joined.split(",") if (number := _number(each)))
    if numbers:
        return Target(devices=tuple(dict.fromkeys(numbers))[:MOST_PICKED])
    if workspace := _number(given.get("workspace", "")):
        return Target(workspace=workspace)
    return Target(company=_number(given.get("company", "")))


def _number(given: str) -> int:
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else 0


def _sent(target: Target) -> Mapping[str, object]:
    """Return the target as a form or an address sends it."""
    if target.devices:
        return {"device": ",".join(map(str, target.devices))}
    if target.workspace:
        return {"workspace": target.workspace}
    return {"company": target.company}


def _reach(target: Target) -> Reach:
    return action_plans.reach(scope(), target) or abort(404)


def _plan(here: Reach, word: str) -> Plan:
    kind = ActionKind(word) if word in set(ActionKind) else abort(404)
    return action_plans.plan(runtime(), here, kind)


def _confirm(here: Reach, target: Target, made: Plan, problem: str = "") -> str:
    title, does = words.ACTION_ON_MANY[made.kind.value]
    vendors = [(one(Connection, number), count) for number, count in made.by_vendor()]
    return show(
        "wishes/confirm.html",
        here=here,
        plan=made,
        title=title,
        does=does,
        vendors=vendors,
        problem=problem,
        back=_sent(target),
        sent={
            **_sent(target),
            "kind": made.kind.value,
            "seal": made.seal,
            "token": secrets.token_urlsafe(24),
        },
    )
