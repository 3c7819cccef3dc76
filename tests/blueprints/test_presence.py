"""Requests while the database hangs: turned away in time, and answered again after it."""

import time
from pathlib import Path

import pytest

from plugin.app import create_app
from plugin.domain.errors import BusyError
from plugin.settings import load
from plugin.store.base import db, write_lock, writing
from tests.databases import bare_app, postgresql_server


def test_pages_are_turned_away_while_a_server_is_frozen(postgresql: str, tmp_path: Path) -> None:
    app = create_app(load({"BRIDGEHEAD_DATABASE_URL": postgresql}, root=tmp_path))
    stranger = app.test_client()
    paths = ("/sign-in", "/api/v1/connections", "/readyz")
    before = [stranger.get(path).status_code for path in paths]
    assert 503 not in before[:2]
    app.extensions.pop("bridgehead.frames")  # as a few seconds later
    with postgresql_server(durable=False).frozen():
        answers = [stranger.get(path) for path in paths]
        assert stranger.get("/healthz").status_code == 200
    assert [each.status_code for each in answers] == [503] * 3
    assert "does not answer" in answers[2].text
    until = time.monotonic() + 5
    while [stranger.get(path).status_code for path in paths] != before:
        assert time.monotonic() < until
    with app.app_context():
        db.engine.dispose()


def test_a_request_waits_shorter_for_its_turn_to_write_than_work_behind_it(sqlite: str) -> None:
    app = bare_app(sqlite)
    with app.app_context():
        lock = write_lock(db.engine)
        assert lock is not None
        lock.acquire(None)
        try:
            started = time.monotonic()
            with app.test_request_context(), pytest.raises(BusyError), writing():
                pass
            assert time.monotonic() - started < 2.5
        finally:
            lock.release()
