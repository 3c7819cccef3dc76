import socket
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from plugin.domain.errors import EdgeError, RefusedError, TransientError
from plugin.edge.addresses import AddressGuard
from plugin.edge.http import Http, Timeouts
from plugin.edge.pinned import PinnedAdapter, deadline
from tests.edge.servers import Server, make_certificate, reply, says

OK = reply(200, b"{}")


class Lenient(AddressGuard):
    """A guard for tests that holds loopback for the internet."""

    def refusal(self, host: str, address: str) -> str:
        return "" if address.startswith("127.") or address == "::1" else "is strange"


def tls_door(host: str, server: Server, addresses: Sequence[str], **options: Any) -> Http:
    guard = Lenient(resolver=lambda name: addresses)
    base = f"https://{host}:{server.port}"
    return Http(base, who="PSA", guard=guard, timeouts=Timeouts(1, 2), **options)


def failure(http: Http) -> EdgeError:
    with pytest.raises(EdgeError) as caught:
        http.send("POST", "x")
    return caught.value


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, Any]:
    return make_certificate("psa.example.com", tmp_path)


def test_the_checked_address_is_called_and_the_name_stays_in_tls_and_host(
    pair: tuple[str, Any],
) -> None:
    pem, context = pair
    names: list[str | None] = []
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    with Server(says(OK), context=context) as server:
        http = tls_door("psa.example.com", server, ["127.0.0.1"], verify=pem)
        assert http.get("x").status == 200
    assert names == ["psa.example.com"]
    assert f"Host: psa.example.com:{server.port}".encode() in server.requests[0]


def test_a_name_that_changes_its_address_after_the_check_gains_nothing() -> None:
    answers = iter([("93.184.215.14",), ("127.0.0.1",)])
    with Server(says(OK)) as canary:
        guard = AddressGuard(resolver=lambda host: next(answers))
        base = f"https://psa.example.com:{canary.port}"
        assert guard.problem("site", base) is None
        http = Http(base, who="PSA", guard=guard)
        assert failure(http).code == "address"
    assert canary.connections == 0


def test_one_bad_address_among_good_ones_is_not_called(pair: tuple[str, Any]) -> None:
    pem, context = pair
    with Server(says(OK), context=context) as canary:
        http = tls_door("psa.example.com", canary, ["127.0.0.1", "10.0.0.1"], verify=pem)
        assert isinstance(failure(http), RefusedError)
    assert canary.connections == 0


def test_the_next_address_is_tried_when_one_does_not_answer(pair: tuple[str, Any]) -> None:
    pem, context = pair
    with Server(says(OK), context=context) as server:
        http = tls_door("psa.example.com", server, ["::1", "127.0.0.1"], verify=pem)
        assert http.get("x").status == 200


def test_the_look_up_and_the_connecting_get_what_is_left_of_the_call() -> None:
    told: list[tuple[str, float]] = []

    def route(host: str, seconds: float) -> tuple[str, ...]:
        told.append((host, seconds))
        return ()

    session = requests.Session()
    session.mount("https://", PinnedAdapter(route))
    with (
        deadline(time.monotonic() + 5),
        pytest.raises(requests.ConnectionError, match="no address"),
    ):
        session.get("https://psa.example.com/x", timeout=9)
    with deadline(time.monotonic() + 50), pytest.raises(requests.ConnectionError):
        session.get("https://psa.example.com/x", timeout=9)
    with deadline(time.monotonic() - 1), pytest.raises(requests.RequestException):
        session.get("https://psa.example.com/x", timeout=9)
    assert [host for host, _ in told] == ["psa.example.com"] * 2, "none when the time is over"
    assert 0 < told[0][1] <= 5
    assert told[1][1] == 9


def test_an_address_where_nothing_answers_costs_the_connect_time() -> None:
    # A full backlog swallows the connection attempt, as a firewall does.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        guard = Lenient(resolver=lambda name: ["127.0.0.1"])
        http = Http(
            f"https://psa.example.com:{port}",
            who="PSA",
            guard=guard,
            timeouts=Timeouts(0.2, 2),
        )
        began = time.monotonic()
        error = failure(http)
        for filler in fillers:
            filler.close()
    assert (type(error), error.code) == (TransientError, "timeout")
    assert time.monotonic() - began < 1


