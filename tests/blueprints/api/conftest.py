"""Fixtures of the API's tests."""

from pathlib import Path

import pytest

from tests.blueprints.api.rooms import Rooms, Shield, open_rooms


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    """Give a furnished installation behind the API."""
    Shield.trouble.clear()
    return open_rooms(tmp_path)


@pytest.fixture(scope="module")
def showroom(tmp_path_factory: pytest.TempPathFactory) -> Rooms:
    """Give one for tests that only look."""
    return open_rooms(tmp_path_factory.mktemp("showroom"))
