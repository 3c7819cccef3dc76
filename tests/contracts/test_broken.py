"""Broken answers of every remote over real sockets: nobody waits long, all is well afterwards."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from plugin.domain.contracts import Adapter, Host, OpensTickets, Vendor
from plugin.domain.errors import AnswerError, EdgeError, TransientError
from plugin.domain.model import TicketDraft
from plugin.edge.addresses import AddressGuard
from plugin.edge.emulator import serve
from plugin.edge.http import Http, Timeouts
from plugin.edge.link import Classify, Link
from plugin.vendors.eset import connect
from tests.contracts.adapter import OFTEN, able, error_of
from tests.contracts.host import KEY, client_id
from tests.contracts.hosts import HOSTS
from tests.contracts.stands import Stand
from tests.contracts.vendor_suite import scopes
from tests.contracts.vendors import VENDORS
from tests.rig import small_world

KINDS = sorted([*HOSTS, *VENDORS])
SECONDS = 0.6
LATE = 1.0
LOST = (TransientError,)
ODD = (TransientError, AnswerError)
QUICK = {"cut": LOST, "refuse": LOST, "reset": LOST, "flipped": ODD}
WAITING = {"slow": LOST, "endless": LOST}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "PATIENCE", SECONDS)


@contextmanager
def served(kind: str) -> Iterator[Stand[Any]]:
    """Serve a remote's stand-in on loopback."""
    world = small_world(2, 9)
    stand: Stand[Any] = HOSTS[kind].stand(world) if kind in HOSTS else VENDORS[kind].stand(world)
    stand.emulator.faults.sleep = time.sleep
    with serve(stand.emulator):
        stand.settings = stand.emulator.connection_settings()
        yield stand
        stand.emulator.faults.clear()


def joined(stand: Stand[Any], rest: Callable[[float], None] = time.sleep) -> Any:  # noqa: ANN401
    """Return an adapter that talks to the stand-in through sockets and has little time."""

    def open_http(base: str, *, who: str, classify: Classify | None = None) -> Http:
        return Http(
            base,
            who=who,
            classify=classify,
            guard=AddressGuard(),
            override=stand.emulator.origin,
            timeouts=Timeouts(SECONDS, SECONDS),
            sleep=rest,
        )

    link = stand.link()
    return stand.adapter(
        Link(open_http, link.settings, lambda: datetime.now(UTC), link.addresses, link.environment)
    )


def everything(adapter: Adapter) -> Callable[[], object]:
    """Return the reading that is tried: all clients, and at a vendor all devices."""
    if isinstance(adapter, Vendor):
        vendor = adapter
        return lambda: [
            row.id
            for scope in scopes(vendor)
            for page in vendor.devices(scope, None)
            for row in page.rows
        ]
    host = able(adapter, Host)
    return lambda: [company.id for company in host.companies()]


def failed_in(work: Callable[[], object]) -> tuple[EdgeError, float]:
    started = time.monotonic()
    error = error_of(work)
    return error, time.monotonic() - started


def fails_and_recovers(
    stand: Stand[Any], adapter: Adapter, fault: str, meaning: tuple[type[EdgeError], ...]
) -> object:
    """Let everything break, then nothing; return what is read at last."""
    stand.emulator.add_fault(fault, times=OFTEN, seconds=LATE)
    error, took = failed_in(everything(adapter))
    assert isinstance(error, meaning), repr(error)
    assert took <= SECONDS + 1
    stand.emulator.faults.clear()
    return everything(adapter)()


@pytest.mark.parametrize("fault", QUICK)
@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_answer_is_named_at_once_and_passes(kind: str, fault: str) -> None:
    with served(kind) as stand:
        whole = everything(stand.made())()
        assert isinstance(whole, list)
        assert len(set(whole)) == len(whole) > 0
        before_its_sign_in, after_it = (joined(stand, lambda seconds: None) for _ in range(2))
        everything(after_it)()
        for adapter in (before_its_sign_in, after_it):
            assert fails_and_recovers(stand, adapter, fault, QUICK[fault]) == whole


@pytest.mark.slow
@pytest.mark.parametrize("fault", WAITING)
@pytest.mark.parametrize("kind", KINDS)
def test_nobody_waits_longer_than_the_time_out(kind: str, fault: str) -> None:
    with served(kind) as stand:
        whole, adapter = everything(stand.made())(), joined(stand)
        everything(adapter)()
        assert fails_and_recovers(stand, adapter, fault, WAITING[fault]) == whole


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*QUICK, *WAITING, "done-but-timeout"])
@pytest.mark.parametrize(
    "kind", [kind for kind in HOSTS if issubclass(HOSTS[kind].adapter, OpensTickets)]
)
def test_a_ticket_whose_answer_broke_is_opened_once(kind: str, fault: str) -> None:
    with served(kind) as stand:
        host = joined(stand)
        desk = able(host, OpensTickets)
        draft = TicketDraft(client_id(stand.made()), "Malware found", "What happened.")
        assert desk.find_ticket(KEY) is None
        stand.emulator.add_fault(fault, seconds=LATE)
        _, took = failed_in(lambda: desk.open_ticket(draft, KEY))
        assert took <= SECONDS + 1
        time.sleep(LATE)  # a job waits longer; what is slow has been done by then
        if desk.find_ticket(KEY) is None:
            desk.open_ticket(draft, KEY)
        assert json.dumps(stand.emulator.state()).count(KEY) == 1
