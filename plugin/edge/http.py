"""Http: the one door to a remote server.

It guards the address, keeps the pace, limits size and time, follows no redirect, and turns every
failure into one of our errors. Reads are tried again a little; writes never are.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from io import BytesIO
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter

from plugin import __version__
from plugin.domain.errors import (
    AnswerError,
    CircuitOpenError,
    EdgeError,
    RefusedError,
    TransientError,
)
from plugin.edge.addresses import AddressGuard, Place, loopback_addresses, parse, parse_loopback
from plugin.edge.answers import Answer, error_for, error_from
from plugin.edge.circuit import Circuit
from plugin.edge.pace import Pace
from plugin.edge.pinned import PinnedAdapter, deadline

__all__ = ["LIMIT", "Answer", "Classify", "Http", "Timeouts"]

Classify = Callable[[Answer], EdgeError | None]
Query = Mapping[str, Any] | Sequence[tuple[str, Any]]

MIB = 1024 * 1024
LIMIT = 14 * MIB
"""The largest answer, so that with what reading needs memory grows by 16 MiB at most."""
PIECE = 64 * 1024
LONGEST_PAUSE = 5.0
BACKOFF = (0.2, 0.4)
"""Seconds before the second and the third try of a read, give or take a half."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: ``connect`` to reach the server, ``read`` for the whole call, retries included."""

    connect: float = 5.0
    read: float = 30.0


@dataclass(frozen=True, slots=True)
class _Call:
    """One request as an adapter wants it, and how long it may take."""

    method: str
    path: str
    parts: Mapping[str, Any]
    limit: int
    connect: float
    until: float
    classify: Classify | None

    def left(self) -> float:
        return self.until - monotonic()


