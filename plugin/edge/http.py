"""Http: the one door to a remote server.

It guards the address, keeps the pace, limits size and time, follows no redirect, and turns every
failure into one of our errors. Reads are tried again a little; writes never are.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
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
from plugin.edge.addresses import AddressGuard, Place, parse
from plugin.edge.answers import Answer, error_for, error_from
from plugin.edge.circuit import Circuit
from plugin.edge.pace import Pace
from plugin.edge.pinned import PinnedAdapter, deadline

__all__ = ["LIMIT", "Answer", "Classify", "Http", "Timeouts"]

Classify = Callable[[Answer], EdgeError | None]
Query = Mapping[str, Any] | Sequence[tuple[str, Any]]

MIB = 1024 * 1024
LIMIT = 16 * MIB
PIECE = 64 * 1024
EXTRA_TRIES = 2
LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: ``connect`` to reach the server, ``read`` for the whole call, retries included."""

    connect: float = 5.0
    read: float = 30.0


@dataclass(frozen=True, slots=True)
class _Call:
    """One request as an adapter wants it."""

    method: str
    path: str
    parts: Mapping[str, Any]
    safe: bool
    limit: int
    timeouts: Timeouts
    classify: Classify | None = None


class _Session(requests.Session):
    """A session that takes nothing from the process environment and never looks where a
    redirect points (requests would read a redirect's body whole, whatever its size)."""

    def __init__(self, origin: str, transport: BaseAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.headers.update(
            {"User-Agent": f"Bridgehead/{__version__}", "Accept-Encoding": "gzip, identity"}
        )
        self.adapters.clear()
        self.mount(origin + "/", transport)

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Http:
    """One remote server, for one adapter; use it from one thread at a time.

    ``base`` is an https address with an optional path prefix. ``classify`` is asked about every
    answer, 2xx too, before the default table. ``override`` (a loopback origin, known only to the
    sandbox) takes the place of base's origin; ``transport`` takes the place of the network.
    RefusedError (code ``address``) when ``base`` is not an address we would talk to.
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
        self._place = self._read(base, ("https",) if override is None else ("https", "http"))
        self._prefix = urlsplit(base).path.rstrip("/")
        self._open_loopback = None if override is None else _loopback(override)
        self._origin = _origin(self._open_loopback or self._place)
        self._host = _netloc(self._place)
        self._paused_until = 0.0
        transport = transport or PinnedAdapter(self._route, verify=verify)
        self._session = _Session(self._origin, transport)

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
        return self._persist(self._call("GET", path, parts, True, limit, timeout, classify))

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
        return self._persist(self._call(method, path, parts, safe, limit, timeout, classify))

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def _call(
        self,
        method: str,
        path: str,
        parts: Mapping[str, Any],
        safe: bool,
        limit: int | None,
        timeout: float | Timeouts | None,
        classify: Classify | None,
    ) -> _Call:
        if timeout is None:
            timeout = self._timeouts
        elif not isinstance(timeout, Timeouts):
            timeout = replace(self._timeouts, read=timeout)
        return _Call(method, path, parts, safe, limit or self._limit, timeout, classify)

    def _persist(self, call: _Call) -> Answer:
        """Make the call, and again while that is allowed and the time is not over."""
        until = monotonic() + call.timeouts.read
        for extra in range(EXTRA_TRIES + 1):
            try:
                return self._try(call, until)
            except TransientError as error:
                wait = _pause(error, extra)
                last = extra == EXTRA_TRIES or not call.safe
                if last or wait is None or monotonic() + wait >= until:
                    raise
            self._sleep(wait)
        raise AssertionError("unreachable")

    def _try(self, call: _Call, until: float) -> Answer:
        self._wait_for_pause(until)
        self._wait_for_pace(until)
        if self._circuit is not None:
            self._circuit.enter()
        failed = False
        try:
            answer = self._exchange(call, until)
            self._judge(answer, call.classify)
        except TransientError:
            failed = True
            raise
        finally:
            if self._circuit is not None:
                self._circuit.leave(failed=failed)
        return answer

    def _judge(self, answer: Answer, classify: Classify | None) -> None:
        """Raise what the answer means; a 429 that names a time holds up the next calls too."""
        for ask in (classify, self._classify, error_for):
            error = ask(answer) if ask else None
            if error is not None:
                if answer.status == 429 and error.retry_after:
                    self._paused_until = monotonic() + error.retry_after
                raise error

    def _wait_for_pause(self, until: float) -> None:
        wait = self._paused_until - monotonic()
        if wait > 0:
            self._rest(wait, until, "asked us to wait")

    def _wait_for_pace(self, until: float) -> None:
        while self._pace is not None and (wait := self._pace.take()) > 0:
            self._rest(wait, until, "is asked often enough just now")

    def _rest(self, wait: float, until: float, why: str) -> None:
        if wait > LONGEST_PAUSE or monotonic() + wait >= until:
            raise TransientError(self.who, why, retry_after=wait, code="pace")
        self._sleep(wait)

    def _exchange(self, call: _Call, until: float) -> Answer:
        url = self._origin + self._target(call.path)
        try:
            request = self._session.prepare_request(
                requests.Request(call.method, url, **call.parts)
            )
            request.headers["Host"] = self._host
            with deadline(until), closing(self._open(request, call, until)) as response:
                return self._whole(response, call)
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
            UnicodeError,
        ) as e:
            failure = error_from(e, self.who)
        raise failure

    def _open(
        self, request: requests.PreparedRequest, call: _Call, until: float
    ) -> requests.Response:
        left = max(0.001, until - monotonic())
        return self._session.send(
            request,
            stream=True,
            allow_redirects=False,
            timeout=(min(call.timeouts.connect, left), left),
        )

    def _whole(self, response: requests.Response, call: _Call) -> Answer:
        """Read the answer, stopping at the limit: it counts what the answer unpacks to."""
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in {"", "identity", "gzip", "x-gzip"}:
            raise self._odd("answered in a packing we did not ask for", "encoding", response)
        body, size = [], 0
        for piece in response.iter_content(PIECE):
            size += len(piece)
            if size > call.limit:
                text = f"sent an answer larger than {call.limit / MIB:g} MiB"
                raise self._odd(text, "too_large", response)
            body.append(piece)
        status, url = response.status_code, response.url
        return Answer(call.method, url, status, response.headers, b"".join(body), self.who)

    def _odd(self, text: str, code: str, response: requests.Response) -> AnswerError:
        return AnswerError(self.who, text, code=code, status=response.status_code)

    def _route(self, host: str, port: int, seconds: float) -> tuple[str, ...]:
        """Return the addresses a socket may connect to; loopback only by the override."""
        open_loopback = self._open_loopback
        if open_loopback is not None:
            return ("::1",) if open_loopback.host == "::1" else ("127.0.0.1",)
        return self._guard.addresses(host, who=self.who, seconds=seconds)

    def _read(self, url: str, schemes: tuple[str, ...]) -> Place:
        try:
            return parse(url, schemes=schemes)
        except ValueError as error:
            raise RefusedError(self.who, str(error), code="address") from None

    def _target(self, path: str) -> str:
        """Return path and query on the server; AnswerError when ``path`` would leave it."""
        if path.lower().startswith(("https://", "http://")):
            if self._read(path, ("https", "http")) != self._place:
                raise AnswerError(self.who, "points to another server", code="origin")
            path = "/" + path.partition("://")[2].partition("/")[2]
        else:
            path = f"{self._prefix}/{path.lstrip('/')}" if path else self._prefix + "/"
        segments = unquote(path.partition("?")[0]).replace("\\", "/").split("/")
        if {".", ".."} & set(segments):
            raise AnswerError(self.who, "was to be asked for an odd path", code="path")
        return path


def _pause(error: TransientError, extra: int) -> float | None:
    """Return the seconds before the next try, or None when it is for a job to wait that long."""
    if isinstance(error, CircuitOpenError):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_PAUSE else None
    return float(0.2 * 2**extra * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, hides nothing


def _loopback(override: str) -> Place:
    """Read the sandbox's origin; ValueError unless it is one on this computer."""
    place = parse(override, schemes=("http", "https"))
    if place.host not in {"127.0.0.1", "::1", "localhost"} or urlsplit(override).path not in {
        "",
        "/",
    }:
        raise ValueError("an override is an origin on this computer, such as http://127.0.0.1:8099")
    return place


def _netloc(place: Place) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    standard = {"https": 443, "http": 80}[place.scheme]
    return host if place.port == standard else f"{host}:{place.port}"


def _origin(place: Place) -> str:
    return f"{place.scheme}://{_netloc(place)}"
