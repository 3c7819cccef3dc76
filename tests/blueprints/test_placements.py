"""Our pages inside a host's screens: registered by a button, listed, removed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.services import placements
from plugin.services.access import Role
from plugin.store.base import db
from plugin.store.journal import AuditEntry
from tests.blueprints.pages.office import Office, open_office

PAGE, API = "/connections/1/pages", "/api/v1/connections/1/pages"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Give an installation with a PSA connected and no page in it."""
    with open_office(tmp_path) as office:
        office.house.connect("connectwise_psa")
        yield office


def told(office: Office, path: str = API) -> dict[str, Any]:
    found: dict[str, Any] | None = office.administrator.client.get(path).json
    assert found is not None
    return found


def form(office: Office, kind: str) -> dict[str, str]:
    screens = told(office)["screens"]
    fitting = [each for each in screens if each["parent"] == ("Menu" if kind == "Menu" else "")]
    usual = {"page": "/devices?embedded=1", "title": "Security", "screen": fitting[0]["value"]}
    return {"kind": kind, **usual}


def last_action() -> tuple[str, str]:
    db.session.rollback()
    last = db.session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert last is not None
    return last.action, last.actor


@pytest.mark.parametrize("kind", ["Tab", "Pod", "Menu"])
def test_a_page_is_registered_once_listed_and_removed(office: Office, kind: str) -> None:
    assert "No page is registered yet" in office.administrator.read(PAGE)
    wanted = form(office, kind)
    for _ in range(2):
        answer = office.administrator.post(PAGE, wanted)
        assert (answer.status_code, answer.location) == (303, PAGE)
    assert last_action() == ("page.place", "administrator@example.com")
    (found,) = told(office)["placed"]
    origin = office.house.runtime.settings.public_url
    assert (found["kind"], found["url"]) == (kind, f"{origin}/devices?embedded=1")
    assert "Security" in office.administrator.read(PAGE)
    for status in (303, 422):
        form_of_it = {"placement": found["id"]}
        answer = office.administrator.post(f"{PAGE}/remove", form_of_it)
        assert answer.status_code == status
    assert "has no such page of ours" in answer.text
    assert told(office)["placed"] == []
    assert last_action()[0] == "page.remove"


def test_the_api_registers_and_removes(office: Office) -> None:
    visitor = office.administrator
    headers = {"X-CSRF-Token": visitor.token}
    made = visitor.client.post(API, json=form(office, "Tab"), headers=headers)
    assert made.status_code == 201
    assert made.json is not None
    assert told(office)["placed"] == [made.json]
    gone = f"{API}/{made.json['id']}"
    assert visitor.client.delete(gone, headers=headers).status_code == 204
    assert visitor.client.delete(gone, headers=headers).status_code == 404
    assert told(office)["placed"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("page", "/audit"), ("kind", "Window"), ("title", " "), ("screen", "Finance")],
)
def test_what_cannot_be_is_named_and_nothing_is_registered(
    office: Office, field: str, value: str
) -> None:
    wanted = form(office, "Tab") | {field: value}
    answer = office.administrator.post(PAGE, wanted)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    headers = {"X-CSRF-Token": office.administrator.token}
    said = office.administrator.client.post(API, json=wanted, headers=headers)
    assert said.status_code == 422
    assert field in said.text
    assert told(office)["placed"] == []


def test_every_page_that_can_be_registered_is_there(office: Office) -> None:
    for each in placements.PAGES:
        assert "<h1>" in office.administrator.read(each.value)


def test_a_host_that_lets_no_program_remove_a_page_says_where_a_person_does(
    office: Office,
) -> None:
    office.house.connect("connectwise_automate")
    page, api = PAGE.replace("1", "2"), API.replace("/1/", "/2/")
    offered = told(office, api)
    wanted = {
        "page": "/?embedded=1",
        "kind": offered["kinds"][0]["value"],
        "screen": offered["screens"][0]["value"],
        "title": "Security",
    }
    assert office.administrator.post(page, wanted).status_code == 303
    (found,) = told(office, api)["placed"]
    assert not offered["can_remove"]
    assert "remove it in the host" in office.administrator.read(page)
    answer = office.administrator.post(f"{page}/remove", {"placement": found["id"]})
    assert answer.status_code == 422
    assert "Control Center" in answer.text


def test_a_silent_host_is_said_so(office: Office) -> None:
    office.house.emulators["connectwise_psa"].add_fault("500", times=99)
    shown = office.administrator.read(PAGE)
    assert "could not be asked" in shown
    assert "What to do" in shown
    assert "No page is registered" not in shown


def test_only_administrators_place_pages_and_vendors_show_none(office: Office) -> None:
    for role in (Role.TECHNICIAN, Role.VIEWER):
        assert office.visitor(role).get(PAGE).status_code == 403
        assert office.visitor(role).post(PAGE, {}).status_code == 403
        assert office.visitor(role).post(f"{PAGE}/remove", {}).status_code == 403
    office.house.connect("kaspersky_ksc")
    assert office.administrator.get("/connections/2/pages").status_code == 404
    assert office.administrator.client.get("/api/v1/connections/2/pages").status_code == 404
    assert "Pages inside the host" in office.administrator.read("/connections/1")
    assert "Pages inside the host" not in office.administrator.read("/connections/2")