def test_a_certificate_nobody_vouches_for_is_for_the_administrator(pair: tuple[str, Any]) -> None:
    with Server(says(OK), context=pair[1]) as server:
        error = failure(tls_door("psa.example.com", server, ["127.0.0.1"]))
    assert (type(error), error.code) == (RefusedError, "certificate")
    assert "certificate" in error.message
    assert server.requests == []


def test_the_servers_own_certificate_counts_under_any_name(
    pair: tuple[str, Any], tmp_path: Path
) -> None:
    pem, context = pair
    path = tmp_path / "server.cer"
    path.write_text(pem)
    with Server(says(OK), context=context) as server:
        http = tls_door("ksc.example.org", server, ["127.0.0.1"], verify=str(path))
        assert http.get("x").status == 200


def test_an_authority_we_were_given_vouches_only_for_the_right_name(tmp_path: Path) -> None:
    pem, context = make_certificate("psa.example.com", tmp_path, signed_by="Customer CA")
    with Server(says(OK), context=context) as server:
        right = tls_door("psa.example.com", server, ["127.0.0.1"], verify=pem)
        assert right.get("x").status == 200
        wrong = tls_door("ksc.example.org", server, ["127.0.0.1"], verify=pem)
        assert failure(wrong).code == "certificate"


def test_a_pinned_certificate_counts_without_the_authority_that_has_signed_it(
    tmp_path: Path,
) -> None:
    authority, context = make_certificate("psa.example.com", tmp_path, signed_by="Customer CA")
    own = (tmp_path / "psa.example.com.pem").read_text().partition("-----END PRIVATE KEY-----\n")[2]
    with Server(says(OK), context=context) as server:
        for pem in (own, f"The server's:\n{own}\nAnd who signed it:\n{authority}"):
            http = tls_door("ksc.example.org", server, ["127.0.0.1"], verify=pem)
            assert http.get("x").status == 200, "it counts under any name"
        only_the_authority = tls_door("ksc.example.org", server, ["127.0.0.1"], verify=authority)
        assert failure(only_the_authority).code == "certificate"


def test_another_certificate_than_the_pinned_one_is_refused(
    pair: tuple[str, Any], tmp_path: Path
) -> None:
    other, _ = make_certificate("other.example.com", tmp_path)
    with Server(says(OK), context=pair[1]) as server:
        http = tls_door("psa.example.com", server, ["127.0.0.1"], verify=other)
        assert failure(http).code == "certificate"


def test_certificates_are_not_looked_at_when_that_was_switched_off(pair: tuple[str, Any]) -> None:
    with Server(says(OK), context=pair[1]) as server:
        http = tls_door("psa.example.com", server, ["127.0.0.1"], verify=False)
        with pytest.warns(match="Unverified HTTPS"):
            assert http.get("x").status == 200


@pytest.mark.parametrize("text", ["-----BEGIN nothing", "/nowhere.pem", ""])
def test_a_text_without_a_certificate_is_refused_at_once(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        Http("https://a.example", who="PSA", guard=AddressGuard(), verify=text)
    assert caught.value.code == "certificate"


def test_a_server_that_does_not_speak_tls_is_a_lost_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"SSH-2.0 what do you want\r\n")
                peer.recv(65536)

        Thread(target=greet, daemon=True).start()
        server = Server(says(OK))
        server.port = listener.getsockname()[1]
        error = failure(tls_door("psa.example.com", server, ["127.0.0.1"]))
    assert (type(error), error.code) == (TransientError, "connection")


def test_a_handshake_that_never_ends_ends_with_the_time_of_the_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server(says(OK))
        server.port = silent.getsockname()[1]
        began = time.monotonic()
        http = tls_door("psa.example.com", server, ["127.0.0.1"])
        with pytest.raises(TransientError):
            http.send("POST", "x", timeout=0.3)
    assert time.monotonic() - began < 0.8


def test_a_name_without_addresses_is_never_called() -> None:
    with Server(says(OK)) as server:
        assert failure(tls_door("psa.example.com", server, [])).code == "name"
    assert server.connections == 0
