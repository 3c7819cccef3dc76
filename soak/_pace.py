"""Sends a door's calls at a set pace, whether or not it keeps up, and keeps what was answered."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from soak._door import Door

MOST_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: 0 for no answer; ``seconds`` count from when the call was due."""

    message: str
    status: int
    seconds: float


@dataclass(slots=True)
class Answers:
    """Everything that was answered, and how many calls a second were really sent."""

    each: list[Answer] = field(default_factory=list)
    rate: float = 0.0

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came."""
        return Counter(answer.status for answer in self.each)

    @property
    def acknowledged(self) -> set[str]:
        """The messages that were answered with 2xx."""
        return {each.message for each in self.each if each.status // 100 == 2}

    def told(self) -> str:
        """Return the statuses in words."""
        found = sorted(self.statuses.items())
        return ", ".join(f"{count} × {status or 'no answer'}" for status, count in found)

    def p99(self) -> float:
        """Return what 99 of 100 calls took at most, in seconds."""
        times = sorted(each.seconds for each in self.each)
        return times[int(len(times) * 0.99)]


def offer(
    door: Door,
    rate: float,
    seconds: float,
    *,
    callers: int = 64,
    halfway: Callable[[], None] | None = None,
) -> Answers:
    """Offer ``rate`` calls a second for ``seconds``; ``halfway`` is done in the middle of it."""
    return asyncio.run(_Pace(door, callers).run(rate, seconds, halfway))


class _Pace:
    """Callers that each keep a connection, and one clock that says when a call is due."""

    def __init__(self, door: Door, callers: int) -> None:
        self._door, self._count = door, callers
        self._due: asyncio.Queue[tuple[float, str, bytes]] = asyncio.Queue()
        self._answers = Answers()

    async def run(self, rate: float, seconds: float, halfway: Callable[[], None] | None) -> Answers:
        callers = [asyncio.create_task(self._call()) for _ in range(self._count)]
        # Sender and server share the processors, so all is made and signed beforehand.
        calls = [self._made() for _ in range(int(rate * seconds))]
        started, total = time.perf_counter(), len(calls)
        for number, call in enumerate(calls):
            due = started + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            if halfway and number == total // 2:
                halfway()
            self._due.put_nowait((due, *call))
        # What still waits for a caller was due, but not sent: a slow sender must not look fast.
        sent = total - self._due.qsize()
        self._answers.rate = sent / (time.perf_counter() - started)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._due.join(), MOST_SECONDS)
        for each in callers:
            each.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        return self._answers

    async def _call(self) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while True:
            due, message, call = await self._due.get()
            status = 0
            try:
                streams = streams or await asyncio.open_connection(*self._door.web)
                async with asyncio.timeout(10):
                    status = await _ask(*streams, call)
            except (OSError, EOFError, TimeoutError):
                if streams:
                    streams[1].close()
                streams = None
            took = time.perf_counter() - due
            self._answers.each.append(Answer(message, status, took))
            self._due.task_done()

    def _made(self) -> tuple[str, bytes]:
        call = self._door.signed()
        given = "".join(f"{name}: {value}\r\n" for name, value in call.headers.items())
        head = (
            f"POST /webhooks/{self._door.token} HTTP/1.1\r\nHost: soak\r\n{given}"
            f"Content-Type: application/json\r\nContent-Length: {len(call.body)}\r\n\r\n"
        )
        return call.message, head.encode() + call.body


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: bytes) -> int:
    writer.write(call)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, rest = answer.partition(b"content-length:")
    if rest:
        await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
    return int(answer.split(b" ", 2)[1])
