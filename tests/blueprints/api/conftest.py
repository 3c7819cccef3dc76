"""Fixtures of the API's tests."""

from pathlib import Path

import pytest

from tests.blueprints.api.rooms import Rooms, open_rooms


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    """Give a furnished installation behind the API."""
    return open_rooms(tmp_path)
