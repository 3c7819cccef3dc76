"""Servers on loopback for the edge's tests: scripted bytes, TLS, and one that counts visitors."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[[socket.socket, bytes], None]


@dataclass
class Server:
    """Runs ``script`` with each request's bytes on a real socket; remembers the requests."""

    script: Script
    context: ssl.SSLContext | None = None
    family: socket.AddressFamily = socket.AF_INET
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> "Server":
        self._closing = threading.Event()
        self._sock = socket.socket(self.family)
        self._sock.bind(("::1" if self.family == socket.AF_INET6 else "127.0.0.1", 0))
        self._sock.listen(16)
        self.port: int = self._sock.getsockname()[1]
        self.origin = f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                peer, _ = self._sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        try:
            with peer if self.context is None else self.context.wrap_socket(peer, True) as sock:
                while request := _read_request(sock):
                    self.requests.append(request)
                    self.script(sock, request)
        except OSError:
            return  # the client has gone, which is what most tests here are about


def _read_request(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    wanted = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            wanted = int(line.partition(b":")[2])
    while len(body) < wanted:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole answer's bytes."""
    named = {"Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"HTTP/1.1 {status} Word", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(*answers: bytes) -> Script:
    """Return a script that sends ``answers`` in turn, the last one for ever."""
    left = list(answers)

    def script(sock: socket.socket, request: bytes) -> None:
        sock.sendall(left.pop(0) if len(left) > 1 else left[0])

    return script


@contextmanager
def serving(*answers: bytes) -> Iterator[Server]:
    """Serve ``answers`` in turn."""
    with Server(says(*answers)) as server:
        yield server


def make_certificate(name: str, folder: Path, signed_by: str = "") -> tuple[str, ssl.SSLContext]:
    """Return what proves ``name`` (PEM) and a server's context that shows its certificate.

    The proof is the self-signed certificate itself, or the authority ``signed_by``.
    """
    key, issuer_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    own = _certificate(name, key, signed_by or name, issuer_key if signed_by else key)
    issuer = _certificate(signed_by, issuer_key, signed_by, issuer_key) if signed_by else own
    path = folder / f"{name}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + own.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return issuer.public_bytes(serialization.Encoding.PEM).decode(), context


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), False)
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), True)
        .sign(issuer_key, hashes.SHA256())
    )
