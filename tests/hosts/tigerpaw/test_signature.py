"""The signature is the one three public clients make, byte by byte."""

import json
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plugin.hosts.tigerpaw.signature import authorization, date_text, sign, string_to_sign

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "tigerpaw-tsi-signature-vectors.json").read_text()
)["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["note"][:20])
def test_each_step_agrees_with_the_vector(vector: dict[str, str]) -> None:
    call = vector["method"], vector["path"], vector["date"]
    private = vector["privateKey"]
    assert string_to_sign(*call) == vector["stringToSign"]
    assert sign(private, *call) == vector["signature"]
    assert authorization(vector["publicKey"], private, *call) == vector["authorization"]


def test_the_private_key_is_used_as_it_is_shown() -> None:
    call = "GET", "/api/accounts/1", "Sun, 01 Nov 2026 00:00:00 GMT"
    assert sign("ABC", *call) != sign("abc", *call)


def test_a_token_is_the_public_key_and_32_bytes() -> None:
    token = authorization("public", "private", "GET", "/x", "now").removeprefix("TSI ")
    public, _, signature = b64decode(token).decode().partition(":")
    assert public == "public"
    assert len(b64decode(signature)) == 32


def test_the_date_is_that_of_rfc_1123_in_gmt() -> None:
    moment = datetime.fromisoformat("2026-11-01T02:00:00+02:00")
    assert date_text(moment) == date_text(moment.astimezone(UTC)) == "Sun, 01 Nov 2026 00:00:00 GMT"
