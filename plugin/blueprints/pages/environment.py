"""The environment page: whose servers are used, who says so, and how to change it."""

from flask import abort, flash, request

from plugin.blueprints.forms import Faults
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, show, to
from plugin.blueprints.pages.words import count
from plugin.domain.errors import RuleError
from plugin.services import environments, lists
from plugin.services.access import Role
from plugin.settings import Environment

blueprint = new_blueprint("environment", __name__)


@blueprint.get("/environment", endpoint="show")
@allow(Role.ADMINISTRATOR)
def show_page() -> str:
    """Show the environment that holds, its source, and what belongs to each."""
    effective = runtime().environment()
    return show(
        "environment/show.html",
        effective=effective,
        environments=list(Environment),
        counts=lists.connections_by_environment(),
        kinds=[each for each in runtime().adapters.values() if each.environments],
        addresses=runtime().settings.addresses_of,
        connections=environments.connections_of(effective.value),
    )


@blueprint.get("/environment/<target>")
@allow(Role.ADMINISTRATOR)
def confirm(target: str) -> str:
    """Show what a change would mean."""
    return _confirm_page(_known(target), {})


@blueprint.post("/environment/<target>")
@allow(Role.ADMINISTRATOR)
def pick(target: str) -> Answer:
    """Change the environment after its name was typed in."""
    wanted = _known(target)
    try:
        environments.pick(runtime(), person().name, wanted, request.form.get("typed", ""))
    except RuleError as error:
        return _confirm_page(wanted, {"typed": [error.message]}), 422
    flash(f"The {wanted.value} servers are used now. Their connections are being checked.", "ok")
    return to("environment.show")


def _known(target: str) -> Environment:
    try:
        return Environment(target)
    except ValueError:
        abort(404)


def _confirm_page(target: Environment, faults: Faults) -> str:
    return show(
        "environment/confirm.html",
        target=target,
        effective=runtime().environment(),
        consequences=_told(environments.consequences(runtime(), target)),
        errors=faults,
    )


def _told(found: environments.Consequences) -> list[str]:
    """Return what would happen, a sentence each."""
    told = [f"{name} sleeps: nothing is fetched or written through it." for name in found.sleeping]
    told += [f"{name} wakes, goes on where it stopped, and is checked." for name in found.waking]
    if found.integrations:
        told.append(f"{count(found.integrations, 'integration')} of these wait as they are.")
    if found.jobs_waiting:
        told.append(f"{count(found.jobs_waiting, 'job')} wait until you switch back.")
    told.append(f"{count(found.unaffected, 'connection')} without such servers go on working.")
    if found.target is not Environment.PRODUCTION:
        told.append("Every page and every ticket made meanwhile is marked; nothing is billed.")
    return told
