"""A clerk: one thread of the process that serves many callers at once."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from plugin.domain.errors import BusyError, PluginError

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")

_MOST_AT_ONCE = 500
_REST_SECONDS = 30.0


class Clerk(Generic[Wish, Answer]):
    """Takes everything that waits, works it in one go, and answers each caller.

    Callers never touch the database themselves, so a database that hangs holds up this one thread
    while they are told in time that it is busy. ``work`` returns one answer or exception per wish.
    """

    def __init__(
        self, name: str, work: Callable[[Sequence[Wish]], Sequence[Answer | PluginError]]
    ) -> None:
        """Serve with ``work``; the thread called ``name`` starts with the first caller."""
        self._name, self._work = name, work
        self._waiting: SimpleQueue[tuple[Wish, Future[Answer]]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0

    def ask(self, wish: Wish, timeout: float) -> Answer:
        """Have ``wish`` worked; BusyError when there is no answer within ``timeout`` seconds."""
        answer: Future[Answer] = Future()
        with self._lock:
            self._start_where_needed()
            self._waiting.put((wish, answer))
        try:
            return answer.result(timeout)
        except TimeoutError:
            answer.cancel()
            raise BusyError("the database does not take it in time") from None

    def _start_where_needed(self) -> None:
        """Start the thread: at first, after a fork, and when a fault or rest has ended it."""
        if self._process != os.getpid():
            self._waiting, self._process = SimpleQueue(), os.getpid()
        elif self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while (first := self._next()) is not None:
            self._serve_one_round([first, *self._drain()])

    def _next(self) -> tuple[Wish, Future[Answer]] | None:
        """Wait for a wish; after a long rest the thread ends, and lets go of what it holds."""
        try:
            return self._waiting.get(timeout=_REST_SECONDS)
        except Empty:
            with self._lock:
                if not self._waiting.empty():
                    return self._waiting.get()
                self._thread = None
                return None

    def _drain(self) -> list[tuple[Wish, Future[Answer]]]:
        found: list[tuple[Wish, Future[Answer]]] = []
        try:
            while len(found) < _MOST_AT_ONCE:
                found.append(self._waiting.get_nowait())
        except Empty:
            pass
        return found

    def _serve_one_round(self, waiting: Sequence[tuple[Wish, Future[Answer]]]) -> None:
        living = [each for each in waiting if each[1].set_running_or_notify_cancel()]
        if not living:
            return
        try:
            answers = self._work([wish for wish, _ in living])
        except BaseException as error:
            for _, promise in living:
                promise.set_exception(error)
            raise
        for (_, promise), outcome in zip(living, answers, strict=True):
            if isinstance(outcome, PluginError):
                promise.set_exception(outcome)
            else:
                promise.set_result(outcome)
