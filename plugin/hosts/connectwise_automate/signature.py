"""Signature: how a script on an Automate server or computer signs its call to us.

Automate has no register of callbacks; what calls us is a script, so the format is our own. The
signature is HMAC-SHA256 over ``<timestamp>.<raw body>`` with the secret's UTF-8 bytes as the key,
written as ``v1=<lower-case hex>``; the time stamp is in whole unix seconds. Nothing here asks a
clock or the network, and every byte can be made with any other tool::

    printf '%s.%s' "$timestamp" "$body" | openssl dgst -sha256 -hmac "$secret"
"""

import hmac
import re
from hashlib import sha256

TIMESTAMP_HEADER = "X-Bridgehead-Timestamp"
SIGNATURE_HEADER = "X-Bridgehead-Signature"
KEY_ID_HEADER = "X-Bridgehead-Key-Id"

SERVER_KEY = "server"
"""The key id of the connection's own secret; a call without a key id means this one too."""

TOLERANCE = 300
"""Seconds by which a call's time stamp may differ from the time it arrived."""

_SCHEME = "v1="
_COMPUTER_KEY = re.compile(r"computer-([1-9][0-9]{0,17})", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of the signature header.

    >>> sign("secret", "1770000000", b"{}")
    'v1=4cc6a24ed570128294ad1e1a574ee8f2b4234eb69faa12f0e705eb178ec38325'
    """
    message = timestamp.encode() + b"." + body
    return _SCHEME + hmac.new(secret.encode(), message, sha256).hexdigest()


def matches(secret: str, timestamp: str, body: bytes, signature: str) -> bool:
    """Tell, in constant time, whether ``signature`` was made with ``secret`` over these bytes."""
    expected = sign(secret, timestamp, body)
    return hmac.compare_digest(expected.encode(), _plain(signature))


def _plain(signature: str) -> bytes:
    return signature.strip().lower().encode("utf-8", "replace")


def computer_key(computer_id: str) -> str:
    """Return the key id of a computer's own secret.

    >>> computer_key("17")
    'computer-17'
    """
    return f"computer-{computer_id}"


def computer_of(key_id: str) -> str | None:
    """Return the id of the computer a key id names, or None when it names none.

    >>> computer_of("computer-17")
    '17'
    """
    found = _COMPUTER_KEY.fullmatch(key_id)
    return found[1] if found else None


def computer_secret(secret: str, computer_id: str) -> str:
    """Return the secret of one computer, derived from the connection's.

    It tells nothing about the connection's secret or another computer's, so it may lie on a
    client's computer, and nothing has to be stored for it.
    """
    purpose = f"bridgehead/{computer_key(computer_id)}"
    return hmac.new(secret.encode(), purpose.encode(), sha256).hexdigest()


def seconds_of(timestamp: str) -> int | None:
    """Return the unix seconds a time stamp header says, or None when it is no plain number.

    >>> seconds_of("1770000000"), seconds_of("1.7e9"), seconds_of("-5")
    (1770000000, None, None)
    """
    return int(timestamp) if _TIMESTAMP.fullmatch(timestamp) else None
