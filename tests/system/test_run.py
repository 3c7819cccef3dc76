"""The whole program as a newcomer starts it: real processes, real sockets, the sandbox's MSP."""

import http.client
import signal
import socket
from collections.abc import Iterator

import psutil
import pytest

from soak.installation import Installation, running

pytestmark = pytest.mark.slow
PSA = "connectwise_psa"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("whole")) as started:
        started.wait_for(lambda: len(started.api_all("tickets")) >= 4, 60, "no tickets")
        yield started


def tickets_of(installation: Installation, told: dict[str, str]) -> list[dict[str, object]]:
    return [
        ticket
        for ticket in installation.api_all("tickets")
        if (ticket["device_id"], ticket["condition"]) == (told["device"], told["condition"])
        and ticket["ticket_id"]
    ]


def at_the_host(installation: Installation, key: object) -> int:
    tickets = installation.world(PSA)["tickets"]
    return sum(ticket.get("externalXRef") == key for ticket in tickets)


def test_it_shows_the_made_up_msp_soon_after_it_is_ready(installation: Installation) -> None:
    def all_there() -> bool:
        devices = installation.api("devices")["total"]
        deliveries = installation.api("deliveries")["total"]
        return bool(devices >= 120 and deliveries >= 4)

    installation.wait_for(all_there, 60, "devices and calls did not show")


def test_a_detection_is_one_ticket_soon_and_a_note_when_it_repeats(
    installation: Installation,
) -> None:
    told = installation.steer("happen", what="detection")
    installation.wait_for(lambda: tickets_of(installation, told), 30, "no ticket")
    again = {name: told[name] for name in ("workspace", "device", "condition")}
    installation.steer("happen", what="detection", **again)
    installation.wait_for(
        lambda: tickets_of(installation, told)[0]["notes_sent"] == 1, 30, "no note"
    )
    (ticket,) = tickets_of(installation, told)
    assert at_the_host(installation, ticket["key"]) == 1


def test_a_ticket_closed_in_the_host_is_closed_here_by_its_call(
    installation: Installation,
) -> None:
    told = installation.steer("happen", what="detection")
    installation.wait_for(lambda: tickets_of(installation, told), 30, "no ticket")
    ticket = tickets_of(installation, told)[0]
    installation.steer("happen", what="ticket-closed", ticket=ticket["ticket_id"])
    installation.wait_for(
        lambda: tickets_of(installation, told)[0]["state"] == "closed", 30, "not followed"
    )


FORGERIES = {
    "signature": "the signature does not fit the body",
    "byte": "the signature does not fit the body",
    "site": "it comes from another site than this connection's",
    "company": "it is for another login company than this connection's",
    "key": "the key address is on another host than this connection",
    "old-key": "the host does not know the signing key (any more)",
}


def newest_delivery(installation: Installation) -> int:
    return max(int(each["id"]) for each in installation.api_all("deliveries"))


def rotate_key(installation: Installation) -> None:
    """Let the PSA replace its key, and wait until a call signed with the new one is handled.

    Calls signed before that may still be on their way and count for nothing.
    """
    before = newest_delivery(installation)
    key = installation.steer("happen", what="rotate-key", expire=True)["key"]
    ticket = next(
        each["ticket_id"] for each in installation.api_all("tickets") if each["ticket_id"]
    )
    installation.steer("happen", what="ticket-saved", ticket=ticket)

    def arrived() -> bool:
        handled = installation.api_all("deliveries?state=handled")
        fresh = [each["id"] for each in handled if each["id"] > before]
        return any(key in installation.api(f"deliveries/{number}")["body"] for number in fresh)

    installation.wait_for(arrived, 30, "no call with the new key")


@pytest.mark.parametrize("how", FORGERIES)
def test_a_forged_call_has_no_effect_and_says_why(installation: Installation, how: str) -> None:
    if how == "old-key":
        rotate_key(installation)
    before, tickets = newest_delivery(installation), installation.api_all("tickets")
    installation.steer("happen", what="forged-call", how=how)

    def judged() -> bool:
        fresh = [each for each in installation.api_all("deliveries") if each["id"] > before]
        return any(
            each["state"] == "dropped" and FORGERIES[how] in each["reason"] for each in fresh
        )

    installation.wait_for(judged, 30, f"the call forged by its {how} is not shown as dropped")
    assert installation.api_all("tickets") == tickets


def test_nothing_broke_a_contract(installation: Installation) -> None:
    for kind in (PSA, "kaspersky_ksc"):
        assert installation.world(kind)["breaches"] == []


def test_killing_the_watching_process_ends_the_others_and_a_new_start_works(
    installation: Installation,
) -> None:
    processes = installation.processes()
    tickets = installation.api("tickets")["total"]
    processes[0].kill()
    installation.start_again(processes)
    assert installation.api("tickets")["total"] == tickets


def test_a_term_signal_turns_the_proxy_away_first_and_ctrl_c_then_ends_everything(
    installation: Installation,
) -> None:
    processes = installation.processes()
    assert len(processes) >= 4
    call = b"POST /webhooks/none HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection(installation.web, 5) as begun:
        begun.sendall(call + b"{")
        processes[0].send_signal(signal.SIGTERM)
        installation.wait_for(
            lambda: "this process is ending" in installation.problems(), 3, "the proxy is not told"
        )
        begun.sendall(b"}")
        with http.client.HTTPResponse(begun) as answer:
            answer.begin()
            assert 400 <= answer.status < 500
    assert installation.stop(signal.SIGINT) == 0
    assert psutil.wait_procs(processes, timeout=5)[1] == []
