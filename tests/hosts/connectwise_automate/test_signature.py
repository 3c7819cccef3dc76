"""The signature of scripts' calls, held against stored vectors and against other tools."""

import json
import shutil
import subprocess
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from plugin.domain.errors import ForgedError
from plugin.domain.model import Delivery
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.host import ConnectWiseAutomate
from plugin.hosts.connectwise_automate.signature import (
    computer_of,
    computer_secret,
    matches,
    seconds_of,
    sign,
)
from tests.hosts.connectwise_automate.stand import filled_emulator
from tests.rig import link_to

FILE = Path(__file__).parents[2] / "vectors" / "automate-webhook-signature-vectors.json"
STORED: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
SECRET, TIMESTAMP = "another-secret-0123456789-abc", "1793606400"
BODIES = (b"{}", '{"note":"Grüße – 東京"}'.encode(), b"\x00\xff\r\n" * 50, b"")


@cache
def shared_emulator() -> AutomateEmulator:
    return filled_emulator()  # proving calls nobody, so all vectors can share one


def host_with(settings: dict[str, str]) -> ConnectWiseAutomate:
    emulator = shared_emulator()
    link = link_to(emulator)
    return ConnectWiseAutomate(link_to(emulator, {**link.settings, **settings}))


def delivery_of(vector: dict[str, Any]) -> Delivery:
    headers = tuple((name.lower(), value) for name, value in vector["headers"].items())
    received = datetime.fromisoformat(vector["received_at"])
    return Delivery(vector["body"].encode(), headers, received_at=received)


@pytest.mark.parametrize("vector", STORED["vectors"], ids=lambda vector: vector["name"])
def test_a_stored_vector_is_judged_as_written(vector: dict[str, Any]) -> None:
    host = host_with(vector["settings"])
    if vector["accepted"]:
        host.prove(delivery_of(vector))
        assert host.read(delivery_of(vector)).entity_id == "17"
    else:
        with pytest.raises(ForgedError, match=vector["reason"]):
            host.prove(delivery_of(vector))


def test_the_stored_vectors_hold_both_kinds() -> None:
    accepted = [vector["accepted"] for vector in STORED["vectors"]]
    assert accepted.count(True) >= 10
    assert accepted.count(False) >= 20


def signed_by_openssl(secret: str, message: bytes) -> str:
    tool = shutil.which("openssl")
    if tool is None:
        pytest.skip("NOT CHECKED against openssl: it is not installed")
    key = f"hexkey:{secret.encode().hex()}"
    command = [tool, "dgst", "-sha256", "-mac", "HMAC", "-macopt", key]
    done = subprocess.run(command, input=message, capture_output=True, check=True, timeout=20)
    return done.stdout.decode().split()[-1]


def signed_by_node(secret: str, message: bytes) -> str:
    tool = shutil.which("node")
    if tool is None:
        pytest.skip("NOT CHECKED against node: it is not installed")
    program = (
        "const [secret, hex] = process.argv.slice(1);"
        "process.stdout.write(require('crypto').createHmac('sha256', Buffer.from(secret, 'utf8'))"
        ".update(Buffer.from(hex, 'hex')).digest('hex'))"
    )
    command = [tool, "-e", program, secret, message.hex()]
    done = subprocess.run(command, capture_output=True, check=True, timeout=20)
    return done.stdout.decode()


@pytest.mark.parametrize("body", BODIES)
def test_openssl_makes_the_same_signature(body: bytes) -> None:
    expected = signed_by_openssl(SECRET, TIMESTAMP.encode() + b"." + body)
    assert sign(SECRET, TIMESTAMP, body) == f"v1={expected}"


def test_node_makes_the_same_signature() -> None:
    expected = signed_by_node(SECRET, TIMESTAMP.encode() + b"." + BODIES[1])
    assert sign(SECRET, TIMESTAMP, BODIES[1]) == f"v1={expected}"


def test_openssl_derives_the_same_secret_of_a_computer() -> None:
    expected = signed_by_openssl(SECRET, b"bridgehead/computer-17")
    assert computer_secret(SECRET, "17") == expected


def test_two_computers_have_nothing_in_common() -> None:
    secrets = {SECRET, computer_secret(SECRET, "1"), computer_secret(SECRET, "17")}
    assert len(secrets) == 3


@pytest.mark.parametrize("place", range(0, 67, 6))
def test_no_changed_signature_matches(place: int) -> None:
    good = sign(SECRET, TIMESTAMP, b"{}")
    changed = good[:place] + ("0" if good[place] != "0" else "1") + good[place + 1 :]
    assert matches(SECRET, TIMESTAMP, b"{}", good)
    assert not matches(SECRET, TIMESTAMP, b"{}", changed)


@pytest.mark.parametrize("odd", ["", "v1", "v1=", "v1=ü", "v1=\ud800", "0" * 100_000])
def test_odd_signatures_are_refused_quietly(odd: str) -> None:
    assert not matches(SECRET, TIMESTAMP, b"{}", odd)


@pytest.mark.parametrize("odd", ["", " 1", "1 ", "+1", "1e9", "0x1", "1" * 13, "1\n", "\u0661"])
def test_a_time_stamp_is_plain_digits(odd: str) -> None:
    assert seconds_of(odd) is None


@pytest.mark.parametrize("odd", ["", "computer-", "computer-0", "computer-01", "computer-1\n", "x"])
def test_a_key_id_names_a_computer_or_nothing(odd: str) -> None:
    assert computer_of(odd) is None
