"""Emulator: the base of every stand-in for a host or vendor.

An emulator is a WSGI application that answers like the real system, from its published contract
and the known facts, never from our client. It is strict where the real system is strict and odd
where it is odd. Tests mount it in-process or serve it on loopback; the sandbox serves it on a port
of its own, with the real paths from the root.

A subclass declares ``kind``, ``title``, ``contract`` and its routes::

    class Shop(Emulator):
        kind = "shop"

        @route("GET", "/things/<thing>")
        def thing(self, request: Request, thing: str) -> Response:
            return self.json(self.table("things")[thing])
"""

import json
import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Breach, Contract
from plugin.edge.faults import GENERIC, Faults, play
from plugin.edge.shelf import Shelf, Table
from plugin.edge.world import World

Params = ParamSpec("Params")
Self_ = TypeVar("Self_")
View = Callable[Concatenate[Self_, Request, Params], Response]

KEPT_REQUESTS = 2_000
KEPT_BREACHES = 500


@dataclass
class Clock:
    """The emulators' common clock: real time plus an offset that a control call sets."""

    offset: timedelta = timedelta()

    def __call__(self) -> datetime:
        """Return the time in the made-up world (aware, UTC)."""
        return datetime.now(UTC) + self.offset

    def move(self, to: datetime) -> None:
        """Let it be ``to`` now."""
        self.offset = to - datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens in the made-up world.

    ``what`` is a word of the sandbox's control call (``detection``, ``ticket-closed`` …);
    ``details`` its arguments.
    """

    what: str
    details: Mapping[str, Any] = field(default_factory=dict)


def route(*methods_and_path: str) -> Callable[[View[Self_, Params]], View[Self_, Params]]:
    """Mark a method as the answer to ``METHOD, [METHOD, …] path`` (werkzeug's path syntax)."""
    *methods, path = methods_and_path

    def mark(view: View[Self_, Params]) -> View[Self_, Params]:
        marks = getattr(view, "routes", ())
        view.routes = (*marks, (tuple(methods), path))  # type: ignore[attr-defined]
        return view

    return mark


class Emulator(ABC):
    """A faithful stand-in; see the module's text."""

    kind: ClassVar[str]
    title: ClassVar[str]
    contract: ClassVar[Contract | None] = None
    own_faults: ClassVar[tuple[str, ...]] = ()
    watchers: ClassVar[list[Callable[["Emulator", Breach], None]]] = []
    """Called with every breach; the test suite hangs itself in here."""

    def __init__(
        self, shelf: Shelf | None = None, clock: Clock | None = None, origin: str = ""
    ) -> None:
        """Open the emulator on ``shelf`` (memory when None).

        ``origin`` is the address it is served at, for the absolute addresses in its answers; a
        server sets it when it starts.
        """
        self.shelf = shelf or Shelf()
        self.clock = clock or Clock()
        self.origin = origin
        self.faults = Faults()
        self.requests: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)
        self.breaches: deque[Breach] = deque(maxlen=KEPT_BREACHES)
        self.breach_count = 0
        self.request_count = 0
        self.lock = threading.RLock()
        self._urls = _urls_of(type(self))

    # -- what a subclass fills in ------------------------------------------------------------

    @abstractmethod
    def populate(self, world: World) -> None:
        """Fill the (cleared) shelf with this system's view of the made-up MSP."""

    @abstractmethod
    def connection_settings(self) -> dict[str, str]:
        """Return what an administrator types in to connect, by field name."""

    def happen(self, happening: Happening) -> dict[str, Any] | None:
        """Let something happen here; return what happened, or None when it is not for us."""
        return None

    def state(self) -> dict[str, Any]:
        """Return everything this emulator holds, as JSON-ready values."""
        return {}

    def contract_path(self, request: Request) -> str | None:
        """Return the path in the contract's terms, or None when the request lies outside it."""
        return request.path

    def contract_for(self, request: Request) -> Contract | None:
        """Return the contract that judges a request; a system may have several interfaces."""
        return self.contract

    def normal_path(self, path: str) -> str:
        """Return ``path`` in the form in which routes are declared (letter case, prefixes)."""
        return path

    def refuse(self, request: Request) -> Response | None:
        """Return the answer for a request that is not let in, or None to let it in."""
        return None

    def play_own(self, kind: str, request: Request) -> Response:
        """Play one of ``own_faults``; called instead of the honest answer."""
        raise ValueError(f"unknown fault {kind!r}")

    def not_found(self, request: Request) -> Response:
        """Answer a request for an address this system does not have."""
        return self.json({"message": "not found"}, 404)

    def background(self) -> None:  # noqa: B027 - most systems have nothing to do by themselves
        """Do what is due (deliveries, delays); called about every half second by the server."""

    # -- what a subclass uses ----------------------------------------------------------------

    def table(self, name: str) -> Table:
        """Return a table of the shelf."""
        return self.shelf.table(name)

    @staticmethod
    def json(
        value: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Answer with ``value`` as JSON."""
        body = json.dumps(value, separators=(",", ":"))
        return Response(body, status, headers, mimetype="application/json")

    def rewritten(self, answer: Response, change: Callable[[Any], object] | None) -> Response:
        """Return a JSON answer with ``change`` made to its value; any other answer as it is."""
        if change is None or answer.mimetype != "application/json":
            return answer
        return self.json(change(json.loads(answer.get_data())), answer.status_code)

    # -- what the sandbox and tests use ------------------------------------------------------

    def reset(self, world: World) -> None:
        """Forget everything and show ``world`` afresh."""
        with self.lock:
            self.shelf.clear()
            self.faults.clear()
            self.requests.clear()
            self.breaches.clear()
            self.breach_count = 0
            self.populate(world)
            self.shelf.commit()

    def add_fault(self, kind: str, times: int = 1, path: str = "", seconds: float = 3.0) -> None:
        """Let the next ``times`` matching requests meet a fault; ValueError for unknown kinds."""
        if kind not in GENERIC + self.own_faults:
            raise ValueError(f"{self.kind} knows no fault {kind!r}")
        self.faults.add(kind, times, path, seconds)

    def occur(self, happening: Happening) -> dict[str, Any] | None:
        """Let something happen, durably."""
        with self.lock:
            told = self.happen(happening)
            self.shelf.commit()
            return told

    def overview(self) -> dict[str, Any]:
        """Return the state with the requests seen and the breaches recorded."""
        with self.lock:
            return {
                "kind": self.kind,
                "origin": self.origin,
                "requests_seen": self.request_count,
                "requests": list(self.requests)[-50:],
                "contract_breaches": self.breach_count,
                "breaches": [asdict(breach) for breach in self.breaches],
                "faults_waiting": [asdict(fault) for fault in self.faults.waiting],
                **self.state(),
            }

    # -- WSGI --------------------------------------------------------------------------------

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request, playing a waiting fault when there is one for it."""
        request = Request(environ)
        request.get_data(cache=True)
        fault = self.faults.take(request)
        if fault is None:
            response = self.answer(request)
        elif fault.kind in self.own_faults:
            with self.lock:
                self._note(request)
                response = self.play_own(fault.kind, request)
                self.shelf.commit()
        else:
            response = play(fault, request, self.answer, self.faults)
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Answer honestly, and record what the contract does not allow."""
        with self.lock:
            self._note(request)
            response = self._respond(request)
            self.shelf.commit()
        self._judge(request, response)
        return response

    def _note(self, request: Request) -> None:
        self.request_count += 1
        self.requests.append(
            {
                "at": self.clock().isoformat(),
                "method": request.method,
                "path": request.path,
                "query": request.query_string.decode("latin-1"),
            }
        )

    def _respond(self, request: Request) -> Response:
        urls = self._urls.bind(request.host or "localhost")
        try:
            endpoint, values = urls.match(self.normal_path(request.path), request.method)
        except (NotFound, MethodNotAllowed) as error:
            return self.refuse(request) or self._missing(request, error)
        except HTTPException as error:  # a redirect of the router is no part of any real system
            return self._missing(request, error)
        view: Callable[..., Response] = getattr(self, endpoint)
        return self.refuse(request) or view(request, **values)

    def _missing(self, request: Request, error: HTTPException) -> Response:
        if isinstance(error, MethodNotAllowed):
            return self.json({"message": "method not allowed"}, 405)
        return self.not_found(request)

    def _judge(self, request: Request, response: Response) -> None:
        contract, path = self.contract_for(request), self.contract_path(request)
        if contract is None or path is None:
            return
        for breach in self._breaches_of(contract, path, request, response):
            self.breaches.append(breach)
            self.breach_count += 1
            for watcher in self.watchers:
                watcher(self, breach)

    def _breaches_of(
        self, contract: Contract, path: str, request: Request, response: Response
    ) -> Iterator[Breach]:
        operation = contract.operation(request.method, path)
        if operation is None:
            # A probe of an unknown address is answered by not_found; calling one is our mistake.
            yield Breach("request", request.method, path, "the contract has no such operation")
            return
        refused = response.status_code in {400, 401, 403}
        problems = contract.judge_request(
            operation,
            query=request.args.items(multi=True),
            headers=dict(request.headers),
            content_type=request.content_type or "",
            body=request.get_data(),
        )
        for problem in [] if refused else problems:
            yield Breach("request", request.method, path, problem)
        kind = response.content_type or ""
        for problem in contract.judge_answer(
            operation, response.status_code, kind, response.get_data()
        ):
            yield Breach("answer", request.method, path, problem)


@cache
def _urls_of(kind: type[Emulator]) -> Map:
    """Return the routes of a class; making them takes longer than many a test."""
    rules = [
        Rule(path, endpoint=name, methods=list(methods))
        for name in dir(kind)
        for methods, path in getattr(getattr(kind, name, None), "routes", ())
    ]
    return Map(rules, strict_slashes=False, merge_slashes=False)


class _Handler(WSGIRequestHandler):
    """Speaks HTTP/1.1 with keep-alive and says nothing on the console."""

    protocol_version = "HTTP/1.1"
    _dated = False

    def send_response(self, code: int, message: str | None = None) -> None:
        """Send the status line; Date is the application's own where it sends one."""
        self._dated = False
        self.send_response_only(code, message)

    def send_header(self, keyword: str, value: str) -> None:
        """Send a header, and remember whether it was the time."""
        self._dated = self._dated or keyword.lower() == "date"
        super().send_header(keyword, value)

    def end_headers(self) -> None:
        """End the headers, with the time where the application gave none."""
        if not self._dated:
            super().send_header("Date", self.date_time_string())
        super().end_headers()

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        logging.getLogger(__name__).debug(message, *args)


class Served:
    """An emulator (or any WSGI application) served on loopback by threads of this process."""

    def __init__(
        self,
        application: Any,  # noqa: ANN401 - any WSGI application
        port: int = 0,
        ssl_context: Any = None,  # noqa: ANN401
    ) -> None:
        """Listen on 127.0.0.1:``port`` (0 chooses a free one) and start answering."""
        self.application = application
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1",
            port,
            application,
            threaded=True,
            request_handler=_Handler,
            ssl_context=ssl_context,
        )
        scheme = "https" if ssl_context else "http"
        self.origin = f"{scheme}://127.0.0.1:{self._server.server_port}"
        if isinstance(application, Emulator):
            application.origin = self.origin
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True),
            threading.Thread(target=self._tick, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _tick(self) -> None:
        while not self._stopping.wait(0.25):
            if isinstance(self.application, Emulator):
                self.application.background()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(5)


@contextmanager
def serve(application: Any, port: int = 0) -> Iterator[str]:  # noqa: ANN401
    """Serve on loopback for the length of a ``with``; gives the origin."""
    served = Served(application, port)
    try:
        yield served.origin
    finally:
        served.stop()
