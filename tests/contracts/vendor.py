"""The promises every vendor adapter keeps, one suite per ability it declares.

A vendor's test module says ``TestSomething = vendor_contract("its_kind")``; how it is made stands
in :mod:`tests.contracts.vendors`.
"""

import inspect
from collections.abc import Callable

from plugin.domain import contracts
from plugin.domain.contracts import (
    FindsDetections,
    JoinsCustomers,
    KeepsIntegrations,
    ListsGroups,
    ListsWorkspaceGroups,
    MakesInstallers,
    ManagesAdministrators,
    ReportsLicences,
    ReportsUsage,
    ResolvesDetections,
    RunsActions,
    Scope,
    Vendor,
)
from plugin.domain.errors import (
    MissingError,
)
from plugin.domain.figures import Deployment, Fact, deployment_of
from plugin.domain.model import (
    Workspace,
)
from tests.contracts.adapter import AdapterPromises, Listing, error_of
from tests.contracts.vendor_abilities import (
    ActionPromises,
    AdministratorPromises,
    DetectionPromises,
    GroupPromises,
    InstallerPromises,
    IntegrationPromises,
    JoiningPromises,
    LicencePromises,
    ResolvingPromises,
    UsagePromises,
    WorkspaceGroupPromises,
)
from tests.contracts.vendor_suite import (
    VendorSuite,
    all_devices,
    listings,
    scopes,
)
from tests.contracts.vendors import VENDORS

COVERED: set[str] = set()
"""The kinds that have a suite."""


class VendorPromises(VendorSuite, AdapterPromises):
    """The duty of every vendor."""

    def duty(self, adapter: Vendor) -> Callable[[], object]:
        """Return the reading that every vendor offers."""
        return lambda: list(adapter.workspaces())

    def listings(self, adapter: Vendor) -> list[Listing]:
        """Return every reading the vendor offers, by name."""
        return listings(adapter)

    def test_every_workspace_is_listed_once(self, vendor: Vendor) -> None:
        found: list[Workspace] = list(vendor.workspaces())
        assert found
        assert len({workspace.id for workspace in found}) == len(found)
        assert all(workspace.id and workspace.name for workspace in found)

    def test_every_device_is_listed_once_and_in_a_workspace_of_ours(self, vendor: Vendor) -> None:
        known = {workspace.id for workspace in vendor.workspaces()}
        devices = all_devices(vendor)
        assert devices
        assert len({(device.workspace_id, device.id) for device in devices}) == len(devices)
        assert {device.workspace_id for device in devices} <= known
        assert all(device.name for device in devices)

    def test_what_it_says_it_never_tells_it_never_tells(self, vendor: Vendor) -> None:
        devices = all_devices(vendor)
        if Fact.DATABASES in vendor.untold:
            assert all(device.bases_at is None for device in devices)
        else:
            assert any(device.bases_at for device in devices)
        if Fact.DEPLOYMENT not in vendor.untold:
            assert any(deployment_of(each) is not Deployment.UNTOLD for each in devices)

    def test_a_full_listing_of_devices_says_that_it_is_complete(self, vendor: Vendor) -> None:
        for scope in scopes(vendor):
            pages = list(vendor.devices(scope, None))
            assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]

    def test_listing_twice_gives_the_same(self, vendor: Vendor) -> None:
        assert all_devices(vendor) == all_devices(vendor)

    def test_a_workspace_that_is_not_there_is_missing(self, vendor: Vendor) -> None:
        if vendor.scope is Scope.WORKSPACE:
            error = error_of(lambda: list(vendor.devices("no-such-workspace", None)))
            assert isinstance(error, MissingError)


SUITES: dict[type, type[VendorSuite]] = {
    Vendor: VendorPromises,
    FindsDetections: DetectionPromises,
    ReportsLicences: LicencePromises,
    ReportsUsage: UsagePromises,
    ListsGroups: GroupPromises,
    ListsWorkspaceGroups: WorkspaceGroupPromises,
    RunsActions: ActionPromises,
    ManagesAdministrators: AdministratorPromises,
    KeepsIntegrations: IntegrationPromises,
    JoinsCustomers: JoiningPromises,
    ResolvesDetections: ResolvingPromises,
    MakesInstallers: InstallerPromises,
}


def vendor_contract(kind: str) -> type[VendorSuite]:
    """Return the suite for a vendor: the promises of every ability its class declares."""
    COVERED.add(kind)
    bases = tuple(SUITES[ability] for ability in abilities(VENDORS[kind].adapter))
    return type(f"Promises of {kind}", bases, {"kind": kind})


def abilities(adapter: type[Vendor]) -> list[type]:
    """Return the contracts that a class declares, its duty first."""
    declared = [
        each
        for each in adapter.__mro__
        if each.__module__.startswith(contracts.__name__) and each is not contracts.Adapter
    ]
    assert all(inspect.isabstract(each) for each in declared)
    return declared
