"""The examples in the docstrings are true."""

import doctest
from importlib import import_module

import pytest

MODULES = (
    "emulator_faults",
    "emulator_records",
    "emulator_shapes",
    "emulator_world",
    "filters",
    "site",
    "wire",
)


@pytest.mark.parametrize("name", MODULES)
def test_its_examples_are_true(name: str) -> None:
    outcome = doctest.testmod(import_module(f"plugin.hosts.connectwise_psa.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0
