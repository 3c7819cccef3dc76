"""The main flows done twice: with the keyboard alone, and with scripts off. For the soak."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Locator, Page

from plugin.domain.notice_texts import Told
from plugin.domain.notices import NoticeKind
from plugin.services import connections, notices
from plugin.store.base import writing
from tests.blueprints.pages.office import Office
from tests.blueprints.pages.test_deleting import refused_farewell
from tests.blueprints.pages.test_pinning import server
from tests.browser.chromium import SOAK_MARKS
from tests.browser.test_walk import EMAIL, address, chromium, office, password
from tests.edge.servers import Server

__all__ = ["address", "chromium", "office", "password", "server"]

pytestmark = SOAK_MARKS
MOST_STOPS = 150


class Hand(ABC):
    """Somebody who uses a page: goes to what is named, presses, types, chooses."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def link(self, name: str) -> None:
        self.press(self.page.get_by_role("link", name=name, exact=True))

    def button(self, name: str | re.Pattern[str]) -> None:
        self.press(self.page.locator("main").get_by_role("button", name=name))

    def write(self, label: str, text: str) -> None:
        self.type(self.page.get_by_label(label, exact=True), text)

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    @abstractmethod
    def press(self, what: Locator) -> None:
        """Press a link, a button or a box."""

    @abstractmethod
    def type(self, what: Locator, text: str) -> None:
        """Replace what a field holds."""

    @abstractmethod
    def choose(self, label: str, option: str) -> None:
        """Choose from a drop-down by the option's words."""


class Keyboard(Hand):
    """Tab, Enter, Space, Escape and letters; every stop on the way must show where the focus is."""

    def open(self, path: str) -> None:
        super().open(path)
        self.page.keyboard.press("Tab")
        skip = self.page.get_by_role("link", name="Skip to the page")
        assert skip.evaluate(_FOCUSED), "the first stop skips the menu"
        self.page.keyboard.press("Enter")

    def press(self, what: Locator) -> None:
        self.reach(what)
        is_box = what.first.evaluate("each => each.matches('input[type=checkbox]')")
        self.page.keyboard.press("Space" if is_box else "Enter")
        self.page.wait_for_load_state()

    def type(self, what: Locator, text: str) -> None:
        self.reach(what)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text) if text else self.page.keyboard.press("Delete")

    def choose(self, label: str, option: str) -> None:
        self.reach(self.page.get_by_label(label, exact=True))
        self.page.keyboard.type(option)

    def reach(self, what: Locator) -> None:
        """Tab on until the focus is there."""
        wanted = what.first
        wanted.wait_for()
        for _ in range(MOST_STOPS):
            if wanted.evaluate(_FOCUSED):
                return
            self.page.keyboard.press("Tab")
            seen = self.page.evaluate(_SHOWN)
            assert seen == "", f"the focus cannot be seen on {seen}"
        raise AssertionError(f"no key leads to {what}")


_FOCUSED = "each => each === document.activeElement"
_SHOWN = """() => {
  const here = document.activeElement;
  if (!here || here === document.body) return "";
  const box = here.getBoundingClientRect(), style = getComputedStyle(here);
  const marked = style.outlineStyle !== "none" || style.boxShadow !== "none";
  const inside = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  return marked && inside ? "" : here.outerHTML.slice(0, 120);
}"""


class Plain(Hand):
    """A pointer in a browser that runs no scripts."""

    def press(self, what: Locator) -> None:
        what.first.click()
        self.page.wait_for_load_state()

    def type(self, what: Locator, text: str) -> None:
        what.fill(text)

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=option)


@contextmanager
def hand(kind: type[Hand], chromium: Browser, address: str) -> Iterator[Hand]:
    context = chromium.new_context(
        java_script_enabled=kind is not Plain,
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",
    )
    yield kind(context.new_page(), address)
    context.close()


@pytest.fixture(params=[Keyboard, Plain], ids=["keyboard", "no scripts"])
def somebody(
    request: pytest.FixtureRequest, chromium: Browser, address: str, password: str
) -> Iterator[Hand]:
    """Give a signed-in person who has a keyboard alone, or no scripts."""
    with hand(request.param, chromium, address) as one:
        one.open("/sign-in")
        one.write("Email", EMAIL)
        one.write("Password", password)
        one.button("Sign in")
        one.page.wait_for_url(f"{address}/")
        yield one


def test_devices_are_filtered_opened_and_scanned(somebody: Hand) -> None:
    somebody.open("/devices")
    somebody.choose("Protection", "Protected")
    somebody.button("Filter")
    somebody.page.wait_for_url(re.compile("protection=ok"))
    somebody.press(somebody.page.locator("#devices tbody tr td a"))
    somebody.page.wait_for_url(re.compile(r"/devices/\d+(#page)?$"))
    somebody.link("Start scan …") if _has(somebody, "Start scan …") else somebody.link("Start scan")
    somebody.button("Start scan")
    somebody.page.wait_for_url(re.compile(r"/devices/\d+(#page)?$"))


