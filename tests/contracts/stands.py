"""How an adapter is joined to its emulator, for the suites of promises."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Generic, TypeVar

from plugin.domain.contracts import Adapter
from plugin.edge.emulator import Emulator
from plugin.edge.link import Link
from plugin.settings import Environment, load
from tests.contracts.wire import Exchange, Recording
from tests.rig import ORIGIN, link_to

Kind = TypeVar("Kind", bound=Adapter)


@cache
def shipped_addresses(kind: str) -> Mapping[str, str]:
    """Return where the remote's production servers are, as far as the project knows."""
    return load({}).addresses_of(kind, Environment.PRODUCTION)


@dataclass(slots=True)
class Stand(Generic[Kind]):
    """An adapter with a living emulator; ``addresses`` are added to those the project ships."""

    adapter: type[Kind]
    emulator: Emulator
    addresses: Mapping[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict, repr=False)
    heard: list[Exchange] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.emulator.origin = self.emulator.origin or ORIGIN
        self.settings = self.settings or self.emulator.connection_settings()

    def made(self, **changed: str) -> Kind:
        """Return a fresh adapter with the emulator's own settings, some of them changed."""
        return self.adapter(self.link(**changed))  # type: ignore[call-arg]

    def link(self, **changed: str) -> Link:
        """Return a link to the emulator."""
        return link_to(
            self.emulator,
            {**self.settings, **changed},
            addresses={**shipped_addresses(self.adapter.kind), **self.addresses},
            now=self.emulator.clock,
            carrier=partial(Recording, kept=self.heard),
        )

    def secrets(self) -> list[str]:
        """Return the values that may appear nowhere."""
        found = (self.settings.get(each.name) for each in self.adapter.fields if each.secret)
        return [secret for secret in found if secret]
