"""Every page in the states that people meet, judged by axe: faults, dialogs, empty, narrow, dark.

The pages as they are when all is well are walked in test_walk; here are their other states. For
the soak.
"""

import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import make_server

from plugin.edge.emulator import Served
from plugin.sandbox.connect import offers
from plugin.sandbox.emulators import SHOWS_OWN_CERTIFICATE
from plugin.sandbox.own_certificate import own_certificate
from plugin.services import connections, environments, integrations
from plugin.services.access import Role
from plugin.settings import Environment
from plugin.settings.sandbox import Offer
from tests.blueprints.pages.filling import fill
from tests.blueprints.pages.office import Office, Visitor, open_office
from tests.blueprints.pages.test_deleting import refused_farewell
from tests.blueprints.pages.test_pages import EVERY
from tests.browser.chromium import SOAK_MARKS
from tests.browser.test_walk import FRAGMENTS, chromium, judged

__all__ = ["chromium"]

pytestmark = SOAK_MARKS
LOOKS = [("light", 1280), ("dark", 1280), ("dark", 400), ("light", 320)]
EMPTY = "?q=nothing-is-called-so"
State = Callable[[Page, str], None]


class Place:
    """An installation on loopback and the cookie of somebody who is signed in."""

    def __init__(self, office: Office, who: Visitor) -> None:
        self.office, self.who = office, who
        self.server = make_server("127.0.0.1", 0, office.app, threaded=True)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def window(self, chromium: Browser) -> BrowserContext:
        context = chromium.new_context(reduced_motion="reduce")
        context.set_default_timeout(60_000)
        cookie = self.who.client.get_cookie("bridgehead")
        assert cookie is not None
        value = {"name": "bridgehead", "value": cookie.value, "url": self.address}
        context.add_cookies([value])  # type: ignore[list-item]
        return context


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give a filled installation with a sandbox, a host that was not left, and a second editor."""
    folder, told = tmp_path_factory.mktemp("places"), offers(1)
    with open_office(folder, offers=told) as office:
        fill(office)
        office.fresh()
        refused_farewell(office)
        served = Served(
            office.house.emulators[SHOWS_OWN_CERTIFICATE].__call__, 0, own_certificate(folder)
        )
        values = told[SHOWS_OWN_CERTIFICATE].values
        told[SHOWS_OWN_CERTIFICATE] = Offer(served.origin, values)
        place = Place(office, office.administrator)
        yield place
        place.close()
        served.stop()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give an installation with nothing in it."""
    with open_office(tmp_path_factory.mktemp("empty")) as office:
        place = Place(office, office.administrator)
        yield place
        place.close()


@pytest.fixture(scope="module")
def in_beta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give an installation on the beta servers, with an integration that is a draft."""
    with open_office(tmp_path_factory.mktemp("beta")) as office:
        runtime = office.house.runtime
        environments.pick(runtime, "tester", Environment.BETA, "beta")
        sides = [office.house.connect(each) for each in ("connectwise_automate", "kaspersky_cloud")]
        for each in sides:
            connections.check(runtime, each)
            office.house.sync(each)
        integrations.create(runtime, "tester", sides[0], sides[1], "A draft")
        place = Place(office, office.administrator)
        yield place
        place.close()


def walked(place: Place, chromium: Browser, states: dict[str, State]) -> dict[str, list[str]]:
    """Bring about each state in a window of its own; return what was found, by its name."""
    found = {}
    for name, bring_about in states.items():
        context = place.window(chromium)
        page = context.new_page()
        bring_about(page, place.address)
        if told := judged(page, LOOKS):
            found[name] = told
        context.close()
    return found


def at(path: str) -> State:
    """Return what opens a page, with everything that can be unfolded unfolded."""

    def open_it(page: Page, address: str) -> None:
        page.goto(address + path)
        page.evaluate(
            "document.querySelectorAll('details.fold, details.view-id')"
            ".forEach(each => { each.open = true; })"
        )

    return open_it


def sent(path: str, button: str, says: str, **typed: str) -> State:
    """Return what types into a form by the fields' names, presses a button and waits for a text."""

    def send(page: Page, address: str) -> None:
        page.goto(address + path)
        page.evaluate(
            "document.querySelectorAll('form').forEach(each => { each.noValidate = true; })"
        )
        for name, text in typed.items():
            field = page.locator(f"main [name={name}]").first
            if field.evaluate("each => each.tagName") == "SELECT":
                field.select_option(text)
            else:
                field.fill(text)
        page.locator("main").get_by_role("button", name=button).first.click()
        page.locator("main").get_by_text(says).first.wait_for()

    return send


