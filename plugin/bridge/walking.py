"""One walk: the vendor's own adapter makes the calls, its pages go to the server."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from plugin.bridge.server import Ended, LateError, Server, persist
from plugin.domain.contracts import (
    Adapter,
    FieldKind,
    FindsDetections,
    ListsWorkspaceGroups,
    ReportsLicences,
    Vendor,
)
from plugin.domain.errors import AnswerError, EdgeError
from plugin.domain.model import Page
from plugin.domain.relay import pack, pack_error
from plugin.edge.addresses import AddressGuard
from plugin.edge.http import Http
from plugin.edge.link import Classify, Link, stand_in
from plugin.edge.pace import Pace

ROWS = 500
"""How many rows travel in one post."""

Task = dict[str, Any]
Each = TypeVar("Each")


class Adapters:
    """The adapters of this process: one per connection and thread, a common pace per connection."""

    def __init__(self, vendors: Mapping[str, type[Adapter]]) -> None:
        """Make adapters of these kinds."""
        self._vendors = vendors
        self._made = threading.local()
        self._paces: dict[int, tuple[tuple[float, int], Pace]] = {}
        self._lock = threading.Lock()

    def of(self, connection: Mapping[str, Any]) -> Vendor:
        """Return this thread's adapter, remade when the server tells something new."""
        known = self._made.__dict__.setdefault("known", {})
        held = known.get(connection["id"])
        if held is None or held[0] != connection:
            held = known[connection["id"]] = (connection, self._make(connection))
        return cast(Vendor, held[1])

    def _make(self, connection: Mapping[str, Any]) -> Adapter:
        kind = self._vendors.get(connection["kind"])
        if kind is None:
            raise AnswerError("Bridge", f"knows no vendor {connection['kind']}; replace its file")
        addresses, environment = connection["addresses"], connection["environment"]
        if connection["origin_override"]:
            addresses = stand_in(addresses, environment)
        link = Link(
            http=self._door(connection, _certificate(kind, connection["settings"])),
            settings=_with_defaults(kind, connection["settings"]),
            now=lambda: datetime.now(UTC),
            addresses=addresses,
            environment=environment,
        )
        return cast(Callable[[Link], Adapter], kind)(link)

    def _door(self, connection: Mapping[str, Any], certificate: str) -> Any:  # noqa: ANN401
        pace = self.pace_of(connection)

        def open_http(base: str, *, who: str, classify: Classify | None = None) -> Http:
            host = urlsplit(base).hostname or ""
            return Http(
                base,
                who=who,
                classify=classify,
                guard=AddressGuard(allow_private=[host] if connection["allow_private"] else []),
                pace=pace,
                override=connection["origin_override"],
                verify=certificate or True,
            )

        return open_http

    def pace_of(self, connection: Mapping[str, Any]) -> Pace:
        """Return the pace that all threads keep at a connection's remote."""
        wanted = (connection["per_second"], connection["burst"])
        with self._lock:
            held = self._paces.get(connection["id"])
            if held is None or held[0] != wanted:
                held = self._paces[connection["id"]] = (wanted, Pace(*wanted))
            return held[1]


def _with_defaults(kind: type[Adapter], settings: Mapping[str, str]) -> dict[str, str]:
    defaults = {each.name: each.default for each in kind.fields if each.default is not None}
    return defaults | {name: value for name, value in settings.items() if value != ""}


def _certificate(kind: type[Adapter], settings: Mapping[str, str]) -> str:
    names = [each.name for each in kind.fields if each.kind is FieldKind.CERTIFICATE]
    texts = (settings.get(name, "") for name in names)
    return next((text for text in texts if "-----BEGIN" in text), "")


def walk(server: Server, adapters: Adapters, task: Task, stopping: threading.Event) -> None:
    """Do one task and acknowledge it; LateError when it was given to another meanwhile."""
    watch = _Watch(adapters.pace_of(task["connection"]))
    number, error = 0, None
    try:
        pages = watch.time(_pages(adapters.of(task["connection"]), task))
        for number, (part, page) in enumerate(pages, 1):
            told = pack(page)
            persist(lambda n=number, p=part, t=told: server.post(task, n, p, t), stopping)  # type: ignore[misc]
    except LateError:
        raise
    except EdgeError as failure:
        error = pack_error(failure)
    ended = Ended(number, watch.seconds(), error, watch.calls())
    persist(lambda: server.done(task, ended), stopping)


class _Watch:
    """How long the vendor took for a walk, in how many calls.

    What the pace made us wait, and what our own server took for the pages, says nothing of the
    workspace or of this computer.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace, self._taken, self._waited = pace, pace.taken_here, pace.waited_here
        self._seconds = 0.0

    def time(self, pages: Iterator[Each]) -> Iterator[Each]:
        """Pass pages on, measuring only how long each was waited for."""
        while True:
            started = time.monotonic()
            try:
                page = next(pages)
            except StopIteration:
                return
            finally:
                self._seconds += time.monotonic() - started
            yield page

    def seconds(self) -> float:
        return max(0.0, self._seconds - (self._pace.waited_here - self._waited))

    def calls(self) -> int:
        return self._pace.taken_here - self._taken


def _pages(vendor: Vendor, task: Task) -> Iterator[tuple[str, Page[Any]]]:
    wish, scope = task["wish"], task["scope"]
    if "devices" in wish["parts"]:
        for page in vendor.devices(scope, wish["cursor"]):
            yield from (("devices", each) for each in _cut(page))
    if "detections" in wish["parts"] and isinstance(vendor, FindsDetections):
        since = datetime.fromisoformat(wish["since"])
        for found in vendor.detections(scope, wish["cursor"], since):
            yield from (("detections", each) for each in _cut(found))
    if "licences" in wish["parts"] and isinstance(vendor, ReportsLicences):
        licences: Page[Any] = Page(tuple(vendor.licences(scope)))
        yield from (("licences", each) for each in _cut(licences))
    if "groups" in wish["parts"] and isinstance(vendor, ListsWorkspaceGroups):
        groups: Page[Any] = Page(tuple(vendor.workspace_groups(scope)))
        yield from (("groups", each) for each in _cut(groups))


def _cut(page: Page[Any]) -> Iterator[Page[Any]]:
    """Cut a long page; only the last piece carries what the page says as a whole."""
    rows = page.rows
    while len(rows) > ROWS:
        yield Page(rows[:ROWS])
        rows = rows[ROWS:]
    yield Page(rows, page.next_cursor, page.complete, page.gone)
