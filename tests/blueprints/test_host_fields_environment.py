"""Nothing seen outside production is written into a host: it has one set of computers for all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from plugin.domain.errors import RuleError
from plugin.services import (
    administrators,
    environments,
    host_fields,
    host_writing,
    integrations,
)
from plugin.settings import Environment
from plugin.store.base import db, writing
from plugin.store.device_matching import DeviceMatch, MatchState
from plugin.store.host_writes import StateField
from plugin.store.integrations import CompanyMapping, Integration
from plugin.store.mirror import CompanyRow, DeviceRow
from tests.blueprints.pages.office import Office, open_office
from tests.house import House

HOST, CLOUD, FIELD = "connectwise_automate", "kaspersky_cloud", "3"
BARRED = "belongs to the beta environment"


@contextmanager
def matched_on(environment: Environment, folder: Path) -> Iterator[Office]:
    """Open an installation on these servers whose devices are matched to computers."""
    with open_office(folder, companies=1, devices=4) as office:
        house = office.house
        environments.pick(house.runtime, "tester", environment, environment.value)
        made = house.integrate(host=HOST, vendor=CLOUD)
        administrators.add(house.runtime, "tester", made, "anna@msp.example;Anna")
        house.sync(made.vendor)
        _match_by_hand(house, made)
        yield office


def _match_by_hand(house: House, made: Integration) -> None:
    """Say which computer a device is: the made-up MSP's names are others on each server."""
    device, company = (db.session.scalars(select(row)).first() for row in (DeviceRow, CompanyRow))
    assert isinstance(device, DeviceRow)
    assert isinstance(company, CompanyRow)
    computer = next(iter(house.emulators[HOST].state()["computers"]))
    with writing() as session:
        place = {"workspace_id": device.workspace_id, "vendor_id": made.vendor_id}
        place |= {"host_id": made.host_id}
        session.execute(delete(CompanyMapping))
        mapped = CompanyMapping(**place, company_id=company.company_id, made_at=house.clock())
        session.add(mapped)
        match = DeviceMatch(**place, device_id=device.device_id, computer_id=str(computer["id"]))
        match.state, match.changed_at = MatchState.CONFIRMED, house.clock()
        session.add(match)


def writes(office: Office) -> int:
    """Return how many changes reached the host."""
    return sum(each["method"] == "PATCH" for each in office.house.emulators[HOST].requests)


def test_the_page_says_why_and_no_door_takes_a_field(tmp_path: Path) -> None:
    with matched_on(Environment.BETA, tmp_path) as office:
        page = office.administrator.read("/integrations/1/field")
        assert BARRED in page
        assert "Use this field" not in page
        assert BARRED in office.administrator.read("/integrations/1")
        for path, form in (
            ("/integrations/1/field", {"field": FIELD}),
            ("/integrations/1/field/switch", {"on": "1"}),
        ):
            answer = office.administrator.post(path, form)
            assert (answer.status_code, BARRED in answer.text) == (422, True), path
        with pytest.raises(RuleError, match=BARRED):
            host_fields.choose(office.house.runtime, "tester", integrations.get(1), FIELD, None)


@pytest.mark.parametrize("environment", list(Environment))
def test_a_field_that_an_earlier_build_took_is_written_in_production_alone(
    tmp_path: Path, environment: Environment
) -> None:
    with matched_on(environment, tmp_path) as office:
        house = office.house
        with writing() as session:
            made = session.get_one(Integration, 1)
            made.writes_extra_fields = True
            row = StateField(
                integration_id=1, field_id=FIELD, title="State", options=[], problem=""
            )
            row.asked_at = row.looked_at = house.clock()
            session.add(row)
            host_writing.wish(house.runtime, session, made)
        house.work_all()
        host_writing.devices_changed(house.runtime, made.vendor_id)
        house.clock.forward(60)
        house.work_all()
        assert (writes(office) > 0) is (environment is Environment.PRODUCTION)
