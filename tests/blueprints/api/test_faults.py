"""What is odd is refused in one shape, and nothing is ever answered with a trace."""

from typing import Any

import pytest
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.test import TestResponse

from plugin.domain.errors import (
    AnswerError,
    BusyError,
    ConflictError,
    FormError,
    MissingError,
    PluginError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.services import lists
from tests.blueprints.api.rooms import Rooms

PROBLEM = "application/problem+json"
JSON = {"Content-Type": "application/json"}


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.content_type) == (status, PROBLEM), answer.text
    told: dict[str, Any] = answer.get_json(force=True)
    assert {"title", "detail", "errors", "request_id"} <= set(told)
    assert told["status"] == status
    assert len(told["request_id"]) >= 16
    return told


def send(rooms: Rooms, body: bytes, **headers: str) -> TestResponse:
    return rooms.ask("POST", "tokens", data=body, headers=JSON | headers)


# -- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"page": "0"}, "page"),
        ({"page": "x"}, "page"),
        ({"page": "1.0"}, "page"),
        ({"page": "٣"}, "page"),
        ({"page": "9" * 5000}, "page"),
        ({"page_size": "201"}, "page_size"),
        ({"sort": "password"}, "sort"),
        ({"sort": "-"}, "sort"),
        ({"q": "\0"}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"protection": "fine"}, "protection"),
        ({"workspace": "w1"}, "workspace"),
        ({"colour": "red"}, "colour"),
        ({"page": ["1", "2"]}, "page"),
    ],
)
def test_an_odd_query_is_refused_at_its_name(
    showroom: Rooms, query: dict[str, Any], field: str
) -> None:
    told = problem(showroom.ask("GET", "devices", query_string=query), 422)
    assert list(told["errors"]) == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"name": "a", "role": "viewer", "admin": true}', "admin"),
        (b'{"name": "a", "role": "owner"}', "role"),
        (b'{"name": 7, "role": "viewer"}', "name"),
        (b'{"name": null, "role": "viewer"}', "name"),
        (b'{"name": "\\u0000", "role": "viewer"}', "name"),
        (b'{"name": "\\ud800", "role": "viewer"}', "name"),
        (b'{"name": "a", "role": "viewer", "days": true}', "days"),
        (b'{"name": "a", "role": "viewer", "days": "1"}', "days"),
        (b'{"name": "a", "role": "viewer", "days": 1.0}', "days"),
        (b'{"name": "a", "role": "viewer", "days": 1e999}', "days"),
        (b'{"name": "a", "role": "viewer", "days": 99999999999999999999}', "days"),
        (b'{"role": "viewer"}', "name"),
        (b"[]", ""),
        (b'"text"', ""),
        (b"null", ""),
    ],
)
def test_an_odd_body_is_refused_at_its_field(showroom: Rooms, body: bytes, field: str) -> None:
    told = problem(send(showroom, body), 422)
    assert list(told["errors"]) == [field]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe{}",
        b'{"name": "a", "role": "viewer", "days": NaN}',
        b'{"name": "a", "role": "viewer", "days": -Infinity}',
        b'{"name": "a", "name": "b", "role": "viewer"}',
        b'{"name": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"name": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"name": "a", "role": "viewer", "days": ' + b"9" * 10_000 + b"}",
    ],
    ids=["cut", "encoding", "nan", "infinity", "twice", "lists", "objects", "digits"],
)
def test_json_that_readers_could_read_differently_is_refused(showroom: Rooms, body: bytes) -> None:
    assert problem(send(showroom, body), 400)["errors"]


def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_too_large(showroom: Rooms) -> None:
    full = b'{"name": "' + b"x" * (1_048_576 - 12) + b'"}'
    problem(send(showroom, full), 422)
    problem(send(showroom, full + b" "), 413)


def test_a_body_that_is_not_json_is_refused_by_its_type(showroom: Rooms) -> None:
    answer = showroom.ask("POST", "tokens", data={"name": "a", "role": "viewer"})
    problem(answer, 415)
    problem(showroom.ask("POST", "tokens"), 422)


def test_paths_and_methods_that_do_not_exist_are_problems_too(showroom: Rooms) -> None:
    problem(showroom.ask("GET", "nothing"), 404)
    problem(showroom.ask("GET", "connections/0"), 404)
    problem(showroom.ask("GET", f"runs/{2**70}"), 404)
    refused = showroom.ask("PUT", "connections")
    problem(refused, 405)
    assert {"GET", "POST"} <= set(refused.headers["Allow"].split(", "))


def test_errors_outside_the_api_are_left_as_they_are(showroom: Rooms) -> None:
    answer = showroom.app.test_client().get("/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


@pytest.mark.parametrize(
    "path",
    ["connections/99", "integrations/99", "rules/99", "deliveries/99", "runs/99"],
)
def test_an_unknown_number_is_a_404(showroom: Rooms, path: str) -> None:
    assert "99" in problem(showroom.ask("GET", path), 404)["detail"]


# -- failures ------------------------------------------------------------------------------------


def failing(rooms: Rooms, monkeypatch: pytest.MonkeyPatch, error: Exception) -> TestResponse:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(lists, "connections", fail)
    return rooms.ask("GET", "connections")


ORIGINAL = Exception("a value: canary")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuleError("name", "Not so."), 422),
        (ConflictError("version", "Too late."), 409),
        (BusyError("busy", retry_after=7), 503),
        (MissingError("Shield", "it is gone"), 404),
        (RefusedError("Shield", "wrong password"), 502),
        (TransientError("Shield", "time-out", retry_after=0.2), 502),
        (AnswerError("Shield", "nonsense"), 502),
        (PluginError("a secret: canary"), 500),
        (ZeroDivisionError("canary"), 500),
        (IntegrityError("INSERT canary", {}, ORIGINAL), 409),
        (StaleDataError("canary"), 409),
        (DataError("INSERT canary", {}, ORIGINAL), 422),
        (OperationalError("SELECT canary", {}, ORIGINAL), 503),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_failure_has_its_status_and_tells_no_inner_matters(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    answer = failing(rooms, monkeypatch, error)
    problem(answer, status)
    assert "canary" not in answer.text


def test_a_busy_database_says_when_to_come_again(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = failing(rooms, monkeypatch, BusyError("busy", retry_after=7))
    assert answer.headers["Retry-After"] == "7"


def test_a_failing_remote_is_told_with_cause_and_cure(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = TransientError("Shield", "no answer", retry_after=30)
    answer = failing(rooms, monkeypatch, error)
    told = problem(answer, 502)
    assert "Shield" in told["detail"]
    assert told["cause"]
    assert told["cure"]
    assert answer.headers["Retry-After"] == "30"


def test_every_fault_of_a_form_stands_at_its_field(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [RuleError("name", "Blank."), RuleError("site", "Blank."), RuleError("name", "Long.")]
    told = problem(failing(rooms, monkeypatch, FormError(faults)), 422)
    assert told["errors"] == {"name": ["Blank.", "Long."], "site": ["Blank."]}
