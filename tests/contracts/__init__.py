"""What every adapter promises, as tests that each adapter inherits."""

from pathlib import Path

import pytest

# Asserts in these modules are to explain themselves as those in test modules do.
pytest.register_assert_rewrite(
    *(f"{__name__}.{path.stem}" for path in Path(__file__).parent.glob("[a-z]*.py"))
)