class _Session(requests.Session):
    """A session that takes nothing from the process environment.

    It never looks where a redirect points either: requests would read that answer's body whole.
    """

    def __init__(self, origin: str, transport: BaseAdapter) -> None:
        super().__init__()
        self.trust_env = False
        agent = f"Bridgehead/{__version__}"
        self.headers.update({"User-Agent": agent, "Accept-Encoding": "gzip, identity"})
        self.adapters.clear()
        self.mount(origin + "/", transport)

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Http:
    """One remote server, for one adapter; use it from one thread at a time.

    ``base`` is an https address with an optional path prefix. ``classify`` is asked about every
    answer, 2xx too, before the default table. ``override`` (a loopback origin, known only to the
    sandbox) takes the place of base's origin; ``transport`` takes the place of the network.
    ``verify`` says how the server proves itself: see :class:`plugin.edge.pinned.PinnedAdapter`.
    RefusedError when ``base`` is not an address we would talk to (code ``address``) or ``verify``
    holds no certificate (code ``certificate``).
    """

    def __init__(
        self,
        base: str,
        *,
        who: str,
        guard: AddressGuard,
        classify: Classify | None = None,
        pace: Pace | None = None,
        circuit: Circuit | None = None,
        timeouts: Timeouts = Timeouts(),
        limit: int = LIMIT,
        override: str | None = None,
        verify: bool | str = True,
        transport: BaseAdapter | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep the rules; no connection is made before the first call."""
        self.who = who
        self._guard, self._classify, self._pace, self._circuit = guard, classify, pace, circuit
        self._timeouts, self._limit, self._sleep = timeouts, limit, sleep
        self._loopback = None if override is None else parse_loopback(override)
        self._place = self._read(base, ("https",) if override is None else ("https", "http"))
        self._prefix = urlsplit(base).path.rstrip("/")
        self._origin = (self._loopback or self._place).origin
        self._paused_until = 0.0
        self._session = _Session(self._origin, transport or self._network(verify))

    def get(
        self,
        path: str,
        *,
        params: Query | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int | None = None,
        timeout: float | Timeouts | None = None,
        classify: Classify | None = None,
    ) -> Answer:
        """Read ``path``; a failure that may pass is tried again up to twice within the time-out.

        ``path`` is relative to the base, or an absolute URL of the same origin. Raises an
        EdgeError for everything that is not 2xx.
        """
        parts = {"params": params, "headers": headers}
        return self._persist(self._call("GET", path, parts, limit, timeout, classify))

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        form: Query | None = None,
        data: bytes | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool = False,
        limit: int | None = None,
        timeout: float | Timeouts | None = None,
        classify: Classify | None = None,
    ) -> Answer:
        """Send a request with at most one kind of body; errors as for :meth:`get`.

        It is tried again only when ``safe`` says that twice does no harm. ``classify`` is asked
        before the connection's own.
        """
        body = data if data is not None else form
        parts = {"params": params, "json": json, "data": body, "files": files, "headers": headers}
        call = self._call(method, path, parts, limit, timeout, classify)
        return self._persist(call) if safe else self._try(call)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def _call(
        self,
        method: str,
        path: str,
        parts: Mapping[str, Any],
        limit: int | None,
        timeout: float | Timeouts | None,
        classify: Classify | None,
    ) -> _Call:
        times = self._timeouts if timeout is None else timeout
        if not isinstance(times, Timeouts):
            times = replace(self._timeouts, read=times)
        until = monotonic() + times.read
        return _Call(method, path, parts, limit or self._limit, times.connect, until, classify)

    def _persist(self, call: _Call) -> Answer:
        """Make the call, and again while that is sensible and the time is not over."""
        for backoff in BACKOFF:
            try:
                return self._try(call)
            except TransientError as error:
                wait = _pause(error, backoff)
                if wait is None or wait >= call.left():
                    raise
            self._sleep(wait)
        return self._try(call)

    def _try(self, call: _Call) -> Answer:
        self._wait_for_pause(call)
        self._wait_for_pace(call)
        if self._circuit is None:
            return self._exchange(call)
        self._circuit.enter()
        failed = False
        try:
            return self._exchange(call)
        except TransientError:
            failed = True
            raise
        finally:
            self._circuit.leave(failed=failed)

    def _wait_for_pause(self, call: _Call) -> None:
        wait = self._paused_until - monotonic()
        if wait > 0:
            self._rest(wait, call, "asked us to wait")

    def _wait_for_pace(self, call: _Call) -> None:
        while self._pace is not None and (wait := self._pace.take()) > 0:
            self._rest(wait, call, "is asked often enough just now")

    def _rest(self, wait: float, call: _Call, why: str) -> None:
        if wait > LONGEST_PAUSE or wait >= call.left():
            raise TransientError(self.who, why, retry_after=wait, code="pace")
        self._sleep(wait)

    def _exchange(self, call: _Call) -> Answer:
        target = self._target(call.path)
        try:
            with deadline(call.until), closing(self._open(target, call)) as response:
                answer = self._whole(response, call)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = error_from(error, self.who)
        except UnicodeError:
            failure = AnswerError(self.who, "cannot be sent such characters", code="call")
        else:
            return self._judged(answer, call)
        raise failure  # outside the handler, so that no library text travels along with it

    def _judged(self, answer: Answer, call: _Call) -> Answer:
        """Raise what the answer means; a 429 that names a time holds up the next calls too."""
        for ask in (call.classify, self._classify, error_for):
            error = ask(answer) if ask else None
            if error is not None:
                if answer.status == 429 and error.retry_after:
                    self._pause(error.retry_after)
                raise error
        return answer

    def _pause(self, seconds: float) -> None:
        self._paused_until = monotonic() + seconds
        if self._pace is not None:
            self._pace.pause(seconds)

    def _open(self, target: str, call: _Call) -> requests.Response:
        wanted = requests.Request(call.method, self._origin + target, **call.parts)
        request = self._session.prepare_request(wanted)
        request.headers["Host"] = self._place.netloc
        left = max(0.001, call.left())
        times = (min(call.connect, left), left)
        return self._session.send(request, stream=True, allow_redirects=False, timeout=times)

    def _whole(self, response: requests.Response, call: _Call) -> Answer:
        """Read the answer, stopping at the limit: it counts what the answer unpacks to."""
        status, headers = response.status_code, response.headers
        coding = headers.get("Content-Encoding", "").strip().lower()
        if coding not in {"", "identity", "gzip", "x-gzip"}:
            text = "answered in a packing we did not ask for"
            raise AnswerError(self.who, text, code="encoding", status=status)
        body = BytesIO()  # hands its bytes over without a copy, which a list of pieces does not
        for piece in response.iter_content(PIECE):
            if body.tell() + len(piece) > call.limit:
                text = f"sent an answer larger than {call.limit / MIB:g} MiB"
                raise AnswerError(self.who, text, code="too_large", status=status)
            body.write(piece)
        return Answer(call.method, response.url, status, headers, body.getvalue(), self.who)

    def _network(self, verify: bool | str) -> BaseAdapter:
        try:
            return PinnedAdapter(self._route, verify=verify)
        except (OSError, ValueError):
            text = "cannot be trusted: the certificate given for it cannot be read"
        raise RefusedError(self.who, text, code="certificate")

    def _route(self, host: str, seconds: float) -> tuple[str, ...]:
        """Return the addresses a socket may connect to; loopback only as the override."""
        if self._loopback is not None:
            return loopback_addresses(self._loopback)
        return self._guard.addresses(host, who=self.who, seconds=seconds)

    def _read(self, url: str, schemes: tuple[str, ...]) -> Place:
        try:
            return parse(url, schemes=schemes)
        except ValueError as error:
            raise RefusedError(self.who, str(error), code="address") from None

    def _target(self, path: str) -> str:
        """Return path and query on the server; AnswerError when ``path`` would leave it."""
        if path.lower().startswith(("https://", "http://")):
            if self._read(path, ("https", "http")) not in (self._place, self._loopback):
                raise AnswerError(self.who, "points to another server", code="origin")
            parts = urlsplit(path)
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        else:
            path = f"{self._prefix}/{path.lstrip('/')}"
        segments = unquote(path.partition("?")[0]).replace("\\", "/").split("/")
        if {".", ".."} & set(segments):
            raise AnswerError(self.who, "was to be asked for an odd path", code="path")
        return path


def _pause(error: TransientError, backoff: float) -> float | None:
    """Return the seconds before the next try, or None when a job should wait instead."""
    if isinstance(error, CircuitOpenError):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_PAUSE else None
    return backoff * float(random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, hides nothing
