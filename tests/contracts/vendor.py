"""The promises every vendor adapter keeps, one suite per ability it declares.

A vendor's test module says ``TestSomething = vendor_contract("its_kind")``; how it is made stands
in :mod:`tests.contracts.vendors`.
"""

import base64
import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import ClassVar, TypeVar, cast
from urllib.parse import quote

import pytest

from plugin.domain import contracts
from plugin.domain.contracts import (
    WARNING,
    Advice,
    FindsDetections,
    JoinsCustomers,
    KeepsIntegrations,
    ListsGroups,
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
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.domain.model import (
    ActionKind,
    ActionState,
    ActionTarget,
    Administrator,
    Detection,
    Device,
    LicenceKind,
    UsageLine,
    Workspace,
)
from plugin.edge.emulator import Happening
from tests.contracts.vendors import VENDORS, Stand
from tests.rig import EPOCH, small_world

LONG_AGO = EPOCH - timedelta(days=30)
OFTEN = 1000
PLATFORM = "connectwise_psa"

COVERED: set[str] = set()


class Promises:
    """What all suites share: a stand of their own for every test, and no breach at its end."""

    kind: ClassVar[str]

    @pytest.fixture
    def stand(self) -> Iterator[Stand]:
        stand = VENDORS[self.kind].stand(small_world())
        yield stand
        assert list(stand.emulator.breaches) == []

    @pytest.fixture
    def vendor(self, stand: Stand) -> Vendor:
        return stand.vendor()


Ability = TypeVar("Ability")


def able(vendor: Vendor, ability: Callable[..., Ability]) -> Ability:
    """Return the vendor as what it declares itself to be (a callable, because it is abstract)."""
    assert isinstance(ability, type)
    assert isinstance(vendor, ability)
    return cast("Ability", vendor)


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


def error_of(work: Callable[[], object]) -> EdgeError:
    """Return the failure that ``work`` must end in; any other exception is a failed test."""
    with pytest.raises(EdgeError) as caught:
        work()
    return caught.value


def listings(vendor: Vendor) -> list[tuple[str, Callable[[], object]]]:
    """Return every reading the vendor offers, by name."""
    scope = scopes(vendor)[0]
    found: list[tuple[str, Callable[[], object]]] = [
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
    return found


class VendorPromises(Promises):
    """The duty of every vendor."""

    def test_it_declares_itself(self, stand: Stand) -> None:
        adapter = stand.candidate.adapter
        names = [field.name for field in adapter.fields]
        folder = adapter.__module__.split(".")[2]
        assert adapter.kind == self.kind == stand.emulator.kind
        assert self.kind == folder or self.kind.startswith(f"{folder}_")
        assert adapter.title
        assert adapter.words.product
        assert len(names) == len(set(names))
        assert all(field.label for field in adapter.fields)
        assert any(field.secret for field in adapter.fields)

    def test_its_emulator_fills_in_the_form_rightly(self, stand: Stand) -> None:
        adapter = stand.candidate.adapter
        assert set(stand.settings) <= {field.name for field in adapter.fields}
        required = {field.name for field in adapter.fields if field.required}
        assert {name for name in required if not stand.settings.get(name)} == set()
        assert adapter.validate(stand.settings) == ()

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

    def test_the_check_of_a_healthy_connection_is_green(self, vendor: Vendor) -> None:
        told = [rung.run() for rung in vendor.rungs()]
        assert told
        assert [each for each in told if not each or each.startswith(WARNING)] == []

    def test_a_wrong_secret_is_refused_with_advice(self, stand: Stand) -> None:
        secret = next(field for field in stand.candidate.adapter.fields if field.secret)
        vendor = stand.vendor(**{secret.name: "not-the-right-one"})
        rung, error = _first_failure(vendor)
        assert isinstance(error, RefusedError)
        advice = vendor.advice(rung, error)
        assert isinstance(advice, Advice)
        assert advice.cause
        assert advice.cure
        assert isinstance(error_of(lambda: list(vendor.workspaces())), RefusedError)

    @pytest.mark.parametrize(
        ("fault", "meaning"),
        [
            ("429", TransientError),
            ("500", TransientError),
            ("503", TransientError),
            ("cut", TransientError),
            ("refuse", TransientError),
            ("html", (TransientError, AnswerError)),
            ("flipped", (TransientError, AnswerError)),
            ("redirect", (TransientError, AnswerError)),
        ],
    )
    def test_it_speaks_our_errors(
        self, stand: Stand, fault: str, meaning: type[EdgeError] | tuple[type[EdgeError], ...]
    ) -> None:
        vendor = stand.vendor()
        stand.emulator.add_fault(fault, times=OFTEN)
        error = error_of(lambda: list(vendor.workspaces()))
        assert isinstance(error, meaning), repr(error)
        assert error.who == vendor.title or error.who

    def test_it_passes_on_how_long_to_wait(self, stand: Stand) -> None:
        vendor = stand.vendor()
        stand.emulator.add_fault("429", times=OFTEN)
        assert error_of(lambda: list(vendor.workspaces())).retry_after == 1.0

    def test_what_broke_in_the_middle_works_again(self, stand: Stand) -> None:
        vendor = stand.vendor()
        before = all_devices(vendor)
        for _, reading in listings(vendor):
            stand.emulator.add_fault("500", times=OFTEN)
            error_of(reading)
            stand.emulator.faults.clear()
            reading()
        assert all_devices(vendor) == before

    def test_an_access_that_ran_out_is_renewed(self, stand: Stand) -> None:
        if "expired-token" not in stand.emulator.own_faults:
            pytest.skip("nothing runs out here")
        vendor = stand.vendor()
        before = all_devices(vendor)
        stand.emulator.add_fault("expired-token")
        assert all_devices(vendor) == before
        assert stand.emulator.faults.played

    def test_nonsense_is_named_and_nothing_else_happens(self, stand: Stand) -> None:
        if "wrong-types" not in stand.emulator.own_faults:
            pytest.skip("this emulator has no answers of a wrong type")
        vendor = stand.vendor()
        for name, reading in listings(vendor):
            stand.emulator.add_fault("wrong-types", times=OFTEN)
            error = error_of(reading)
            stand.emulator.faults.clear()
            assert isinstance(error, AnswerError), name

    def test_no_secret_is_in_any_message(self, stand: Stand) -> None:
        told = []
        for fault in ("500", "html", "redirect", "cut", "flipped", *stand.emulator.own_faults):
            vendor = stand.vendor()
            stand.emulator.add_fault(fault, times=OFTEN)
            told += [str(error) for error in _failures(vendor)]
            stand.emulator.faults.clear()
        told += [repr(stand.vendor()), repr(stand.link())]
        whole = "\n".join(told)
        for secret in stand.secrets():
            for form in (
                secret,
                quote(secret, safe=""),
                base64.b64encode(secret.encode()).decode(),
            ):
                assert form not in whole


def _first_failure(vendor: Vendor) -> tuple[str, EdgeError]:
    for rung in vendor.rungs():
        try:
            rung.run()
        except EdgeError as error:
            return rung.name, error
    raise AssertionError("no step of the check fails")


def _failures(vendor: Vendor) -> Iterator[EdgeError]:
    try:
        list(vendor.workspaces())
    except EdgeError as error:
        yield error
    for rung in vendor.rungs():
        try:
            rung.run()
        except EdgeError as error:
            yield error


class DetectionPromises(Promises):
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

    def test_a_later_reading_brings_only_what_is_new(self, stand: Stand, vendor: Vendor) -> None:
        finder = able(vendor, FindsDetections)
        marks = {scope: _last_mark(finder, scope) for scope in scopes(vendor)}
        assert _new(finder, marks) == []
        told = stand.emulator.occur(Happening("detection"))
        assert told is not None
        assert [row.device_id for row in _new(finder, marks)] == [told["device"]]

    def test_each_detection_that_happens_is_another_condition(
        self, stand: Stand, vendor: Vendor
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


class LicencePromises(Promises):
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


class UsagePromises(Promises):
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

    def test_another_seat_is_seen(self, stand: Stand, vendor: Vendor) -> None:
        today = stand.emulator.clock().date()
        before = _lines(vendor, today)
        assert stand.emulator.occur(Happening("seat-change")) is not None
        assert _lines(stand.vendor(), today) != before


def _lines(vendor: Vendor, day: date) -> list[UsageLine]:
    reporter = able(vendor, ReportsUsage)
    return [line for scope in scopes(vendor) for line in reporter.usage(scope, day)]


class GroupPromises(Promises):
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


class ActionPromises(Promises):
    """RunsActions."""

    def test_every_action_can_be_started_and_followed(self, vendor: Vendor) -> None:
        runner = able(vendor, RunsActions)
        assert runner.actions
        for action in sorted(runner.actions):
            reference = _start_somewhere(vendor, runner, action)
            assert reference
            assert isinstance(runner.progress(reference).state, ActionState)

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


class AdministratorPromises(Promises):
    """ManagesAdministrators."""

    def test_it_knows_its_users_and_nobody_else(self, stand: Stand, vendor: Vendor) -> None:
        manager = able(vendor, ManagesAdministrators)
        assert manager.known(stand.candidate.administrator)
        assert not manager.known("nobody@nowhere.example")

    def test_rights_are_given_and_taken_any_number_of_times(
        self, stand: Stand, vendor: Vendor
    ) -> None:
        manager = able(vendor, ManagesAdministrators)
        people = (Administrator(stand.candidate.administrator, "Somebody"),)
        identifier = ""
        if isinstance(vendor, KeepsIntegrations):
            workspace = next(vendor.workspaces()).id
            identifier = vendor.create_integration(PLATFORM, "Test", (workspace,), "suite")
        for change in (manager.grant, manager.grant, manager.revoke, manager.revoke):
            change(identifier, people)

    def test_only_registered_users_get_rights(self, stand: Stand, vendor: Vendor) -> None:
        manager = able(vendor, ManagesAdministrators)
        identifier = ""
        if isinstance(vendor, KeepsIntegrations):
            identifier = vendor.create_integration(PLATFORM, "Test", (), "suite")
        with pytest.raises(RuleError, match=r"nobody@nowhere\.example") as caught:
            manager.grant(identifier, (Administrator("nobody@nowhere.example"),))
        assert caught.value.field == "administrators"


class IntegrationPromises(Promises):
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


class ResolvingPromises(Promises):
    """ResolvesDetections."""

    def test_a_detection_can_be_resolved_twice(self, vendor: Vendor) -> None:
        resolver = able(vendor, ResolvesDetections)
        finder = able(vendor, FindsDetections)
        rows = [row for scope in scopes(vendor) for row in all_detections(finder, scope)]
        for _ in range(2):
            resolver.resolve(rows[0].id, "Seen to by the suite of promises.")


class InstallerPromises(Promises):
    """MakesInstallers."""

    def test_an_installer_has_an_address(self, vendor: Vendor) -> None:
        maker = able(vendor, MakesInstallers)
        workspace = next(iter(vendor.workspaces()))
        assert "://" in maker.installer(workspace.id, "")


class JoiningPromises(Promises):
    """JoinsCustomers."""

    def test_proposals_change_nothing(self, stand: Stand, vendor: Vendor) -> None:
        joiner = able(vendor, JoinsCustomers)
        assert joiner.pairs_field in {field.name for field in stand.candidate.adapter.fields}
        assert joiner.propose_pairs() == joiner.propose_pairs()

    def test_who_is_joined_to_nobody_is_proposed(self, stand: Stand) -> None:
        joiner = able(stand.vendor(), JoinsCustomers)
        alone = able(stand.vendor(**{joiner.pairs_field: ""}), JoinsCustomers)
        assert len(alone.propose_pairs()) > len(joiner.propose_pairs())


SUITES: dict[type, type[Promises]] = {
    Vendor: VendorPromises,
    FindsDetections: DetectionPromises,
    ReportsLicences: LicencePromises,
    ReportsUsage: UsagePromises,
    ListsGroups: GroupPromises,
    RunsActions: ActionPromises,
    ManagesAdministrators: AdministratorPromises,
    KeepsIntegrations: IntegrationPromises,
    JoinsCustomers: JoiningPromises,
    ResolvesDetections: ResolvingPromises,
    MakesInstallers: InstallerPromises,
}


def vendor_contract(kind: str) -> type[Promises]:
    """Return the suite for a vendor: the promises of every ability its class declares."""
    COVERED.add(kind)
    bases = tuple(SUITES[ability] for ability in abilities(VENDORS[kind].adapter))
    return type(f"Promises of {kind}", bases, {"kind": kind})


def abilities(adapter: type[Vendor]) -> list[type]:
    """Return the contracts that a class declares, its duty first."""
    declared = [
        each
        for each in adapter.__mro__
        if each.__module__ == contracts.__name__ and each is not contracts.Adapter
    ]
    assert all(inspect.isabstract(each) for each in declared)
    return declared
