from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

from plugin.domain.contracts import (
    FieldKind,
    FindsDetections,
    KeepsIntegrations,
    ManagesAdministrators,
    ReportsLicences,
    ReportsUsage,
    RunsActions,
    Scope,
)
from plugin.domain.errors import AnswerError, MissingError, RuleError
from plugin.domain.model import (
    ActionKind,
    ActionState,
    ActionTarget,
    Device,
    DeviceClass,
    LicenceKind,
    LicenceState,
    Page,
    Protection,
    Severity,
    UsageLine,
)
from plugin.edge.emulator import serve
from plugin.vendors.kaspersky.cloud import KasperskyCloud, KasperskyHub
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator, HubEmulator
from plugin.vendors.kaspersky.emulator_cloud_facts import CLOUD, CLOUD_PLUS, MAIL
from tests.rig import EPOCH, link_to, small_world
from tests.vendors.kaspersky.clouds import (
    LONG_AGO,
    NOBODY,
    calls,
    cloud,
    filled,
    happen,
    join,
    switch,
)


@pytest.fixture
def emulator() -> CloudEmulator:
    return filled(CloudEmulator())


@pytest.fixture
def adapter(emulator: CloudEmulator) -> KasperskyCloud:
    return cloud(emulator)


@pytest.fixture
def workspace(adapter: KasperskyCloud) -> str:
    return next(adapter.workspaces()).id


def rows(pages: Iterator[Page[Device]]) -> list[Device]:
    return [row for page in pages for row in page.rows]


# -- what it says of itself ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [KasperskyCloud, KasperskyHub])
def test_both_kinds_have_the_same_fields_and_abilities(
    kind: type[KasperskyCloud] | type[KasperskyHub],
) -> None:
    assert [(each.label, each.kind, each.required) for each in kind.fields] == [
        ("User name", FieldKind.EMAIL, True),
        ("Password", FieldKind.SECRET, True),
    ]
    assert kind.environments
    assert kind.scope is Scope.WORKSPACE
    assert kind.actions == {ActionKind.SCAN, ActionKind.UPDATE}
    abilities = (
        FindsDetections,
        ReportsLicences,
        ReportsUsage,
        ManagesAdministrators,
        KeepsIntegrations,
        RunsActions,
    )
    assert all(issubclass(kind, ability) for ability in abilities)


def test_the_form_says_that_only_the_sandbox_can_be_reached() -> None:
    assert "no interface" in KasperskyCloud.notice
    assert "sandbox only" in KasperskyCloud.notice


def test_each_kind_uses_its_own_word_for_a_client() -> None:
    assert KasperskyCloud.words.workspace == "workspace"
    assert KasperskyHub.words.workspace == "company"


# -- workspaces ----------------------------------------------------------------------------------


def test_every_client_is_a_workspace(adapter: KasperskyCloud) -> None:
    found = {each.name: each for each in adapter.workspaces()}
    for client in small_world().clients:
        assert found[client.name].domain == client.domain
        assert found[client.name].device_count == len(client.machines)
    assert len(found) == 3


def test_every_client_is_a_company_in_the_hub() -> None:
    hub = join(KasperskyHub, filled(HubEmulator()))
    assert {each.name for each in hub.workspaces()} == {
        client.name for client in small_world().clients
    }


