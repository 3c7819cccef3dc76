"""The script runner: what the emulator reports arrives signed, over a real socket."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from plugin.domain.model import Delivery, EventKind
from plugin.edge.emulator import serve
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from tests.hosts.connectwise_automate.stand import happen, host_of, later

SECRET = "the-secret-of-this-connection-01"


class Receiver:
    """Our end: keeps what was posted, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []
        self.statuses: list[int] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:  # noqa: ANN401
        request = Request(environ)
        headers = tuple((name.lower(), value) for name, value in request.headers.items())
        self.got.append(Delivery(request.get_data(), headers))
        status = self.statuses.pop(0) if self.statuses else 204
        return Response("", status)(environ, start_response)


@pytest.mark.parametrize(
    ("what", "kind", "details"),
    [
        ("alert-raised", EventKind.ALERT, {"event": "alert_raised", "alert_id": "1"}),
        ("computer-offline", EventKind.COMPUTER, {"event": "computer_offline"}),
        ("computer-online", EventKind.COMPUTER, {"event": "computer_online"}),
        ("bridge-result", EventKind.BRIDGE, {"event": "bridge_result", "exit_code": "0"}),
    ],
)
def test_a_report_arrives_and_is_proved(
    emulator: AutomateEmulator, what: str, kind: EventKind, details: Mapping[str, str]
) -> None:
    receiver = Receiver()
    with serve(receiver) as origin:
        happen(emulator, "script-runner", url=f"{origin}/webhooks/x", secret=SECRET)
        told = happen(emulator, what)
        emulator.background()
    host = host_of(emulator, None, webhook_secret=SECRET)
    (call,) = receiver.got
    host.prove(call)
    event = host.read(call)
    assert (event.kind, event.entity_id) == (kind, told["computer"])
    assert event.message_id == told["message_id"]
    assert dict(event.details) == {"client_id": "1", **details}
    assert event.occurred_at is not None
    assert abs(event.occurred_at - emulator.clock()) < timedelta(seconds=5)


def test_a_cleared_alert_is_reported(emulator: AutomateEmulator) -> None:
    receiver = Receiver()
    with serve(receiver) as origin:
        happen(emulator, "script-runner", url=f"{origin}/webhooks/x", secret=SECRET)
        happen(emulator, "alert-raised", computer="6")
        happen(emulator, "alert-cleared")
        emulator.background()
    events = [host_of(emulator).read(call) for call in receiver.got]
    assert [dict(event.details)["event"] for event in events] == ["alert_raised", "alert_cleared"]


def test_a_computers_own_secret_works(emulator: AutomateEmulator) -> None:
    host = host_of(emulator, None, webhook_secret=SECRET)
    receiver = Receiver()
    with serve(receiver) as origin:
        happen(
            emulator,
            "script-runner",
            url=f"{origin}/webhooks/x",
            secret=host.computer_secret("2"),
            key_id="computer-2",
        )
        happen(emulator, "bridge-result", computer="2")
        emulator.background()
    host.prove(receiver.got[0])


def test_the_product_can_have_the_script_run(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    receiver = Receiver()
    with serve(receiver) as origin:
        happen(emulator, "script-runner", url=f"{origin}/webhooks/x", secret=SECRET)
        (script,) = host.scripts("bridge result")
        host.run_script(script.value, ("1", "2"), {})
        emulator.background()
    assert [host.read(call).entity_id for call in receiver.got] == ["1", "2"]


def test_a_busy_receiver_is_tried_again_with_the_same_bytes(emulator: AutomateEmulator) -> None:
    receiver = Receiver()
    receiver.statuses = [429, 503]
    with serve(receiver) as origin:
        happen(emulator, "script-runner", url=f"{origin}/webhooks/x", secret=SECRET)
        happen(emulator, "alert-raised")
        for _ in range(4):
            emulator.background()
            later(emulator, seconds=11)
    assert len(receiver.got) == 3
    assert len({call.body for call in receiver.got}) == 1
    (sent,) = emulator.table("calls").values()
    assert (sent["tries"], sent["status"], sent["due"]) == (3, 204, None)


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (404, 1), (302, 1), (500, 3)])
def test_a_refusal_ends_it(emulator: AutomateEmulator, status: int, tries: int) -> None:
    posts: list[str] = []

    def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int | None:
        posts.append(url)
        return status

    emulator.post = post
    happen(emulator, "script-runner", url="https://bridgehead.example/webhooks/x")
    happen(emulator, "alert-raised")
    for _ in range(5):
        emulator.background()
        later(emulator, seconds=11)
    assert len(posts) == tries


def test_without_an_answer_it_gives_up_after_three(emulator: AutomateEmulator) -> None:
    emulator.post = lambda url, body, headers, seconds: None
    happen(emulator, "script-runner", url="https://bridgehead.example/webhooks/x")
    happen(emulator, "alert-raised")
    for _ in range(5):
        emulator.background()
        later(emulator, seconds=11)
    (sent,) = emulator.table("calls").values()
    assert (sent["tries"], sent["status"], sent["due"]) == (3, None, None)


def test_without_a_script_nothing_is_sent(emulator: AutomateEmulator) -> None:
    assert happen(emulator, "alert-raised")["message_id"] is None
    happen(emulator, "script-runner", url="https://bridgehead.example/webhooks/x")
    happen(emulator, "script-runner", url="")
    happen(emulator, "alert-raised")
    emulator.background()
    assert len(emulator.table("calls")) == 0


def test_only_the_last_calls_are_kept(emulator: AutomateEmulator) -> None:
    emulator.post = lambda url, body, headers, seconds: 204
    happen(emulator, "script-runner", url="https://bridgehead.example/webhooks/x")
    for _ in range(250):
        emulator.report("computer_online", "1", {})
    emulator.background()
    assert len(emulator.table("calls")) == 200


def test_a_served_emulator_sends_by_itself(emulator: AutomateEmulator) -> None:
    receiver = Receiver()
    with serve(receiver) as ours, serve(emulator):
        happen(emulator, "script-runner", url=f"{ours}/webhooks/x", secret=SECRET)
        happen(emulator, "alert-raised")
        for _ in range(60):
            if receiver.got:
                break
            time.sleep(0.05)
    assert len(receiver.got) == 1
