"""The OpenAPI document, made from the schemas, and the page that shows it."""

import threading
from collections import deque
from http import HTTPStatus
from typing import Any

from flask import Blueprint as PlainBlueprint
from flask import Flask, Response, current_app, json, render_template
from flask_smorest import Api, Blueprint

from plugin import __version__
from plugin.blueprints.api.doors import PREFIX
from plugin.blueprints.api.problems import PROBLEM, ProblemSchema, install, install_on
from plugin.blueprints.guard import anyone

_ABOUT = """\
Everything the pages can do. Send an API token as `Authorization: Bearer bh_…`; an administrator
makes one under Settings or with `bridgehead token create`.

Lists take `page`, `page_size`, `sort` (a minus in front sorts downwards), `q` and filters. Names
that are not in this document are refused, so that a misspelt filter does not go unnoticed.
Failures are `application/problem+json` with `title`, `detail`, `errors` by field and `request_id`.
"""
_VIEWER = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'"
)
"""The viewer draws itself with inline styles; scripts come from us alone here too."""


class BridgeheadApi(Api):  # type: ignore[misc]
    """Smorest's Api with problems for errors, on our paths only.

    It describes itself when it is first asked to: a tenth of a process' start otherwise.
    """

    ERROR_SCHEMA = ProblemSchema

    def __init__(self, app: Flask) -> None:
        """Start with nothing to describe."""
        self._undescribed: deque[Blueprint] = deque()
        self._describing = threading.Lock()
        self._failures_untold = True
        super().__init__(app)

    def register_blueprint(self, blueprint: Blueprint) -> None:
        """Serve the routes of ``blueprint``; they are described later."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = self
        self._app.register_blueprint(blueprint)
        self._undescribed.append(blueprint)

    def description(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        with self._describing:
            if self._failures_untold:
                self._describe_failures()
                self._failures_untold = False
            while self._undescribed:
                blueprint = self._undescribed.popleft()
                name, about = blueprint.name, blueprint.description
                blueprint.register_views_in_doc(
                    self, self._app, self.spec, name=name, parameters=None
                )
                self.spec.tag({"name": name, "description": about})
            described: dict[str, Any] = self.spec.to_dict()
            return described

    def _register_error_handlers(self) -> None:
        """Leave the pages' errors to the pages."""
        install(self._app)

    def _register_responses(self) -> None:
        """Leave the failures to the first description."""

    def _describe_failures(self) -> None:
        """Describe every failure as what it is: a problem."""
        content = {PROBLEM: {"schema": self.ERROR_SCHEMA}}
        failures = {each.name: each.phrase for each in HTTPStatus if each >= 400}
        for name, phrase in {**failures, "DEFAULT_ERROR": "Any other failure"}.items():
            response = {"description": phrase, "content": content}
            self.spec.components.response(name, response, lazy=True)


def make_api(app: Flask) -> BridgeheadApi:
    """Make the API of one application (an Api cannot serve two)."""
    app.config.update(
        API_TITLE="Bridgehead",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {"description": _ABOUT, "license": {"name": "Apache-2.0"}},
            "security": [{"token": []}],
        },
    )
    api = BridgeheadApi(app)
    scheme = {"type": "http", "scheme": "bearer"}
    api.spec.components.security_scheme("token", scheme)
    app.extensions["bridgehead-api"] = api
    return api


door = PlainBlueprint("api-document", __name__, url_prefix=PREFIX)
install_on(door)


@door.get("/openapi.json")
@anyone(why="the shape of the API is published with the program")
def document() -> Response:
    """Answer the OpenAPI document."""
    api: BridgeheadApi = current_app.extensions["bridgehead-api"]
    return Response(json.dumps(api.description()), content_type="application/json")


@door.get("/docs")
@anyone(why="the viewer shows the document and nothing else")
def viewer() -> str:
    """Show the document."""
    return render_template("api/viewer.html")


viewer.content_policy = _VIEWER  # type: ignore[attr-defined]
