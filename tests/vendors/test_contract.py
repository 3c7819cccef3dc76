import plugin.vendors
from plugin.edge.discovery import find_adapters
from tests.contracts.vendor import COVERED, vendor_contract

TestEsetProtect = vendor_contract("eset_protect")
TestKasperskyCloud = vendor_contract("kaspersky_cloud")
TestKasperskyHub = vendor_contract("kaspersky_hub")
TestKasperskySecurityCenter = vendor_contract("kaspersky_ksc")


def test_no_vendor_is_left_out() -> None:
    assert set(find_adapters(plugin.vendors)) == COVERED
