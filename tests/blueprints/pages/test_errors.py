"""What a person sees when something fails, and what monitoring sees."""

import logging
import re
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError

from plugin.blueprints import health
from plugin.blueprints.guard import anyone
from plugin.domain.errors import BusyError, ConflictError, PluginError, RefusedError, RuleError
from plugin.ending import announced
from plugin.services import reports
from plugin.store.base import writing
from plugin.store.floor import ProgramFloor
from tests.blueprints.pages.office import Office

FAILURES: dict[str, tuple[Exception, int, str]] = {
    "rule": (RuleError("name", "the name is taken"), 422, "The name is taken."),
    "conflict": (ConflictError("version", "changed meanwhile"), 409, "Changed meanwhile."),
    "busy": (BusyError("writing", 7), 503, "The database is busy"),
    "edge": (RefusedError("ConnectWise PSA", "the keys are refused"), 502, "the keys are refused"),
    "locked": (OperationalError("SELECT secret", {}, Exception("locked")), 503, "try again"),
    "stale": (StaleDataError("secret"), 409, "Somebody else was faster"),
    "double": (IntegrityError("INSERT secret", {}, Exception("unique")), 409, "Somebody else"),
    "ours": (PluginError("secret"), 500, "Something in Bridgehead is broken"),
    "bug": (ZeroDivisionError("secret"), 500, "Something in Bridgehead is broken"),
}


@pytest.fixture
def failing(empty_office: Office) -> Office:
    """Add a page that fails in every way."""

    @anyone(why="a test's own page")
    def fail(how: str) -> str:
        raise FAILURES[how][0]

    empty_office.app.add_url_rule("/fail/<how>", "fail", fail)
    empty_office.app.config["PROPAGATE_EXCEPTIONS"] = False
    return empty_office


@pytest.mark.parametrize("how", FAILURES)
def test_a_failure_says_what_happened_what_it_means_and_what_to_do(
    failing: Office, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    _, status, says = FAILURES[how]
    answer = failing.administrator.get(f"/fail/{how}")
    assert answer.status_code == status
    assert says in answer.text
    assert "What it means" in answer.text
    assert "What to do" in answer.text
    assert answer.headers["X-Request-ID"] in answer.text
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_busy_database_says_when_to_come_back(failing: Office) -> None:
    assert failing.administrator.get("/fail/busy").headers["Retry-After"] == "7"
    assert failing.administrator.get("/fail/locked").headers["Retry-After"] == "2"


def test_a_bug_is_logged_under_the_request_id_and_shown_without_its_trace(
    failing: Office, caplog: pytest.LogCaptureFixture
) -> None:
    answer = failing.administrator.get("/fail/ours")
    assert answer.headers["X-Request-ID"] in caplog.text


def test_the_wrong_method_names_the_right_ones(empty_office: Office) -> None:
    answer = empty_office.administrator.get("/sync")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_body_that_is_too_large_is_refused(empty_office: Office) -> None:
    answer = empty_office.administrator.post("/password", {"old": "x" * 2_000_000})
    assert answer.status_code == 413
    assert "This is too large" in answer.text


def test_an_api_path_is_not_answered_with_a_page(empty_office: Office) -> None:
    answer = empty_office.stranger().get("/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


# -- monitoring ----------------------------------------------------------------------------------


def test_it_is_alive_and_says_what_keeps_it_from_being_ready(empty_office: Office) -> None:
    stranger = empty_office.stranger()
    assert stranger.get("/healthz").text == "ok\n"
    answer = stranger.get("/readyz")
    # The tests' tables are made without a revision, which is what a cut-off upgrade leaves.
    assert answer.status_code == 503
    assert answer.json is not None
    assert "an upgrade was cut off" in answer.json["problems"][0]


def test_a_process_that_ends_is_alive_but_not_ready(empty_office: Office) -> None:
    stranger = empty_office.stranger()
    with announced() as mark:
        mark.touch()
        answer = stranger.get("/readyz")
        assert (answer.status_code, stranger.get("/healthz").status_code) == (503, 200)
    assert answer.json is not None
    assert answer.json["problems"] == [health.ENDING]


@pytest.mark.parametrize(
    ("revision", "word"), [("0001", "the tables are old"), ("9999", "a newer version")]
)
def test_a_database_behind_or_ahead_of_the_program_is_not_ready(
    empty_office: Office, revision: str, word: str
) -> None:
    with empty_office.app.app_context(), writing() as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        session.execute(text(f"INSERT INTO alembic_version VALUES ('{revision}')"))
    answer = empty_office.stranger().get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert word in answer.json["problems"][0]


def test_a_former_program_is_ready_on_tables_that_a_newer_one_only_added_to(
    empty_office: Office,
) -> None:
    with empty_office.app.app_context(), writing() as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        session.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
        session.add(ProgramFloor(revision="0001"))
    answer = empty_office.stranger().get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"ready": True, "problems": []})


def test_figures_are_grouped_by_route_and_hold_no_path(empty_office: Office) -> None:
    for number in range(5):
        empty_office.administrator.get(f"/devices/{number}")
        empty_office.stranger().get(f"/no-such-{number}")
    empty_office.administrator.post("/sync")
    text = empty_office.stranger().get("/metrics").text
    assert 'route="/devices/<int:device_id>"' in text
    assert "no-such" not in text
    assert "bridgehead_queue_age_seconds" in text


def test_each_remote_is_told_by_its_number_and_never_by_name(empty_office: Office) -> None:
    connection = empty_office.house.connect("connectwise_psa", "Canary Client Ltd")
    house = empty_office.house.runtime
    house.circuit(connection)
    reports.report(house, "worker:1")
    figures = empty_office.stranger().get("/metrics").text
    assert f'bridgehead_circuit_open{{connection="{connection.id}"}} 0.0' in figures
    assert f'bridgehead_budget_left{{connection="{connection.id}"}} ' in figures
    assert "Canary" not in figures
    for secret in house.opened(connection).values():
        assert len(secret) < 6 or secret not in figures


def test_every_example_alert_watches_a_figure_that_is_told(empty_office: Office) -> None:
    alerts = (Path(__file__).parents[3] / "config/examples/alerts.yml").read_text("utf-8")
    watched = set(re.findall(r"bridgehead_\w+", alerts))
    told = set(re.findall(r"# TYPE (\w+)", empty_office.stranger().get("/metrics").text))
    assert len(watched) >= 6
    assert watched <= told
