"""The emulators of the sandbox, in the order of their ports, and where they answer."""

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
SHOWS_OWN_CERTIFICATE = SecurityCenterEmulator.kind
"""The system that makes its own certificate in life; its emulator answers by TLS as well."""


def origins(first_port: int) -> dict[str, str]:
    """Return where each emulator answers without TLS."""
    return {kind: f"http://127.0.0.1:{port}" for port, kind in enumerate(EMULATORS, first_port)}


def tls_origin(first_port: int) -> str:
    """Return where the one with its own certificate answers by TLS: the port after all others."""
    return f"https://127.0.0.1:{first_port + len(EMULATORS)}"
