import gzip
import hmac
import json
import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import Client, TestResponse

from plugin.blueprints import guard, webhooks
from plugin.blueprints.bodies import Gathering
from plugin.blueprints.fast_inbox import FastInbox
from plugin.domain.errors import TransientError
from plugin.store.base import db, write_lock, writing
from plugin.store.integrations import Connection
from plugin.store.work import Delivery, Job
from tests.scene import CallingHost, Scene, saying, scene, sign, signed

FORMS = [
    "/webhooks/{token}",
    "/webhooks/{token}?recordId=57961&action=updated",
    "/webhooks/{token}57961&action=updated",
    "/webhooks/{token}/57961&action=updated",
    "/webhooks/{token}//57961&action=updated",
    "/webhooks/{token}/?recordId=57961&action=updated",
    "/webhooks/{token}?key=abc57961&action=updated",
    "/webhooks/{token}/some/%2e%2e/junk;x=1?a&&=b",
]


MALFORMED = 20_000 if os.environ.get("BRIDGEHEAD_SOAK") else 2_000


class Door:
    """The door of a scene and the connection behind it."""

    def __init__(self, play: Scene, client: Client) -> None:
        self.play, self.client = play, client
        self.connection = play.add_connection()
        self.token = self.connection.webhook_token or ""

    def send(self, body: bytes | None = None, address: str = FORMS[0], **more: Any) -> TestResponse:
        body = saying() if body is None else body
        more.setdefault("headers", signed(body))
        address = address.format(token=self.token)
        return self.client.post(address, data=body, **more)

    def stored(self) -> list[Delivery]:
        db.session.remove()
        return list(db.session.scalars(select(Delivery).order_by(Delivery.id)))


def open_door(app: Flask, play: Scene, *, fast: bool) -> Client:
    app.config["MAX_CONTENT_LENGTH"] = 1_048_576
    app.extensions["bridgehead"] = play.runtime
    guard.install(app)
    app.register_blueprint(webhooks.blueprint)
    return Client(Gathering(app, FastInbox(app, app.wsgi_app) if fast else app.wsgi_app))


@pytest.fixture(params=["blueprint", "fast inbox"])
def door(request: pytest.FixtureRequest, sqlite: str) -> Iterator[Door]:
    with scene(sqlite) as play:
        yield Door(play, open_door(play.app, play, fast=request.param == "fast inbox"))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_hosts_make_of_the_address_is_taken(door: Door, form: str) -> None:
    answer = door.send(address=form)
    assert (answer.status_code, answer.data) == (204, b"")
    (row,) = door.stored()
    assert row.connection_id == door.connection.id
    assert row.proven


def test_what_followed_the_token_is_kept_for_people(door: Door) -> None:
    door.send(address="/webhooks/{token}57961&action=updated?x=%00")
    assert door.stored()[0].query == "57961&action=updated?x=%00"


def test_the_same_call_again_is_taken_and_stored_once(door: Door) -> None:
    assert [door.send().status_code for _ in range(3)] == [204] * 3
    assert [row.repeats for row in door.stored()] == [2]


def test_an_address_check_sees_something_and_changes_nothing(door: Door) -> None:
    for method in ("GET", "HEAD"):
        answer = door.client.open(f"/webhooks/{door.token}?recordId=1", method=method)
        assert (answer.status_code, answer.data) == (200, b"")
        assert door.client.open(f"/webhooks/{'x' * 43}", method=method).status_code == 404
    assert door.stored() == []


@pytest.mark.parametrize("rest", ["", "short", "x" * 43, "x" * 100, "ü" * 43, "%00" * 43, "../a"])
def test_strangers_learn_nothing(door: Door, rest: str) -> None:
    answer = door.client.post(f"/webhooks/{rest}", data=saying(), headers=signed(saying()))
    assert answer.status_code in {404, 308}
    assert door.stored() == []


def test_a_deleted_connections_address_is_gone(door: Door) -> None:
    gone = door.play.add_connection(deleted_at=door.play.clock())
    answer = door.client.post(f"/webhooks/{gone.webhook_token}", data=saying())
    assert answer.status_code == 404


def test_a_bad_signature_is_refused_with_its_reason_and_shown_but_never_due(door: Door) -> None:
    for headers in ([], [("X-Content-Signature", sign(b"other"))]):
        answer = door.send(headers=headers)
        assert answer.status_code == 401
        assert "signature" in answer.text
    door.play.app.extensions["bridgehead.receiver"].close()
    assert [row.state for row in door.stored()] == ["dropped", "dropped"]
    assert db.session.scalar(select(func.count(Job.id))) == 0


def test_a_call_that_only_the_network_can_prove_is_stored_for_the_worker(door: Door) -> None:
    other = door.play.add_connection("network")
    answer = door.client.post(f"/webhooks/{other.webhook_token}", data=saying())
    assert answer.status_code == 204
    assert not door.stored()[0].proven


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"ID": NaN}', "holds NaN"),
        (b'{"ID": 1, "ID": 2}', "twice"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'\xef\xbb\xbf{"ID": 1}', "not JSON"),
        (b'{"ID": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, ""),
        (b"[" * 200_000, "nested"),
        (gzip.compress(b'{"ID": 1}', mtime=0), "not UTF-8"),
    ],
)
def test_a_malformed_body_is_refused_with_its_reason(door: Door, body: bytes, reason: str) -> None:
    answer = door.send(body)
    assert answer.status_code == (413 if len(body) > 1_048_576 else 400)
    assert reason in answer.text
    assert door.stored() == []


