"""The examples in the adapter's docstrings are true."""

import doctest
from importlib import import_module

import pytest

MODULES = ("api", "clock", "fields", "host", "passcode", "signature")


@pytest.mark.parametrize("name", MODULES)
def test_its_examples_are_true(name: str) -> None:
    module = import_module(f"plugin.hosts.connectwise_automate.{name}")
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0
