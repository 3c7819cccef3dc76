"""The steps of the vendors' manuals in a real Chromium, with every rule tried in the breach."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from plugin.services import connections, integration_changes, integrations
from plugin.store.integrations import Integration
from tests.blueprints.pages.office import Office, open_office
from tests.browser.chromium import MARKS, served
from tests.browser.test_walk import chromium, violations

AUTOMATE, TIGERPAW, CLOUD = "connectwise_automate", "tigerpaw", "kaspersky_cloud"
OWN, ANNA, BEN = "integration@msp.example", "anna@msp.example", "ben@msp.example"
LONG = pytest.mark.skipif(
    not os.environ.get("BRIDGEHEAD_SOAK"), reason="the walks' second half runs in the soak"
)
REFUSED = "Failed to load resource: the server responded with a status of 4"
"""What the browser notes of every refusal; these are wanted here."""

__all__ = ["chromium"]  # a fixture

pytestmark = MARKS


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation with two platforms and Kaspersky's cloud connected."""
    with open_office(tmp_path_factory.mktemp("manual"), companies=4, devices=4) as office:
        for kind, name in ((AUTOMATE, "Automate"), (TIGERPAW, "Tigerpaw"), (CLOUD, "Cloud")):
            office.house.connect(kind, name)
        yield office


@pytest.fixture(scope="module")
def address(office: Office) -> Iterator[str]:
    """Serve the installation on loopback."""
    with served(office.app) as address:
        yield address


