"""The mapping pages: suggestions one by one, ticked, and all exact ones; the options."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from plugin.domain.model import Company, Workspace
from plugin.services import mirror, suggesting
from plugin.store.base import db, writing
from plugin.store.integrations import CompanyMapping, Integration, WorkspaceLink
from plugin.store.mapping import SuggestionRow
from tests.blueprints.pages.office import Office, open_office

NAMES = {"Acme Ltd": "Acme", "Bolt GmbH": "BOLT", "Smith Dental": "Smith Rental", "Corner": "Zoo"}
PATH = "/integrations/1/suggestions"


@pytest.fixture
def desk(filled: Path, tmp_path: Path) -> Iterator[Office]:
    """Give a filled office whose integration serves four new workspaces without a company."""
    copy = tmp_path / "office"
    copy.mkdir()
    for each in filled.iterdir():
        if each.is_file():
            (copy / each.name).write_bytes(each.read_bytes())
    with open_office(copy) as office:
        _add_clients(office)
        yield office


def _add_clients(office: Office) -> None:
    runtime = office.house.runtime
    integration = db.session.get_one(Integration, 1)
    now = runtime.now()
    with writing() as session:
        session.execute(delete(CompanyMapping))
        session.execute(delete(WorkspaceLink))
        workspaces = [Workspace(f"n{place}", name) for place, name in enumerate(NAMES)]
        companies = [Company(str(place), name) for place, name in enumerate(NAMES.values(), 900)]
        mirror.store_workspaces(session, integration.vendor_id, workspaces, now, mirror.Counts())
        mirror.store_companies(session, integration.host_id, companies, now, mirror.Counts())
        for each in workspaces:
            session.add(
                WorkspaceLink(
                    integration_id=1,
                    vendor_id=integration.vendor_id,
                    workspace_id=each.id,
                    platform=integration.host.kind,
                    added_at=now,
                )
            )
    db.session.expire_all()
    suggesting.refresh(runtime, integration)
    db.session.commit()


def mapped(office: Office) -> dict[str, str]:
    office.fresh()
    return {row.workspace_id: row.company_id for row in db.session.scalars(select(CompanyMapping))}


def numbers(office: Office) -> dict[str, str]:
    office.fresh()
    return {row.workspace_id: str(row.id) for row in db.session.scalars(select(SuggestionRow))}


def test_all_exact_matches_are_accepted_with_one_button(desk: Office) -> None:
    assert "Accept 2 exact matches" in desk.administrator.read("/integrations/1/mapping")
    desk.administrator.post(PATH, {"do": "exact"})
    assert mapped(desk) == {"n0": "900", "n1": "901"}
    shown = desk.administrator.read(PATH)
    assert "2 mappings accepted." in shown
    assert "but “dental” is not “rental”" in shown


def test_one_is_accepted_another_refused_and_ticked_ones_go_together(desk: Office) -> None:
    found = numbers(desk)
    desk.administrator.post(PATH, {"refuse": found["n2"]})
    assert "Smith Rental" not in desk.administrator.read(PATH)
    desk.administrator.post(PATH, {"accept": found["n0"]})
    assert mapped(desk) == {"n0": "900"}
    desk.administrator.post(PATH, {"do": "accept", "pick": [found["n1"], found["n2"]]})
    assert mapped(desk) == {"n0": "900", "n1": "901"}
    assert "no longer there" in desk.administrator.read(PATH)


def test_nothing_ticked_is_said_and_changes_nothing(desk: Office) -> None:
    for form in ({"do": "accept"}, {"do": "refuse"}, {"pick": "x" * 99}, {}):
        assert desk.administrator.post(PATH, form).status_code == 303
        assert "Nothing was ticked" in desk.administrator.read(PATH)
    assert mapped(desk) == {}


def test_work_that_is_left_is_found_again(desk: Office) -> None:
    desk.administrator.post(PATH, {"do": "again"})
    assert "Being worked out" in desk.administrator.read(PATH)
    assert "every 2s" in desk.viewer.read(f"{PATH}/progress")
    desk.house.work_all()
    assert "Worked out" in desk.administrator.read(PATH)


def test_empty_lists_say_what_to_do_next(desk: Office) -> None:
    assert "No suggestion matches" in desk.viewer.read(f"{PATH}?q=zzz")
    desk.administrator.post(PATH, {"do": "exact"})
    desk.administrator.post(PATH, {"refuse": numbers(desk)["n2"]})
    desk.fresh()
    desk.house.work_all()
    assert "Map by hand" in desk.viewer.read(PATH)
    with writing() as session:
        session.execute(delete(WorkspaceLink))
    assert "serves no virtual server yet" in desk.viewer.read(PATH)


def test_a_sharing_company_needs_the_switch(desk: Office) -> None:
    path = "/integrations/1/mapping"
    rows = desk.administrator.read(path).split('name="company-')[1:]
    fields = [f"company-{each.partition(chr(34))[0]}" for each in rows]
    form = {fields[0]: "Zoo", fields[1]: "Zoo #903"}
    answer = desk.administrator.post(path, form)
    assert answer.status_code == 422
    assert "Zoo is mapped to another workspace already" in answer.text
    assert "What was typed in other rows is saved." in answer.text
    desk.administrator.post(f"{path}/options", {"several": "1", "catch_all": ""})
    assert desk.administrator.post(path, form).status_code == 303
    assert set(mapped(desk).values()) == {"903"}


def test_options_name_the_fault_at_the_field_and_keep_what_was_typed(desk: Office) -> None:
    path = "/integrations/1/mapping/options"
    answer = desk.administrator.post(path, {"catch_all": "Nobody & Sons", "several": "1"})
    assert answer.status_code == 422
    assert "The host lists no company “Nobody &amp; Sons”" in answer.text
    assert 'value="Nobody &amp; Sons"' in answer.text
    assert desk.viewer.post(path, {"several": "1"}).status_code == 403
