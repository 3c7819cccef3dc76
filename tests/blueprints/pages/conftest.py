"""A filled office, copied for each file of tests, and an empty one for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blueprints.pages.filling import fill
from tests.blueprints.pages.office import Office, open_office


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill an installation once: an integration, tickets, runs, received calls; give its folder."""
    folder = tmp_path_factory.mktemp("filled")
    with open_office(folder) as office:
        fill(office)
    return folder


@pytest.fixture(scope="module")
def office(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give a copy of the filled installation, one for each file of tests."""
    folder = tmp_path_factory.mktemp("office")
    shutil.copytree(filled, folder, dirs_exist_ok=True)
    with open_office(folder) as office:
        yield office


@pytest.fixture
def empty_office(tmp_path: Path) -> Iterator[Office]:
    """Give an installation with nothing connected."""
    with open_office(tmp_path) as office:
        yield office
