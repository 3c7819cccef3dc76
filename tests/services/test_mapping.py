"""Mappings and suggestions: by ids, in one go, never against a refusal, broken with a reason."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select

from plugin.domain.errors import RuleError
from plugin.domain.model import Company, Computer, Workspace
from plugin.services import accepting, lists, mapping, mirror, suggesting
from plugin.services.lists import Ask, Scope
from plugin.services.mirror import Counts
from plugin.store.base import db, writing
from plugin.store.integrations import CompanyMapping, Connection, Integration, Side, WorkspaceLink
from plugin.store.journal import AuditEntry
from plugin.store.mapping import SuggestionRow
from plugin.store.mirror import DeviceRow, WorkspaceRow
from plugin.store.work import Job
from tests.scene import Scene, scene

WORKSPACES = {"w1": "Acme Ltd", "w2": "Smith Dental", "w3": "Bolt GmbH", "w4": "Corner Shop"}
COMPANIES = {"c1": "ACME", "c2": "Smith Rental", "c3": "Bolt", "c4": "Nobody"}


@dataclass
class Desk:
    """An integration with four workspaces, and a host with four companies."""

    scene: Scene
    integration: Integration

    def list_companies(self, names: dict[str, str], *inactive: str) -> None:
        rows = [Company(key, name, active=key not in inactive) for key, name in names.items()]
        with writing() as session:
            host_id = self.integration.host_id
            mirror.store_companies(session, host_id, rows, self.scene.clock(), Counts())
            session.flush()
            mapping.mark_broken(self.scene.runtime, session, host_id)

    def list_workspaces(self, names: dict[str, str]) -> None:
        rows = [Workspace(key, name) for key, name in names.items()]
        with writing() as session:
            vendor_id = self.integration.vendor_id
            mirror.store_workspaces(session, vendor_id, rows, self.scene.clock(), Counts())
            session.flush()
            mapping.mark_broken(self.scene.runtime, session, vendor_id)

    def map(self, workspace_id: str, company_id: str) -> None:
        mapping.map_company(self.scene.runtime, "anna", self.integration, workspace_id, company_id)

    def suggested(self) -> dict[tuple[str, str], bool]:
        suggesting.refresh(self.scene.runtime, self.integration)
        rows = db.session.scalars(select(SuggestionRow))
        return {(row.workspace_id, row.company_id): row.sure for row in rows}

    def lines(self, **filters: str) -> dict[str, lists.MappingLine]:
        table, asked = lists.mappings(self.integration, Ask(filters=filters))
        found = table.page(self.scene.runtime, asked).rows
        return {line.workspace.workspace_id: line for line in found}

    def mapped(self) -> dict[str, str]:
        rows = db.session.scalars(select(CompanyMapping))
        return {row.workspace_id: row.company_id for row in rows}

    def numbers(self, *pairs: tuple[str, str]) -> list[int]:
        rows = db.session.scalars(select(SuggestionRow))
        return [row.id for row in rows if (row.workspace_id, row.company_id) in pairs]


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    with scene(database) as played:
        host = played.add_connection("calling", name="Host")
        vendor = Connection(side=Side.VENDOR, kind="made-up", name="V", created_at=played.clock())
        with writing() as session:
            session.add(vendor)
            session.flush()
            integration = Integration(
                name="Both", host_id=host.id, vendor_id=vendor.id, created_at=played.clock()
            )
            session.add(integration)
            integration.links = [
                WorkspaceLink(
                    vendor_id=vendor.id, workspace_id=each, platform="x", added_at=played.clock()
                )
                for each in WORKSPACES
            ]
        made = Desk(played, integration)
        made.list_companies(COMPANIES)
        made.list_workspaces(WORKSPACES)
        yield made


def test_exact_matches_are_accepted_in_one_go_and_nothing_else(desk: Desk) -> None:
    found = desk.suggested()
    assert found == {("w1", "c1"): True, ("w3", "c3"): True, ("w2", "c2"): False}
    done = accepting.accept(desk.scene.runtime, "anna", desk.integration)
    assert (done.mapped, done.left_out) == (2, ())
    assert desk.mapped() == {"w1": "c1", "w3": "c3"}
    entries = select(AuditEntry).where(AuditEntry.action == "mapping.accept")
    assert db.session.scalars(entries).one().after == {"w1": "c1", "w3": "c3"}
    assert desk.suggested() == {("w2", "c2"): False}


def test_a_refused_pair_stays_away_until_the_refusals_are_forgotten(desk: Desk) -> None:
    desk.suggested()
    runtime, pair = desk.scene.runtime, ("w2", "c2")
    assert accepting.refuse(runtime, "anna", desk.integration, desk.numbers(pair)) == 1
    assert pair not in desk.suggested()
    assert accepting.forget_refusals(runtime, "anna", desk.integration) == 1
    assert pair in desk.suggested()


def test_a_suggestion_that_does_not_hold_any_more_is_left_out_with_its_reason(desk: Desk) -> None:
    desk.suggested()
    numbers = desk.numbers(("w1", "c1"), ("w3", "c3"))
    desk.list_companies(COMPANIES, "c1")
    done = accepting.accept(desk.scene.runtime, "anna", desk.integration, [*numbers, 9999])
    assert done.mapped == 1
    assert done.left_out == (
        "company c1 is no longer active in the host",
        "some suggestions are no longer there; look at the list again",
    )


def test_a_mapping_by_hand_answers_the_suggestions_for_both(desk: Desk) -> None:
    desk.suggested()
    desk.map("w4", "c1")
    assert {row.workspace_id for row in db.session.scalars(select(SuggestionRow))} == {"w2", "w3"}


def test_a_suggestion_keeps_its_number_while_it_stays_the_same(desk: Desk) -> None:
    desk.suggested()
    before = desk.numbers(("w2", "c2"))
    desk.map("w1", "c1")
    desk.suggested()
    assert desk.numbers(("w2", "c2")) == before


def test_one_to_one_until_several_are_allowed(desk: Desk) -> None:
    desk.map("w1", "c1")
    with pytest.raises(RuleError, match="mapped to another workspace"):
        desk.map("w2", "c1")
    mapping.choose(desk.scene.runtime, "anna", desk.integration, several=True, catch_all_id="")
    desk.map("w2", "c1")
    assert desk.mapped() == {"w1": "c1", "w2": "c1"}


def test_a_catch_all_must_be_an_active_company_of_the_host(desk: Desk) -> None:
    desk.list_companies(COMPANIES, "c4")
    for wrong in ("c4", "c9"):
        with pytest.raises(RuleError) as caught:
            mapping.choose(
                desk.scene.runtime, "anna", desk.integration, several=False, catch_all_id=wrong
            )
        assert caught.value.field == "catch_all"


def test_renames_on_both_sides_break_nothing(desk: Desk) -> None:
    desk.map("w1", "c1")
    desk.list_companies(COMPANIES | {"c1": "Quite Another"})
    desk.list_workspaces(WORKSPACES | {"w1": "Something Else"})
    line = desk.lines(state="mapped")["w1"]
    assert (line.state, line.workspace.name) == ("mapped", "Something Else")


def test_what_vanishes_breaks_a_mapping_says_why_and_heals_it_when_it_is_back(desk: Desk) -> None:
    desk.map("w1", "c1")
    desk.list_companies(COMPANIES, "c1")
    assert desk.lines(state="broken")["w1"].reason == "ACME is not active in the host"
    desk.list_companies({key: name for key, name in COMPANIES.items() if key != "c1"})
    assert desk.lines(state="broken")["w1"].reason == "the host no longer has ACME"
    desk.list_companies(COMPANIES)
    assert desk.lines(state="broken") == {}
    desk.list_workspaces({"w2": "Smith Dental"})
    assert desk.lines(state="broken")["w1"].reason == "the vendor no longer lists this workspace"
    row = db.session.scalars(select(CompanyMapping)).one()
    assert (row.state, row.reason) == ("broken", "the vendor no longer lists this workspace")
    desk.list_workspaces(WORKSPACES)
    assert desk.lines(state="mapped").keys() == {"w1"}


def test_the_table_shows_the_best_suggestion_and_filters_by_it(desk: Desk) -> None:
    desk.suggested()
    found = desk.lines(state="suggested")
    assert {key: line.best.score for key, line in found.items() if line.best} == {
        "w1": 100,
        "w2": 91,
        "w3": 100,
    }
    assert desk.lines()["w4"].best is None


def test_serial_numbers_of_the_hosts_computers_speak_for_a_company(desk: Desk) -> None:
    computers = [
        Computer("1", "c4", "PC1", serial="ABC-001"),
        Computer("2", "c4", "PC2", serial="abc-002 "),
        Computer("3", "c1", "PC3", serial="To be filled by O.E.M."),
        Computer("4", "c2", "PC4", serial="TWICE-1"),
        Computer("5", "c3", "PC5", serial="TWICE-1"),
    ]
    with writing() as session:
        suggesting.store_serials(session, desk.integration.host_id, computers)
        serials = ("ABC-001", "ABC-002", "TWICE-1")
        for number, serial in enumerate(serials):
            session.add(
                DeviceRow(
                    vendor_id=desk.integration.vendor_id,
                    workspace_id="w4",
                    device_id=str(number),
                    name=f"PC{number}",
                    device_class="workstation",
                    protection="ok",
                    serial=serial,
                    fingerprint="x",
                    first_seen_at=desk.scene.clock(),
                )
            )
        row = session.scalars(select(WorkspaceRow).where(WorkspaceRow.workspace_id == "w4")).one()
        row.devices = 3
    assert desk.suggested()["w4", "c4"] is False
    best = desk.lines(state="suggested")["w4"].best
    assert best is not None
    assert best.reasons[1] == "67% of the devices are computers of this company"


def test_many_wishes_for_suggestions_are_one_job(desk: Desk) -> None:
    for _ in range(3):
        suggesting.ask_for_all(desk.scene.runtime, desk.integration.vendor_id, later=True)
    jobs = select(func.count(Job.id)).where(Job.kind == suggesting.WORK_OUT)
    assert db.session.scalar(jobs) == 1
    assert not suggesting.is_under_way(desk.scene.runtime, desk.integration.id)
    desk.scene.clock.move(minutes=4)
    assert suggesting.is_under_way(desk.scene.runtime, desk.integration.id)


def test_companies_without_a_protected_device_are_listed(desk: Desk) -> None:
    scope = Scope(
        "production",
        frozenset({desk.integration.host_id}),
        frozenset({desk.integration.vendor_id}),
        whole=True,
        all_devices=True,
    )

    def uncovered() -> list[str]:
        rows = lists.uncovered.page(desk.scene.runtime, Ask(), scope).rows
        return [line.row.company_id for line in rows]

    desk.map("w1", "c1")
    desk.map("w3", "c3")
    with writing() as session:
        rows = session.scalars(select(WorkspaceRow))
        by_id = {row.workspace_id: row for row in rows}
        by_id["w1"].devices = by_id["w3"].devices = by_id["w3"].deployed_not_installed = 4
    assert uncovered() == ["c3", "c4", "c2"]
