"""Faults on demand: what a slow, broken or lying remote does to one request."""

import os
import re
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET, socketpair
from typing import Any

from werkzeug.wrappers import Request, Response

GENERIC = (
    "401",
    "429",
    "500",
    "503",
    "slow",
    "cut",
    "refuse",
    "reset",
    "html",
    "redirect",
    "endless",
    "flipped",
    "done-but-timeout",
)
"""Fault kinds that every emulator can play; each adds its own in ``Emulator.own_faults``."""


class DroppedError(ConnectionResetError):
    """The connection was closed on purpose, without an answer."""


@dataclass
class Fault:
    """A fault that hits the next ``times`` requests whose path matches ``path``."""

    kind: str
    times: int = 1
    path: str = ""
    seconds: float = 3.0

    def hits(self, request: Request) -> bool:
        """Tell whether this fault is meant for ``request``."""
        return self.times > 0 and re.search(self.path, request.path) is not None


@dataclass
class Faults:
    """The faults that wait to be played, first come first played."""

    waiting: list[Fault] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    sleep: Callable[[float], None] = time.sleep

    def add(self, kind: str, times: int = 1, path: str = "", seconds: float = 3.0) -> None:
        """Let the next ``times`` requests to a path matching ``path`` meet ``kind``."""
        self.waiting.append(Fault(kind, times, path, seconds))

    def take(self, request: Request) -> Fault | None:
        """Return the fault for this request and count it as used."""
        for fault in self.waiting:
            if fault.hits(request):
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
                self.played.append(f"{fault.kind} {request.method} {request.path}")
                return fault
        return None

    def clear(self) -> None:
        """Forget every waiting fault."""
        self.waiting.clear()


Answerer = Callable[[Request], Response]


def play(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    """Answer ``request`` as ``fault`` says; ``answer`` gives the honest answer (and its effect)."""
    player = _PLAYERS.get(fault.kind)
    if player is None:
        raise ValueError(f"unknown fault {fault.kind!r}")
    return player(fault, request, answer, faults)


def drop_connection(request: Request, head: bytes = b"") -> None:
    """Close the connection under the request, after sending ``head`` if any; never returns."""
    socket: Any = request.environ.get("werkzeug.socket")
    if socket is not None:
        if head:
            socket.sendall(head)
        # The server's file objects keep the descriptor open, so closing alone would not hang up.
        socket.shutdown(SHUT_RDWR)
    raise DroppedError("the connection was dropped on purpose")


def reset_connection(request: Request, head: bytes = b"") -> None:
    """Break the connection off (RST instead of FIN), after sending ``head``; never returns."""
    socket: Any = request.environ.get("werkzeug.socket")
    if socket is not None:
        socket.sendall(head)
        socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        # Only the last close resets, and the server's file objects share this descriptor.
        nobody, peer = socketpair()
        with nobody, peer:
            os.dup2(nobody.fileno(), socket.fileno())
    raise DroppedError("the connection was reset on purpose")


def _error(status: int) -> Callable[[Fault, Request, Answerer, Faults], Response]:
    def player(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
        headers = {"Retry-After": "1"} if status in {429, 503} else {}
        return Response("{}", status, headers, mimetype="application/json")

    return player


def _slow(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    faults.sleep(fault.seconds)
    return answer(request)


def _cut(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    response = answer(request)
    drop_connection(request, _half(response))
    return response


def _reset(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    response = answer(request)
    reset_connection(request, _half(response))
    return response


def _half(response: Response) -> bytes:
    """Return the first bytes of an answer that promises more of them."""
    body = response.get_data() or b"{}"
    head = f"HTTP/1.1 {response.status}\r\nContent-Length: {len(body) + 64}\r\n"
    head += f"Content-Type: {response.content_type}\r\n\r\n"
    return head.encode() + body[: len(body) // 2]


def _refuse(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    drop_connection(request)
    return answer(request)


def _html(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    page = "<!doctype html><title>Sign in</title><h1>Please sign in</h1>"
    return Response(page, 200, mimetype="text/html")


def _redirect(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    if request.method != "GET":
        answer(request)
    return Response("", 302, {"Location": f"http://{request.host}{request.path}"})


def _endless(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    def drip() -> Any:  # noqa: ANN401 - an endless iterator of bytes
        yield b'{"'
        for _ in range(int(fault.seconds * 1000)):
            faults.sleep(0.05)
            yield b"x"

    return Response(drip(), 200, mimetype="application/json")


def _flipped(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    response = answer(request)
    body = bytearray(response.get_data())
    if body:
        body[0] ^= 0x04
    response.set_data(bytes(body))
    return response


def _done_but_timeout(fault: Fault, request: Request, answer: Answerer, faults: Faults) -> Response:
    answer(request)
    faults.sleep(fault.seconds)
    drop_connection(request)
    return answer(request)


_PLAYERS: dict[str, Callable[[Fault, Request, Answerer, Faults], Response]] = {
    "401": _error(401),
    "429": _error(429),
    "500": _error(500),
    "503": _error(503),
    "slow": _slow,
    "cut": _cut,
    "refuse": _refuse,
    "reset": _reset,
    "html": _html,
    "redirect": _redirect,
    "endless": _endless,
    "flipped": _flipped,
    "done-but-timeout": _done_but_timeout,
}
