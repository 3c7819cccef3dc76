"""What the tests of ESET share: the table of addresses, an adapter, a clock, a lying server."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.domain.model import Detection, Device, Page
from plugin.edge.addresses import AddressGuard
from plugin.edge.emulator import Clock, Happening
from plugin.edge.http import Http, Timeouts
from plugin.edge.inprocess import InProcess
from plugin.edge.link import Classify, Link
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.protect import EsetProtect
from tests.rig import ORIGIN, link_to, small_world

ADDRESSES = {
    "sign_in": "https://{region}.business-account.iam.eset.systems",
    "service": "https://{region}.{service}.eset.systems",
    "msp": "https://mspapi.eset.com",
}
LONG_AGO = datetime(2026, 10, 26, tzinfo=UTC)
CONSOLE = {
    "type": "on_prem",
    "server": "https://protect.northwind.example:9443",
    "email": "api@bridgehead.example",
    "password": "Pr0tect-sandbox",
}


def make_emulator(companies: int = 3, devices: int = 24) -> EsetEmulator:
    """Return an emulator of a small MSP whose clock stands at the start of its story."""
    emulator = EsetEmulator(clock=StillClock())
    emulator.reset(small_world(companies, devices))
    return emulator


class StillClock(Clock):
    """A clock that moves by hand only."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go(self, **step: float) -> None:
        self.now += timedelta(**step)


def clock_of(emulator: EsetEmulator) -> StillClock:
    """Return the emulator's clock as the one that is moved by hand."""
    assert isinstance(emulator.clock, StillClock)
    return emulator.clock


def adapter_to(emulator: EsetEmulator, **settings: str) -> EsetProtect:
    """Return an adapter connected to ``emulator``, some of its settings given differently."""
    given = {**emulator.connection_settings(), **settings}
    link = link_to(emulator, given, addresses=ADDRESSES, now=emulator.clock)
    return EsetProtect(link)


def adapter_without_msp(emulator: EsetEmulator, **settings: str) -> EsetProtect:
    """Return an adapter whose second slot is empty."""
    return adapter_to(emulator, msp_email="", msp_password="", **settings)


def switch(emulator: EsetEmulator, **values: object) -> None:
    """Turn switches of the emulator."""
    for name, value in values.items():
        emulator.occur(Happening("switch", {"name": name, "value": value}))


def asked(emulator: EsetEmulator, path: str) -> int:
    """Return how often a path was asked for."""
    return sum(1 for request in emulator.requests if request["path"] == path)


class Reader:
    """Reads detections as the sync does: page by page, keeping each page's cursor."""

    def __init__(self, protect: EsetProtect, since: datetime = LONG_AGO) -> None:
        self.protect, self.since = protect, since
        self.cursor: str | None = None

    def read(self) -> list[Detection]:
        found: list[Detection] = []
        for page in self.protect.detections("", self.cursor, self.since):
            found += page.rows
            self.cursor = page.next_cursor
        return found


def rows_of(pages: Iterable[Page[Detection]]) -> list[Detection]:
    """Return the detections of pages."""
    return [row for page in pages for row in page.rows]


def happen(emulator: EsetEmulator, what: str = "detection", **details: object) -> str:
    """Let something happen a second after the last and return its id."""
    told = emulator.occur(Happening(what, details))
    assert told is not None
    clock_of(emulator).go(seconds=1)
    return str(told["id"])


def all_devices(protect: EsetProtect) -> list[Device]:
    """Return all devices."""
    return [device for page in protect.devices("", None) for device in page.rows]


def count_groups(protect: EsetProtect) -> int:
    """Return how many groups are visible: the shortest listing there is."""
    return len(list(protect.groups()))


Told = Mapping[str, Any]


class Liar:
    """A server that answers every path with what a test tells it to, signed in or not."""

    def __init__(self, answers: Told) -> None:
        """Answer path with JSON value, Response, or a list of these one after the other."""
        self._answers: dict[str, Any] = {
            "/oauth/token": {"access_token": "a", "refresh_token": "r", "expires_in": 3600},
            "/api/Token/Get": {"accessToken": "a", "refreshToken": "r"},
            **answers,
        }
        self.asked: list[Request] = []

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = Request(environ)
        request.get_data(cache=True)
        self.asked.append(request)
        answer = self._answers.get(request.path, Response("", 404))
        if isinstance(answer, list) and answer and isinstance(answer[0], Response | dict):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if not isinstance(answer, Response):
            answer = Response(json.dumps(answer), 200, mimetype="application/json")
        return answer(environ, start_response)


def link_to_liar(
    liar: Liar, settings: Mapping[str, str] | None = None, now: datetime | None = None
) -> Link:
    """Return a link to a lying server."""

    def open_http(base: str, *, who: str, classify: Classify | None = None) -> Http:
        return Http(
            base,
            who=who,
            classify=classify,
            guard=AddressGuard(),
            override=ORIGIN,
            transport=InProcess(liar),
            timeouts=Timeouts(connect=1.0, read=2.0),
            sleep=lambda seconds: None,
        )

    given = {
        "type": "cloud",
        "region": "eu",
        "email": "api@bridgehead.example",
        "password": "secret-of-protect",
        "msp_email": "billing@bridgehead.example",
        "msp_password": "secret-of-msp",
        **(settings or {}),
    }
    return Link(open_http, given, lambda: now or datetime(2026, 11, 2, 8, tzinfo=UTC), ADDRESSES)
