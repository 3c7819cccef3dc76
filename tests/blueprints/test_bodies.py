import threading
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.test import Client, create_environ, run_wsgi_app

from plugin.blueprints.bodies import AT_ONCE, Environ, Gathering, StartResponse

LIMIT = 100


class Slow:
    """A body that comes when the test lets it."""

    def __init__(self) -> None:
        self.asked, self.comes = threading.Event(), threading.Event()

    def read(self, size: int = -1) -> bytes:
        self.asked.set()
        assert self.comes.wait(20)
        return b"x" * size


@pytest.fixture
def app() -> Flask:
    app = Flask("bodies")
    app.config["MAX_CONTENT_LENGTH"] = LIMIT
    app.add_url_rule("/", "size", lambda: str(len(request.get_data())), methods=["POST"])
    app.wsgi_app = Gathering(app, app.wsgi_app)  # type: ignore[method-assign]
    return app


def test_slow_senders_take_no_turn_from_others(app: Flask) -> None:
    slow = [Slow() for _ in range(AT_ONCE + 1)]
    answers: list[bytes] = []

    def send(body: Slow) -> None:
        environ = {"wsgi.input": body, "CONTENT_LENGTH": "5"}
        answers.append(Client(app).post("/", environ_overrides=environ).data)

    threads = [threading.Thread(target=send, args=[each]) for each in slow]
    for thread in threads:
        thread.start()
    for each in slow:
        assert each.asked.wait(20)
    assert Client(app).post("/", data=b"abc").data == b"3"
    for each in slow:
        each.comes.set()
    for thread in threads:
        thread.join(20)
    assert answers == [b"5"] * len(slow)


def test_no_more_than_some_are_worked_on_at_once() -> None:
    gate, lock, now, most = threading.Event(), threading.Lock(), [0], [0]

    def working(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        gate.wait(0.05)
        with lock:
            now[0] -= 1
        start("200 OK", [])
        return [b""]

    app = Flask("bodies")
    gathering = Gathering(app, working)
    calls = [threading.Thread(target=Client(gathering).get, args=["/"]) for _ in range(3 * AT_ONCE)]
    for each in calls:
        each.start()
    for each in calls:
        each.join(20)
    assert most[0] <= AT_ONCE


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": str(LIMIT)}, 200),
        ({"CONTENT_LENGTH": str(LIMIT + 1)}, 413),
        ({"CONTENT_LENGTH": "9" * 30}, 413),
        ({"wsgi.input_terminated": True}, 413),
        ({}, 200),
    ],
)
def test_what_is_too_large_is_refused_as_before(
    app: Flask, environ: dict[str, Any], status: int
) -> None:
    plain = create_environ("/", method="POST")
    plain.pop("CONTENT_LENGTH", None)
    body = {"wsgi.input": BytesIO(b"x" * (LIMIT + 50))}
    answer = run_wsgi_app(app, {**plain, **body, **environ})
    assert answer[1].startswith(str(status))