def test_an_encoded_body_is_refused(door: Door) -> None:
    body = gzip.compress(saying())
    answer = door.send(body, headers=[*signed(body), ("Content-Encoding", "gzip")])
    assert (answer.status_code, answer.text) == (400, "the body is encoded; send it as it is")


def test_one_byte_more_than_a_mebibyte_is_too_large(door: Door) -> None:
    fits = json.dumps({"ID": 1, "pad": ""}).encode()
    pad = 1_048_576 - len(fits)
    assert door.send(json.dumps({"ID": 1, "pad": "x" * pad}).encode()).status_code == 204
    answer = door.send(json.dumps({"ID": 1, "pad": "x" * (pad + 1)}).encode())
    assert answer.status_code == 413


def test_other_methods_are_not_allowed(door: Door) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert door.client.open(f"/webhooks/{door.token}", method=method).status_code == 405


def test_a_busy_store_says_when_to_come_back_and_loses_nothing(door: Door) -> None:
    door.send()
    lock = write_lock(db.engine)
    assert lock is not None
    lock.acquire(None)
    started = time.monotonic()
    answer = door.send(saying(ID=8))
    assert time.monotonic() - started < 2.5
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    lock.release()
    assert door.send(saying(ID=8)).status_code == 204
    assert {row.body for row in door.stored()} == {saying(), saying(ID=8)}


def test_trouble_while_proving_is_no_error_for_the_sender(door: Door) -> None:
    CallingHost.trouble.append(TransientError("Host", "no key just now"))
    assert door.send().status_code == 204


def test_other_pages_are_not_the_fast_inboxs_business(door: Door) -> None:
    assert door.client.get("/nowhere").status_code == 404


def test_two_hundred_at_once_are_one_delivery(door: Door) -> None:
    def send(_: int) -> int:
        return door.send().status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(send, range(200))) == {204}
    assert [row.repeats for row in door.stored()] == [199]


def test_an_unknown_token_costs_as_much_hashing_as_a_bad_signature(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = saying(pad="x" * 1000)
    hashed: list[int] = []
    hmac_new = hmac.new

    def counted(key: bytes, message: bytes, digest: str) -> hmac.HMAC:
        hashed.append(len(message))
        return hmac_new(key, message, digest)

    monkeypatch.setattr(hmac, "new", counted)
    strange = [("X-Content-Signature", "0" * 64)]
    assert door.send(body, headers=strange).status_code == 401
    known, hashed[:] = hashed.count(len(body)), []
    assert door.send(body, f"/webhooks/{'x' * 43}", headers=strange).status_code == 404
    assert hashed.count(len(body)) >= known - 1 > 0


def mangled(rnd: random.Random) -> tuple[bytes, list[tuple[str, str]], str]:
    """Make one malformed delivery."""
    body = saying(ID=rnd.randrange(9), Note=secrets.token_hex(4))
    signature = sign(body)
    match rnd.randrange(9):
        case 0:
            body = body[: rnd.randrange(len(body))]
        case 1:
            at = rnd.randrange(len(body))
            body = body[:at] + bytes([rnd.randrange(256)]) + body[at + 1 :]
        case 2:
            body = rnd.randbytes(rnd.randrange(200))
        case 3:
            body = body.decode().encode(rnd.choice(["utf-16", "utf-32", "utf-8-sig", "utf-7"]))
        case 4:
            body = json.dumps(rnd.choice([None, 1, [], "x", {"ID": {}}, {"ID": [1]}])).encode()
        case 5:
            signature = rnd.choice(["", "=", "\x7f", "ÿ" * 44, "a" * 5000, signature.upper()])
        case 6:
            body = gzip.compress(body, mtime=0)
        case 7:
            body = b'{"ID":' * rnd.randrange(2000) + b"\x00" * rnd.randrange(3)
        case 8:
            body = body.replace(b'"', rnd.choice([b"'", b'\\"', b"\\ud800", b"\x00"]))
    headers = [("X-Content-Signature", signature)]
    if rnd.random() < 0.2:
        names = ["Content-Encoding", "X-Odd", "Content-Type"]
        headers.append((rnd.choice(names), rnd.choice(["gzip", "br", "ÿ", "\x01", "x" * 9000])))
    query = rnd.choice(["", "?recordId=", "?%00", "?%ff%fe", "57961&action=", "/%c3%28?;;&&=="])
    return body, headers, query


def test_thousands_of_malformed_calls_are_never_our_fault(door: Door) -> None:
    rnd = random.Random(2)
    seen: dict[int, int] = {}
    for _ in range(MALFORMED):
        body, headers, query = mangled(rnd)
        answer = door.send(body, "/webhooks/{token}" + query, headers=headers)
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        assert answer.status_code < 500
        assert answer.status_code == 204 or answer.text
    assert seen.keys() <= {204, 400, 401}
    assert seen[400] > 500
    assert seen[401] > 100


def test_calls_are_answered_while_a_connection_is_edited(door: Door) -> None:
    stop = threading.Event()
    seen: list[int] = []

    def send_on() -> None:
        while not stop.is_set():
            seen.append(door.send(saying(ID=len(seen))).status_code)

    thread = threading.Thread(target=send_on)
    thread.start()
    for number in range(20):
        with writing() as session:
            session.get_one(Connection, door.connection.id).name = f"name {number}"
    stop.set()
    thread.join()
    assert set(seen) == {204}
