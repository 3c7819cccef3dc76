"""Reads requests strictly: what is odd in JSON or in the query is refused, never guessed."""

from typing import Any

from flask import Request
from marshmallow import RAISE, Schema
from webargs import missing
from webargs.flaskparser import FlaskParser, abort, is_json_request

from plugin.blueprints import strict_json
from plugin.blueprints.strict_json import JsonError


class StrictParser(FlaskParser):
    """Refuses unknown names everywhere, and JSON that two readers could read differently."""

    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "json": RAISE,
        "query": RAISE,
    }

    def _raw_load_json(self, req: Request) -> Any:  # noqa: ANN401 - JSON is anything
        body = req.get_data(cache=True)
        if not body:
            return missing
        if not is_json_request(req):
            abort(415)
        try:
            return strict_json.read(body)
        except JsonError as error:
            abort(400, messages={"json": {"": [f"The body {error}."]}})

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ANN401 - webargs' own
        """Give the body's values; only a schema that says so may go without a body."""
        said = super().load_json(req, schema)
        if said is missing and not getattr(schema, "may_be_left_out", False):
            abort(422, messages={"json": {"": ["A JSON body is needed, if only {}."]}})
        return said

    def load_querystring(self, req: Request, schema: Schema) -> Any:  # noqa: ANN401 - webargs' own
        """Give the query's values, each name at most once."""
        twice = sorted(name for name, values in req.args.lists() if len(values) > 1)
        if twice:
            abort(422, messages={"query": {name: ["Give it once."] for name in twice}})
        return super().load_querystring(req, schema)
