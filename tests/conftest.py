"""Fixtures that every test may use, and the watch over the emulators' contracts."""

from collections.abc import Iterator

import pytest

from plugin.edge.contract import Breach
from plugin.edge.emulator import Emulator

pytest_plugins = ["tests.databases"]


@pytest.fixture(autouse=True)
def no_contract_breach(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which a request or an answer broke a contract.

    Tests that break one on purpose say so with the marker ``breaches``.
    """
    found: list[tuple[str, Breach]] = []

    def watch(emulator: Emulator, breach: Breach) -> None:
        found.append((emulator.kind, breach))

    Emulator.watchers.append(watch)
    yield
    Emulator.watchers.remove(watch)
    if request.node.get_closest_marker("breaches") is None:
        assert not found, f"contract breaches: {found[:5]}"
