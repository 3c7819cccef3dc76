"""How the emulated PSA calls out."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.wrappers import Request, Response

from plugin.domain.errors import ForgedError
from plugin.domain.model import Delivery
from plugin.edge.emulator import Happening, serve
from plugin.edge.outgoing import post
from plugin.edge.shelf import Shelf
from plugin.hosts.connectwise_psa.emulator import COMPANY, ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.emulator_callbacks import FORGERIES
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from plugin.hosts.connectwise_psa.signing import matches
from tests.hosts.connectwise_psa.caller import Caller, Json
from tests.rig import ORIGIN, small_world

HOOK = "https://b.example/webhooks/token?recordId="
CALLBACKS = "/system/callbacks"


class Receiver:
    """Takes what is sent and answers with the statuses it was given."""

    def __init__(self, psa: ConnectWisePsaEmulator) -> None:
        self.psa = psa
        self.sent: list[tuple[str, bytes, Mapping[str, str]]] = []
        self.answers: list[int | None] = []
        psa.callbacks.sender = self

    def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> int | None:
        assert seconds == 5.0
        self.sent.append((url, body, headers))
        return self.answers.pop(0) if self.answers else 204

    def wait(self, seconds: float) -> int:
        """Let time pass, and return how many calls came."""
        before = len(self.sent)
        self.psa.clock.offset += timedelta(seconds=seconds)
        self.psa.background()
        return len(self.sent) - before

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, _ in self.sent]


@pytest.fixture
def receiver(psa: ConnectWisePsaEmulator) -> Receiver:
    return Receiver(psa)


def entry(kind: str = "ticket", level: str = "owner", number: int = 1, url: str = HOOK) -> Json:
    return {"url": url, "type": kind, "level": level, "objectId": number}


def register(caller: Caller, **more: Json) -> int:
    response = caller.call("POST", CALLBACKS, entry(**more))
    assert response.status_code == 201
    return int(response.get_json()["id"])


def close_ticket(psa: ConnectWisePsaEmulator, **details: Any) -> None:
    assert psa.occur(Happening("ticket-closed", details)) is not None


def test_a_callback_is_registered_with_its_defaults(caller: Caller) -> None:
    made = caller.call("POST", CALLBACKS, entry(number=0)).get_json()
    assert made["objectId"] == 1
    assert made["payloadVersion"] == "3.0.0"
    assert made["inactiveFlag"] is False
    assert made["memberId"] == 6


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (entry(url="b.example/x"), ("url", "InvalidField")),
        (entry(url="ftp://b.example/x"), ("url", "InvalidField")),
        (entry(level="department"), ("level", "InvalidField")),
        (entry(kind="addition"), ("level", "InvalidField")),
        ({**entry(), "description": "x" * 101}, ("description", "InvalidField")),
        ({**entry(), "level": ""}, ("level", "MissingRequiredField")),
    ],
)
def test_a_faulty_callback_is_refused(
    caller: Caller, record: dict[str, Any], problem: tuple[str, str]
) -> None:
    assert caller.refused("POST", CALLBACKS, record) == (400, "InvalidObject", problem)


def test_the_same_callback_is_registered_once(caller: Caller) -> None:
    number = register(caller)
    again = caller.refused("POST", CALLBACKS, entry())
    assert again == (400, "InvalidObject", ("objectId", "ObjectExists"))
    assert caller.call("DELETE", f"{CALLBACKS}/{number}").status_code == 204
    assert caller.refused("DELETE", f"{CALLBACKS}/{number}") == (404, "ConnectWiseApi")


def test_a_saved_ticket_is_told_with_id_and_action_appended(
    caller: Caller, receiver: Receiver
) -> None:
    number = register(caller)
    close_ticket(receiver.psa, ticket=1)
    assert receiver.wait(0) == 1
    url, body, headers = receiver.sent[0]
    told = receiver.messages[0]
    assert url == f"{HOOK}1&action=updated"
    assert (told["Action"], told["Type"], told["ID"]) == ("updated", "ticket", 1)
    assert (told["CompanyId"], told["FromUrl"], told["MemberId"]) == (
        COMPANY,
        "127.0.0.1:1",
        "jdoe",
    )
    assert told["CallbackObjectRecId"] == number
    record = json.loads(told["Entity"])
    assert (record["closedFlag"], record["_info"]["updatedBy"]) == (True, "jdoe")
    key_url = told["Metadata"]["key_url"]
    assert key_url.startswith(f"{ORIGIN}/v2025_1//system/callbackkey/index.rails?companyName=")
    key = caller.get(urlsplit(key_url).path, **_query(key_url))["signing_key"]
    assert matches(key, body, headers["x-content-signature"])


def test_the_body_is_as_the_published_shape_says(caller: Caller, receiver: Receiver) -> None:
    register(caller, kind="company")
    receiver.psa.occur(Happening("company-renamed", {}))
    receiver.wait(0)
    contract = ConnectWisePsaEmulator.contract
    schema = contract.description["components"]["schemas"]["CallbackDelivery"]
    assert contract._problems(schema, receiver.messages[0], request=False) == []


@pytest.mark.parametrize(
    ("registered", "called"),
    [
        ("https://b.example/hook", "https://b.example/hook4&action=added"),
        ("https://b.example/hook/", "https://b.example/hook/4&action=added"),
        ("https://b.example/hook?key=abc", "https://b.example/hook?key=abc4&action=added"),
    ],
)
def test_the_id_is_glued_to_whatever_stands_last(
    caller: Caller, receiver: Receiver, registered: str, called: str
) -> None:
    register(caller, url=registered)
    caller.call("POST", "/service/tickets", {"summary": "x", "company": {"id": 3}})
    receiver.wait(0)
    assert receiver.sent[0][0] == called


def test_a_deleted_record_has_no_entity(caller: Caller, receiver: Receiver) -> None:
    register(caller)
    receiver.psa.occur(Happening("ticket-deleted", {"ticket": 2}))
    receiver.wait(0)
    assert (receiver.messages[0]["Action"], receiver.messages[0]["Entity"]) == ("deleted", None)


@pytest.mark.parametrize(
    ("kind", "level", "number", "told"),
    [
        ("ticket", "ticket", 1, True),
        ("ticket", "ticket", 2, False),
        ("ticket", "board", 1, True),
        ("ticket", "board", 2, False),
        ("ticket", "status", 5, True),
        ("ticket", "integratorTag", 1, False),
        ("company", "owner", 1, False),
    ],
)
def test_a_callback_watches_only_its_level(
    caller: Caller, receiver: Receiver, kind: str, level: str, number: int, *, told: bool
) -> None:
    register(caller, kind=kind, level=level, number=number)
    close_ticket(receiver.psa, ticket=1)
    assert receiver.wait(0) == int(told)


def test_own_changes_come_back_unless_suppressed(caller: Caller, receiver: Receiver) -> None:
    number = register(caller)
    ticket = {"summary": "x", "company": {"id": 3}}
    caller.call("POST", "/service/tickets", ticket)
    assert receiver.wait(0) == 1
    caller.call("POST", "/service/tickets", {**ticket, "skipCallback": True})
    assert receiver.wait(0) == 0
    caller.call(
        "PATCH",
        f"{CALLBACKS}/{number}",
        [{"op": "replace", "path": "isSelfSuppressedFlag", "value": True}],
    )
    caller.call("POST", "/service/tickets", ticket)
    assert receiver.wait(0) == 0
    close_ticket(receiver.psa, ticket=1)
    assert receiver.wait(0) == 1


@pytest.mark.parametrize("status", [404, 409, 419, 429])
def test_four_refusals_are_tried_again_after_two_and_four_seconds(
    caller: Caller, receiver: Receiver, status: int
) -> None:
    register(caller)
    receiver.answers = [status] * 3
    close_ticket(receiver.psa, ticket=1)
    assert [receiver.wait(seconds) for seconds in (0, 1, 1.1, 3, 1.1, 60)] == [1, 0, 1, 0, 1, 0]
    assert receiver.psa.state()["deliveries"]["log"][-1]["state"] == "lost"


@pytest.mark.parametrize("status", [None, 400, 401, 500, 503])
def test_any_other_failure_is_lost_at_once(
    caller: Caller, receiver: Receiver, status: int | None
) -> None:
    register(caller)
    receiver.answers = [status]
    close_ticket(receiver.psa, ticket=1)
    assert [receiver.wait(seconds) for seconds in (0, 10, 60)] == [1, 0, 0]


def test_three_days_of_failures_switch_a_callback_off(caller: Caller, receiver: Receiver) -> None:
    number = register(caller)
    receiver.answers = [500] * 3
    for days in (0, 2.9, 0.2):
        assert caller.get(f"{CALLBACKS}/{number}")["inactiveFlag"] is False
        receiver.psa.occur(Happening("ticket-saved", {"ticket": 1}))
        receiver.wait(days * 86_400)
    assert caller.get(f"{CALLBACKS}/{number}")["inactiveFlag"] is True
    receiver.psa.occur(Happening("ticket-saved", {"ticket": 1}))
    assert receiver.wait(0) == 0


def test_one_success_in_between_starts_the_three_days_anew(
    caller: Caller, receiver: Receiver
) -> None:
    number = register(caller)
    receiver.answers = [500, 204, 500]
    for days in (0, 2.9, 0.2):
        receiver.psa.occur(Happening("ticket-saved", {"ticket": 1}))
        receiver.wait(days * 86_400)
    assert caller.get(f"{CALLBACKS}/{number}")["inactiveFlag"] is False


def test_nothing_is_sent_again_after_a_callback_was_off(caller: Caller, receiver: Receiver) -> None:
    number = register(caller)
    assert receiver.psa.occur(Happening("callback-off", {})) == {"callbacks": [number]}
    close_ticket(receiver.psa, ticket=1)
    on = [{"op": "replace", "path": "inactiveFlag", "value": False}]
    caller.call("PATCH", f"{CALLBACKS}/{number}", on)
    assert receiver.wait(0) == 0


def test_what_waits_for_a_callback_that_went_off_is_dropped(
    caller: Caller, receiver: Receiver
) -> None:
    register(caller)
    close_ticket(receiver.psa, ticket=1)
    receiver.psa.occur(Happening("callback-off", {"callback": 1}))
    assert receiver.wait(0) == 0
    assert receiver.psa.state()["deliveries"]["waiting"] == 0


def test_signing_keys_move_and_old_ones_can_expire(caller: Caller, receiver: Receiver) -> None:
    register(caller)
    receiver.psa.occur(Happening("ticket-saved", {"ticket": 1}))
    receiver.wait(0)
    receiver.psa.occur(Happening("rotate-key", {}))
    receiver.psa.occur(Happening("ticket-saved", {"ticket": 1}))
    receiver.wait(0)
    first, second = (told["Metadata"]["key_url"] for told in receiver.messages)
    assert first != second
    path = urlsplit(first).path
    assert caller.get(path, **_query(first)) != caller.get(path, **_query(second))
    receiver.psa.occur(Happening("rotate-key", {"expire": True}))
    assert caller.call("GET", path, **_query(first)).status_code == 200
    assert caller.call("GET", path, **_query(second)).status_code == 404


def test_a_key_is_given_for_the_own_company_and_a_known_id_only(caller: Caller) -> None:
    path = "/v2025_1/system/callbackkey/index.rails"
    known = next(iter(caller.psa.table("keys")))
    caller.headers.clear()
    assert caller.call("GET", path, companyName=COMPANY.upper(), id=known).status_code == 200
    assert caller.call("GET", path, companyName="other", id=known).status_code == 404
    stale = path.replace("v2025_1", "v2024_1")
    assert caller.call("GET", stale, companyName=COMPANY, id=known).status_code == 404
    caller.switch(key_as_page=True)
    assert caller.call("GET", path, companyName=COMPANY, id=known).mimetype == "text/html"
    caller.switch(key_credentials=True)
    assert caller.call("GET", path, companyName=COMPANY, id=known).status_code == 401


def test_many_deliveries_travel_at_once_and_all_arrive(caller: Caller, receiver: Receiver) -> None:
    register(caller)
    for number in (1, 2, 3):
        receiver.psa.occur(Happening("ticket-saved", {"ticket": number}))
    assert receiver.wait(0) == 3
    assert {told["ID"] for told in receiver.messages} == {1, 2, 3}
    assert len({told["MessageId"] for told in receiver.messages}) == 3


def test_deliveries_can_be_lost_late_and_doubled_on_demand(
    caller: Caller, receiver: Receiver
) -> None:
    register(caller)
    caller.switch(callbacks_lose_every=2)
    for _ in range(4):
        receiver.psa.occur(Happening("ticket-saved", {"ticket": 1}))
    assert receiver.wait(0) == 2
    caller.switch(callbacks_lose_every=0, callbacks_late=60, callbacks_twice=True)
    receiver.psa.occur(Happening("ticket-saved", {"ticket": 1}))
    assert [receiver.wait(59), receiver.wait(2)] == [0, 2]


@pytest.mark.parametrize("how", FORGERIES)
def test_a_stranger_can_call_as_if_he_were_psa(
    caller: Caller, receiver: Receiver, host: ConnectWisePsa, how: str
) -> None:
    assert receiver.psa.occur(Happening("forged-call")) is None
    register(caller)
    receiver.psa.occur(Happening("rotate-key", {"expire": True}))
    assert receiver.psa.occur(Happening("forged-call", {"how": how})) is not None
    receiver.wait(0)
    _, body, headers = receiver.sent[0]
    delivery = Delivery(body, tuple(headers.items()))
    with pytest.raises(ForgedError):
        host.prove(delivery)


def test_a_kill_loses_no_record_and_no_waiting_delivery(tmp_path: Path) -> None:
    first = ConnectWisePsaEmulator(Shelf(tmp_path / "psa.db"), origin=ORIGIN)
    first.reset(small_world())
    caller = Caller(first)
    register(caller)
    made = caller.call("POST", "/service/tickets", {"summary": "kept", "company": {"id": 3}})
    assert made.status_code == 201
    second = ConnectWisePsaEmulator(Shelf(tmp_path / "psa.db"), origin=ORIGIN)
    receiver = Receiver(second)
    assert receiver.wait(0) == 1
    again = Caller(second)
    assert again.ids("/service/tickets", conditions="company/id = 3") == [1, 4]
    assert len(again.ids("/service/tickets/1/notes")) == 0
    made = again.call("POST", "/service/tickets", {"summary": "next", "company": {"id": 3}})
    assert made.get_json()["id"] == 5


def test_deliveries_go_over_a_real_socket_too(caller: Caller) -> None:
    seen: list[tuple[str, str]] = []

    @Request.application
    def hook(request: Request) -> Response:
        seen.append((request.full_path, request.headers["x-content-signature"]))
        return Response(status=307, headers={"Location": "/elsewhere"})

    with serve(hook) as origin:
        caller.psa.callbacks.sender = post
        register(caller, url=f"{origin}/webhooks/token?recordId=")
        close_ticket(caller.psa, ticket=1)
        caller.psa.background()
    assert seen[0][0] == "/webhooks/token?recordId=1&action=updated"
    assert len(seen) == 1, "a redirect is not followed"
    assert post("http://127.0.0.1:1/nobody", b"", {}, 1.0) is None


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
