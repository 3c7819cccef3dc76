"""Joins an adapter to an emulator in-process: a real session, the real guard, no socket."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from plugin.domain.contracts import Adapter
from plugin.edge.addresses import AddressGuard
from plugin.edge.emulator import Emulator
from plugin.edge.http import Http, Timeouts
from plugin.edge.inprocess import InProcess
from plugin.edge.link import Classify, Link, stand_in
from plugin.edge.world import World, make_world

Kind = TypeVar("Kind", bound=Adapter)
ORIGIN = "http://127.0.0.1:1"
EPOCH = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def small_world(companies: int = 3, devices: int = 24, seed: int = 7) -> World:
    """Return a small made-up MSP, the same every time."""
    return make_world(companies, devices, seed, EPOCH)


def link_to(
    emulator: Emulator,
    settings: Mapping[str, str] | None = None,
    *,
    addresses: Mapping[str, str] | None = None,
    environment: str = "production",
    now: Callable[[], datetime] | None = None,
    read_timeout: float = 2.0,
    carrier: Callable[[Emulator], InProcess] = InProcess,
) -> Link:
    """Return a link whose door leads to ``emulator``, with its own settings unless given.

    An empty address becomes a made-up one, as for the sandbox's own connections.
    """
    emulator.origin = emulator.origin or ORIGIN

    def open_http(base: str, *, who: str, classify: Classify | None = None) -> Http:
        return Http(
            base,
            who=who,
            classify=classify,
            guard=AddressGuard(),
            override=emulator.origin,
            transport=carrier(emulator),
            timeouts=Timeouts(connect=1.0, read=read_timeout),
            sleep=lambda seconds: None,
        )

    return Link(
        http=open_http,
        settings=dict(settings if settings is not None else emulator.connection_settings()),
        now=now or (lambda: datetime.now(UTC)),
        addresses=stand_in(addresses or {}, environment),
        environment=environment,
    )
