"""The signature of a callback (vendor developer guide, callbacks): pure, bytes in, verdict out."""

import base64
import hashlib
import hmac
import re

_SHAPE = re.compile(r"[A-Za-z0-9+/]{43}=")


def sign(key: str, body: bytes) -> str:
    """Return base64 of HMAC-SHA256 over the raw body; its key is the SHA-256 of ``key``."""
    derived = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return base64.b64encode(hmac.new(derived, body, hashlib.sha256).digest()).decode("ascii")


def is_signature(header: str) -> bool:
    """Tell whether a header can be a signature at all: 44 characters of base64."""
    return _SHAPE.fullmatch(header) is not None


def matches(key: str, body: bytes, header: str) -> bool:
    """Tell, in constant time, whether ``header`` is the signature of these very bytes."""
    if not is_signature(header):
        return False
    return hmac.compare_digest(sign(key, body).encode("ascii"), header.encode("ascii"))
