"""Which database a service is tested on.

The store is tested on both kinds, every test of it. A service's test runs on one of the two,
chosen by its name and so always the same; ``BRIDGEHEAD_SOAK`` makes all of them run on both.
"""

import os
from pathlib import Path
from zlib import crc32

import pytest

HERE = Path(__file__).parent
KINDS = ("sqlite", "postgresql")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of this folder that are another database's."""
    if os.environ.get("BRIDGEHEAD_SOAK"):
        return
    out = [each for each in items if HERE in each.path.parents and not _is_chosen(each)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [each for each in items if each not in set(out)]


def _is_chosen(item: pytest.Item) -> bool:
    own = [kind for kind in KINDS if kind in item.name]
    if "database" not in getattr(item, "fixturenames", ()) or len(own) != 1 or _is_told(item):
        return True
    return own[0] == KINDS[crc32(item.nodeid.replace(own[0], "").encode()) % 2]


def _is_told(item: pytest.Item) -> bool:
    """Tell whether the test itself names its database."""
    return any(mark.args[0] == "database" for mark in item.iter_markers("parametrize"))
