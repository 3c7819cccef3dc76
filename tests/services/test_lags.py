"""How far behind an integration is, as monitoring is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.services.lags import lags
from plugin.services.sync import DATA
from plugin.store.base import db, writing
from plugin.store.integrations import IntegrationState, WorkspaceLink
from plugin.store.work import SyncRun
from tests.house import HOST, House, open_house


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path) as opened:
        yield opened


def test_the_lag_of_a_connection_counts_from_the_last_good_run(house: House) -> None:
    connection = house.connect(HOST)
    house.sync(connection)
    house.clock.forward(120)
    by_connection, by_integration = lags(house.runtime)
    assert 115 <= by_connection[connection.id, "companies"] <= 150
    assert by_integration == {}


def test_an_integration_lags_as_long_as_one_of_its_workspaces(house: House) -> None:
    integration = house.integrate()
    house.clock.forward(5000)
    house.sync(integration.host)
    house.sync(integration.vendor)
    assert lags(house.runtime)[1][integration.id] < 1000
    with writing() as session:
        names = {"workspace_id": "never fetched", "platform": "", "added_at": house.clock()}
        link = WorkspaceLink(
            integration_id=integration.id, vendor_id=integration.vendor_id, **names
        )
        session.add(link)
    house.clock.forward(1500)
    with writing() as session:
        session.execute(db.update(SyncRun).values(ended_at=house.clock()))
    assert 1495 <= lags(house.runtime)[1][integration.id] <= 1600


def test_a_workspace_given_up_lags_no_longer(house: House) -> None:
    integration = house.integrate()
    vendor = integration.vendor_id
    assert (vendor, DATA) in lags(house.runtime)[0]
    with writing() as session:
        integration.state = IntegrationState.DRAFT
        session.add(integration)
    by_connection, by_integration = lags(house.runtime)
    assert (vendor, DATA) not in by_connection
    assert by_integration == {}
