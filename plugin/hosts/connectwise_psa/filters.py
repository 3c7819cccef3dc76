"""Conditions for lists, built so that no text from outside can change their meaning.

How a quote inside a text is escaped is nowhere documented, and ``*``, ``[`` and ``]`` are
wildcards: a text with one of them is refused rather than guessed at.
"""

import re
from datetime import UTC, datetime

from plugin.domain.errors import RuleError

LONGEST_TEXT = 250
_UNSAFE = re.compile(r'["\\*\[\]\x00-\x1f\x7f\ud800-\udfff]')


class UnquotableError(RuleError):
    """The text cannot be written into a condition."""

    def __init__(self) -> None:
        """Say so in words for the page."""
        super().__init__("", 'ConnectWise PSA cannot search for a text with " \\ * [ or ] in it')


def quoted(text: str) -> str:
    """Return ``text`` in double quotes; UnquotableError when that is not safe.

    >>> quoted("Northwind's")
    '"Northwind\\'s"'
    """
    if not text or len(text) > LONGEST_TEXT or _UNSAFE.search(text):
        raise UnquotableError
    return f'"{text}"'


def equals(field: str, value: str | int) -> str:
    """Return the condition that a field is exactly this (the product ignores letter case)."""
    return f"{field} = {value if isinstance(value, int) else quoted(value)}"


def contains(field: str, text: str) -> str:
    """Return the condition that a field has ``text`` in it."""
    return f"{field} contains {quoted(text)}"


def begins(field: str, prefix: str) -> str:
    """Return the condition that a field begins with ``prefix``."""
    return f'{field} like "{quoted(prefix)[1:-1]}*"'


def not_before(field: str, moment: datetime) -> str:
    """Return the condition that a field is at or after ``moment`` (in whole seconds, UTC).

    >>> not_before("lastUpdated", datetime(2026, 6, 9, 21, 59, 47, 999, tzinfo=UTC))
    'lastUpdated >= [2026-06-09T21:59:47Z]'
    """
    return f"{field} >= [{written(moment)}]"


def both(*conditions: str) -> str:
    """Return the condition that all of ``conditions`` hold."""
    return " and ".join(conditions)


def either(*conditions: str) -> str:
    """Return the condition that one of ``conditions`` holds."""
    return f"({' or '.join(conditions)})"


def written(moment: datetime) -> str:
    """Return a moment as PSA writes it: ISO 8601, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
