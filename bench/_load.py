"""A load generator: so many connections that each send a call, wait for the answer, and go on.

Sender and server share the processors, so the sender does as little as it can: the calls are made
beforehand, and one loop over all sockets sends them.
"""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ANSWER_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Load:
    """Answers a second, the 99th of 100 waiting times, and how many answers were not 2xx."""

    rate: float
    p99: float
    failed: int


class _Caller:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._started, self._heard = 0.0, b""

    def send(self, calls: Iterator[bytes]) -> bool:
        """Send the next call, if there is one."""
        call = next(calls, b"")
        self._started, self._heard = time.perf_counter(), b""
        self.socket.sendall(call)
        return bool(call)

    def hear(self) -> tuple[float, bool] | None:
        """Return what a whole answer took and whether it was 2xx; None while some is missing."""
        self._heard += self.socket.recv(_ANSWER_BYTES)
        head, end, rest = self._heard.partition(b"\r\n\r\n")
        if not end or len(rest) < _length(head):
            return None
        return time.perf_counter() - self._started, head.startswith(b"HTTP/1.1 2")


def _length(head: bytes) -> int:
    named, _, value = head.lower().partition(b"content-length:")
    return int(value.split(b"\r\n", 1)[0]) if value and named else 0


def fire(port: int, connections: int, calls: Sequence[bytes]) -> Load:
    """Send each call once, over so many connections."""
    waiting, times, failed = iter(calls), [], 0
    callers = [_Caller(port) for _ in range(connections)]
    started = time.perf_counter()
    with selectors.DefaultSelector() as ready:
        for each in callers:
            each.send(waiting)
            ready.register(each.socket, selectors.EVENT_READ, each)
        while len(times) < len(calls):
            for key, _ in ready.select():
                if heard := key.data.hear():
                    times.append(heard[0])
                    failed += not heard[1]
                    key.data.send(waiting)
    took = time.perf_counter() - started
    for each in callers:
        each.socket.close()
    times.sort()
    return Load(len(times) / took, times[int(len(times) * 0.99)], failed)