@pytest.mark.parametrize(("companies", "asked"), [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_workspaces_come_page_by_page(companies: int, asked: int) -> None:
    emulator = filled(CloudEmulator(), companies, companies)
    adapter = cloud(emulator)
    adapter.page_size = 4
    found = [each.id for each in adapter.workspaces()]
    assert len(set(found)) == len(found) == companies
    assert calls(emulator, "/tenants") == asked


# -- devices -------------------------------------------------------------------------------------


def test_every_device_is_seen_once_in_its_own_workspace(adapter: KasperskyCloud) -> None:
    serials = []
    for workspace in adapter.workspaces():
        found = rows(adapter.devices(workspace.id, None))
        assert {each.workspace_id for each in found} == {workspace.id}
        serials += [each.serial for each in found]
    machines = [each for client in small_world().clients for each in client.machines]
    assert sorted(serials) == sorted(each.serial for each in machines)


def test_a_device_is_shown_with_all_that_matching_and_billing_need(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspace: str
) -> None:
    devices = rows(adapter.devices(workspace, None))
    machines = {
        machine.serial: machine for client in small_world().clients for machine in client.machines
    }
    for device in devices:
        machine = machines[device.serial]
        assert device.name.casefold() == machine.name.casefold()
        assert device.macs[0].replace("-", ":").lower() == machine.mac
        assert device.address == machine.address
        windows = "Windows" in machine.operating_system
        assert device.device_class is (machine.device_class if windows else DeviceClass.OTHER)
        assert device.seen_at is not None


def test_conditions_are_the_same_words_as_for_security_center(
    emulator: CloudEmulator, adapter: KasperskyCloud
) -> None:
    told = happen(emulator, "device-status", condition="databases-outdated")
    found = {each.id: each for each in rows(adapter.devices(told["workspace"], None))}
    assert "bases_outdated" in found[told["device"]].conditions
    assert found[told["device"]].protection is Protection.CRITICAL


@pytest.mark.parametrize(("devices", "asked"), [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_devices_come_page_by_page_and_only_the_last_is_complete(devices: int, asked: int) -> None:
    emulator = filled(CloudEmulator(), 1, devices)
    adapter = cloud(emulator)
    adapter.page_size = 4
    pages = list(adapter.devices(next(adapter.workspaces()).id, None))
    assert len({row.id for page in pages for row in page.rows}) == devices
    assert [page.complete for page in pages] == [False] * (asked - 1) + [True]
    assert calls(emulator, "/devices") == asked


def test_a_walk_can_go_on_from_the_cursor_of_any_page() -> None:
    emulator = filled(CloudEmulator(), 1, 10)
    adapter = cloud(emulator)
    adapter.page_size = 4
    workspace = next(adapter.workspaces()).id
    whole = list(adapter.devices(workspace, None))
    later = list(adapter.devices(workspace, whole[0].next_cursor))
    assert [page.rows for page in later] == [page.rows for page in whole[1:]]
    assert not any(page.complete for page in later)  # the first page was not seen


def test_only_what_changed_is_told_after_a_full_listing(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspace: str
) -> None:
    cursor = list(adapter.devices(workspace, None))[-1].next_cursor
    told = happen(emulator, "device-status", workspace=workspace)
    added = happen(emulator, "device-added", workspace=workspace)
    happen(emulator, "device-status", device=told["device"], condition="restart-required")
    pages = list(adapter.devices(workspace, cursor))
    assert sorted(each.id for each in rows(iter(pages))) == sorted(
        [told["device"], added["device"]]
    )
    assert not any(page.complete for page in pages)
    again = list(adapter.devices(workspace, pages[-1].next_cursor))
    assert [page.rows for page in again] == [()]


def test_a_removed_device_is_told_as_gone(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspace: str
) -> None:
    pages = list(adapter.devices(workspace, None))
    gone = pages[0].rows[0].id
    happen(emulator, "device-removed", device=gone)
    delta = list(adapter.devices(workspace, pages[-1].next_cursor))
    assert [page.gone for page in delta] == [(gone,)]
    assert gone not in {each.id for each in rows(adapter.devices(workspace, None))}


def test_changes_come_page_by_page(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspace: str
) -> None:
    cursor = list(adapter.devices(workspace, None))[-1].next_cursor
    for _ in range(5):
        happen(emulator, "device-added", workspace=workspace)
    adapter.page_size = 2
    assert [len(page.rows) for page in adapter.devices(workspace, cursor)] == [2, 2, 1]


def test_what_changes_while_pages_are_read_is_among_the_changes() -> None:
    emulator = filled(CloudEmulator(), 1, 8)
    adapter = cloud(emulator)
    adapter.page_size = 4
    workspace = next(adapter.workspaces()).id
    pages = adapter.devices(workspace, None)
    first = next(pages)
    told = happen(emulator, "device-status", device=first.rows[0].id, condition="scan-overdue")
    last = list(pages)[-1]
    changed = rows(adapter.devices(workspace, last.next_cursor))
    assert [each.id for each in changed] == [told["device"]]


@pytest.mark.parametrize("how", ["changes-forgotten", "a week later"])
def test_a_cursor_that_is_too_old_gives_a_listing_that_proves_no_removal(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspace: str, how: str
) -> None:
    cursor = list(adapter.devices(workspace, None))[-1].next_cursor
    if how == "changes-forgotten":
        happen(emulator, how)
    else:
        emulator.clock.offset += timedelta(days=8)
    pages = list(adapter.devices(workspace, cursor))
    assert len(rows(iter(pages))) == len(rows(adapter.devices(workspace, None)))
    assert not any(page.complete for page in pages)
    happen(emulator, "device-added", workspace=workspace)
    assert len(rows(adapter.devices(workspace, pages[-1].next_cursor))) == 1


@pytest.mark.parametrize("cursor", ["", "nonsense", "5", "null", '["changes"]', '{"a": 1}', "[[]]"])
def test_a_cursor_that_cannot_be_read_gives_a_listing(
    adapter: KasperskyCloud, workspace: str, cursor: str
) -> None:
    pages = list(adapter.devices(workspace, cursor))
    assert rows(iter(pages))
    assert not any(page.complete for page in pages)


@pytest.mark.parametrize("workspace_id", ["unknown", "a?limit=1", "ä #"])
def test_an_unknown_workspace_is_missing(adapter: KasperskyCloud, workspace_id: str) -> None:
    with pytest.raises(MissingError):
        list(adapter.devices(workspace_id, None))


def test_an_id_that_climbs_out_of_its_path_is_never_sent(
    emulator: CloudEmulator, adapter: KasperskyCloud
) -> None:
    with pytest.raises(AnswerError):
        list(adapter.devices("../users", None))
    assert calls(emulator, "/users") == 0


# -- detections ----------------------------------------------------------------------------------


def test_events_come_once_and_in_order(adapter: KasperskyCloud, workspace: str) -> None:
    adapter.page_size = 2
    pages = list(adapter.detections(workspace, None, LONG_AGO))
    found = [row for page in pages for row in page.rows]
    assert len(found) == 5
    assert all(one.sequence < other.sequence for one, other in pairwise(found))
    assert [page.complete for page in pages] == [False, False, True]
    again = list(adapter.detections(workspace, pages[-1].next_cursor, LONG_AGO))
    assert [page.rows for page in again] == [()]
    resumed = list(adapter.detections(workspace, pages[0].next_cursor, LONG_AGO))
    assert [row for page in resumed for row in page.rows] == found[2:]


def test_events_before_the_wanted_time_are_left_out(
    adapter: KasperskyCloud, workspace: str
) -> None:
    since = EPOCH - timedelta(hours=53)
    found = [row for page in adapter.detections(workspace, None, since) for row in page.rows]
    assert len(found) == 4
    assert min(row.occurred_at for row in found) >= since


def test_a_detection_says_what_where_and_how_bad(
    emulator: CloudEmulator, adapter: KasperskyCloud
) -> None:
    told = happen(emulator, "detection", condition="network-attack")
    pages = adapter.detections(told["workspace"], None, LONG_AGO)
    found = [row for page in pages for row in page.rows][-1]
    assert (found.id, found.device_id, found.kind) == (told["id"], told["device"], "network-attack")
    assert found.device_name == told["device_name"]
    assert found.severity is Severity.CRITICAL
    assert (found.title, found.outcome) == ("Network attack detected", "blocked")


def test_an_event_about_the_whole_company_names_no_device() -> None:
    emulator = filled(HubEmulator())
    hub = join(KasperskyHub, emulator)
    told = happen(emulator, "detection", condition="mailboxes-not-protected")
    pages = hub.detections(told["workspace"], None, LONG_AGO)
    found = [row for page in pages for row in page.rows][-1]
    assert (found.kind, found.device_id) == ("mailboxes-not-protected", "")


def test_severities_are_those_that_rules_offer(emulator: CloudEmulator) -> None:
    adapter = cloud(emulator)
    found = {
        row.kind: row.severity
        for workspace in adapter.workspaces()
        for page in adapter.detections(workspace.id, None, LONG_AGO)
        for row in page.rows
    }
    assert found == {
        "malware-detected": Severity.CRITICAL,
        "update-failed": Severity.FUNCTIONAL_FAILURE,
        "dangerous-link": Severity.WARNING,
        "object-disinfected": Severity.INFORMATION,
        "object-deleted": Severity.INFORMATION,
    }


# -- licences and usage --------------------------------------------------------------------------


def workspace_of(adapter: KasperskyCloud | KasperskyHub, number: int) -> str:
    """Return the workspace of the world's client ``number``."""
    name = small_world().clients[number - 1].name
    return next(each.id for each in adapter.workspaces() if each.name == name)


def quantities(lines: Iterator[UsageLine]) -> dict[tuple[str, str, DeviceClass | None], int]:
    return {(line.product, line.how, line.device_class): line.quantity for line in lines}


def test_licences_of_every_kind_are_listed(adapter: KasperskyCloud) -> None:
    first, second, third = (
        list(adapter.licences(workspace_of(adapter, number))) for number in (1, 2, 3)
    )
    assert [(each.kind, each.state) for each in second] == [
        (LicenceKind.COMMERCIAL, LicenceState.ACTIVE),
        (LicenceKind.COMMERCIAL, LicenceState.EXPIRED),
    ]
    assert first[1].kind is LicenceKind.TRIAL
    assert (third[0].product, third[0].per_user) == (CLOUD_PLUS, True)
    assert first[0].limit == small_world().clients[0].seats
    assert first[0].used == len(small_world().clients[0].machines)


def test_usage_is_split_by_class_and_adds_up(adapter: KasperskyCloud) -> None:
    client = small_world().clients[0]
    lines = list(adapter.usage(workspace_of(adapter, 1), EPOCH.date()))
    assigned = [line for line in lines if line.how == "assigned"]
    assert {line.product for line in lines} == {CLOUD}  # the trial is not billed
    assert sum(line.quantity for line in assigned) == len(client.machines)
    assert {line.device_class for line in assigned} == {
        DeviceClass.WORKSTATION,
        DeviceClass.SERVER,
        DeviceClass.OTHER,
    }
    assert quantities(iter(lines))[CLOUD, "ordered", None] == client.seats


def test_a_licence_per_user_is_not_split_by_class(adapter: KasperskyCloud) -> None:
    lines = list(adapter.usage(workspace_of(adapter, 3), EPOCH.date()))
    assert {(line.product, line.device_class) for line in lines} == {(CLOUD_PLUS, None)}


def test_mailboxes_are_counted_apart_in_the_hub() -> None:
    emulator = filled(HubEmulator())
    hub = join(KasperskyHub, emulator)
    company = workspace_of(hub, 1)
    before = quantities(hub.usage(company, EPOCH.date()))[MAIL, "assigned", None]
    happen(emulator, "seat-change", workspace=company, mailboxes=True, delta=3)
    after = quantities(hub.usage(company, EPOCH.date()))[MAIL, "assigned", None]
    assert after - before == 3
    assert any(each.product == MAIL and each.per_user for each in hub.licences(company))


def test_a_device_that_was_not_seen_for_long_is_assigned_but_not_active() -> None:
    emulator = filled(CloudEmulator(), 1, 30)
    adapter = cloud(emulator)
    happen(emulator, "seat-change", delta=1)
    lines = list(adapter.usage(workspace_of_only(adapter), emulator.clock().date()))
    counted = {
        how: sum(line.quantity for line in lines if line.how == how)
        for how in ("assigned", "active")
    }
    assert counted["active"] < counted["assigned"]


def workspace_of_only(adapter: KasperskyCloud) -> str:
    [only] = adapter.workspaces()
    return only.id


def test_seats_are_counted_as_they_change(emulator: CloudEmulator, adapter: KasperskyCloud) -> None:
    workspace, day = workspace_of(adapter, 1), emulator.clock().date()

    def assigned() -> int:
        lines = adapter.usage(workspace, day)
        return sum(line.quantity for line in lines if line.how == "assigned")

    before = assigned()
    happen(emulator, "seat-change", workspace=workspace, delta=2)
    assert assigned() == before + 2
    happen(emulator, "seat-change", workspace=workspace, delta=-3)
    assert assigned() == before - 1


def test_a_licence_that_expired_is_told_and_no_longer_counted(
    emulator: CloudEmulator, adapter: KasperskyCloud
) -> None:
    workspace = workspace_of(adapter, 1)
    cursor = list(adapter.devices(workspace, None))[-1].next_cursor
    told = happen(emulator, "licence-expired", workspace=workspace)
    licences = {each.id: each.state for each in adapter.licences(workspace)}
    assert licences[told["licence"]] is LicenceState.EXPIRED
    assert list(adapter.usage(workspace, emulator.clock().date())) == []
    changed = rows(adapter.devices(workspace, cursor))
    assert changed
    assert all("licence_expiring" in each.conditions for each in changed)
    kinds = [
        row.kind for page in adapter.detections(workspace, None, LONG_AGO) for row in page.rows
    ]
    assert kinds[-1] == "licence-expired"


def test_a_licence_ends_by_the_clock_too(emulator: CloudEmulator, adapter: KasperskyCloud) -> None:
    emulator.clock.move(EPOCH + timedelta(days=250))
    states = {each.state for each in adapter.licences(workspace_of(adapter, 2))}
    assert states == {LicenceState.EXPIRED}


def test_an_unlimited_subscription_has_no_ordered_quantity() -> None:
    adapter = cloud(filled(CloudEmulator(), 7, 70))
    name = small_world(7, 70).clients[6].name
    workspace = next(each.id for each in adapter.workspaces() if each.name == name)
    assert next(each.limit for each in adapter.licences(workspace)) is None
    assert {line.how for line in adapter.usage(workspace, EPOCH.date())} == {"assigned", "active"}


# -- actions -------------------------------------------------------------------------------------


def test_an_update_waits_runs_and_mends_the_databases(
    emulator: CloudEmulator, adapter: KasperskyCloud
) -> None:
    told = happen(emulator, "device-status", condition="databases-outdated")
    target = ActionTarget(told["workspace"], told["device"])
    reference = adapter.start(ActionKind.UPDATE, target)
    states = []
    for _ in range(3):
        states.append(adapter.progress(reference).state)
        emulator.clock.offset += timedelta(seconds=8)
    assert states == [ActionState.WAITING, ActionState.RUNNING, ActionState.DONE]
    found = {each.id: each for each in rows(adapter.devices(told["workspace"], None))}
    assert "bases_outdated" not in found[told["device"]].conditions


def test_a_scan_of_a_workspace_tells_how_many_devices_are_done(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspace: str
) -> None:
    happen(emulator, "device-status", workspace=workspace, condition="not-connected")
    reference = adapter.start(ActionKind.SCAN, ActionTarget(workspace))
    emulator.clock.offset += timedelta(seconds=20)
    progress = adapter.progress(reference)
    assert progress.state is ActionState.DONE
    assert progress.detail == "9 of 10 devices, 1 could not be reached"


def test_the_same_action_asked_for_twice_is_one(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspace: str
) -> None:
    target = ActionTarget(workspace)
    first = adapter.start(ActionKind.SCAN, target)
    assert adapter.start(ActionKind.SCAN, target) == first
    assert adapter.start(ActionKind.UPDATE, target) != first
    emulator.clock.offset += timedelta(seconds=20)
    assert adapter.start(ActionKind.SCAN, target) != first


def test_an_action_whose_answer_was_lost_is_started_once(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspace: str
) -> None:
    emulator.add_fault("done-but-timeout", path="/v1/tasks")
    adapter.start(ActionKind.SCAN, ActionTarget(workspace))
    assert len(emulator.state()["tasks"]) == 1


def test_an_action_can_fail(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspace: str
) -> None:
    switch(emulator, "task_fails", True)
    reference = adapter.start(ActionKind.SCAN, ActionTarget(workspace))
    emulator.clock.offset += timedelta(seconds=20)
    assert adapter.progress(reference).state is ActionState.FAILED


def test_what_the_cloud_cannot_do_is_refused_before_any_call(
    emulator: CloudEmulator, adapter: KasperskyCloud
) -> None:
    with pytest.raises(RuleError, match="cannot end isolation"):
        adapter.start(ActionKind.END_ISOLATION, ActionTarget("any"))
    assert not emulator.requests


def test_a_target_or_task_that_is_gone_is_missing(adapter: KasperskyCloud, workspace: str) -> None:
    with pytest.raises(MissingError):
        adapter.start(ActionKind.SCAN, ActionTarget(workspace, "no-such-device"))
    with pytest.raises(MissingError):
        adapter.progress("4711")


# -- environments and sockets --------------------------------------------------------------------


def test_environments_are_apart(emulator: CloudEmulator) -> None:
    seen = {
        environment: [
            (workspace.id, device.id, device.serial)
            for adapter in (cloud(emulator, environment),)
            for workspace in adapter.workspaces()
            for device in rows(adapter.devices(workspace.id, None))
        ]
        for environment in ("production", "beta", "test")
    }
    assert all(seen.values())
    for part in range(3):
        ids = [{row[part] for row in each} for each in seen.values()]
        assert not ids[0] & ids[1]
        assert not ids[1] & ids[2]
        assert not ids[0] & ids[2]


def test_what_happens_in_beta_is_not_seen_in_production(emulator: CloudEmulator) -> None:
    beta, production = cloud(emulator, "beta"), cloud(emulator)
    told = happen(emulator, "detection", environment="beta")
    assert told["workspace"] in {each.id for each in beta.workspaces()}
    with pytest.raises(MissingError):
        list(production.detections(told["workspace"], None, LONG_AGO))


def test_it_works_over_a_real_socket() -> None:
    emulator = CloudEmulator()
    emulator.reset(small_world())
    with serve(emulator) as origin:
        assert emulator.origin == origin
        link = link_to(emulator, addresses=NOBODY, environment="test")
        adapter = KasperskyCloud(link)
        assert [len(rows(adapter.devices(each.id, None))) for each in adapter.workspaces()]
