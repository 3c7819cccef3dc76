"""Vouchers: short texts that this installation signs for itself, good for some time.

Nothing of a voucher is stored. It is signed with a key of the vault's root for its own purpose, so
that one made for one purpose is worth nothing for another, and it names the moment it ends.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from plugin.runtime import Runtime

LONGEST = 2_000


def sign(runtime: Runtime, purpose: str, text: str, seconds: float) -> str:
    """Return a voucher that holds ``text`` (readable by anybody) for so long."""
    ends = int((runtime.now() + timedelta(seconds=seconds)).timestamp())
    body = _encoded(f"{ends} {text}".encode())
    return f"{body}.{_signature(runtime, purpose, body)}"


def read(runtime: Runtime, purpose: str, voucher: str) -> str | None:
    """Return a voucher's text; None when it is over, altered, or was made for something else."""
    body, _, signature = voucher[:LONGEST].partition(".")
    if not voucher.isascii() or not body:
        return None
    if not hmac.compare_digest(_signature(runtime, purpose, body), signature):
        return None
    ends, _, text = _decoded(body).partition(" ")
    over = datetime.fromtimestamp(int(ends), UTC) <= runtime.now()
    return None if over else text


def _signature(runtime: Runtime, purpose: str, body: str) -> str:
    key = runtime.vault.derive(f"voucher {purpose}")
    return _encoded(hmac.new(key, body.encode(), hashlib.sha256).digest())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> str:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
