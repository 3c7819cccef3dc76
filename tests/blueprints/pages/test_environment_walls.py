"""Two environments side by side: locks of stronger sources, and nothing that shows through."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.services import environments, integrations, sync
from plugin.settings import Environment, load
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.mirror import DeviceRow, WorkspaceRow
from plugin.store.work import SyncRun
from tests.blueprints.pages.office import Office, open_office

CLOUD = "kaspersky_cloud"
PAGES = ("/", "/connections", "/integrations", "/integrations/new", "/devices", "/tickets", "/runs")
LOCKED = "no: a stronger source has decided"
CONFIG = """<?xml version="1.0"?><configuration><appSettings>
<add key="KESCloudServer" value="beta"/></appSettings></configuration>"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as opened:
        yield opened


def lock(office: Office, environ: dict[str, str]) -> None:
    """Start the installation anew with what the operator has set."""
    runtime = office.app.extensions["bridgehead"]
    settings = load({**environ, "BRIDGEHEAD_DATA": str(runtime.settings.data)})
    locked = replace(runtime.settings, environment_setting=settings.environment_setting)
    office.app.extensions["bridgehead"] = replace(runtime, settings=locked)


def demand_locked(office: Office, source: str) -> None:
    shown = office.administrator.read("/environment")
    assert LOCKED in shown
    assert source in shown
    assert "/environment/production" not in shown
    answer = office.administrator.post("/environment/production", {"typed": "production"})
    assert answer.status_code == 422
    assert source in answer.text
    assert "BETA" in office.administrator.read("/")


@pytest.mark.parametrize("name", ["KESCLOUDSERVER", "KESCloudServer"])
def test_an_environment_variable_locks_the_page_and_is_named(office: Office, name: str) -> None:
    lock(office, {name: " Beta "})
    demand_locked(office, name)


def test_a_config_file_of_the_host_locks_the_page_and_is_named(
    office: Office, tmp_path: Path
) -> None:
    file = tmp_path / "Host.exe.config"
    file.write_text(CONFIG, "utf-8")
    lock(office, {"BRIDGEHEAD_HOST_CONFIG": str(file)})
    demand_locked(office, file.name)


def test_nothing_of_beta_shows_in_production_and_its_jobs_stand_still(office: Office) -> None:
    runtime, house = office.house.runtime, office.house
    environments.pick(runtime, "tester", Environment.BETA, "beta")
    made = house.integrate(vendor=CLOUD)
    vendor, name = made.vendor, made.vendor.name
    integration, title = made.id, "Of beta"
    integrations.rename(runtime, "tester", made, title, made.version)
    device = db.session.scalars(select(DeviceRow)).first()
    workspace = db.session.scalars(select(WorkspaceRow.name)).first()
    run = sync.ask(runtime, vendor, sync.WORKSPACES, by="tester")
    assert device is not None
    assert workspace is not None
    environments.pick(runtime, "tester", Environment.PRODUCTION, "production")
    asked = house.emulators[CLOUD].request_count
    sync.schedule(runtime)
    house.clock.forward(86_400)
    sync.schedule(runtime)
    house.work_all()
    assert house.emulators[CLOUD].request_count == asked
    assert db.session.get_one(SyncRun, run.id).living is not None
    secret = {name, title, device.name, workspace}
    for page in PAGES:
        shown = office.administrator.read(page)
        assert {each for each in secret if each in shown} == set(), page
        assert "BETA" not in shown
    for page in (
        f"/connections/{vendor.id}",
        f"/connections/{vendor.id}/edit",
        f"/connections/{vendor.id}/delete",
        f"/integrations/{integration}",
        f"/integrations/{integration}/mapping",
        f"/devices/{device.id}",
        f"/runs/{run.id}",
    ):
        assert office.administrator.get(page).status_code == 404, page
    environments.pick(runtime, "tester", Environment.BETA, "beta")
    assert "BETA" in office.administrator.read(f"/connections/{vendor.id}")
    house.clock.forward(600)
    house.work_all()
    db.session.expire_all()
    assert db.session.get_one(SyncRun, run.id).state == "done"
    assert db.session.get(Connection, vendor.id) is not None


def test_every_page_carries_the_mark_also_before_the_sign_in(office: Office) -> None:
    environments.pick(office.house.runtime, "tester", Environment.TEST, "test")
    for page in ("/", "/environment", "/connections/new/eset_protect", "/setup/vendor", "/audit"):
        assert ">TEST</strong>" in office.administrator.read(page), page
        assert ">TEST</strong>" in office.administrator.read(f"{page}?embedded=1"), page
    assert ">TEST</strong>" in office.stranger().read("/sign-in")
    assert ">TEST</strong>" in office.administrator.get("/nowhere").text
