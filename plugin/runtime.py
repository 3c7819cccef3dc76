"""Runtime: what every use case is handed."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

from sqlalchemy import inspect

from plugin.domain.contracts import Adapter, FieldKind, Host, Vendor
from plugin.domain.errors import RuleError
from plugin.domain.hearing import Hearing
from plugin.edge.addresses import AddressGuard
from plugin.edge.circuit import Circuit
from plugin.edge.http import Http, Timeouts
from plugin.edge.link import Classify, Link, stand_in
from plugin.edge.pace import Pace, SharedBudget
from plugin.settings import EffectiveEnvironment, Environment, Settings
from plugin.settings import Pace as PaceLimit
from plugin.store.base import db
from plugin.store.integrations import Connection, Preference, Side
from plugin.vault import Vault

ENVIRONMENT_PREFERENCE = "environment"


def utc_now() -> datetime:
    """Return the present moment: aware, in UTC."""
    return datetime.now(UTC)


def sealed_place(connection_id: int) -> str:
    """Return the place that a connection's sealed settings are bound to."""
    return f"connection:{connection_id}:sealed"


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the adapters of one connection share in this process, whichever thread they serve."""

    pace: Pace
    circuit: Circuit
    known: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Runtime:
    """Settings, vault, the adapters that exist, the only clock, and the way to wake a lane.

    ``transports`` lets tests put a WSGI application in the place of the network, by origin.
    ``budget_of`` gives the budget that a connection's calls share with those of other processes,
    by the connection's number, its calls a second and its burst.
    """

    settings: Settings
    vault: Vault
    hosts: Mapping[str, type[Host]]
    vendors: Mapping[str, type[Vendor]]
    now: Callable[[], datetime] = utc_now
    waker: list[Callable[[str], None]] = field(default_factory=list)
    transports: Mapping[str, Any] = field(default_factory=dict)
    budget_of: Callable[[int, float, int], SharedBudget] | None = None
    hearing: Hearing = field(default_factory=lambda: Hearing(utc_now, monotonic), repr=False)
    _made: threading.local = field(default_factory=threading.local, repr=False)
    _shared: dict[int, _Shared] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def wake(self, lane: str) -> None:
        """Tell the engine that a lane has work; a lost wake costs seconds, not the work."""
        for waker in self.waker:
            waker(lane)

    # -- environment ---------------------------------------------------------------------------

    def environment(self) -> EffectiveEnvironment:
        """Return the environment that holds now, and its source."""
        picked = db.session.get(Preference, ENVIRONMENT_PREFERENCE)
        return self.settings.effective_environment(picked.value if picked else None)

    def is_active(self, connection: Connection) -> bool:
        """Tell whether the connection belongs to the environment that holds now (or to all)."""
        return connection.environment in {"", self.environment().value}

    # -- adapters ------------------------------------------------------------------------------

    @property
    def adapters(self) -> Mapping[str, type[Adapter]]:
        """Every adapter class by its kind."""
        return {**self.hosts, **self.vendors}

    def adapter_class(self, kind: str) -> type[Adapter]:
        """Return the adapter class; RuleError for a kind that does not exist."""
        try:
            return self.adapters[kind]
        except KeyError:
            raise RuleError("kind", f"there is no host or vendor {kind!r}") from None

    def adapter(self, connection: Connection) -> Adapter:
        """Return this thread's adapter for a saved connection, remade when it was edited."""
        cache: dict[int, tuple[int, str, Adapter]] = self._made.__dict__.setdefault("by_id", {})
        environment = connection.environment
        known = cache.get(connection.id)
        if known is None or known[:2] != (connection.version, environment):
            made = self.make(connection, self.opened(connection))
            cache[connection.id] = (connection.version, environment, made)
        return cache[connection.id][2]

    def host(self, connection: Connection) -> Host:
        """Return the adapter of a host connection."""
        return cast(Host, self.adapter(connection))

    def vendor(self, connection: Connection) -> Vendor:
        """Return the adapter of a vendor connection."""
        return cast(Vendor, self.adapter(connection))

    def opened(self, connection: Connection) -> dict[str, str]:
        """Return all settings of a connection, its secrets opened."""
        opened = dict(connection.settings)
        if connection.sealed:
            opened |= self.vault.unseal(connection.sealed, sealed_place(connection.id))
        return opened

    def make(self, connection: Connection, settings: Mapping[str, str]) -> Adapter:
        """Make an adapter for ``connection`` with these settings (which need not be saved)."""
        kind = self.adapter_class(connection.kind)
        environment = self._environment_of(connection)
        link = Link(
            http=self._door(connection, settings),
            settings=_with_defaults(kind, settings),
            now=self.now,
            addresses=self._addresses(connection, environment),
            environment=environment.value,
            shared=self._shared_by(connection).known,
        )
        maker = cast(Callable[[Link], Adapter], kind)
        return maker(link)

    def _environment_of(self, connection: Connection) -> Environment:
        """Return the environment whose servers a connection uses.

        Hosts are the customer's own in all of them. The database is not asked for theirs: a call
        of theirs is proved while it is away, in a thread that must not wait for it.
        """
        if connection.environment:
            return Environment(connection.environment)
        is_host = connection.side == Side.HOST
        return Environment.PRODUCTION if is_host else self.environment().value

    def _addresses(self, connection: Connection, environment: Environment) -> Mapping[str, str]:
        """Return the vendor's servers; the sandbox's own connections lack none."""
        known = self.settings.addresses_of(connection.kind, environment)
        return stand_in(known, environment.value) if connection.origin_override else known

    def circuit(self, connection: Connection) -> Circuit:
        """Return this process's circuit breaker of a connection."""
        return self._shared_by(connection).circuit

    def circuits(self) -> dict[int, str]:
        """Return how every breaker of this process stands, by connection number."""
        with self._lock:
            return {number: shared.circuit.state for number, shared in self._shared.items()}

    def budgets(self) -> dict[int, int]:
        """Return the calls that may be made at once, by connection number, as known here."""
        with self._lock:
            return {number: shared.pace.left() for number, shared in self._shared.items()}

    def pace_of(self, connection: Connection) -> PaceLimit:
        """Return how fast a connection's remote may be called."""
        sandbox = connection.origin_override is not None
        return self.settings.limits.pace_of(connection.kind, sandbox=sandbox)

    def calls_made(self, connection: Connection) -> int:
        """Return how many calls the calling thread has made to a connection's remote so far."""
        return self._shared_by(connection).pace.taken_here

    def _shared_by(self, connection: Connection) -> _Shared:
        if not inspect(connection).has_identity:
            return self._new_shared(connection)
        with self._lock:
            if connection.id not in self._shared:
                self._shared[connection.id] = self._new_shared(connection)
            return self._shared[connection.id]

    def _new_shared(self, connection: Connection) -> _Shared:
        pace = self.pace_of(connection)
        limits = self.settings.limits.circuit
        circuit = Circuit(
            connection.name,
            least=limits.calls,
            share=limits.failing,
            window=limits.window,
            rest=limits.open,
        )
        saved = inspect(connection).has_identity
        shared = (
            self.budget_of(connection.id, pace.per_second, pace.burst)
            if self.budget_of is not None and saved
            else None
        )
        return _Shared(Pace(pace.per_second, pace.burst, shared=shared), circuit)

    def _door(self, connection: Connection, settings: Mapping[str, str]) -> Any:  # noqa: ANN401
        shared = self._shared_by(connection)
        limits = self.settings.limits.http
        certificate = _certificate(self.adapter_class(connection.kind), settings)
        # Read now: an adapter opens doors long after this session has closed.
        override, allow_private = connection.origin_override, connection.allow_private

        def open_http(base: str, *, who: str, classify: Classify | None = None) -> Http:
            host = urlsplit(base).hostname or ""
            return Http(
                base,
                who=who,
                classify=classify,
                guard=AddressGuard(allow_private=[host] if allow_private else []),
                pace=shared.pace,
                circuit=shared.circuit,
                timeouts=Timeouts(limits.connect_timeout, limits.read_timeout),
                limit=limits.answer_bytes,
                override=override,
                verify=certificate or True,
                transport=self.transports.get(override or ""),
            )

        return open_http


def _with_defaults(kind: type[Adapter], settings: Mapping[str, str]) -> dict[str, str]:
    defaults = {each.name: each.default for each in kind.fields if each.default is not None}
    return defaults | {name: value for name, value in settings.items() if value != ""}


def _certificate(kind: type[Adapter], settings: Mapping[str, str]) -> str:
    names = [each.name for each in kind.fields if each.kind is FieldKind.CERTIFICATE]
    texts = (settings.get(name, "") for name in names)
    return next((text for text in texts if "-----BEGIN" in text), "")
