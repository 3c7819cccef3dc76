"""The door to the mail server: one message, one recipient, within a time, over a proven TLS.

The server is the operator's own choice (``BRIDGEHEAD_SMTP_URL``), never a person's on a page, so it
may stand in a private network or, named as such, on this machine. What its name leads to is looked
at all the same: the metadata services of clouds and odd networks stay closed.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from pathlib import Path
from threading import Event, Timer
from typing import Any
from urllib.parse import unquote, urlsplit

from plugin.domain.errors import EdgeError, RefusedError, TransientError
from plugin.edge.addresses import LOOPBACK_HOSTS, AddressGuard, Place, loopback_addresses

WHO = "The mail server"
PORTS: Mapping[str, int] = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
_SAID = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to one recipient; ``message_id`` is the same when it is sent once more."""

    sender: str
    recipient: str
    subject: str
    body: str
    message_id: str
    at: datetime


class _Deadline:
    """Cuts a socket off when the time for all of it is over, however slowly the peer drips."""

    def __init__(self, seconds: float) -> None:
        self._sock: socket.socket | None = None
        self.passed = Event()
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._sock is not None:
            self._sock.close()

    def watch(self, sock: socket.socket) -> None:
        # A duplicate: TLS takes the socket over, but what is cut is the connection behind both.
        self._sock = sock.dup()

    def _cut(self) -> None:
        self.passed.set()
        with suppress(OSError):  # it was closed meanwhile
            if self._sock is not None:
                self._sock.shutdown(socket.SHUT_RDWR)


