"""What the suites of vendors share: a stand for every test, and ways to ask it."""

from datetime import timedelta

import pytest

from plugin.domain.contracts import (
    FindsDetections,
    ListsGroups,
    ListsWorkspaceGroups,
    ReportsLicences,
    ReportsUsage,
    Scope,
    Vendor,
)
from plugin.domain.model import (
    Detection,
    Device,
)
from tests.contracts.adapter import Listing, Promises
from tests.contracts.stands import Stand
from tests.contracts.vendors import VENDORS
from tests.rig import EPOCH, small_world

LONG_AGO = EPOCH - timedelta(days=30)


class VendorSuite(Promises):
    """What all suites of vendors share."""

    def prepare(self) -> Stand[Vendor]:
        """Return the vendor's stand-in with a small world in it."""
        return VENDORS[self.kind].stand(small_world())

    @pytest.fixture
    def vendor(self, stand: Stand[Vendor]) -> Vendor:
        return stand.made()


def scopes(vendor: Vendor) -> list[str]:
    """Return what the vendor's listings are asked for."""
    if vendor.scope is Scope.CONNECTION:
        return [""]
    return [workspace.id for workspace in vendor.workspaces()]


def all_devices(vendor: Vendor) -> list[Device]:
    return [
        device
        for scope in scopes(vendor)
        for page in vendor.devices(scope, None)
        for device in page.rows
    ]


def all_detections(vendor: FindsDetections, scope: str) -> list[Detection]:
    pages = vendor.detections(scope, None, LONG_AGO)
    return [detection for page in pages for detection in page.rows]


def listings(vendor: Vendor) -> list[Listing]:
    """Return every reading the vendor offers, by name."""
    scope = scopes(vendor)[0]
    found: list[Listing] = [
        ("workspaces", lambda: list(vendor.workspaces())),
        ("devices", lambda: list(vendor.devices(scope, None))),
    ]
    if isinstance(vendor, FindsDetections):
        found.append(("detections", lambda: list(vendor.detections(scope, None, LONG_AGO))))
    if isinstance(vendor, ReportsLicences):
        found.append(("licences", lambda: list(vendor.licences(scope))))
    if isinstance(vendor, ReportsUsage):
        found.append(("usage", lambda: list(vendor.usage(scope, EPOCH.date()))))
    if isinstance(vendor, ListsGroups):
        found.append(("groups", lambda: list(vendor.groups())))
    if isinstance(vendor, ListsWorkspaceGroups):
        found.append(("groups", lambda: list(vendor.workspace_groups(scope))))
    return found