def fetched(page: Page, address: str) -> None:
    """Show the certificate of a server that nobody trusts, below the refusal."""
    path = f"/connections/new/{SHOWS_OWN_CERTIFICATE}?sandbox=1"
    sent(path, "Continue", "is not trusted", name="Another")(page, address)
    page.get_by_role("button", name="Fetch certificate").click()
    page.get_by_text("CN=klserver").first.wait_for()


def menu_open(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 400, "height": 900})
    page.goto(f"{address}/devices")
    page.locator("summary").filter(has_text="Menu").click()


NEW = "/connections/new"
REFUSALS: dict[str, State] = {
    "blank connection": sent(f"{NEW}/eset_protect", "Continue", "another look", name=" "),
    "certificate unknown": sent(
        f"{NEW}/{SHOWS_OWN_CERTIFICATE}?sandbox=1", "Continue", "is not trusted", name="Center"
    ),
    "certificate fetched": fetched,
    "clientId missing": sent(
        f"{NEW}/connectwise_psa?sandbox=1",
        "Continue",
        "Nothing was saved.",
        client_id="x-y",
        name="P",
    ),
    "wrong region": sent(
        f"{NEW}/eset_protect?sandbox=1", "Continue", "Nothing was saved.", region="us", name="E"
    ),
    "checked only": sent("/connections/1/edit", "Check only", "Rights of its account"),
    "blank integration": sent("/integrations/1", "Rename", "must not be blank", name=" "),
    "new integration": sent(
        "/integrations/new", "Create integration", "must not be blank", name=" "
    ),
    "wrong name at deleting": sent("/connections/1/delete", "Delete", "type", typed="no"),
    "wrong word for beta": sent("/environment/beta", "Change environment", "type beta", typed="x"),
    "no account": sent("/accounts/new", "Add account", "another look", email="x"),
    "short password": sent(
        "/password", "Change password", "another look", old="x", new="y", again="z"
    ),
    "notice settings": sent(
        "/notifications/settings", "Save settings", "another look", quiet_zone="Nowhere/Never"
    ),
    "menu": menu_open,
    "not found": at("/devices/99999"),
}


def test_every_page_with_everything_unfolded(filled: Place, chromium: Browser) -> None:
    paths = [path for path in EVERY if path not in FRAGMENTS]
    folded = [path for path in paths if '<details class="fold' in filled.who.get(path).text]
    assert folded
    assert walked(filled, chromium, {path: at(path) for path in folded}) == {}


def test_every_page_where_nothing_is_found(filled: Place, chromium: Browser) -> None:
    lists = ["/devices", "/events", "/tickets", "/tickets/log", "/connections", "/integrations"]
    lists += ["/runs", "/deliveries", "/audit", "/notifications", "/licensing", "/coverage"]
    lists += ["/actions", "/integrations/1/mapping", "/integrations/1/suggestions"]
    found = walked(filled, chromium, {path: at(path + EMPTY) for path in lists})
    assert found == {}


@pytest.mark.parametrize("name", list(REFUSALS))
def test_what_is_refused_is_told_to_everybody(filled: Place, chromium: Browser, name: str) -> None:
    assert walked(filled, chromium, {name: REFUSALS[name]}) == {}


def test_every_page_of_an_empty_installation(empty: Place, chromium: Browser) -> None:
    paths = [
        path for path in EVERY if "/1" not in path and "/2" not in path and path not in FRAGMENTS
    ]
    assert walked(empty, chromium, {path: at(path) for path in paths}) == {}


def test_every_page_of_a_draft_outside_production(in_beta: Place, chromium: Browser) -> None:
    ones = ["", "/workspaces", "/administrators", "/administrators/add", "/settings", "/delete"]
    ones += ["/mapping", "/suggestions", "/rules", "/field", "/devices", "/move"]
    paths = ["/", "/environment", "/connections", "/connections/1", "/connections/2"]
    paths += [f"/integrations/1{each}" for each in ones]
    assert walked(in_beta, chromium, {path: at(path) for path in paths}) == {}


def test_every_page_of_a_viewer(filled: Place, chromium: Browser) -> None:
    mine = Place(filled.office, filled.office.visitor(Role.VIEWER))
    try:
        paths = ("/", "/connections/1", "/integrations/1", "/integrations/1/mapping", "/devices")
        found = walked(mine, chromium, {path: at(path) for path in (*paths, "/accounts")})
    finally:
        mine.close()
    assert found == {}
