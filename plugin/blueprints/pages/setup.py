"""The guided set-up: a page for each step, none of which has to be done in one go."""

from flask import abort, flash, request

from plugin.blueprints.forms import Faults, faults_in
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, show, to
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.integrations import Line
from plugin.services import connections, guided
from plugin.services.access import Role
from plugin.services.guided import Setup, Step
from plugin.store.integrations import Side

blueprint = new_blueprint("setup", __name__)

TITLES = {
    Step.ENVIRONMENT: "Server environment",
    Step.VENDOR: "Vendor sign-in",
    Step.WORKSPACES: "Workspaces",
    Step.ADMINISTRATORS: "Integration administrators",
    Step.HOST: "Host connection",
    Step.MAPPING: "Company mapping",
    Step.DRY_RUN: "First dry run",
}


@blueprint.get("/setup")
@allow(Role.ADMINISTRATOR)
def resume() -> Answer:
    """Go on where the set-up was left."""
    return to("setup.step", name=guided.look(runtime()).current or Step.DRY_RUN)


@blueprint.post("/setup")
@allow(Role.ADMINISTRATOR)
def begin() -> Answer:
    """Start Guided Setup, from the beginning when that is asked for."""
    guided.begin(runtime(), person().name, anew=request.form.get("anew") == "1")
    return to("setup.resume")


@blueprint.get("/setup/<name>")
@allow(Role.ADMINISTRATOR)
def step(name: str) -> Answer:
    """Show one step."""
    setup = guided.look(runtime())
    return _page(_reachable(setup, name), setup, {})


@blueprint.post("/setup/<name>")
@allow(Role.ADMINISTRATOR)
def take(name: str) -> Answer:
    """Take what was chosen in a step and go on to the next."""
    wanted = _reachable(guided.look(runtime()), name)
    lines: list[Line] = []
    try:
        lines = _take(wanted)
        faults = _of_lines(lines)
    except RuleError as error:
        faults = faults_in(error)
    except EdgeError as error:
        faults = {"administrators": [f"The vendor could not be asked: {error.message}."]}
    if faults:
        return _page(wanted, guided.look(runtime()), faults), 422
    if wanted is Step.DRY_RUN:
        flash(
            "The set-up is finished. Nothing is written to the host until you switch it on.", "ok"
        )
        return to("integrations.table")
    return to("setup.resume")


def _take(wanted: Step) -> list[Line]:
    who, form = person().name, request.form
    if wanted is Step.VENDOR:
        guided.choose_vendor(runtime(), who, _number(form.get("vendor")))
    elif wanted is Step.WORKSPACES:
        guided.choose_workspaces(runtime(), who, form.getlist("workspace"))
    elif wanted is Step.ADMINISTRATORS:
        return guided.choose_administrators(runtime(), who, form.get("administrators", "")[:20_000])
    elif wanted is Step.HOST:
        guided.choose_host(runtime(), who, _number(form.get("host")))
    else:
        guided.go_on(runtime(), who, wanted)
    return []


def _of_lines(lines: list[Line]) -> Faults:
    found = [each.fault for each in lines if each.fault]
    return {"administrators": found} if found else {}


def _number(typed: str | None) -> int:
    return int(typed) if typed and typed.isascii() and typed.isdecimal() and len(typed) < 16 else 0


def _reachable(setup: Setup, name: str) -> Step:
    """Return the step of this name; 404 for one that this vendor does not have."""
    return next((each.step for each in setup.steps if each.step == name), None) or abort(404)


def _page(wanted: Step, setup: Setup, faults: Faults) -> str:
    side = Side.HOST if wanted is Step.HOST else Side.VENDOR
    joined = setup.integration
    return show(
        "setup/step.html",
        step=wanted,
        setup=setup,
        titles=TITLES,
        kinds=(runtime().hosts if side is Side.HOST else runtime().vendors).values(),
        choices=connections.living(runtime(), side),
        adapters=runtime().adapters,
        effective=runtime().environment(),
        workspaces=guided.workspaces(setup) if wanted is Step.WORKSPACES else [],
        chosen=_chosen(setup),
        typed=request.form.get("administrators") or _typed(setup),
        result=guided.dry_run(runtime(), joined) if wanted is Step.DRY_RUN and joined else None,
        errors=faults,
    )


def _chosen(setup: Setup) -> set[str]:
    if setup.integration is not None:
        return {link.workspace_id for link in setup.integration.links}
    return set(setup.draft.workspaces)


def _typed(setup: Setup) -> str:
    return "\n".join(f"{email};{alias}" for email, alias in setup.draft.administrators)
