"""The passcode of two-factor sign-in."""

import base64
from datetime import UTC, datetime

import pytest

from plugin.hosts.connectwise_automate.passcode import is_passcode, passcode

RFC_KEY = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238_hold(seconds: int, expected: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert passcode(RFC_KEY, moment) == expected
    assert passcode(RFC_KEY.lower()[:4] + " " + RFC_KEY[4:], moment) == expected


def test_digits_are_taken_as_they_are() -> None:
    assert passcode("123 456", datetime.fromtimestamp(0, UTC)) == "123456"


@pytest.mark.parametrize("odd", ["", "hello world!", "ABC1", "12345678901", "A", "\u0661\u0662"])
def test_anything_else_is_neither(odd: str) -> None:
    assert not is_passcode(odd)
