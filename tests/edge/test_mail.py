"""The mail door against a real server on loopback."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from plugin.domain.errors import EdgeError, RefusedError, TransientError
from plugin.edge.addresses import AddressGuard
from plugin.edge.mail import Letter, MailDoor, written
from tests.edge.servers import make_certificate
from tests.mailserver import ACCOUNT, MailServer

LETTER = Letter(
    "Bridgehead <alerts@bridgehead.example>",
    "anna@example.com",
    "PSA does not work – now",
    "Zeile eins\n.\nÄrger\r\n.\r\nQUIT\r\nEnd\n",
    "<1@bridgehead.example>",
    datetime(2026, 11, 2, 8, 0, tzinfo=UTC),
)


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return a file with the certificate of ``localhost`` and the context that shows it."""
    folder = tmp_path_factory.mktemp("proof")
    pem, context = make_certificate("localhost", folder)
    path = folder / "trusted.pem"
    path.write_text(pem)
    return path, context


@pytest.fixture
def plain() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def door(url: str, **options: Any) -> MailDoor:
    return MailDoor(url, **({"seconds": 5, "total": 10} | options))


def refusal(opened: MailDoor, letter: Letter = LETTER) -> EdgeError:
    with pytest.raises(EdgeError) as caught:
        opened.send(letter)
    return caught.value


def test_a_message_arrives_whole_with_its_headers(plain: MailServer) -> None:
    door(plain.url()).send(LETTER)
    (message,) = plain.taken
    assert message["From"] == LETTER.sender
    assert message["To"] == "anna@example.com"
    assert message["Subject"] == LETTER.subject
    assert message["Message-ID"] == LETTER.message_id
    assert message["Date"].datetime == LETTER.at
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == LETTER.body.splitlines()
    (envelope,) = plain.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (
        "alerts@bridgehead.example",
        ["anna@example.com"],
    )


@pytest.mark.parametrize("secure", [True, False])
def test_tls_and_a_password_work_both_ways(
    proof: tuple[Path, ssl.SSLContext], secure: bool
) -> None:
    path, context = proof
    shows = {"secure": context} if secure else {"starttls": context}
    with MailServer(signs_in=True, **shows) as server:  # type: ignore[arg-type]
        url = server.url("smtps" if secure else "smtp", account=True)
        door(url, certificate=path).send(LETTER)
        assert server.signed_in == [True]
        wrong = refusal(door(url.replace("p%40ss", "wrong"), certificate=path))
        assert (type(wrong), wrong.code) == (RefusedError, "sign_in")
        odd = refusal(door(url.replace("p%40ss", "%C3%A4"), certificate=path))
        assert odd.code == "sign_in"
        for error in (wrong, odd):
            assert ACCOUNT[1] not in str(error)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_nobody_trusts_is_refused_before_anything_is_said(
    proof: tuple[Path, ssl.SSLContext], scheme: str
) -> None:
    context = proof[1]
    shows = {"secure": context} if scheme == "smtps" else {"starttls": context}
    with MailServer(signs_in=True, **shows) as server:  # type: ignore[arg-type]
        assert refusal(door(server.url(scheme, account=True))).code == "certificate"
        other = refusal(door(server.url(scheme, "127.0.0.1"), certificate=proof[0]))
        assert other.code == "certificate"  # it is trusted, but for another name
        assert server.taken == []


def test_a_password_is_never_sent_without_tls() -> None:
    with MailServer(signs_in=True) as server:
        error = refusal(door(server.url(account=True)))
    assert (type(error), error.code) == (RefusedError, "starttls")


def test_a_server_elsewhere_must_offer_starttls(plain: MailServer) -> None:
    class OpenGuard(AddressGuard):
        def addresses(self, host: str, **_: object) -> tuple[str, ...]:
            return ("127.0.0.1",)

    away = plain.url(host="mail.example.com")
    assert refusal(door(away, guard=OpenGuard())).code == "starttls"
    door(away.replace("smtp://", "smtp+plain://"), guard=OpenGuard()).send(LETTER)
    assert len(plain.taken) == 1


@pytest.mark.parametrize(
    ("command", "answer", "kind", "code"),
    [
        ("RCPT", "550 5.1.1 no such user", RefusedError, "recipient"),
        ("RCPT", "451 4.7.1 greylisted", TransientError, "recipient"),
        ("MAIL", "553 not your address", RefusedError, "sender"),
        ("DATA", "554 looks like spam", RefusedError, "refused"),
        ("DATA", "452 no space", TransientError, "refused"),
    ],
)
def test_a_refusal_says_what_the_server_said(
    plain: MailServer, command: str, answer: str, kind: type[EdgeError], code: str
) -> None:
    plain.refusals[command] = answer
    error = refusal(door(plain.url()))
    assert (type(error), error.code) == (kind, code)
    assert answer in error.message


def test_a_port_that_speaks_no_tls_or_something_else_is_named(plain: MailServer) -> None:
    assert refusal(door(plain.url("smtps"))).code == "tls"
    with _scripted(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        assert isinstance(refusal(door(url)), EdgeError)


def test_nobody_at_home_may_pass() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = refusal(door(f"smtp://127.0.0.1:{taken.getsockname()[1]}"))
    assert (type(error), error.code) == (TransientError, "connect")


@pytest.mark.parametrize(
    ("answer", "options"), [(b"", {"seconds": 0.2}), (b"2" * 400, {"total": 0.3})]
)
def test_a_silent_and_a_dripping_server_hold_nobody_up(
    answer: bytes, options: dict[str, float]
) -> None:
    started = time.monotonic()
    with _scripted(answer) as url:
        error = refusal(door(url, **options))
    assert (type(error), error.code) == (TransientError, "time")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("host", ["169.254.169.254", "100.100.100.200", "127.0.0.2", "0.0.0.0"])
def test_odd_places_are_never_connected_to(host: str) -> None:
    assert refusal(door(f"smtp://{host}:25")).code == "address"


def test_a_name_that_leads_to_this_machine_is_no_way_in(plain: MailServer) -> None:
    guard = AddressGuard(
        allow_private=["mail.example.com"], resolver=lambda host: ("10.0.0.1", "127.0.0.1")
    )
    error = refusal(door(plain.url("smtp+plain", "mail.example.com"), guard=guard))
    assert error.code == "address"
    assert plain.sessions == 0


def test_no_header_takes_a_second_line() -> None:
    for name in ("sender", "recipient", "subject", "message_id"):
        evil: dict[str, Any] = {name: "x@y.example\r\nBcc: z@evil.example"}
        with pytest.raises(ValueError, match=r"linefeed|newline"):
            written(replace(LETTER, **evil))


class _scripted:  # noqa: N801 - reads as a word
    """Serves bytes, one every few hundredths of a second, and then says nothing."""

    def __init__(self, answer: bytes) -> None:
        self._answer, self._done = answer, threading.Event()

    def __enter__(self) -> str:
        self._sock = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return f"smtp://127.0.0.1:{self._sock.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._sock.close()

    def _serve(self) -> None:
        peer, _ = self._sock.accept()
        with peer:
            for byte in self._answer:
                if self._done.wait(0.02):
                    return
                peer.sendall(bytes([byte]))
            self._done.wait()
