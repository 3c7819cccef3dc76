"""The emulators of the sandbox, in the order of their ports."""

from plugin.edge.emulator import Emulator
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator, HubEmulator

EMULATORS: dict[str, type[Emulator]] = {
    emulator.kind: emulator
    for emulator in (
        ConnectWisePsaEmulator,
        SecurityCenterEmulator,
        EsetEmulator,
        CloudEmulator,
        HubEmulator,
        AutomateEmulator,
        TigerpawEmulator,
    )
}
