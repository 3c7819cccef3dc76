"""Few checks of one person run at once; whoever was turned out meanwhile saves nothing."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest
from requests import PreparedRequest, Response
from werkzeug.test import TestResponse

from plugin.blueprints.climbing import MOST
from plugin.edge.inprocess import InProcess
from plugin.services import access
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.people import User
from tests.blueprints.pages.office import Office, Visitor, open_office, sessions_of

KIND = "eset_protect"
PATH = f"/connections/new/{KIND}"
HTMX = {"HX-Request": "true"}
WAYS = pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "rung by rung"])
REFUSED = "connection checks of yours are running already"
ENDED = "your session ended or your role was changed"


class Held(InProcess):
    """A remote that answers nobody before it is let go; ``called`` counts who waits."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.called, self.let_go = Semaphore(0), Event()

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        self.called.release()
        assert self.let_go.wait(60)
        return super().send(request, *args, **more)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as office:
        yield office


@pytest.fixture
def remote(office: Office) -> Held:
    emulator = office.house.emulators[KIND]
    emulator.origin = "https://eset.example"
    held = Held(emulator)
    office.house.runtime.transports[""] = held  # type: ignore[index]
    return held


Sends = Callable[[Visitor, str, dict[str, str]], "Future[TestResponse]"]


@pytest.fixture
def send(office: Office) -> Iterator[Sends]:
    """Give what sends a form in the background, each in a window of its own."""
    values = office.house.emulators[KIND].connection_settings()
    with ThreadPoolExecutor(MOST + 1) as windows:

        def send(who: Visitor, name: str, headers: dict[str, str]) -> "Future[TestResponse]":
            cookie = who.client.get_cookie("bridgehead")
            assert cookie is not None
            window = office.app.test_client()
            window.set_cookie("bridgehead", cookie.value)
            visitor = Visitor(window, who.token)
            form = {**values, "name": name}
            return windows.submit(visitor.post, PATH, form, headers=headers, buffered=True)

        yield send


@contextmanager
def held(remote: Held, sent: list["Future[TestResponse]"]) -> Iterator[None]:
    """Do something while so many checks wait for the remote; it answers afterwards."""
    try:
        for _ in sent:
            assert remote.called.acquire(timeout=60)
        yield
    finally:
        remote.let_go.set()


def names(office: Office) -> set[str]:
    office.fresh()
    return {each.name for each in db.session.query(Connection)}


@WAYS
def test_one_more_than_may_run_is_told_so_and_begins_nothing(
    office: Office, remote: Held, send: Sends, headers: dict[str, str]
) -> None:
    mine = office.administrator
    other = office.newcomer(Role.ADMINISTRATOR, "other@example.com")
    sent = [send(mine, f"Number {each}", headers) for each in range(MOST)]
    with held(remote, sent):
        refused = send(mine, "One more", headers).result(60)
        assert REFUSED in refused.text
        assert refused.status_code == (200 if headers else 422)
        sent.append(send(other, "Of another", headers))
        assert remote.called.acquire(timeout=60)
    for each in sent:
        assert REFUSED not in each.result(60).text
    assert REFUSED not in send(mine, "Afterwards", headers).result(60).text
    wanted = {*(f"Number {each}" for each in range(MOST)), "Of another", "Afterwards"}
    assert names(office) == wanted


def end_session(office: Office) -> None:
    for each in sessions_of("administrator@example.com"):
        access.end_session(office.house.runtime, each.id, "tester")


def take_role_away(office: Office) -> None:
    with writing() as session:
        session.query(User).filter_by(email="administrator@example.com").update(
            {"role": Role.VIEWER.value}
        )


@WAYS
@pytest.mark.parametrize("meanwhile", [end_session, take_role_away])
def test_who_was_turned_out_while_the_check_ran_saves_nothing(
    office: Office,
    remote: Held,
    send: Sends,
    meanwhile: Callable[[Office], None],
    headers: dict[str, str],
) -> None:
    sent = [send(office.administrator, "Too late", headers)]
    with held(remote, sent):
        meanwhile(office)
    answer = sent[0].result(60)
    assert ENDED in answer.text
    assert "data-go" not in answer.text
    assert answer.status_code == (200 if headers else 401)
    assert names(office) == set()


def test_the_api_and_the_button_of_a_saved_connection_count_too(
    office: Office, remote: Held, send: Sends
) -> None:
    mine, made = office.administrator, office.house.connect("tigerpaw")
    sent = [send(mine, f"Number {each}", {}) for each in range(MOST)]
    with held(remote, sent):
        answer = mine.post(f"/connections/{made.id}/check")
        assert (answer.status_code, REFUSED in answer.text) == (422, True)
        path, token = f"/api/v1/connections/{made.id}/check", {"X-CSRF-Token": mine.token}
        answer = mine.client.post(path, headers=token)
        assert (answer.status_code, REFUSED in answer.text) == (422, True)
    for each in sent:
        assert each.result(60).status_code == 303
    assert mine.post(f"/connections/{made.id}/check").status_code == 303
