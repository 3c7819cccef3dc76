"""Certificates of servers: what one says, when it ends, and which one a server shows."""

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from plugin.domain.errors import AnswerError, EdgeError, RefusedError, TransientError
from plugin.edge.addresses import (
    AddressGuard,
    Place,
    loopback_addresses,
    parse,
    parse_loopback,
)
from plugin.edge.pinned import no_trust

FETCH_SECONDS = 10.0
"""How long a server may take to show its certificate, looking up its name included."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a person compares before a certificate is pinned; moments are aware, in UTC."""

    pem: str
    subject: str
    issuer: str
    begins: datetime
    ends: datetime
    fingerprint: str
    """SHA-256 in pairs of hexadecimal digits, as consoles show it."""


def ends_at(pem: str) -> datetime | None:
    """Return when the first certificate of a chain in PEM form that ends does so; None without any.

    What cannot be read counts as none: whether it is usable is the connection check's question.
    """
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return None
    return min((each.not_valid_after_utc for each in found), default=None)


def read(pem: str) -> Certificate | None:
    """Return the first certificate of a PEM text; None where there is none to read."""
    try:
        return _told(x509.load_pem_x509_certificates(pem.encode())[0])
    except ValueError:
        return None


def fetch(
    url: str,
    *,
    who: str,
    guard: AddressGuard,
    seconds: float = FETCH_SECONDS,
    override: str | None = None,
) -> Certificate:
    """Return the certificate that the server at ``url`` shows; it is proven by nothing yet.

    Nothing is sent but the greeting of TLS. ``override`` (a loopback origin, known only to the
    sandbox) takes the place of the server's. RefusedError (code ``address``) where the guard says
    no, TransientError when the server cannot be reached, AnswerError when it speaks no TLS.
    """
    until = monotonic() + seconds
    try:
        place = parse_loopback(override) if override else parse(url)
    except ValueError as error:
        raise RefusedError(who, str(error), code="address") from None
    failure: EdgeError = TransientError(who, "has no address", code="name")
    found = None if override else guard.addresses(place.host, who=who, seconds=seconds)
    for address in found or loopback_addresses(place):
        try:
            return _told(x509.load_der_x509_certificate(_shown(place, address, until)))
        except OSError as error:
            failure = _failure(error, who)
        except ValueError:
            failure = AnswerError(who, "shows a certificate that cannot be read", code="tls")
    raise failure


def _shown(place: Place, address: str, until: float) -> bytes:
    """Return the certificate in binary form; OSError when the handshake fails."""
    with socket.create_connection((address, place.port), _left(until)) as plain:
        plain.settimeout(_left(until))  # one deadline for the whole handshake
        with no_trust().wrap_socket(plain, server_hostname=place.host) as secure:
            return secure.getpeercert(binary_form=True) or b""


def _left(until: float) -> float:
    seconds = until - monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _failure(error: OSError, who: str) -> EdgeError:
    if isinstance(error, TimeoutError):
        return TransientError(who, "did not answer in time", code="timeout")
    if isinstance(error, ssl.SSLError):
        text = "does not speak TLS 1.2 or later at this address and port"
        return AnswerError(who, text, code="tls")
    return TransientError(who, "cannot be reached, or hangs up at once", code="connection")


def _told(found: x509.Certificate) -> Certificate:
    return Certificate(
        pem=found.public_bytes(Encoding.PEM).decode(),
        subject=_named(found.subject),
        issuer=_named(found.issuer),
        begins=found.not_valid_before_utc,
        ends=found.not_valid_after_utc,
        fingerprint=found.fingerprint(hashes.SHA256()).hex(":").upper(),
    )


def _named(name: x509.Name) -> str:
    """Return a name as one printable line; whoever made the certificate chose its letters."""
    text = name.rfc4514_string()[:300]
    return "".join(each if each.isprintable() else "?" for each in text) or "(no name)"
