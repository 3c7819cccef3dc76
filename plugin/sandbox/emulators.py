"""The emulators of the sandbox, in the order of their ports."""

from plugin.edge.emulator import Emulator
from plugin.hosts.connectwise_psa.emulator import PsaEmulator
from plugin.vendors.kaspersky.emulator_center import CenterEmulator

EMULATORS: dict[str, type[Emulator]] = {
    emulator.kind: emulator for emulator in (PsaEmulator, CenterEmulator)
}
