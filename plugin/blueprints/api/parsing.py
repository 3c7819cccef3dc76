"""Reads requests strictly: what is odd in JSON or in the query is refused, never guessed."""

import json
from typing import Any, Never

from flask import Request
from marshmallow import RAISE, Schema
from webargs import missing
from webargs.flaskparser import FlaskParser, abort, is_json_request


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
            return json.loads(body, object_pairs_hook=_once_each, parse_constant=_refuse_constant)
        except RecursionError:
            _refuse("The JSON is nested too deeply.")
        except ValueError:
            _refuse("This is not JSON.")

    def load_querystring(self, req: Request, schema: Schema) -> Any:  # noqa: ANN401 - webargs' own
        """Give the query's values, each name at most once."""
        twice = sorted(name for name, values in req.args.lists() if len(values) > 1)
        if twice:
            abort(422, messages={"query": {name: ["Give it once."] for name in twice}})
        return super().load_querystring(req, schema)


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _refuse("A name stands twice in one object.")
    return found


def _refuse_constant(name: str) -> Never:
    _refuse(f"{name} is not a number in JSON.")


def _refuse(reason: str) -> Never:
    abort(400, messages={"json": {"": [reason]}})