class _Client(smtplib.SMTP):
    """smtplib's client on sockets that lead only to the addresses that passed the guard."""

    def __init__(
        self,
        host: str,
        port: int,
        addresses: tuple[str, ...],
        context: ssl.SSLContext | None,
        deadline: _Deadline,
        **options: Any,
    ) -> None:
        self._addresses, self._context, self._deadline = addresses, context, deadline
        super().__init__(host, port, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        last = OSError("no address")
        for address in self._addresses:
            try:
                sock = socket.create_connection((address, port), timeout)
            except OSError as error:
                last = error
                continue
            self._deadline.watch(sock)
            if self._context is None:
                return sock
            return self._context.wrap_socket(sock, server_hostname=host)
        raise last


class MailDoor:
    """One mail server, as its address says: ``smtp`` with STARTTLS, ``smtps``, ``smtp+plain``.

    STARTTLS is demanded, except from a server on this machine. ``certificate`` is a file with the
    authority or the server's own certificate, trusted beside the public authorities.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float,
        total: float,
        certificate: Path | None = None,
        guard: AddressGuard | None = None,
    ) -> None:
        """Keep the rules; ``seconds`` for each step, ``total`` for all. No connection is made."""
        parts = urlsplit(url)
        self._scheme, self._host = parts.scheme, (parts.hostname or "").lower()
        self._port = parts.port or PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._seconds, self._total, self._certificate = seconds, total, certificate
        self._guard = guard or AddressGuard(allow_private=[self._host])

    def send(self, letter: Letter) -> None:
        """Hand over one message; EdgeError with a code when the server does not take it.

        Codes: ``address`` ``name`` ``connect`` ``time`` ``tls`` ``certificate`` ``starttls``
        ``sign_in`` ``sender`` ``recipient`` ``refused``. Only ``recipient`` is about this one
        message, the others are about the server. After a TransientError it may have been sent.
        """
        message = written(letter)
        sender = parseaddr(letter.sender)[1]
        with (
            _Deadline(self._total) as deadline,
            _explained(deadline),
            self._signed_in(sender, deadline) as client,
        ):
            client.sendmail(sender, [letter.recipient], message)

    def greet(self, sender: str) -> None:
        """Connect and sign in as for a message, and send none; fails as :meth:`send`."""
        with (
            _Deadline(self._total) as deadline,
            _explained(deadline),
            self._signed_in(parseaddr(sender)[1], deadline) as client,
        ):
            client.noop()

    @contextmanager
    def _signed_in(self, sender: str, deadline: _Deadline) -> Iterator[_Client]:
        context = self._trust()
        client = _Client(
            self._host,
            self._port,
            self._addresses(),
            context if self._scheme == "smtps" else None,
            deadline,
            timeout=self._seconds,
            # Without a name smtplib would look our own up, which can take long.
            local_hostname=sender.rpartition("@")[2] or "localhost",
        )
        try:
            if self._scheme == "smtp" and self._wants_starttls(client):
                client.starttls(context=context)
            if self._user:
                client.login(self._user, self._password)
            yield client
            client.quit()
        finally:
            client.close()

    def _wants_starttls(self, client: _Client) -> bool:
        client.ehlo()
        local = self._host in LOOPBACK_HOSTS
        return client.has_extn("starttls") or not local or bool(self._user)

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._certificate is not None:
            try:
                context.load_verify_locations(self._certificate)
            except OSError:
                text = "cannot be trusted: BRIDGEHEAD_SMTP_CERT names no certificate"
                raise RefusedError(WHO, text, code="certificate") from None
            # A server's own certificate ends the chain even when somebody else has signed it.
            context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        return context

    def _addresses(self) -> tuple[str, ...]:
        if self._host in LOOPBACK_HOSTS:
            return loopback_addresses(Place("https", self._host, self._port))
        return self._guard.addresses(self._host, who=WHO, seconds=self._seconds)


def written(letter: Letter) -> bytes:
    """Return a message as it goes over the wire; ValueError when a header would hold a line end."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = letter.sender, letter.recipient
    message["Subject"] = letter.subject
    message["Date"] = letter.at
    message["Message-ID"] = letter.message_id
    message["Auto-Submitted"] = "auto-generated"
    # Quoted, so that no lone line end inside can be taken for the end of the message.
    message.set_content(letter.body, cte="quoted-printable")
    return message.as_bytes()


@contextmanager
def _explained(deadline: _Deadline) -> Iterator[None]:
    """Turn every failure of the libraries into one of ours."""
    try:
        yield
    except EdgeError:
        raise
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        failure = _out_of_time() if deadline.passed.is_set() else _meaning(error)
    else:
        return
    raise failure  # outside the handler, so that no library text travels along with it


def _out_of_time() -> EdgeError:
    return TransientError(WHO, "did not finish in time", code="time")


def _meaning(error: Exception) -> EdgeError:
    match error:
        case ssl.SSLCertVerificationError():
            text = f"shows a certificate that is not trusted ({_plain(error.verify_message)})"
            return RefusedError(WHO, text, code="certificate")
        case ssl.SSLError():
            return RefusedError(WHO, "does not speak TLS at this port", code="tls")
        case smtplib.SMTPAuthenticationError():
            return _answered(error, "does not accept the user name or password", "sign_in")
        case smtplib.SMTPRecipientsRefused():
            (code, said) = next(iter(error.recipients.values()))
            return _judged(code, said, "does not take this recipient", "recipient")
        case smtplib.SMTPSenderRefused():
            return _answered(error, "does not take our sender address", "sender")
        case smtplib.SMTPNotSupportedError():
            starttls = "STARTTLS" in str(error)
            text = "offers no STARTTLS" if starttls else "offers no sign-in that we know"
            return RefusedError(WHO, text, code="starttls" if starttls else "sign_in")
        case smtplib.SMTPResponseException():
            return _answered(error, "does not take the message", "refused")
        case UnicodeError():
            text = "cannot be sent the user name or password: they hold unusual characters"
            return RefusedError(WHO, text, code="sign_in")
        case TimeoutError():
            return _out_of_time()
        case smtplib.SMTPServerDisconnected() if "timed out" in str(error):
            return _out_of_time()  # smtplib's own way to tell of a time-out
        case smtplib.SMTPException() if not isinstance(error, smtplib.SMTPServerDisconnected):
            return RefusedError(WHO, f"does not do its part ({_plain(error)})", code="refused")
    return TransientError(WHO, "cannot be reached, or ended the connection", code="connect")


def _answered(error: smtplib.SMTPResponseException, text: str, code: str) -> EdgeError:
    return _judged(error.smtp_code, error.smtp_error, text, code)


def _judged(status: int, said: object, text: str, code: str) -> EdgeError:
    """Return what an answer means: 4xx and what is not SMTP may pass, 5xx will not by itself."""
    kind = RefusedError if 500 <= status < 600 else TransientError
    return kind(WHO, f"{text} ({status} {_plain(said)})", code=code, status=status)


def _plain(said: object) -> str:
    """Return what a server said as one short line."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return "".join(each if each.isprintable() else " " for each in text)[:_SAID].strip()
