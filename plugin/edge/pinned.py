"""Sockets that go only where the address guard allows, and never outlast their call.

The check sits where the socket is made, so what was checked is what is connected to: a name that
changes its address in between gains nothing. Host header, TLS server name and certificate check
still use the name. Every wait on the socket is cut to what is left of the call.
"""

import io
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from http.client import HTTPResponse as PlainResponse
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, cast

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection
from urllib3.util.ssl_match_hostname import match_hostname

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Route = Callable[[str, float], tuple[str, ...]]
"""Host and seconds (for looking it up) to the addresses that may be connected to."""

_PIECE = 16 * 1024
_until: ContextVar[float] = ContextVar("until")


@contextmanager
def deadline(until: float) -> Iterator[None]:
    """Let everything inside end by ``until`` (on the monotonic clock)."""
    token = _until.set(until)
    try:
        yield
    finally:
        _until.reset(token)


def _left(until: float) -> float:
    """Return the seconds left; TimeoutError when there are none."""
    seconds = until - monotonic()
    if seconds <= 0:
        raise TimeoutError("the time for this call is over")
    return seconds


class _TimedReader(io.RawIOBase):
    """Reads from a socket, each wait cut to what is left until ``until``."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._raw, self._sock, self._until = raw, sock, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        self._sock.settimeout(_left(self._until))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(PlainResponse):
    """A response whose status line, headers and body together end by ``until``.

    A socket's own time-out starts anew with every byte, so a server that drips would hold us.
    """

    def __init__(self, until: float, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_TimedReader(raw, sock, until))


class _Pinned(HTTPConnection):
    """Connects to the addresses its ``route`` gives, within the call's deadline."""

    route: ClassVar[Route]

    def _new_conn(self) -> socket.socket:
        patience = min(float(self.timeout or 0), _left(_until.get()))
        last: OSError = OSError("no address")
        for address in type(self).route(self.host, patience):
            try:
                return self._connect_to(address)
            except TimeoutError:
                last = ConnectTimeoutError(self, "the server cannot be reached")  # type: ignore[assignment]
            except OSError as error:
                last = NewConnectionError(self, str(error))  # type: ignore[assignment]
        raise last

    def _connect_to(self, address: str) -> socket.socket:
        until = _until.get()
        patience = min(float(self.timeout or 0), _left(until))
        made = create_connection((address, self.port), patience, socket_options=self.socket_options)
        made.settimeout(_left(until))
        return made

    def send(self, data: "ReadableBuffer") -> None:  # type: ignore[override] # urllib3 gives bytes
        # In pieces, because TLS counts its time-out per record and not for the whole body.
        view = memoryview(data)
        for start in range(0, len(view), _PIECE):
            if self.sock is not None:
                self.sock.settimeout(_left(_until.get()))
            super().send(view[start : start + _PIECE])

    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 does
        until = _until.get()
        self.timeout = _left(until)
        self.response_class = partial(_TimedResponse, until)  # type: ignore[assignment]
        return super().getresponse()


class _PinnedTls(_Pinned, HTTPSConnection):
    """The same over TLS; a server certificate we were given counts whatever name it carries."""

    known: ClassVar[frozenset[bytes]]

    def connect(self) -> None:
        super().connect()
        if not self.known:
            return
        sock = cast("ssl.SSLSocket", self.sock)
        if sock.getpeercert(binary_form=True) not in self.known:
            match_hostname(cast("Any", sock.getpeercert()), self.host)


def _certificates(pem: str) -> frozenset[bytes]:
    """Return the certificates of a PEM text in binary form."""
    end = "-----END CERTIFICATE-----"
    blocks = pem.split(end)[:-1]
    return frozenset(
        ssl.PEM_cert_to_DER_cert(block[block.index("-----BEGIN CERT") :] + end) for block in blocks
    )


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@cache
def _public_trust() -> ssl.SSLContext:
    """Return the rules with the public authorities; reading these takes some 20 ms, so once."""
    context = _context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def no_trust() -> ssl.SSLContext:
    """Return rules under which every certificate counts, for a look at it."""
    context = _context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _trust_in(pem: str) -> ssl.SSLContext:
    context = _context()
    context.load_verify_locations(cadata=pem)
    # A server's own certificate ends the chain even when somebody else has signed it.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return context


class PinnedAdapter(HTTPAdapter):
    """A requests transport for one route; it never retries.

    ``verify`` True trusts the public authorities; a text trusts the certificates in it (PEM text
    or the path of a PEM file), be they authorities or the server's own, which then counts under
    any name; False trusts everybody. OSError or ValueError when a text holds no certificate.
    """

    def __init__(self, route: Route, *, verify: bool | str = True) -> None:
        """Open no connection yet."""
        self._route = staticmethod(route)
        self._proven = verify is not False
        self._known: frozenset[bytes] = frozenset()
        if isinstance(verify, str):
            pem = verify if "-----BEGIN" in verify else Path(verify).read_text("ascii")
            self._context, self._known = _trust_in(pem), _certificates(pem)
        else:
            self._context = _public_trust() if verify else no_trust()
        super().__init__(max_retries=0)

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send a request by this adapter's own TLS rules, whatever the session's are."""
        return super().send(request, *args, **(options | {"verify": self._proven}))

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        """Make pools whose connections follow the route."""
        if self._known:
            pool_kwargs["assert_hostname"] = False  # _PinnedTls looks, after the handshake
        super().init_poolmanager(
            connections, maxsize, block, ssl_context=self._context, **pool_kwargs
        )
        body = {"route": self._route, "known": self._known}
        plain = type("Plain", (_Pinned,), body)
        secure = type("Secure", (_PinnedTls,), body)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Do nothing: the TLS rules were made at the start and hold for every call."""
