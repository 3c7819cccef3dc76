"""Every test of a door is also a test of the audit log."""

from collections.abc import Iterator

import pytest

from tests.blueprints.audited import watching


@pytest.fixture(autouse=True)
def every_change_is_audited() -> Iterator[None]:
    """Fail a test in which a request changed something and left no audit entry."""
    with watching() as found:
        yield
    assert not found.gaps, f"no audit entry: {found.gaps[:5]}"
