"""The door of the bridge program: ``/bridge/v1/…``, for bridges' own credentials alone."""

from typing import Any

from flask import Response, g, jsonify, request

from plugin.blueprints import strict_json
from plugin.blueprints.guard import anyone, bridges_only, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.strict_json import JsonError
from plugin.domain.errors import RuleError
from plugin.services.bridges import history, leases, registry, tasks
from plugin.services.bridges.tasks import LateError
from plugin.store.bridges import Bridge

blueprint = new_blueprint("bridge", __name__, url_prefix="/bridge/v1")

MANY = 50
"""Bridges to which one question a second each is no load."""


@blueprint.errorhandler(RuleError)
def _refuse(error: RuleError) -> tuple[Response, int]:
    """Say what is wrong with what a bridge sent."""
    status = 409 if isinstance(error, LateError) else 422
    return jsonify(field=error.field, problem=error.message), status


@blueprint.errorhandler(registry.StrangerError)
def _turn_away(error: registry.StrangerError) -> tuple[Response, int]:
    return jsonify(problem=error.message), 401


@blueprint.before_request
def _allow_long_pages() -> None:
    request.max_content_length = runtime().settings.limits.bridges.page_bytes


@blueprint.post("/enrol")
@anyone(why="a one-time token proves the bridge", checks_itself=True)
def enrol() -> Response:
    """Trade a one-time token for a secret."""
    bridge, secret = registry.enrol(runtime(), _text("token"), _text("version"))
    return jsonify(bridge=bridge.id, secret=secret, beat=runtime().settings.bridge_beat)


@blueprint.post("/beat")
@bridges_only()
def beat() -> Response:
    """Hear a sign of life."""
    if registry.beat(runtime(), _bridge(), _text("version")):
        leases.keep(runtime())
    return jsonify(beat=runtime().settings.bridge_beat)


@blueprint.post("/lease")
@bridges_only()
def lease() -> Response:
    """Hand out work."""
    holding = _said().get("holding")
    if not isinstance(holding, list) or not all(type(each) is int for each in holding):
        raise RuleError("holding", "holding must be a list of task numbers.")
    handed = tasks.take(runtime(), _bridge(), holding[:1000], min(_number("limit"), 10))
    return jsonify(tasks=handed, again=max(1.0, len(history.living()) / MANY))


@blueprint.post("/tasks/<int:task_id>/pages/<int:number>")
@bridges_only()
def page(task_id: int, number: int) -> Response:
    """Take in one page of a walk."""
    said = _said()
    tasks.accept(_bridge(), task_id, _number("fence"), number, _text("part"), said.get("page"))
    return jsonify(taken=number)


@blueprint.post("/tasks/<int:task_id>/done")
@bridges_only()
def done(task_id: int) -> Response:
    """Take in the end of a walk."""
    said = _said()
    seconds = said.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e6:
        raise RuleError("seconds", "seconds must be a number, 0 or more.")
    calls = _number("calls") if "calls" in said else 0  # an older program does not count them
    tasks.acknowledge(
        runtime(),
        _bridge(),
        task_id,
        _number("fence"),
        tasks.Ending(_number("pages"), float(seconds), said.get("error"), calls),
    )
    return jsonify(done=task_id)


def _bridge() -> Bridge:
    found: Bridge = g.bridge
    return found


def _said() -> dict[str, Any]:
    try:
        said = strict_json.read(request.get_data())
    except JsonError as error:
        raise RuleError("body", f"The body {error}.") from None
    if not isinstance(said, dict):
        raise RuleError("body", "The body must be a JSON object.")
    return said


def _text(name: str) -> str:
    value = _said().get(name)
    if not isinstance(value, str) or not value.isprintable():
        raise RuleError(name, f"{name} must be a text of printable characters.")
    return value


def _number(name: str) -> int:
    value = _said().get(name)
    if type(value) is not int or not 0 <= value < 2**62:
        raise RuleError(name, f"{name} must be a whole number, 0 or more.")
    return value
