"""The promises of each ability that a vendor may declare."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

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
    Vendor,
)
from plugin.domain.errors import (
    EdgeError,
    MissingError,
    RuleError,
)
from plugin.domain.model import (
    ActionKind,
    ActionState,
    ActionTarget,
    Administrator,
    Detection,
    LicenceKind,
    UsageLine,
)
from plugin.edge.emulator import Happening
from tests.contracts.adapter import able, error_of
from tests.contracts.stands import Stand
from tests.contracts.vendor_suite import LONG_AGO, VendorSuite, all_detections, all_devices, scopes
from tests.contracts.vendors import VENDORS
from tests.rig import EPOCH

PLATFORM = "connectwise_psa"


class DetectionPromises(VendorSuite):
    """FindsDetections."""

    def test_detections_come_oldest_first_and_once(self, vendor: Vendor) -> None:
        finder, found = able(vendor, FindsDetections), 0
        for scope in scopes(vendor):
            rows = all_detections(finder, scope)
            found += len(rows)
            assert [row.sequence for row in rows] == sorted(row.sequence for row in rows)
            assert len({row.id for row in rows}) == len(rows)
        assert found

    def test_a_detection_names_its_workspace_its_kind_and_its_time(self, vendor: Vendor) -> None:
        known = {workspace.id for workspace in vendor.workspaces()}
        devices = {device.id for device in all_devices(vendor)}
        for scope in scopes(vendor):
            for row in all_detections(able(vendor, FindsDetections), scope):
                assert row.workspace_id in known
                assert row.device_id in devices | {""}
                assert 0 < len(row.kind) <= 120
                assert row.kind == row.kind.strip()
                assert row.title
                assert row.occurred_at.tzinfo is not None

    def test_nothing_comes_from_before_the_moment_asked_for(self, vendor: Vendor) -> None:
        finder, scope = able(vendor, FindsDetections), scopes(vendor)[0]
        times = sorted(row.occurred_at for row in all_detections(finder, scope))
        since = times[len(times) // 2]
        rows = [row for page in finder.detections(scope, None, since) for row in page.rows]
        assert {row.occurred_at for row in rows} == {each for each in times if each >= since}

    def test_a_later_reading_brings_only_what_is_new(
        self, stand: Stand[Vendor], vendor: Vendor
    ) -> None:
        finder = able(vendor, FindsDetections)
        marks = {scope: _last_mark(finder, scope) for scope in scopes(vendor)}
        assert _new(finder, marks) == []
        told = stand.emulator.occur(Happening("detection"))
        assert told is not None
        assert [row.device_id for row in _new(finder, marks)] == [told["device"]]

    def test_each_detection_that_happens_is_another_condition(
        self, stand: Stand[Vendor], vendor: Vendor
    ) -> None:
        finder = able(vendor, FindsDetections)
        before = [row for scope in scopes(vendor) for row in all_detections(finder, scope)]
        marks = {scope: _last_mark(finder, scope) for scope in scopes(vendor)}
        for _ in range(8):
            stand.emulator.occur(Happening("detection"))
        new = _new(finder, marks)
        conditions = {(row.workspace_id, row.device_id, row.kind) for row in new}
        assert len(conditions) == len(new) == 8
        assert conditions & {(row.workspace_id, row.device_id, row.kind) for row in before} == set()


def _last_mark(finder: FindsDetections, scope: str) -> str | None:
    mark = None
    for page in finder.detections(scope, None, LONG_AGO):
        mark = page.next_cursor or mark
    return mark


def _new(finder: FindsDetections, marks: Mapping[str, str | None]) -> list[Detection]:
    return [
        row
        for scope, mark in marks.items()
        for page in finder.detections(scope, mark, LONG_AGO)
        for row in page.rows
    ]


class LicencePromises(VendorSuite):
    """ReportsLicences."""

    def test_licences_belong_to_a_workspace_and_have_sane_numbers(self, vendor: Vendor) -> None:
        reporter, found = able(vendor, ReportsLicences), 0
        known = {workspace.id for workspace in vendor.workspaces()}
        for scope in scopes(vendor):
            rows = list(reporter.licences(scope))
            found += len(rows)
            assert len({(row.workspace_id, row.id) for row in rows}) == len(rows)
            for row in rows:
                assert row.workspace_id in known
                assert row.product
                assert row.limit is None or row.limit >= 0
                assert row.used is None or row.used >= 0
        assert found


class UsagePromises(VendorSuite):
    """ReportsUsage."""

    def test_usage_is_counted_once_per_product_way_and_class(self, vendor: Vendor) -> None:
        reporter, found = able(vendor, ReportsUsage), 0
        day = date(2026, 11, 2)
        for scope in scopes(vendor):
            lines = list(reporter.usage(scope, day))
            found += sum(line.quantity for line in lines)
            keys = {
                (line.workspace_id, line.product, line.how, line.device_class) for line in lines
            }
            assert len(keys) == len(lines)
            assert all(line.quantity >= 0 and line.day == day for line in lines)
            assert all(line.product and line.how for line in lines)
        assert found

    def test_only_what_is_paid_for_is_counted(self, vendor: Vendor) -> None:
        if not isinstance(vendor, ReportsLicences):
            pytest.skip("it lists no licences to compare with")
        for scope in scopes(vendor):
            free = {
                row.product for row in vendor.licences(scope) if row.kind is LicenceKind.TRIAL
            } - {row.product for row in vendor.licences(scope) if row.kind is not LicenceKind.TRIAL}
            lines = able(vendor, ReportsUsage).usage(scope, EPOCH.date())
            assert {line.product for line in lines} & free == set()

    def test_another_seat_is_seen(self, stand: Stand[Vendor], vendor: Vendor) -> None:
        today = stand.emulator.clock().date()
        before = _lines(vendor, today)
        assert stand.emulator.occur(Happening("seat-change")) is not None
        assert _lines(stand.made(), today) != before


def _lines(vendor: Vendor, day: date) -> list[UsageLine]:
    reporter = able(vendor, ReportsUsage)
    return [line for scope in scopes(vendor) for line in reporter.usage(scope, day)]


class GroupPromises(VendorSuite):
    """ListsGroups."""

    def test_groups_are_listed_once_and_hold_devices_of_ours(self, vendor: Vendor) -> None:
        lister = able(vendor, ListsGroups)
        groups = list(lister.groups())
        assert groups
        assert len({group.id for group in groups}) == len(groups)
        devices = {device.id for device in all_devices(vendor)}
        for group in groups[:10]:
            members = list(lister.members(group.id))
            assert set(members) <= devices
            assert len(set(members)) == len(members)

    def test_a_device_says_which_groups_it_is_in(self, vendor: Vendor) -> None:
        known = {group.id for group in able(vendor, ListsGroups).groups()}
        assert {each for device in all_devices(vendor) for each in device.groups} <= known


class WorkspaceGroupPromises(VendorSuite):
    """ListsWorkspaceGroups."""

    def test_groups_of_a_workspace_are_listed_once_and_are_its_own(self, vendor: Vendor) -> None:
        lister = able(vendor, ListsWorkspaceGroups)
        for scope in scopes(vendor):
            groups = list(lister.workspace_groups(scope))
            assert groups
            assert len({group.id for group in groups}) == len(groups)
            assert {group.workspace_id for group in groups} == {scope}

    def test_a_device_names_only_groups_of_its_workspace(self, vendor: Vendor) -> None:
        lister = able(vendor, ListsWorkspaceGroups)
        known = {group.id for scope in scopes(vendor) for group in lister.workspace_groups(scope)}
        assert {each for device in all_devices(vendor) for each in device.groups} <= known


class ActionPromises(VendorSuite):
    """RunsActions."""

    def test_every_action_can_be_started_and_followed(self, vendor: Vendor) -> None:
        runner = able(vendor, RunsActions)
        assert runner.actions
        assert runner.whole <= runner.actions
        for action in sorted(runner.actions):
            reference = _start_somewhere(vendor, runner, action)
            assert reference
            assert isinstance(runner.progress(reference).state, ActionState)

    def test_nothing_is_found_before_something_was_started(self, vendor: Vendor) -> None:
        runner, device = able(vendor, RunsActions), next(iter(all_devices(vendor)))
        target = ActionTarget(device.workspace_id)
        found = runner.started(min(runner.actions), target, datetime(2020, 1, 1, tzinfo=UTC))
        assert list(found) == []

    def test_a_reference_of_nobody_is_an_error_of_ours(self, vendor: Vendor) -> None:
        error_of(lambda: able(vendor, RunsActions).progress("nonsense"))


def _start_somewhere(vendor: Vendor, runner: RunsActions, action: ActionKind) -> str:
    """Start an action on the first target that takes it: not all do one device, not all are on."""
    workspace = next(iter(vendor.workspaces())).id
    devices = [device for device in all_devices(vendor) if device.workspace_id == workspace]
    targets = [ActionTarget(workspace), *(ActionTarget(workspace, each.id) for each in devices)]
    for target in targets:
        try:
            return runner.start(action, target)
        except EdgeError:
            continue
    raise AssertionError(f"{action} can be started nowhere")


class AdministratorPromises(VendorSuite):
    """ManagesAdministrators."""

    def test_it_knows_its_users_and_nobody_else(self, stand: Stand[Vendor], vendor: Vendor) -> None:
        manager = able(vendor, ManagesAdministrators)
        assert manager.known(VENDORS[self.kind].administrator)
        assert not manager.known("nobody@nowhere.example")

    def test_rights_are_given_and_taken_any_number_of_times(
        self, stand: Stand[Vendor], vendor: Vendor
    ) -> None:
        manager = able(vendor, ManagesAdministrators)
        people = (Administrator(VENDORS[self.kind].administrator, "Somebody"),)
        identifier = ""
        if isinstance(vendor, KeepsIntegrations):
            workspace = next(vendor.workspaces()).id
            identifier = vendor.create_integration(PLATFORM, "Test", (workspace,), "suite")
        for change in (manager.grant, manager.grant, manager.revoke, manager.revoke):
            change(identifier, people)

    def test_only_registered_users_get_rights(self, vendor: Vendor) -> None:
        manager = able(vendor, ManagesAdministrators)
        identifier = ""
        if isinstance(vendor, KeepsIntegrations):
            identifier = vendor.create_integration(PLATFORM, "Test", (), "suite")
        with pytest.raises(RuleError, match=r"nobody@nowhere\.example") as caught:
            manager.grant(identifier, (Administrator("nobody@nowhere.example"),))
        assert caught.value.field == "administrators"


class IntegrationPromises(VendorSuite):
    """KeepsIntegrations."""

    def test_an_integration_is_made_changed_and_removed(self, vendor: Vendor) -> None:
        keeper = able(vendor, KeepsIntegrations)
        workspaces = tuple(workspace.id for workspace in vendor.workspaces())
        identifier = keeper.create_integration(PLATFORM, "Suite", workspaces[:1], "suite")
        assert identifier
        kept = keeper.integration(identifier)
        assert (kept.platform, kept.name, kept.workspaces) == (PLATFORM, "Suite", workspaces[:1])
        keeper.update_integration(identifier, "Another name", workspaces[:2])
        kept = keeper.integration(identifier)
        assert (kept.name, set(kept.workspaces)) == ("Another name", set(workspaces[:2]))
        keeper.delete_integration(identifier)
        assert isinstance(error_of(lambda: keeper.integration(identifier)), MissingError)
        assert tuple(workspace.id for workspace in vendor.workspaces()) == workspaces

    def test_the_same_integration_is_made_once(self, vendor: Vendor) -> None:
        keeper = able(vendor, KeepsIntegrations)
        workspaces = (next(vendor.workspaces()).id,)
        first = keeper.create_integration(PLATFORM, "Suite", workspaces, "suite")
        assert keeper.create_integration(PLATFORM, "Suite", workspaces, "suite") == first

    def test_a_workspace_is_in_one_integration_per_platform(self, vendor: Vendor) -> None:
        keeper = able(vendor, KeepsIntegrations)
        workspaces = (next(vendor.workspaces()).id,)
        keeper.create_integration(PLATFORM, "The owner", workspaces, "suite")
        keeper.create_integration("tigerpaw", "Another platform", workspaces, "suite 2")
        with pytest.raises(RuleError, match="The owner") as caught:
            keeper.create_integration(PLATFORM, "The second", workspaces, "suite 3")
        assert caught.value.field == "workspaces"


class ResolvingPromises(VendorSuite):
    """ResolvesDetections."""

    def test_a_detection_can_be_resolved_twice(self, vendor: Vendor) -> None:
        resolver = able(vendor, ResolvesDetections)
        finder = able(vendor, FindsDetections)
        rows = [row for scope in scopes(vendor) for row in all_detections(finder, scope)]
        for _ in range(2):
            resolver.resolve(rows[0].id, "Seen to by the suite of promises.")


class InstallerPromises(VendorSuite):
    """MakesInstallers."""

    def test_an_installer_has_an_address(self, vendor: Vendor) -> None:
        maker = able(vendor, MakesInstallers)
        workspace = next(iter(vendor.workspaces()))
        assert "://" in maker.installer(workspace.id, "")


class JoiningPromises(VendorSuite):
    """JoinsCustomers."""

    def test_proposals_change_nothing(self, stand: Stand[Vendor], vendor: Vendor) -> None:
        joiner = able(vendor, JoinsCustomers)
        assert joiner.pairs_field in {field.name for field in stand.adapter.fields}
        assert len(set(joiner.pairs_words)) == 2
        assert joiner.propose_pairs() == joiner.propose_pairs()

    def test_who_is_joined_to_nobody_is_proposed(self, stand: Stand[Vendor]) -> None:
        joiner = able(stand.made(), JoinsCustomers)
        alone = able(stand.made(**{joiner.pairs_field: ""}), JoinsCustomers)
        assert len(alone.propose_pairs()) > len(joiner.propose_pairs())
