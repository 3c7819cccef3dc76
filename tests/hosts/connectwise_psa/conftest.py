"""A small emulated PSA, the adapter connected to it, and a bare caller as third parties are."""

import pytest

from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from tests.hosts.connectwise_psa.caller import Caller
from tests.rig import ORIGIN, link_to, small_world


@pytest.fixture
def psa() -> ConnectWisePsaEmulator:
    emulator = ConnectWisePsaEmulator(origin=ORIGIN)
    emulator.reset(small_world())
    emulator.faults.sleep = lambda seconds: None
    return emulator


@pytest.fixture
def host(psa: ConnectWisePsaEmulator) -> ConnectWisePsa:
    return ConnectWisePsa(link_to(psa))


@pytest.fixture
def caller(psa: ConnectWisePsaEmulator) -> Caller:
    return Caller(psa)
