"""A server's certificate: looked at without being trusted, and never past the address guard."""

from pathlib import Path

import pytest

from plugin.domain.errors import AnswerError, EdgeError, RefusedError, TransientError
from plugin.edge.addresses import AddressGuard
from plugin.edge.certificates import Certificate, fetch, read
from tests.edge.servers import Server, make_certificate, says
from tests.edge.test_pinned import OK, Lenient, tls_door

NAME = "ksc.example.com"
GUARD = Lenient(resolver=lambda name: ["127.0.0.1"])


def fetched(server: Server, guard: AddressGuard = GUARD, seconds: float = 5.0) -> Certificate:
    return fetch(f"https://{NAME}:{server.port}", who="KSC", guard=guard, seconds=seconds)


def refusal(server: Server, guard: AddressGuard = GUARD, seconds: float = 5.0) -> EdgeError:
    with pytest.raises(EdgeError) as caught:
        fetched(server, guard, seconds)
    return caught.value


def test_a_self_signed_certificate_is_shown_and_then_trusted_when_pinned(tmp_path: Path) -> None:
    pem, context = make_certificate("some other name", tmp_path)
    with Server(says(OK), context=context) as server:
        found = fetched(server)
        assert server.requests == []
        assert found.pem == pem
        assert found.subject == found.issuer == "CN=some other name"
        assert found.begins < found.ends
        assert len(found.fingerprint.split(":")) == 32
        assert tls_door(NAME, server, ["127.0.0.1"], verify=found.pem).get("x").status == 200
    assert read(pem) == found
    assert read("no certificate") is None


def test_the_sandbox_takes_the_place_of_the_server(tmp_path: Path) -> None:
    pem, context = make_certificate("klserver", tmp_path)
    with Server(says(OK), context=context) as server:
        found = fetch(f"https://{NAME}", who="KSC", guard=AddressGuard(), override=server.origin)
        assert found.pem == pem
    with pytest.raises(RefusedError, match="an origin on this computer"):
        fetch(f"https://{NAME}", who="KSC", guard=AddressGuard(), override="https://10.0.0.1")


def test_the_address_guard_holds_here_too(tmp_path: Path) -> None:
    _, context = make_certificate(NAME, tmp_path)
    with Server(says(OK), context=context) as server:
        error = refusal(server, AddressGuard(resolver=lambda name: ["127.0.0.1"]))
        assert isinstance(error, RefusedError)
        assert error.code == "address"
        assert server.connections == 0


def test_a_server_without_tls_and_one_that_is_gone_are_told_apart() -> None:
    with Server(says(OK)) as server:
        server.script = lambda sock, request: sock.sendall(OK)
        silent = refusal(server, seconds=0.3)
    gone = refusal(server)
    assert (type(silent), silent.code) in {(TransientError, "timeout"), (AnswerError, "tls")}
    assert (type(gone), gone.code) == (TransientError, "connection")


def test_an_address_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(RefusedError, match="between 1 and 65535"):
        fetch("https://ksc.example.com:99999", who="KSC", guard=GUARD)
