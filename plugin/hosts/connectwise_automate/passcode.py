"""Passcode: the six digits of two-factor sign-in, given or computed from the setup key."""

import base64
import binascii
import hmac
import struct
from datetime import UTC, datetime

STEP = 30
DIGITS = 6
SHORTEST_KEY = 10
"""Bytes; what authenticators are fed with is no shorter anywhere."""


def passcode(given: str, now: datetime) -> str:
    """Return the passcode to send: ``given`` itself when it is digits, else computed (RFC 6238).

    A setup key is what an authenticator app is fed with: letters A-Z and digits 2-7, blanks do
    not matter. ValueError when ``given`` is neither.

    >>> passcode(" 123 456", datetime(2026, 1, 1))
    '123456'
    """
    compact = given.replace(" ", "").replace("-", "")
    if compact.isascii() and compact.isdigit() and len(compact) <= 8:
        return compact
    return _computed(_key(compact), int(now.timestamp()) // STEP)


def _key(text: str) -> bytes:
    padded = text.upper() + "=" * (-len(text) % 8)
    try:
        key = base64.b32decode(padded)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < SHORTEST_KEY:
        raise ValueError("neither a passcode nor a setup key")
    return key


def _computed(key: bytes, counter: int) -> str:
    # RFC 4226 asks for SHA-1 here, and authenticator apps know nothing else.
    digest = hmac.digest(key, struct.pack(">Q", counter), "sha1")
    place = digest[-1] & 15
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def is_passcode(given: str) -> bool:
    """Tell whether ``given`` is a passcode or a setup key.

    >>> is_passcode("JBSW Y3DP EHPK 3PXP"), is_passcode("no key!")
    (True, False)
    """
    try:
        passcode(given, datetime.fromtimestamp(0, UTC))
    except ValueError:
        return False
    return True