def _has(somebody: Hand, name: str) -> bool:
    return somebody.page.get_by_role("link", name=name, exact=True).count() > 0


def test_a_connection_is_renamed_after_its_check(somebody: Hand) -> None:
    somebody.open("/connections/2/edit")
    somebody.write("Connection name", f"Renamed by {type(somebody).__name__}")
    somebody.button("Continue")
    somebody.sees("The connection was saved and works")


def test_a_certificate_is_fetched_compared_and_ticked(somebody: Hand, server: Server) -> None:
    somebody.open("/connections/new/kaspersky_ksc")
    somebody.write("Server address", "ksc.example.com")
    somebody.write("Port (optional)", str(server.port))
    somebody.write("User", "api")
    somebody.write("Password", "typed once")
    somebody.button("Fetch certificate")
    somebody.sees("CN=klserver")
    box = somebody.page.locator("input[name=pin]")
    somebody.press(box)
    assert box.is_checked()


def test_a_host_that_was_not_left_is_tried_again(somebody: Hand, office: Office) -> None:
    office.fresh()
    made = refused_farewell(office)
    somebody.open("/connections")
    somebody.sees("Not yet removed at the host")
    somebody.button("Try again")
    somebody.sees("It is tried again now")
    office.fresh()
    office.house.work_all()
    assert connections.not_left(made) == ""
    somebody.open("/connections")
    assert somebody.page.get_by_text("Not yet removed at the host").count() == 0


def test_a_connection_check_is_asked_for_and_its_rights_are_read(somebody: Hand) -> None:
    somebody.open("/connections/1")
    somebody.button("Check connection")
    somebody.sees("Rights of its account")


def test_an_integration_is_renamed_and_its_workspaces_chosen(somebody: Hand) -> None:
    somebody.open("/integrations/1")
    somebody.write("Integration name", f"North by {type(somebody).__name__}")
    somebody.button("Rename")
    somebody.sees("The integration was renamed.")
    for _ in range(2):  # taken out, and put back
        somebody.open("/integrations/1/workspaces")
        somebody.press(somebody.page.locator("input[data-tick]"))
        somebody.button(re.compile("^OK"))
        somebody.page.wait_for_url(re.compile(r"/integrations/1(#page)?$"))


def test_mappings_and_rules_are_saved(somebody: Hand) -> None:
    somebody.open("/integrations/1/mapping")
    somebody.button("Save mappings")
    somebody.sees("Nothing had changed.")
    somebody.open("/integrations/1/rules")
    somebody.press(somebody.page.locator("input[type=checkbox][name^=on-]").last)
    somebody.button("Save rules")
    somebody.page.wait_for_url(re.compile(r"/integrations/1"))


def test_the_environment_is_changed_and_changed_back(somebody: Hand) -> None:
    for target in ("beta", "production"):
        somebody.open("/environment")
        somebody.link(f"Change to {target} …")
        somebody.write(f"To confirm, type {target}", target)
        somebody.button("Change environment")
        somebody.sees(f"The {target} servers are used now.")


def test_a_received_call_is_replayed(somebody: Hand) -> None:
    somebody.open("/deliveries")
    somebody.press(somebody.page.locator("input[data-tick]"))
    somebody.button(re.compile("Replay selected"))
    somebody.sees("1 call will be handled once more.")


def test_notifications_are_read_and_their_settings_saved(somebody: Hand, office: Office) -> None:
    told = Told(NoticeKind.DISK_LOW, "The disk is nearly full", "Free space.", "")
    with writing() as session:
        notices.tell(office.house.runtime, session, told)
    somebody.open("/notifications")
    somebody.press(somebody.page.locator("input[data-tick]"))
    somebody.button(re.compile("Mark selected as read"))
    somebody.sees("1 notification marked as read.")
    somebody.open("/notifications/settings")
    somebody.write("Time zone (optional)", "Europe/Berlin")
    somebody.button("Save settings")
    somebody.sees("The settings were saved.")


def test_the_menu_leads_everywhere_and_out(somebody: Hand) -> None:
    page = somebody.page
    nav = page.get_by_role("navigation", name="Main", exact=True)
    for name in ("Computers", "Audit log"):
        page.goto(f"{somebody.address}/")
        somebody.press(nav.get_by_role("link", name=name))
        page.get_by_role("heading", name=name).wait_for()
    somebody.press(page.get_by_role("button", name="Sign out"))
    page.wait_for_url("**/sign-in")


def test_the_narrow_menu_opens_and_closes(chromium: Browser, address: str, password: str) -> None:
    with hand(Keyboard, chromium, address) as somebody:
        somebody.page.set_viewport_size({"width": 400, "height": 900})
        somebody.open("/sign-in")
        somebody.write("Email", EMAIL)
        somebody.write("Password", password)
        somebody.button("Sign in")
        somebody.page.wait_for_url(f"{address}/")
        somebody.press(somebody.page.locator("summary").filter(has_text="Menu"))
        menu = somebody.page.get_by_role("navigation", name="Main menu")
        menu.wait_for()
        somebody.page.keyboard.press("Escape")
        menu.wait_for(state="hidden")
