from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.store.base import db
from tests.databases import fresh_sqlite
from tests.house import HOST, House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as opened:
        yield opened


def test_an_adapter_opens_new_doors_after_its_session_has_closed(house: House) -> None:
    connection = house.connect(HOST)
    adapter = house.runtime.host(connection)
    db.session.remove()
    assert list(adapter.companies())


def test_an_adapter_is_made_once_and_again_after_an_edit(house: House) -> None:
    connection = house.connect(HOST)
    first = house.runtime.host(connection)
    assert house.runtime.host(connection) is first
    connection.name = "Renamed"
    connection.version += 1
    assert house.runtime.host(connection) is not first


def test_no_secret_shows_in_the_runtimes_repr(house: House) -> None:
    settings = house.emulators[HOST].connection_settings()
    assert settings["private_key"] not in repr(house.runtime)
