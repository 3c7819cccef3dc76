"""How each vendor adapter is joined to its emulator, for the suite of promises."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from plugin.domain.contracts import Vendor
from plugin.edge.emulator import Emulator
from plugin.edge.link import Link
from plugin.edge.world import World
from plugin.settings import Environment, load
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.protect import EsetProtect
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.cloud import KasperskyCloud, KasperskyHub
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator, HubEmulator
from tests.rig import link_to

COLLEAGUE = "anna@msp.example"


@cache
def shipped_addresses(kind: str) -> Mapping[str, str]:
    """Return where the vendor's production servers are, as far as the project knows."""
    return load({}).addresses_of(kind, Environment.PRODUCTION)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter and what it needs to be tried.

    ``addresses`` are added to those that the project ships for production; ``administrator`` is
    an e-mail address that the emulator knows.
    """

    adapter: type[Vendor]
    emulator: type[Emulator]
    addresses: Mapping[str, str] = field(default_factory=dict)
    administrator: str = ""

    def stand(self, world: World) -> "Stand":
        """Return the adapter's stand-in showing ``world``, ready to be talked to."""
        emulator = self.emulator()
        emulator.reset(world)
        return Stand(self, emulator, emulator.connection_settings())


@dataclass(slots=True)
class Stand:
    """A candidate with a living emulator."""

    candidate: Candidate
    emulator: Emulator
    settings: dict[str, str] = field(repr=False)

    def vendor(self, **changed: str) -> Vendor:
        """Return a fresh adapter with the emulator's own settings, some of them changed."""
        return self.candidate.adapter(self.link(**changed))  # type: ignore[call-arg]

    def link(self, **changed: str) -> Link:
        """Return a link to the emulator."""
        kind = self.candidate.adapter.kind
        addresses = {**shipped_addresses(kind), **self.candidate.addresses}
        return link_to(
            self.emulator,
            {**self.settings, **changed},
            addresses=addresses,
            now=self.emulator.clock,
        )

    def secrets(self) -> list[str]:
        """Return the values that may appear nowhere."""
        fields = self.candidate.adapter.fields
        return [self.settings[each.name] for each in fields if each.secret]


VENDORS: dict[str, Candidate] = {
    "eset_protect": Candidate(EsetProtect, EsetEmulator),
    "kaspersky_cloud": Candidate(KasperskyCloud, CloudEmulator, administrator=COLLEAGUE),
    "kaspersky_hub": Candidate(KasperskyHub, HubEmulator, administrator=COLLEAGUE),
    "kaspersky_ksc": Candidate(SecurityCenter, SecurityCenterEmulator),
}
