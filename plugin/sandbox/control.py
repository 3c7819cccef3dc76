"""The sandbox's control calls, and a page with buttons for them. On loopback only."""

from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from plugin.edge.faults import GENERIC
from plugin.sandbox.server import Sandbox

HAPPENINGS = (
    "detection device-status device-added seat-change ticket-closed company-renamed "
    "computer-offline role-gained role-lost agreement-ended"
).split()
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}


def control_app(sandbox: Sandbox) -> Flask:
    """Return the WSGI application that steers ``sandbox``."""
    app = Flask("plugin.sandbox", template_folder="templates", static_folder=None)

    @app.before_request
    def only_from_here() -> tuple[Response, int] | None:
        # A web page elsewhere must not steer us by a name that resolves to this computer.
        host = request.host.rpartition(":")[0] or request.host
        origin = request.headers.get("Origin")
        if host not in LOOPBACK or origin not in {None, f"http://{request.host}"}:
            return jsonify(error="the sandbox is steered from this computer only"), 403
        return None

    @app.errorhandler(ValueError)
    @app.errorhandler(KeyError)
    @app.errorhandler(TypeError)
    def bad_call(error: Exception) -> tuple[Response, int]:
        return jsonify(error=str(error).strip("'")), 400

    @app.errorhandler(HTTPException)
    def bad_address(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500

    @app.get("/")
    def page() -> str:
        shown = [
            {
                "kind": kind,
                "title": emulator.title,
                "origin": emulator.origin,
                "settings": emulator.connection_settings(),
                "breaches": emulator.breach_count,
                "requests": emulator.request_count,
                "faults": (*GENERIC, *emulator.own_faults),
            }
            for kind, emulator in sandbox.emulators.items()
        ]
        return render_template("sandbox.html", emulators=shown, happenings=HAPPENINGS)

    @app.get("/state")
    def state() -> Response:
        return jsonify(sandbox.state())

    @app.post("/reset")
    def reset() -> Response:
        given = _given()
        return jsonify(sandbox.reset(given.get("size", "small"), int(given.get("seed", 2026))))

    @app.post("/happen")
    def happen() -> Response:
        given = _given()
        return jsonify(sandbox.happen(str(given.pop("what")), given))

    @app.post("/fault")
    def fault() -> Response:
        given = _given()
        sandbox.fault(
            str(given["where"]),
            str(given["kind"]),
            int(given.get("times", 1)),
            str(given.get("path", "")),
            float(given.get("seconds", 3.0)),
        )
        return jsonify(waiting=True)

    @app.post("/clock")
    def clock() -> Response:
        now = datetime.fromisoformat(str(_given()["now"]))
        sandbox.clock.move(now if now.tzinfo else now.replace(tzinfo=UTC))
        return jsonify(now=sandbox.clock().isoformat())

    return app


def _given() -> dict[str, Any]:
    if request.is_json:
        given = request.get_json()
        if not isinstance(given, dict):
            raise ValueError("send a JSON object")
        return given
    return {name: value for name, value in request.form.items() if value}
