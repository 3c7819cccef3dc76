"""The yard of the bridges; ``BRIDGEHEAD_SOAK`` opens it on PostgreSQL too."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridge.yard import Yard, open_yard

KINDS = ("sqlite", "postgresql") if os.environ.get("BRIDGEHEAD_SOAK") else ("sqlite",)


@pytest.fixture(params=KINDS)
def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Yard]:
    """Give an installation with an integration and no bridge yet."""
    with open_yard(request.getfixturevalue(request.param), tmp_path) as opened:
        yield opened
