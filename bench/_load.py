"""A load generator: so many connections that each send a call, wait for the answer, and go on."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """Answers a second, the 99th of 100 waiting times, and how many answers were not 2xx."""

    rate: float
    p99: float
    failed: int


def fire(port: int, connections: int, seconds: float, make: Callable[[int], bytes]) -> Load:
    """Send what ``make`` makes of a running number for so long."""
    return asyncio.run(_fire(port, connections, seconds, make))


async def _fire(port: int, connections: int, seconds: float, make: Callable[[int], bytes]) -> Load:
    times: list[float] = []
    failed = 0
    numbers = iter(range(10**9))
    until = time.perf_counter() + seconds

    async def one() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            started = time.perf_counter()
            writer.write(make(next(numbers)))
            head = await reader.readuntil(b"\r\n\r\n")
            times.append(time.perf_counter() - started)
            failed += not head.startswith(b"HTTP/1.1 2")
            length = [line for line in head.lower().split(b"\r\n") if b"content-length:" in line]
            if length and (size := int(length[0].split(b":")[1])):
                await reader.readexactly(size)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    took = time.perf_counter() - started
    times.sort()
    return Load(len(times) / took, times[int(len(times) * 0.99)], failed)
