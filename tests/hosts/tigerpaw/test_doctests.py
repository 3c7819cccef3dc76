"""The examples in the adapter's docstrings are true."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["api", "fields", "signature", "template"])
def test_its_examples_are_true(name: str) -> None:
    outcome = doctest.testmod(import_module(f"plugin.hosts.tigerpaw.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0
