"""The first run on plain http on this machine, in a Chromium as it is: no flag of the browser's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from plugin.services import setting_up
from tests.blueprints.pages.office import PASSWORD, Office, open_office
from tests.browser.chromium import CHROMIUM, SOAK_MARKS, served
from tests.browser.test_walk import violations

pytestmark = SOAK_MARKS


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Give an installation in which nothing was done yet."""
    with open_office(tmp_path) as office:
        yield office


@pytest.fixture
def address(office: Office) -> Iterator[str]:
    """Serve it on plain http."""
    with served(office.app) as address:
        yield address.replace("127.0.0.1", "localhost")


def test_from_the_printed_link_to_a_change_and_out_again(office: Office, address: str) -> None:
    link = address + "/set-up" + setting_up.new_link(office.house.runtime).partition("/set-up")[2]
    with sync_playwright() as playwright:
        # Root may not have Chromium's own sandbox; no flag concerns cookies, frames or http.
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(link)
        assert violations(page) == []
        page.get_by_label("Email").fill("first@msp.example")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("once more").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_text("Your account is made.")).to_be_visible()
        page.goto(link)
        expect(page.get_by_role("heading", name="This link opens nothing")).to_be_visible()
        page.goto(f"{address}/connections")
        page.get_by_role("button", name="Sign out").first.click()
        page.goto(f"{address}/connections")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        browser.close()
