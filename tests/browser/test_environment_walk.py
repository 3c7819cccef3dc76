"""Production, beta and back by the pages of a real Chromium: nothing of beta shows through."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from plugin.services import sync
from plugin.store.base import db
from plugin.store.mirror import DeviceRow, WorkspaceRow
from plugin.store.work import SyncRun
from tests.blueprints.pages.office import Office, open_office
from tests.blueprints.pages.test_environment_walls import lock
from tests.browser.chromium import SOAK_MARKS
from tests.browser.test_integrations import window
from tests.browser.test_walk import address, chromium, violations

CLOUD = "kaspersky_cloud"
LISTS = ("/", "/connections", "/integrations", "/integrations/new", "/devices", "/statistics")

__all__ = ["address", "chromium"]  # fixtures

pytestmark = SOAK_MARKS


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation with nothing connected."""
    with open_office(tmp_path_factory.mktemp("environment")) as office:
        yield office


def change_to(page: Page, address: str, wanted: str) -> None:
    """Change the environment as an administrator does; a wrong word is told at the field first."""
    page.goto(f"{address}/environment")
    page.get_by_role("link", name=f"Change to {wanted} …").click()
    assert violations(page) == []
    field = page.get_by_label(f"To confirm, type {wanted}")
    field.fill("yes")
    page.get_by_role("button", name="Change environment").click()
    expect(page.locator("#typed-error")).to_contain_text(f"type {wanted}")
    page.get_by_label(f"To confirm, type {wanted}").fill(wanted)
    page.get_by_role("button", name="Change environment").click()
    page.get_by_text(f"The {wanted} servers are used now.").wait_for()


def test_to_beta_and_back(office: Office, address: str, chromium: Browser) -> None:
    house = office.house
    with window(chromium, office, address) as (_, page):
        change_to(page, address, "beta")
        expect(page.locator("body")).to_contain_text("BETA")
        office.fresh()
        made = house.integrate(vendor=CLOUD)
        run = sync.ask(house.runtime, made.vendor, sync.WORKSPACES, by="tester").id
        device = db.session.scalars(select(DeviceRow.name)).first()
        workspace = db.session.scalars(select(WorkspaceRow.name)).first()
        of_beta = {str(made.vendor.name), str(device), str(workspace)}
        number = made.id
        page.goto(f"{address}/devices")
        expect(page.locator("main")).to_contain_text(str(device))
        change_to(page, address, "production")
        asked = house.emulators[CLOUD].request_count
        office.fresh()
        sync.schedule(house.runtime)
        house.clock.forward(3_600)
        sync.schedule(house.runtime)
        house.work_all()
        assert house.emulators[CLOUD].request_count == asked
        for path in LISTS:
            page.goto(address + path)
            shown = page.locator("body").inner_text()
            assert {each for each in of_beta if each in shown} == set(), path
            assert "BETA" not in shown, path
        answer = page.goto(f"{address}/integrations/{number}")
        assert answer is not None
        assert answer.status == 404
        change_to(page, address, "beta")
        page.goto(f"{address}/integrations/{number}")
        expect(page.locator("body")).to_contain_text("BETA")
        office.fresh()
        house.clock.forward(600)
        house.work_all()
        office.fresh()
        assert db.session.get_one(SyncRun, run).state == "done"
        change_to(page, address, "production")


def test_a_stronger_source_locks_the_page(
    office: Office,
    address: str,
    chromium: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("host") / "Host.exe.config"
    file.write_text(
        '<configuration><appSettings><add key="KESCloudServer" value="beta"/>'
        "</appSettings></configuration>",
        "utf-8",
    )
    for environ, named in (
        ({"KESCLOUDSERVER": "beta"}, "KESCLOUDSERVER"),
        ({"BRIDGEHEAD_HOST_CONFIG": str(file)}, file.name),
    ):
        lock(office, environ)
        with window(chromium, office, address) as (_, page):
            page.goto(f"{address}/environment")
            expect(page.locator("main")).to_contain_text("a stronger source has decided")
            expect(page.locator("main")).to_contain_text(named)
            expect(page.get_by_role("link", name="Change to")).to_have_count(0)
            expect(page.locator("body")).to_contain_text("BETA")
            assert violations(page) == []
