"""Fixtures that every test may use, and the watch over the emulators' contracts."""

import gc
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

from plugin.edge.contract import Breach
from plugin.edge.emulator import Emulator

pytest_plugins = ["tests.databases"]

WHOLE = ("tests/blueprints/", "tests/engine/", "tests/services/")
"""Here whole installations are played; the quick part of the suite is what needs none."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use two workers more than there are processors: many tests wait for a server or a browser."""
    return len(os.sched_getaffinity(0)) + 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out of the quick part what needs more than a moment, and put what takes longest first.

    At the end all other workers would wait for it.

    A worker takes whole files (``--dist loadfile``): the whole program's tests and each browser
    walk share an installation that takes seconds to start.
    """
    for item in items:
        if item.nodeid.startswith(WHOLE) or "postgresql" in item.name:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: (not _is_system(item), item.get_closest_marker("browser") is None))


def _is_system(item: pytest.Item) -> bool:
    return item.nodeid.startswith("tests/system/")


def pytest_collection_finish() -> None:
    """Let the garbage collector look less often, and not at what lives as long as the run.

    It took a fifth of the time: a test makes a whole application, and there are thousands.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once() -> Iterator[None]:
    """Keep compiled templates for the next test's application: a quarter of the pages' time."""
    plain: dict[str, Any] = Flask.jinja_options
    with tempfile.TemporaryDirectory() as folder:
        Flask.jinja_options = {**plain, "bytecode_cache": FileSystemBytecodeCache(folder)}
        yield
        Flask.jinja_options = plain


@pytest.fixture(scope="session", autouse=True)
def routes_compiled_once() -> Iterator[None]:
    """Keep what builds a route's address: every test's application has the same routes."""
    plain = Rule._compile_builder
    known: dict[tuple[object, ...], Any] = {}

    def compiled(rule: Rule, append_unknown: bool = True) -> Any:  # noqa: ANN401 - a function
        what = (rule.rule, rule.subdomain, str(rule.defaults), append_unknown)
        if what not in known:
            known[what] = plain(rule, append_unknown)
        return known[what]

    Rule._compile_builder = compiled  # type: ignore[assignment,method-assign]
    yield
    Rule._compile_builder = plain  # type: ignore[method-assign]


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
