"""Link: all that an adapter is handed, and nothing else."""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from plugin.domain.errors import EdgeError
from plugin.edge.http import Answer, Http

Classify = Callable[[Answer], EdgeError | None]


class OpensHttp(Protocol):
    """Opens the door to one origin; see :class:`plugin.edge.http.Http` for what it guards."""

    def __call__(self, base: str, *, who: str, classify: Classify | None = None) -> Http:
        """Return an Http for ``base`` (scheme, host, optional port and path prefix)."""


@dataclass(frozen=True, slots=True)
class Link:
    """What one adapter works with: the door, the opened settings, the servers' addresses, a clock.

    ``settings`` holds the connection's field values by name, secrets opened; ``addresses`` the
    vendor's table of the effective environment (empty for customers' own servers). An adapter
    keeps a session, a token and short-lived keys; it reads no configuration and never sleeps.
    Each thread has its own adapter; ``shared`` is what all those of one connection in this
    process know together, by a name (``setdefault`` it, and guard what stands there).
    """

    http: OpensHttp
    settings: Mapping[str, str] = field(repr=False)
    now: Callable[[], datetime]
    addresses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    environment: str = "production"
    shared: MutableMapping[str, Any] = field(default_factory=dict, repr=False)


def stand_in(addresses: Mapping[str, str], environment: str) -> Mapping[str, str]:
    """Return a vendor's addresses for a connection whose door leads to an emulator.

    Where no address is known stands a name that is nobody's (RFC 6761) and says the environment,
    because the real servers of another environment have other names too. The adapter learns
    nothing of it, and one emulator can keep the environments apart by the Host header.

    >>> dict(stand_in({"api": ""}, "beta"))
    {'api': 'https://beta.sandbox.invalid'}
    """
    nobody = f"https://{environment}.sandbox.invalid"
    return MappingProxyType({name: address or nobody for name, address in addresses.items()})
