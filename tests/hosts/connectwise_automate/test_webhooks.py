"""What scripts' calls mean, and what is refused of them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import plugin.hosts.connectwise_automate as folder
from plugin.domain.errors import AnswerError, ForgedError, RuleError
from plugin.domain.model import Delivery, EventAction, EventKind, Subscription
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.script import EVENTS
from plugin.hosts.connectwise_automate.signature import computer_secret, sign
from plugin.hosts.connectwise_automate.webhooks import MEANINGS
from tests.hosts.connectwise_automate.stand import EPOCH, host_of

SCHEMA = json.loads((Path(str(folder.__file__)).parent / "webhook.schema.json").read_text("utf-8"))
PUBLISHED = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)
BODY: dict[str, Any] = {
    "event": "alert_raised",
    "computer_id": "17",
    "client_id": "4",
    "message_id": "0F8FAD5B-d9cb-469f-a165-70867728950e",
    "occurred_at": "2026-11-02T03:00:00-05:00",
    "details": {"alert_id": "9", "count": 2, "again": True, "note": None},
}
SECRET = "a-secret-of-the-connection-0123"


def delivery(body: object, **headers: str) -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Delivery(raw, named, received_at=EPOCH)


def signed(body: object, secret: str, key_id: str = "server") -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = str(int(EPOCH.timestamp()))
    return delivery(
        raw,
        x_bridgehead_timestamp=stamp,
        x_bridgehead_signature=sign(secret, stamp, raw),
        x_bridgehead_key_id=key_id,
    )


def test_an_alert_is_a_hint_about_its_computer(emulator: AutomateEmulator) -> None:
    event = host_of(emulator).read(delivery(BODY))
    assert (event.kind, event.action) == (EventKind.ALERT, EventAction.ADDED)
    assert event.entity_id == "17"
    assert event.message_id == "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert event.occurred_at == datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
    assert event.details == (
        ("event", "alert_raised"),
        ("client_id", "4"),
        ("alert_id", "9"),
        ("count", "2"),
        ("again", "true"),
        ("note", ""),
    )


def test_every_event_has_a_meaning_a_script_and_a_place_in_the_schema() -> None:
    assert set(MEANINGS) == set(EVENTS) == set(SCHEMA["properties"]["event"]["enum"])


def test_an_unknown_event_is_no_error(emulator: AutomateEmulator) -> None:
    event = host_of(emulator).read(delivery({**BODY, "event": "disk_full"}))
    assert (event.kind, event.action) == (EventKind.UNKNOWN, EventAction.UNKNOWN)
    assert event.details[0] == ("event", "disk_full")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"computer_id": 17},
        {"client_id": ""},
        {"client_id": None},
        {"details": {}},
        {"details": None},
        {"event": "bridge_result"},
        {"surplus": [1, 2, 3]},
    ],
)
def test_what_the_schema_allows_is_read(
    emulator: AutomateEmulator, change: Mapping[str, Any]
) -> None:
    body = {**BODY, **change}
    assert PUBLISHED.is_valid(body)
    assert host_of(emulator).read(delivery(body)).entity_id == "17"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event", ""),
        ("event", [3]),
        ("event", "a b"),
        ("event", "x" * 61),
        ("computer_id", ""),
        ("computer_id", "0"),
        ("computer_id", "17; drop"),
        ("computer_id", 1.5),
        ("computer_id", True),
        ("computer_id", ["17"]),
        ("computer_id", "9" * 19),
        ("client_id", "x"),
        ("message_id", "17"),
        ("message_id", {}),
        ("occurred_at", "yesterday"),
        ("occurred_at", 1793606400),
        ("occurred_at", None),
        ("details", "text"),
        ("details", {"a": {"b": 1}}),
        ("details", {"a": [1]}),
        ("details", {"a": "x" * 2001}),
        ("details", {"a b": "x"}),
        ("details", {str(number): 1 for number in range(51)}),
        ("details", {"a": "\ud800"}),
    ],
)
def test_a_misfit_is_named_and_not_shown(
    emulator: AutomateEmulator, field: str, value: object
) -> None:
    with pytest.raises(AnswerError, match=f"not as promised .*{field}") as caught:
        host_of(emulator).read(delivery({**BODY, field: value}))
    assert "drop" not in str(caught.value)


@pytest.mark.parametrize("field", ["event", "computer_id", "message_id", "occurred_at"])
def test_a_missing_field_is_named(emulator: AutomateEmulator, field: str) -> None:
    body = {name: value for name, value in BODY.items() if name != field}
    assert not PUBLISHED.is_valid(body)
    with pytest.raises(AnswerError, match=field):
        host_of(emulator).read(delivery(body))


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b"[]", b"17", b'"x"', b"\xff\xfe", b'{"event":NaN}', b"[" * 100_000],
)
def test_what_is_no_record_is_an_answer_error(emulator: AutomateEmulator, raw: bytes) -> None:
    with pytest.raises(AnswerError):
        host_of(emulator).read(delivery(raw))


def test_a_forger_of_a_computers_call_with_an_odd_body_is_a_forger(
    emulator: AutomateEmulator,
) -> None:
    host = host_of(emulator, webhook_secret=SECRET)
    with pytest.raises(ForgedError):
        host.prove(signed(b"not json", computer_secret(SECRET, "17"), "computer-17"))


def test_without_a_time_of_arrival_our_clock_counts(emulator: AutomateEmulator) -> None:
    raw, stamp = b"{}", str(int(EPOCH.timestamp()))
    headers = (
        ("X-Bridgehead-Timestamp", stamp),
        ("X-Bridgehead-Signature", sign(SECRET, stamp, raw)),
    )
    host_of(emulator, lambda: EPOCH, webhook_secret=SECRET).prove(Delivery(raw, headers))
    late = EPOCH.replace(hour=9)
    with pytest.raises(ForgedError, match="3600 seconds behind"):
        host_of(emulator, lambda: late, webhook_secret=SECRET).prove(Delivery(raw, headers))


def test_proving_needs_no_network(emulator: AutomateEmulator) -> None:
    host = host_of(emulator, webhook_secret=SECRET)
    call = signed(BODY, SECRET)
    assert host.can_prove_offline(call)
    host.prove(call)
    assert emulator.request_count == 0


@pytest.mark.parametrize("until", ["", "soon", "2026-11-02T07:59:59", "2026-11-02T07:59:59Z"])
def test_the_former_secret_is_refused_after_its_day(emulator: AutomateEmulator, until: str) -> None:
    settings = {"webhook_secret_old": "the-former-secret-0123456789", "webhook_secret": SECRET}
    host = host_of(emulator, None, webhook_secret_old_until=until, **settings)
    host.prove(signed(BODY, SECRET))
    with pytest.raises(ForgedError):
        host.prove(signed(BODY, settings["webhook_secret_old"]))


def test_no_secret_stands_in_a_refusal(emulator: AutomateEmulator) -> None:
    host = host_of(emulator, webhook_secret=SECRET)
    with pytest.raises(ForgedError) as caught:
        host.prove(signed(BODY, "wrong-secret-0123456789-abcdef"))
    assert SECRET not in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


def test_there_is_no_register(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    one = Subscription("https://bridgehead.example/webhooks/x", "alert")
    assert host.registers_webhooks is False
    assert host.wanted_subscriptions(one.url) == ()
    assert list(host.subscriptions(one.url)) == []
    host.unsubscribe(one)
    host.repair(one)
    with pytest.raises(RuleError, match="no register"):
        host.subscribe(one)
    assert emulator.request_count == 0


def test_a_computers_secret_is_derived_and_only_for_ids(emulator: AutomateEmulator) -> None:
    host = host_of(emulator, webhook_secret=SECRET)
    secret = host.computer_secret("17")
    assert len(secret) == 64
    host.prove(signed(BODY, secret, "computer-17"))
    with pytest.raises(RuleError):
        host.computer_secret("17/../1")
    with pytest.raises(RuleError, match="no webhook secret"):
        host_of(emulator, webhook_secret="").computer_secret("17")
