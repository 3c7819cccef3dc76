"""One walk over every page in a real Chromium: nothing to complain about, and the comforts work."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from plugin.services import access
from plugin.services.access import Role
from tests.blueprints.pages.filling import fill
from tests.blueprints.pages.office import PASSWORD, Office, open_office
from tests.blueprints.pages.test_pages import EVERY
from tests.browser.chromium import CHROMIUM, MARKS, served

EMAIL = "walker@example.com"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FRAGMENTS = (
    "/dashboard/runs",
    "/runs/1/progress",
    "/connections/2/groups",
    "/statistics/syncing",
    "/integrations/1/suggestions/progress",
)
LOOKS_ONLY = ["color-contrast", "target-size", "scrollable-region-focusable"]
"""What may differ from one look to the next; the rest of a page is the same in all of them."""
JUDGED = {
    "/",
    "/statistics",
    "/devices",
    "/tickets/1",
    "/connections/1",
    "/connections/1/edit",
    "/integrations/1",
    "/integrations/1/mapping",
    "/deliveries/1",
    "/audit",
}
"""Pages that hold every part of the others: these are walked here, and all pages in the soak."""
WALK = [path for path in EVERY if path not in FRAGMENTS and "?" not in path]
LOOKS = [("light", 1280), ("dark", 400)]
SOAK = bool(os.environ.get("BRIDGEHEAD_SOAK"))
if SOAK:
    LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 768, 400, 320)]
NARROWEST = 320

pytestmark = MARKS


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give a filled installation."""
    with open_office(tmp_path_factory.mktemp("walk")) as office:
        fill(office)
        yield office


@pytest.fixture(scope="module")
def address(office: Office) -> Iterator[str]:
    """Serve the installation on loopback."""
    with served(office.app) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()


@contextmanager
def window(chromium: Browser, scheme: str, width: int) -> Iterator[tuple[BrowserContext, Page]]:
    """Open a window; whatever the browser complains about fails the test."""
    complaints: list[str] = []
    context = chromium.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    bad = {"error", "warning"}
    page.on("console", lambda told: complaints.append(told.text) if told.type in bad else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield context, page
    context.close()
    assert complaints == []


def sign_in(page: Page, address: str, password: str) -> None:
    page.goto(f"{address}/sign-in")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def violations(page: Page, rules: Mapping[str, object] | None = None) -> list[str]:
    """Return what axe finds, and whether the page is wider than its window."""
    options = {"resultTypes": ["violations"], **(rules or {"runOnly": RULES})}
    found = Axe().run(page, options=options).response["violations"]
    told = [f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:2]]}" for each in found]
    return told + _too_wide(page)


def judged(page: Page, looks: Sequence[tuple[str, int]]) -> list[str]:
    """Return what axe finds: everything in the first look, in the others what may differ."""
    told = []
    for place, (scheme, width) in enumerate(looks):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        rules = {"runOnly": LOOKS_ONLY if place else RULES}
        told += [f"{scheme} {width}: {each}" for each in violations(page, rules)]
    return told


def _too_wide(page: Page) -> list[str]:
    """Return what to say when the page does not fit its window, or the narrowest one."""
    root, shown = "document.documentElement", page.viewport_size
    told = []
    for width in {shown["width"], NARROWEST} if shown else ():
        page.set_viewport_size({"width": width, "height": 900})
        beyond = page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
        told += [f"{beyond} px too wide at {width}"] if beyond > 0 else []
    if shown:
        page.set_viewport_size(shown)
    return told


@pytest.fixture(scope="module")
def password(office: Office, address: str, chromium: Browser) -> str:
    """Choose a password of one's own at the first sign-in, as every newcomer must."""
    _, once = access.create_user(office.house.runtime, "test", EMAIL, Role.ADMINISTRATOR)
    with window(chromium, "light", 400) as (_, page):
        sign_in(page, address, once)
        page.wait_for_url("**/password")
        assert violations(page) == []
        page.get_by_label("One-time password").fill(once)
        page.get_by_label("New password", exact=True).fill(PASSWORD)
        page.get_by_label("New password once more").fill(PASSWORD)
        page.get_by_role("button", name="Change password").click()
        page.wait_for_url(f"{address}/")
        assert page.get_by_text("Your password was changed").is_visible()
    return PASSWORD


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_page_is_accessible_and_fits_its_window(
    address: str, chromium: Browser, password: str, scheme: str, width: int
) -> None:
    with window(chromium, scheme, width) as (_, page):
        page.goto(f"{address}/sign-in")
        assert violations(page) == []
        sign_in(page, address, password)
        page.wait_for_url(f"{address}/")
        found = {}
        for path in WALK if SOAK else sorted(JUDGED):
            page.goto(address + path, wait_until="load")
            if told := violations(page, _rules(scheme)):
                found[path] = told
        assert found == {}


def _rules(scheme: str) -> dict[str, object]:
    """Judge everything in the soak and in the light; else what differs from look to look."""
    return {"runOnly": RULES if SOAK or scheme == "light" else LOOKS_ONLY}


def test_a_search_swaps_the_table_and_stays_in_the_address(
    address: str, chromium: Browser, password: str
) -> None:
    with window(chromium, "light", 1280) as (_, page):
        sign_in(page, address, password)
        page.goto(f"{address}/devices")
        name = page.locator("#devices tbody tr td a").first.inner_text()
        page.keyboard.press("/")
        page.keyboard.type(name)
        page.wait_for_url(re.compile(r"\?q="))
        page.get_by_text("1–1 of 1 devices").wait_for()
        assert page.locator("#devices tbody tr").count() == 1
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").click()
        assert name in Path(download.value.path()).read_text()
        page.reload()
        assert page.locator("#devices tbody tr").count() == 1


def test_ticking_is_counted_and_one_box_ticks_all(
    address: str, chromium: Browser, password: str
) -> None:
    with window(chromium, "light", 1280) as (_, page):
        sign_in(page, address, password)
        page.goto(f"{address}/deliveries")
        page.get_by_label("Select all rows of this page").check()
        page.get_by_role("button", name="Replay selected 6").click()
        page.get_by_text("6 calls will be handled once more.").wait_for()


def test_check_only_keeps_what_was_typed(address: str, chromium: Browser, password: str) -> None:
    with window(chromium, "light", 1280) as (_, page):
        sign_in(page, address, password)
        page.goto(f"{address}/connections/1/edit")
        page.get_by_label("Connection name").fill("Renamed meanwhile")
        page.get_by_role("button", name="Check only").click()
        page.locator("#tried li:not(.trying)").get_by_text("Service boards").wait_for()
        assert page.get_by_label("Connection name").input_value() == "Renamed meanwhile"


def test_everything_works_without_scripts(address: str, chromium: Browser, password: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, address, password)
    page.goto(f"{address}/devices")
    page.get_by_label("Protection").select_option("critical")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(re.compile("protection=critical"))
    page.goto(f"{address}/integrations/1/mapping")
    page.get_by_role("button", name="Save mappings").click()
    assert page.get_by_text("Nothing had changed.").is_visible()
    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url("**/sign-in")
    context.close()
