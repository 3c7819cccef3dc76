"""One-time links: one device, one look, ten minutes, no sign-in and no script."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from plugin.services import access
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.mirror import DeviceRow
from plugin.store.people import LaunchLink
from tests.blueprints.pages.office import Office, open_office


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("bench"), devices=12) as office:
        office.house.integrate()
        with writing() as session:
            first = session.scalars(select(DeviceRow).order_by(DeviceRow.id)).all()[0]
            first.serial, first.name = "SN-1", "<svg onload=alert(1)>"
        yield office


def link(bench: Office, **wish: str) -> str:
    scopes = ["launch-links:write"]
    token = access.create_token(
        bench.house.runtime, "t", "server script", Role.VIEWER, 1, scopes=scopes
    )
    headers = {"Authorization": f"Bearer {token}"}
    wish = wish or {"serial": "SN-1"}
    made = bench.stranger().client.post("/api/v1/launch-links", json=wish, headers=headers)
    assert made.status_code == 201, made.text
    return str(urlsplit(made.get_json()["url"]).path)


def test_a_link_shows_one_device_once_without_script_or_session(bench: Office) -> None:
    path, visitor = link(bench), bench.stranger()
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert "&lt;svg onload=alert(1)&gt;" in answer.text
    assert not re.search(r"<script|<svg|onload=[^a]|style=", answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert visitor.get("/devices").status_code == 302
    again = visitor.get(path)
    assert (again.status_code, "each works once" in again.text) == (410, True)
    assert "makes a new link" in again.text


def test_a_link_ends_with_its_time(bench: Office) -> None:
    path = link(bench)
    bench.house.clock.forward(601)
    answer = bench.stranger().get(path)
    assert (answer.status_code, "good for 10 minutes" in answer.text) == (410, True)


@pytest.mark.parametrize("change", [lambda path: path[:-1], lambda path: path[:-1] + "~"])
def test_an_altered_link_opens_nothing_and_leaves_the_true_one_good(
    bench: Office, change: Callable[[str], str]
) -> None:
    path = link(bench)
    altered = change(path)
    answer = bench.stranger().get(altered)
    assert (answer.status_code, "a letter was changed" in answer.text) == (410, True)
    assert bench.stranger().get(path).status_code == 200


def test_only_opening_it_uses_it_up(bench: Office) -> None:
    path, visitor = link(bench), bench.stranger()
    assert visitor.client.head(path).status_code == 405
    assert visitor.get(path, headers={"Sec-Purpose": "prefetch"}).status_code == 405
    assert visitor.get(path).status_code == 200


def test_the_database_holds_no_link(bench: Office) -> None:
    token = link(bench).rpartition("/")[2]
    assert token not in set(db.session.scalars(select(LaunchLink.digest)))


def test_a_computer_nobody_knows_or_many_have_is_told(bench: Office) -> None:
    admin = {"X-CSRF-Token": bench.administrator.token}
    with writing() as session:
        for row in session.scalars(select(DeviceRow).order_by(DeviceRow.id).offset(1).limit(2)):
            row.name = "TWIN"
    for name, says in (("NOBODY", "No device has"), ("twin", "Several devices fit")):
        answer = bench.administrator.client.post(
            "/api/v1/launch-links", json={"name": name}, headers=admin
        )
        assert (answer.status_code, says in answer.text) == (422, True)
