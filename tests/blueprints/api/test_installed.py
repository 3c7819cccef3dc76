"""The API inside the whole application, beside the pages."""

from pathlib import Path

import pytest
from flask import Flask

from plugin.app import create_app
from plugin.services import access
from plugin.services.access import Role
from plugin.settings import load
from tests.databases import fresh_sqlite


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    url = fresh_sqlite(tmp_path)
    return create_app(load({"BRIDGEHEAD_DATABASE_URL": url}, root=tmp_path))


def test_a_failure_of_the_api_is_a_problem_and_one_of_a_page_is_a_page(app: Flask) -> None:
    client = app.test_client()
    for path in ("/api/v1/nothing", "/api/v1/devices", "/api/nothing"):
        answer = client.get(path)
        assert answer.content_type == "application/problem+json"
        assert answer.get_json(force=True)["request_id"] == answer.headers["X-Request-ID"]
    assert client.get("/nothing").mimetype == "text/html"


def test_every_kind_that_exists_can_be_told(app: Flask) -> None:
    with app.app_context():
        runtime = app.extensions["bridgehead"]
        token = access.create_token(runtime, "tester", "test", Role.VIEWER)
    headers = {"Authorization": f"Bearer {token}"}
    for path, kinds in (("hosts", runtime.hosts), ("vendors", runtime.vendors)):
        told = app.test_client().get(f"/api/v1/{path}", headers=headers).json
        assert told is not None
        assert {each["kind"] for each in told["items"]} == set(kinds)
