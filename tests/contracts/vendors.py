"""How each vendor adapter is joined to its emulator, for the suite of promises."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plugin.domain.contracts import Vendor
from plugin.edge.emulator import Emulator
from plugin.edge.world import World
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.protect import EsetProtect
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.cloud import KasperskyCloud, KasperskyHub
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator, HubEmulator
from tests.contracts.stands import Stand

COLLEAGUE = "anna@msp.example"


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

    def stand(self, world: World) -> Stand[Vendor]:
        """Return the adapter's stand-in showing ``world``, ready to be talked to."""
        emulator = self.emulator()
        emulator.reset(world)
        return Stand(self.adapter, emulator, self.addresses)


VENDORS: dict[str, Candidate] = {
    "eset_protect": Candidate(EsetProtect, EsetEmulator),
    "kaspersky_cloud": Candidate(KasperskyCloud, CloudEmulator, administrator=COLLEAGUE),
    "kaspersky_hub": Candidate(KasperskyHub, HubEmulator, administrator=COLLEAGUE),
    "kaspersky_ksc": Candidate(SecurityCenter, SecurityCenterEmulator),
}
