"""Signature: how a call to Tigerpaw's REST interface proves whose it is (scheme "TSI").

Three public clients and the sample on the API site's help page agree on it: the method, the path
without its query and an RFC 1123 date, joined by ``|`` and written in small letters, are signed
with HMAC-SHA256; the key is the private key's text as it is shown. The body is not signed.
"""

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256

DATE_HEADER = "X-TSI-Date"
"""Carries the very date that was signed; it wins over ``Date`` where both are sent."""


def date_text(moment: datetime) -> str:
    """Return a moment as it is signed and sent.

    >>> date_text(datetime(2015, 6, 18, 7, 25, 43, tzinfo=UTC))
    'Thu, 18 Jun 2015 07:25:43 GMT'
    """
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def string_to_sign(method: str, path: str, date: str) -> str:
    """Return what is signed: ``path`` has its ids and no host and no query.

    >>> string_to_sign("POST", "/api/ServiceOrders", "Fri, 02 Jan 2026 03:04:05 GMT")
    'post|/api/serviceorders|fri, 02 jan 2026 03:04:05 gmt'
    """
    return f"{method}|{path}|{date}".lower()


def sign(private_key: str, method: str, path: str, date: str) -> str:
    """Return the signature; the private key is used as it is shown, neither lowered nor decoded."""
    message = string_to_sign(method, path, date).encode()
    return b64encode(hmac.digest(private_key.encode(), message, sha256)).decode()


def authorization(public_key: str, private_key: str, method: str, path: str, date: str) -> str:
    """Return the value of the ``Authorization`` header."""
    signature = sign(private_key, method, path, date)
    return "TSI " + b64encode(f"{public_key}:{signature}".encode()).decode()