@contextmanager
def window(
    browser: Browser, office: Office, address: str, *, script: bool = True
) -> Iterator[tuple[BrowserContext, Page]]:
    """Open a window of a signed-in administrator; what goes wrong in scripts fails the test."""
    complaints: list[str] = []
    context = browser.new_context(java_script_enabled=script, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    cookie = office.administrator.client.get_cookie("bridgehead")
    assert cookie is not None
    context.add_cookies([{"name": "bridgehead", "value": cookie.value, "url": address}])
    page = context.new_page()
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield context, page
    context.close()
    assert [each for each in complaints if not each.startswith(REFUSED)] == []


def work(office: Office) -> None:
    """Let the background work be done."""
    office.fresh()
    office.house.work_all()
    office.fresh()


def kept(office: Office) -> list[dict[str, Any]]:
    """Return the integrations that Kaspersky's cloud keeps."""
    return list(office.house.emulators[CLOUD].state()["integrations"])


def people(record: dict[str, Any]) -> set[str]:
    return {each["email"] for each in record["administrators"]}


def another(office: Office, name: str) -> Integration:
    """Let a colleague make one more integration of Automate and the cloud."""
    living = {each.kind: each for each in connections.living(office.house.runtime)}
    return integrations.create(
        office.house.runtime, "colleague", living[AUTOMATE], living[CLOUD], name
    )


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def follow(page: Page, link: str) -> None:
    page.get_by_role("link", name=link, exact=True).first.click()


def step(page: Page, title: str) -> Locator:
    """Return one card of the steps on an integration's page."""
    return page.locator(".steps li").filter(has_text=title)


def says(page: Page, field: str) -> str:
    """Return the text at a field."""
    return page.locator(f"#{field}-error").inner_text().strip()


# -- the steps of the manuals --------------------------------------------------------------------


def create(page: Page, address: str, platform: str, name: str) -> None:
    """Create an integration; a blank name is refused."""
    page.goto(f"{address}/integrations/new")
    page.get_by_label("Platform").select_option(label=platform)
    expect(page.get_by_label("Integration name")).to_have_value(name)
    page.get_by_label("Integration name").fill("   ")
    press(page, "Create integration")
    assert says(page, "name").startswith("Integration name must not be blank.")
    assert page.get_by_label("Integration name").input_value() == name
    press(page, "Create integration")
    page.get_by_text(f"{name} was created.").wait_for()


def add_administrators(page: Page) -> None:
    """Type two lines with faults, go back, mend them, and finish."""
    field = page.get_by_label("Administrators", exact=True)
    field.fill(f"{ANNA};Anna\nnobody;N\n\nx@msp.example;X")
    press(page, "Next")
    assert "Line 2: “nobody” is not an e-mail address." in says(page, "line-2")
    assert "Line 4: x@msp.example is not registered at the vendor." in says(page, "line-4")
    assert page.get_by_role("button", name="Finish").count() == 0
    press(page, "Back")
    assert field.input_value() == f"{ANNA};Anna\nnobody;N\n\nx@msp.example;X"
    field.fill(f"{ANNA};Anna\n{BEN};Ben")
    press(page, "Next")
    press(page, "Finish")
    page.get_by_text("2 integration administrators added.").wait_for()


def view_id(context: BrowserContext, page: Page, number: str) -> None:
    """Read the integration ID and copy it."""
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("View integration ID").click()
    shown = page.locator("details.view-id")
    assert shown.locator("code").inner_text() == number
    shown.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == number


def rename(page: Page, name: str) -> None:
    """Rename it; a blank name is refused."""
    page.get_by_label("Integration name").fill(" ")
    press(page, "Rename")
    assert says(page, "name") == "Integration name must not be blank."
    page.get_by_label("Integration name").fill(name)
    press(page, "Rename")
    page.get_by_role("heading", name=name, level=1).wait_for()


def edit_workspaces(page: Page, office: Office) -> None:
    """Tick one, search for another, select all that are shown; what is ticked survives a search."""
    step(page, "Workspaces").get_by_role("link", name="Edit").click()
    free = page.locator("input[data-tick]:not(:checked)")
    expect(free).to_have_count(3)
    sought = free.last.get_attribute("aria-label") or ""
    free.first.check()
    page.get_by_label("Search workspaces").fill(sought)
    expect(page.locator("tbody tr:visible")).to_have_count(1)
    page.get_by_label("Select all workspaces shown").check()
    press(page, "OK (3)")
    page.get_by_text("serves 3 workspaces now.").wait_for()
    work(office)
    assert len(kept(office)[0]["tenants"]) == 3


def meet_a_taken_workspace(page: Page, office: Office, address: str) -> None:
    """See who has a workspace, and be refused one that was taken meanwhile."""
    second = another(office, "Second")
    work(office)
    page.goto(f"{address}/integrations/{second.id}/workspaces")
    assert page.get_by_label(", taken").count() == 3
    assert page.get_by_label(", taken").first.is_disabled()
    page.locator("input[data-tick]").first.check()
    wanted = page.locator("input[data-tick]").first.get_attribute("value") or ""
    office.fresh()
    first = integrations.get(1)
    held = [link.workspace_id for link in first.links]
    integrations.choose_workspaces(office.house.runtime, "colleague", first, [*held, wanted])
    press(page, "OK (1)")
    told = page.locator("[data-focus]").inner_text()
    assert "is served by Kaspersky for clients already; remove it there first" in told
    integration_changes.delete(office.house.runtime, "colleague", second)


def remove_administrators(page: Page, office: Office, address: str) -> None:
    """Clear one; clearing all is refused, the connection's own user is warned of."""
    page.goto(f"{address}/integrations/1")
    step(page, "Integration administrators").get_by_role("link", name="Edit").click()
    boxes = page.locator("input[data-tick]")
    assert all(each.is_checked() for each in boxes.all())
    page.get_by_label(f"{BEN} stays").uncheck()
    press(page, "OK")
    page.get_by_text("1 integration administrator removed.").wait_for()
    work(office)
    assert people(kept(office)[0]) == {OWN, ANNA}
    for each in boxes.all():
        each.uncheck()
    press(page, "OK")
    assert "is the user of the connection Cloud itself" in page.locator(".notice").inner_text()
    press(page, "OK")
    assert says(page, "administrators").startswith("The last administrator cannot be removed.")


def be_second(context: BrowserContext, page: Page, office: Office, address: str) -> None:
    """Save after a colleague did: be told, and overwrite nothing."""
    late = context.new_page()
    late.goto(f"{address}/integrations/1/administrators")
    late.get_by_label(f"{ANNA} stays").uncheck()
    page.goto(f"{address}/integrations/1")
    rename(page, "Kaspersky for everybody")
    press(late, "OK")
    shown = late.locator("main").inner_text()
    assert "Somebody else was faster" in shown
    assert "Somebody else changed Kaspersky for everybody while you looked at it" in shown
    late.close()
    work(office)
    assert people(kept(office)[0]) == {OWN, ANNA}


def delete(page: Page, name: str) -> None:
    """Delete it after reading what that means."""
    follow(page, "Delete")
    expect(page.get_by_text(f"This ends {name} for good")).to_be_visible()
    press(page, "Delete")
    page.get_by_text(f"{name} was deleted.").wait_for()
    assert page.get_by_role("link", name=name, exact=True).count() == 0


@LONG
def test_kaspersky_cloud_with_automate(office: Office, address: str, chromium: Browser) -> None:
    with window(chromium, office, address) as (context, page):
        create(page, address, "Automate (ConnectWise Automate)", AUTOMATE_NAME)
        work(office)
        page.reload()
        page.locator("input[data-tick]").first.check()
        press(page, "OK (1)")
        work(office)
        assert kept(office) == []
        add_administrators(page)
        work(office)
        (record,) = kept(office)
        assert (record["name"], people(record)) == (AUTOMATE_NAME, {OWN, ANNA, BEN})
        page.reload()
        assert violations(page) == []
        follow(page, AUTOMATE_NAME)
        expect(page.get_by_text("Active", exact=True)).to_be_visible()
        view_id(context, page, record["id"])
        rename(page, "Kaspersky for clients")
        edit_workspaces(page, office)
        meet_a_taken_workspace(page, office, address)
        remove_administrators(page, office, address)
        be_second(context, page, office, address)
        delete(page, "Kaspersky for everybody")
        work(office)
        assert kept(office) == []
        told = {each["to"] for each in office.house.emulators[CLOUD].state()["outbox"]}
        assert told == {OWN, ANNA}


AUTOMATE_NAME, TIGERPAW_NAME = "Integration with ConnectWise Automate", "Integration with Tigerpaw"


@LONG
def test_tigerpaw(office: Office, address: str, chromium: Browser) -> None:
    with window(chromium, office, address) as (_, page):
        create(page, address, "Tigerpaw (Tigerpaw)", TIGERPAW_NAME)
        work(office)
        page.goto(f"{address}/integrations")
        follow(page, TIGERPAW_NAME)
        expect(page.get_by_text("This integration is a draft.")).to_be_visible()
        follow(page, "Edit")
        expect(page.get_by_role("heading", name="Integration Settings")).to_be_visible()
        page.get_by_label("SOAP user name").fill(" ")
        press(page, "OK")
        assert says(page, "soap_user") == "SOAP user name must not be blank."
        page.get_by_label("SOAP user name").fill("bridgehead")
        page.get_by_label("REST private key").fill("a-wrong-key")
        press(page, "OK")
        assert "Nothing was saved." in page.locator("#ladder-before").inner_text()
        key = office.house.emulators[TIGERPAW].connection_settings()["private_key"]
        page.get_by_label("REST private key").fill(key)
        page.get_by_label("Integration name").fill("Tigerpaw for clients")
        press(page, "OK")
        page.get_by_text("Tigerpaw for clients was saved.").wait_for()
        work(office)
        assert [each["name"] for each in kept(office)] == ["Tigerpaw for clients"]
        delete(page, "Tigerpaw for clients")
        work(office)
        assert kept(office) == []


# -- by the keyboard alone, and without scripts --------------------------------------------------


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has this name."""
    told = "e => e.labels?.[0]?.innerText || e.getAttribute('aria-label') || e.innerText"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(f"({told})(document.activeElement)").split() == name.split():
            return
    raise AssertionError(f"the keyboard does not reach {name}")


@LONG
def test_by_the_keyboard_alone(office: Office, address: str, chromium: Browser) -> None:
    made = another(office, "By keyboard")
    work(office)
    with window(chromium, office, address) as (_, page):
        page.goto(f"{address}/integrations/{made.id}/workspaces")
        tab_to(page, "Select all workspaces shown")
        page.keyboard.press("Space")
        tab_to(page, "OK (4)")
        page.keyboard.press("Enter")
        page.wait_for_url("**/administrators/add")
        tab_to(page, "Administrators")
        page.keyboard.type(f"{ANNA};Anna")
        for button, then in (("Next", "They will administer"), ("Finish", "administrator added.")):
            tab_to(page, button)
            page.keyboard.press("Enter")
            page.locator("main").get_by_text(then).first.wait_for()
        tab_to(page, "By keyboard")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/integrations/{made.id}")
        work(office)
        for then in ("This ends By keyboard for good", "By keyboard was deleted."):
            tab_to(page, "Delete")
            page.keyboard.press("Enter")
            page.get_by_text(then).wait_for()
    work(office)
    assert kept(office) == []


@LONG
def test_without_scripts(office: Office, address: str, chromium: Browser) -> None:
    with window(chromium, office, address, script=False) as (_, page):
        page.goto(f"{address}/integrations/new")
        page.get_by_label("Platform").select_option(label="Automate (ConnectWise Automate)")
        page.get_by_label("Integration name").fill(" ")
        press(page, "Create integration")
        assert page.get_by_label("Integration name").input_value() == AUTOMATE_NAME
        press(page, "Create integration")
        work(office)
        page.reload()
        page.locator("input[data-tick]").first.check()
        press(page, "OK")
        page.get_by_label("Administrators", exact=True).fill(f"{ANNA};Anna")
        press(page, "Next")
        press(page, "Finish")
        work(office)
        (record,) = kept(office)
        follow(page, AUTOMATE_NAME)
        page.get_by_text("View integration ID").click()
        expect(page.get_by_text(record["id"])).to_be_visible()
        assert people(record) == {OWN, ANNA}
        delete(page, AUTOMATE_NAME)
    work(office)
    assert kept(office) == []
