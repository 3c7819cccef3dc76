"""The emulated PSA's answers and refusals, in the bodies that were seen in real traffic."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response

MODEL = "2025.8"
_MEDIA = f"application/vnd.connectwise.com+json; version={MODEL}; charset=utf-8"
NO_ENDPOINT = "The endpoint does not exist."


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of ``errors`` in a refusal: what is wrong with which field."""

    code: str
    field: str
    message: str


class RefusalError(Exception):
    """A request that is turned down; :meth:`response` is the answer."""

    def __init__(
        self, status: int, code: str, message: str, problems: tuple[Problem, ...] = ()
    ) -> None:
        """Keep the parts of the answer."""
        super().__init__(message)
        self.status, self.code, self.message, self.problems = status, code, message, problems
        self.resource = ""

    def response(self) -> Response:
        """Return the refusal as PSA words it."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.problems:
            body["errors"] = [
                {
                    "code": problem.code,
                    "message": problem.message,
                    "resource": self.resource,
                    "field": problem.field,
                }
                for problem in self.problems
            ]
        return Response(_json(body), self.status, mimetype="application/json")


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with ``value`` in the media type of the model version."""
    response = Response(_json(value), status, headers)
    response.headers["Content-Type"] = _MEDIA
    response.headers["api-current-version"] = MODEL
    return response


def nothing() -> Response:
    """Answer that something is gone."""
    return Response(status=204)


def invalid(entity: str, *problems: Problem) -> RefusalError:
    """Refuse a record with faults (400)."""
    refusal = RefusalError(400, "InvalidObject", f"{entity} object is invalid", problems)
    refusal.resource = entity
    return refusal


def missing_field(entity: str, field: str) -> RefusalError:
    """Refuse a record that lacks a required field."""
    return invalid(entity, Problem("MissingRequiredField", field, f"{field} is required."))


def bad_filter(text: str) -> RefusalError:
    """Refuse conditions that cannot be read."""
    return RefusalError(400, "InvalidObject", f"Conditions string is invalid: {text}")


def no_record(entity: str, number: int) -> RefusalError:
    """Refuse a request for a record that does not exist."""
    return RefusalError(404, "NotFound", f"{entity.capitalize()} {number} not found")


def no_endpoint() -> RefusalError:
    """Refuse an address that does not exist."""
    return RefusalError(404, "ConnectWiseApi", NO_ENDPOINT)


def not_converted(value: object, wanted: str, path: str) -> RefusalError:
    """Refuse a value of the wrong type, as the product's JSON reader does: with a 500."""
    text = f"Error converting value \"{value}\" to type '{wanted}'. Path '{path}', line 1."
    return RefusalError(500, "ConnectWiseApi", text)


def too_many(wait: int | None) -> Response:
    """Refuse because of the rate limit; note ``error`` where other refusals have ``code``."""
    text = f"Too many requests. Please try again in {wait or 30} seconds."
    headers = {"Retry-After": str(wait)} if wait else {}
    body = _json({"error": "ConnectWiseAPI", "message": text})
    return Response(body, 429, headers, mimetype="application/json")


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
