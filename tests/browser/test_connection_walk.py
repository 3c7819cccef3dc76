"""The steps of ESET's manual for connections, walked in a real Chromium, and its rules broken."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from playwright.sync_api import Browser, Page, expect
from requests import PreparedRequest, Response

from plugin.edge.inprocess import InProcess
from plugin.services import connections
from plugin.store.base import db
from tests.blueprints.pages.office import Office, open_office
from tests.browser.chromium import SOAK_MARKS
from tests.browser.test_walk import (  # noqa: F401 - fixtures
    address,
    chromium,
    violations,
)

ESET = "eset_protect"
NAME = "ESET PROTECT Connection Name"

pytestmark = SOAK_MARKS


class Unhurried(InProcess):
    """A remote that takes its time, so that a ladder is seen while it grows."""

    seconds: ClassVar[float] = 0.0

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        time.sleep(self.seconds)
        return super().send(request, *args, **more)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation with nothing connected, its network leading to ESET's emulator."""
    with open_office(tmp_path_factory.mktemp("connecting")) as office:
        emulator = office.house.emulators[ESET]
        ways = office.house.runtime.transports
        ways[""] = Unhurried(emulator)  # type: ignore[index]
        yield office


@pytest.fixture
def page(office: Office, address: str, chromium: Browser) -> Iterator[Page]:  # noqa: F811
    """Give a signed-in administrator's window; a script that fails on a page fails the test."""
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    cookie = office.administrator.client.get_cookie("bridgehead")
    assert cookie is not None
    context.add_cookies([{"name": "bridgehead", "value": cookie.value, "url": address}])
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def fill_in(page: Page, name: str, values: dict[str, str]) -> None:
    page.get_by_label(NAME).fill(name)
    page.get_by_label("PROTECT Connection Type").select_option(label="Cloud")
    page.get_by_label("ESET PROTECT Server Region").select_option(label="Europe")
    page.get_by_label("Email", exact=True).fill(values["email"])
    page.get_by_label("Password", exact=True).fill(values["password"])


def test_a_connection_is_added_modified_and_deleted_as_the_manual_says(
    office: Office,
    address: str,  # noqa: F811
    page: Page,
) -> None:
    values = office.house.emulators[ESET].connection_settings()
    page.goto(f"{address}/connections")
    page.get_by_role("link", name="Add New Connection").first.click()
    page.get_by_role("link", name="ESET PROTECT").click()
    expect(page.get_by_text("Connection Settings > ESET PROTECT Connections")).to_be_visible()
    for name, says in (
        ("protect.example.com", "no DNS name"),
        ("Our-clients", "letters, digits and single spaces"),
        ("Our  clients", "single spaces"),
        ("localhost", "host name"),
    ):
        page.goto(f"{address}/connections/new/{ESET}")
        fill_in(page, name, values)
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("#name-error")).to_contain_text(says)
    fill_in(page, "Our clients", values | {"password": "mistyped-9471"})
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#tried")).to_contain_text("Nothing was saved.")
    expect(page.get_by_text("needs another look")).to_have_count(0)
    expect(page.locator("#name-error, [aria-invalid]")).to_have_count(0)
    expect(page.get_by_label("Password", exact=True)).to_have_value("mistyped-9471")
    assert "mistyped-9471" not in page.url + page.locator("#tried").inner_html()
    assert violations(page) == []
    fill_in(page, "Our clients", values)
    Unhurried.seconds = 1.0
    page.get_by_role("button", name="Continue").click()
    page.locator("#tried li:not(.trying)").filter(has_text="OK").first.wait_for()
    expect(page.locator("#tried li.trying:last-child")).to_contain_text("Trying …")
    assert page.url.endswith(f"/new/{ESET}")
    Unhurried.seconds = 0.0
    page.get_by_text("The connection was saved and works").wait_for()
    assert violations(page) == []
    expect(page.get_by_text("Discovering groups").first).to_be_visible()
    office.house.work_all()
    page.locator("#groups").get_by_text("static group").wait_for()
    page.get_by_role("link", name="Close").click()

    page.get_by_role("link", name="Edit Connection").click()
    page.get_by_label(NAME).fill("Clients of ours")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("The connection was saved and works").wait_for()
    page.get_by_role("heading", name="Clients of ours").wait_for()
    page.get_by_role("link", name="Close").click()

    page.get_by_role("link", name="Delete Connection").click()
    expect(page.get_by_text("groups", exact=False).first).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Delete Connection").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save a file").click()
    copy = Path(download.value.path()).read_text()
    assert "Clients of ours" in copy
    assert values["password"] not in copy
    page.get_by_label("To confirm, type Clients of ours").fill("Clients")
    page.get_by_role("button", name="Delete", exact=True).click()
    assert "exactly as it stands" in page.locator("#typed-error").inner_text()
    page.get_by_label("To confirm, type Clients of ours").fill("Clients of ours")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("Deleted, can be brought back").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Clients of ours is back").wait_for()


def test_a_taken_name_and_a_second_editor_are_told(
    office: Office,
    address: str,  # noqa: F811
    page: Page,
) -> None:
    made = office.house.connect(ESET, "Taken name")
    page.goto(f"{address}/connections/new/{ESET}")
    fill_in(page, "taken NAME", office.house.emulators[ESET].connection_settings())
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#name-error")).to_contain_text("has this name already")
    page.goto(f"{address}/connections/{made.id}/edit")
    runtime, values = office.house.runtime, dict(made.settings)
    connections.edit(runtime, "another", made, "Other name", values, made.version)
    db.session.rollback()
    page.get_by_label(NAME).fill("Mine")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Somebody else").first).to_be_visible()
