"""Registering callbacks, and reading what they bring."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from plugin.domain.errors import AnswerError
from plugin.domain.model import Delivery, EventAction, EventKind, Subscription
from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from tests.hosts.connectwise_psa.caller import Caller

URL = "https://b.example/webhooks/token?recordId="


def register(host: ConnectWisePsa) -> list[Subscription]:
    for wanted in host.wanted_subscriptions(URL):
        host.subscribe(wanted)
    return list(host.subscriptions(URL))


def body(**changes: object) -> bytes:
    told: dict[str, object] = {
        "Action": "updated",
        "Type": "ticket",
        "ID": 7,
        "Entity": '{"id":7,"_info":{"lastUpdated":"2026-03-01T09:00:00Z"}}',
        "Metadata": {"key_url": "https://b.example/"},
        "MessageId": "6a0e1c52-0d1e-4b6f-9a8e-2f6d5b3c4e10",
        "MemberId": "jdoe",
    }
    told.update(changes)
    return json.dumps({name: value for name, value in told.items() if value is not ...}).encode()


def test_tickets_companies_and_agreements_are_watched_whole(host: ConnectWisePsa) -> None:
    wanted = host.wanted_subscriptions(URL)
    assert [(each.kind, each.url) for each in wanted] == [
        ("ticket", URL),
        ("company", URL),
        ("agreement", URL),
    ]
    found = register(host)
    assert [(each.kind, each.url, each.active) for each in found] == [
        (each.kind, each.url, True) for each in wanted
    ]


def test_what_is_sent_is_what_the_product_was_seen_to_take(
    host: ConnectWisePsa, caller: Caller
) -> None:
    register(host)
    entry = caller.get("/system/callbacks/1")
    names = ("type", "level", "objectId", "inactiveFlag", "isSelfSuppressedFlag")
    assert [entry[name] for name in names] == ["ticket", "owner", 1, False, False]


def test_subscribing_twice_subscribes_once(host: ConnectWisePsa) -> None:
    register(host)
    assert len(register(host)) == 3


def test_a_refusal_of_another_kind_is_not_hushed_up(host: ConnectWisePsa) -> None:
    with pytest.raises(AnswerError, match="Invalid URL"):
        host.subscribe(Subscription("b.example", "ticket"))
    with pytest.raises(AnswerError, match="Unrecognized level"):
        host.subscribe(Subscription(URL, "addition"))


def test_callbacks_of_other_installations_are_left_alone(
    host: ConnectWisePsa, caller: Caller
) -> None:
    register(host)
    for other in (
        "https://b.example.evil.example/x?recordId=",
        "http://b.example/x?recordId=",
        "https://other.example/?u=https://b.example/",
    ):
        host.subscribe(Subscription(other, "ticket"))
    assert len(list(host.subscriptions(URL))) == 3
    assert caller.get("/system/callbacks/count") == {"count": 6}


def test_a_callback_that_watches_less_is_told_apart(host: ConnectWisePsa, caller: Caller) -> None:
    entry = {"url": URL, "type": "ticket", "level": "Board", "objectId": 2}
    caller.call("POST", "/system/callbacks", entry)
    assert [each.kind for each in host.subscriptions(URL)] == ["ticket:board:2"]


def test_unsubscribing_twice_is_harmless(host: ConnectWisePsa) -> None:
    present = register(host)[0]
    host.unsubscribe(present)
    host.unsubscribe(present)
    assert [each.kind for each in host.subscriptions(URL)] == ["company", "agreement"]


def test_a_callback_that_was_switched_off_is_switched_on_again(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    register(host)
    psa.occur(Happening("callback-off"))
    off = list(host.subscriptions(URL))
    assert not any(each.active for each in off)
    host.repair(off[0])
    assert [each.active for each in host.subscriptions(URL)] == [True, False, False]


def test_a_repair_without_effect_is_noticed(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    register(host)
    psa.occur(Happening("callback-off"))
    psa.add_fault("silent-200", path="callbacks/1$", times=9)
    with pytest.raises(AnswerError, match="did not switch"):
        host.repair(next(host.subscriptions(URL)))


def test_a_delivery_says_which_record_changed(host: ConnectWisePsa) -> None:
    event = host.read(Delivery(body()))
    assert (event.kind, event.entity_id, event.action) == (
        EventKind.TICKET,
        "7",
        EventAction.UPDATED,
    )
    assert event.message_id == "6a0e1c52-0d1e-4b6f-9a8e-2f6d5b3c4e10"
    assert event.occurred_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert dict(event.details) == {"type": "ticket", "member": "jdoe"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Type": "company"}, {"kind": EventKind.COMPANY}),
        ({"Type": "Agreement"}, {"kind": EventKind.AGREEMENT}),
        ({"Type": "configuration"}, {"kind": EventKind.CONFIGURATION}),
        ({"Type": "invoice"}, {"kind": EventKind.UNKNOWN, "entity_id": "7"}),
        ({"Action": "added"}, {"action": EventAction.ADDED}),
        (
            {"Action": "deleted", "Entity": None},
            {"action": EventAction.DELETED, "occurred_at": None},
        ),
        ({"Action": "merged"}, {"action": EventAction.UNKNOWN}),
        ({"ID": "00042"}, {"entity_id": "00042"}),
        ({"MessageId": ..., "MemberId": ..., "CallbackObjectRecId": ...}, {"message_id": ""}),
        ({"MessageId": "x" * 65}, {"message_id": ""}),
        ({"MessageId": "'; drop"}, {"message_id": ""}),
        ({"MemberId": 5}, {"entity_id": "7"}),
        ({"Entity": "not json"}, {"kind": EventKind.TICKET, "occurred_at": None}),
        ({"Entity": "[" * 100_000}, {"kind": EventKind.TICKET}),
        ({"Entity": '{"_info":7}'}, {"occurred_at": None}),
        ({"Entity": '{"recordType":"ProjectTicket"}'}, {"kind": EventKind.UNKNOWN}),
        ({"Entity": '{"recordType":"ServiceTicket"}'}, {"kind": EventKind.TICKET}),
    ],
)
def test_only_action_type_id_entity_and_metadata_count(
    host: ConnectWisePsa, changes: Mapping[str, object], expected: Mapping[str, object]
) -> None:
    event = host.read(Delivery(body(**changes)))
    assert {name: getattr(event, name) for name in expected} == expected


GARBAGE = [
    b"", b"null", b"7", b"[]", b'"x"', b"{", b"\xff\xfe", b"[" * 200_000, b'{"a":NaN}', b"{}",
    body(ID=...), body(ID=None), body(ID=True), body(ID=7.5), body(ID="7 or 1"), body(ID={}),
    body(ID="9" * 30), body(Type=...), body(Type=[]), body(Metadata=...), body(Metadata=7),
    body(Entity={}), body(Entity=7.5)[:-1], body(Action=...)[:-5], body(MemberId=[]),
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_an_answer_error_and_nothing_else(host: ConnectWisePsa, garbage: bytes) -> None:
    with pytest.raises(AnswerError):
        host.read(Delivery(garbage))


def test_no_hostile_text_gets_further(host: ConnectWisePsa) -> None:
    event = host.read(Delivery(body(MemberId="a\nb\x1b[31m\ud800" + "x" * 500)))
    member = dict(event.details)["member"]
    assert member.isprintable()
    assert len(member) == 100
