import base64
import json
from pathlib import Path

import pytest

from plugin.hosts.connectwise_psa.emulator_callbacks import sign as emulated
from plugin.hosts.connectwise_psa.signing import is_signature, matches, sign

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors/connectwise-callback-signature-vectors.json").read_text()
)
KEY = VECTORS["signing_key"]


@pytest.mark.parametrize("vector", VECTORS["valid"])
def test_a_valid_vector_is_accepted(vector: dict[str, str]) -> None:
    body = vector["body_utf8"].encode()
    assert sign(KEY, body) == vector["signature"]
    assert matches(KEY, body, vector["signature"])


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: vector["why"])
def test_an_invalid_vector_is_refused(vector: dict[str, str]) -> None:
    assert not matches(KEY, vector["body_utf8"].encode(), vector["signature"])


def test_every_changed_byte_of_a_body_is_noticed() -> None:
    body = VECTORS["valid"][2]["body_utf8"].encode()
    signature = sign(KEY, body)
    for at in range(len(body)):
        changed = bytes([*body[:at], body[at] ^ 1, *body[at + 1 :]])
        assert not matches(KEY, changed, signature)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "=" * 44,
        "A" * 44,
        "A" * 43,
        "A" * 45,
        "A" * 42 + "=\n",
        "Ä" * 43 + "=",
        " " + "A" * 42 + "=",
        base64.urlsafe_b64encode(b"\xff" * 32).decode(),
    ],
)
def test_a_header_of_another_shape_is_no_signature(header: str) -> None:
    assert not is_signature(header)
    assert not matches(KEY, b"", header)


def test_a_key_with_any_letters_can_sign() -> None:
    assert matches("Schlüssel \ud800", b"x", sign("Schlüssel \ud800", b"x"))


def test_the_emulator_signs_as_the_vectors_say() -> None:
    vector = VECTORS["valid"][0]
    assert emulated(KEY, vector["body_utf8"].encode()) == vector["signature"]
