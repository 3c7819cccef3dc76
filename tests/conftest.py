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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use one worker more than there are processors: many tests wait for a server or a browser."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first on each worker: at the end all others would wait for it.

    A worker begins with a piece of the list, and steals from the others' ends when it is done. The
    whole program's tests and each browser walk share an installation that takes seconds to start.
    """
    system = [item for item in items if item.nodeid.startswith("tests/system/")]
    browser = [item for item in items if item.get_closest_marker("browser")]
    long = {*system, *browser}
    rest = [item for item in items if item not in long]
    share = len(items) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first = max(share - len(system), 0)
    items[:] = [*system, *rest[:first], *browser, *rest[first:]]


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
