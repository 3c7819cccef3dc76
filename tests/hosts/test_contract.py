import plugin.hosts
from plugin.edge.discovery import find_adapters
from tests.contracts.host import COVERED, host_contract

TestConnectWiseAutomate = host_contract("connectwise_automate")
TestConnectWisePsa = host_contract("connectwise_psa")
TestTigerpaw = host_contract("tigerpaw")


def test_no_host_is_left_out() -> None:
    assert set(find_adapters(plugin.hosts)) == COVERED
