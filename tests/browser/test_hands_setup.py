"""The guided set-up from the empty dashboard to the first dry run, done by hand. For the soak.

Once with the keyboard alone and once with scripts off; left after each half and taken up again.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import func, select

from plugin.sandbox.connect import offers
from plugin.services import guided
from plugin.store.base import db
from plugin.store.work import TicketEntry
from tests.blueprints.pages.office import Office, open_office
from tests.browser import test_hands
from tests.browser.test_hands import Hand, Keyboard, Plain, hand
from tests.browser.test_walk import (
    EMAIL,
    address,
    chromium,
    judged,
    password,
)

__all__ = ["address", "chromium", "password"]

pytestmark = test_hands.pytestmark
FACES = [("light", 1280), ("dark", 1280), ("dark", 320), ("light", 320)]
CLOUD, PSA = "Kaspersky Endpoint Security Cloud", "ConnectWise PSA"


@pytest.fixture(scope="module", params=[Keyboard, Plain], ids=["keyboard", "no scripts"])
def kind(request: pytest.FixtureRequest) -> type[Hand]:
    """Give the way in which somebody works; each meets an installation of their own."""
    chosen: type[Hand] = request.param
    return chosen


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, kind: type[Hand]) -> Iterator[Office]:
    """Give an installation with nothing connected, which knows the sandbox."""
    with open_office(tmp_path_factory.mktemp(kind.__name__), offers=offers(1)) as office:
        yield office


def work(office: Office) -> None:
    """Let the background work be done."""
    office.fresh()
    office.house.work_all()
    office.fresh()


def at(somebody: Hand, step: str) -> None:
    """See that the set-up stands at this step."""
    somebody.page.wait_for_url(re.compile(rf"/setup/{step}(#page)?$"))
    if isinstance(somebody, Keyboard):
        in_every_look(somebody.page)


def in_every_look(page: Page) -> None:
    """Have axe judge a step, with the faults that it shows, in each look; then go back to one."""
    assert judged(page, FACES) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})


def leave_and_resume(somebody: Hand) -> None:
    """Go away to the dashboard and come back by what it says there."""
    somebody.open("/")
    somebody.sees("The guided set-up is not finished")
    somebody.link("Go on with Guided Setup")


def connect(somebody: Hand, title: str, button: str) -> None:
    """Add a connection from its step and come back."""
    somebody.link(title)
    somebody.link("Connect to the sandbox")
    somebody.sees("This connection leads to the sandbox")
    somebody.button(button)
    somebody.sees("The connection was saved and works")
    somebody.link("Go on with Guided Setup")


def test_everything_is_set_up_by_hand(
    office: Office, kind: type[Hand], chromium: Browser, address: str, password: str
) -> None:
    with hand(kind, chromium, address) as somebody:
        page = somebody.page
        somebody.open("/sign-in")
        somebody.write("Email", EMAIL)
        somebody.write("Password", password)
        somebody.button("Sign in")
        page.wait_for_url(f"{address}/")
        somebody.button("Start Guided Setup")
        at(somebody, "environment")
        somebody.button("Next")
        at(somebody, "vendor")
        connect(somebody, CLOUD, "Sign in")
        at(somebody, "vendor")
        leave_and_resume(somebody)
        at(somebody, "vendor")
        work(office)
        somebody.button("Next")
        at(somebody, "workspaces")
        for box in page.locator("input[name=workspace]").all()[:2]:
            somebody.press(box)
        somebody.button("Next")
        at(somebody, "administrators")
        somebody.write("Integration administrators", "nobody@else.example;No")
        somebody.button("Next")
        somebody.sees("Line 1: nobody@else.example is not registered")
        at(somebody, "administrators")
        somebody.write("Integration administrators", "anna@msp.example;Anna")
        somebody.button("Next")
        at(somebody, "host")
        leave_and_resume(somebody)
        at(somebody, "host")
        connect(somebody, PSA, "Continue")
        at(somebody, "host")
        somebody.button("Next")
        at(somebody, "mapping")
        work(office)
        somebody.link("Suggestions")
        work(office)
        somebody.open("/setup")
        at(somebody, "mapping")
        somebody.link("Suggestions")
        somebody.button(re.compile("^Accept"))
        somebody.sees("mappings accepted.")
        somebody.open("/setup")
        at(somebody, "dry-run")
        somebody.sees("Nothing was written.")
        somebody.button("Finish")
        somebody.sees("The set-up is finished.")
        somebody.open("/")
        assert page.get_by_text("The guided set-up is not finished").count() == 0
    office.fresh()
    setup = guided.look(office.house.runtime)
    assert [each.step for each in setup.steps if not each.done] == []
    assert setup.integration is not None
    assert len(setup.integration.links) == 2
    assert "anna@msp.example" in {each.email for each in setup.integration.administrators}
    assert db.session.scalar(select(func.count(TicketEntry.id))) == 0
