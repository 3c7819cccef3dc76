"""Installers from the pages and the API: for technicians, of their own companies, audited."""

import html
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from plugin.services import accounts
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.integrations import CompanyMapping
from plugin.store.journal import AuditEntry
from plugin.store.mirror import WorkspaceRow
from plugin.store.people import User
from tests.blueprints.pages.office import Office, open_office

LINK = "https://installers.example/"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give an installation with ESET's groups."""
    with open_office(tmp_path_factory.mktemp("deploying")) as office:
        office.house.sync(office.house.integrate(vendor="eset_protect").vendor)
        yield office


def workspace() -> WorkspaceRow:
    query = select(WorkspaceRow).where(WorkspaceRow.devices > 0).order_by(WorkspaceRow.id)
    return db.session.scalars(query).all()[0]


def test_a_technician_gets_a_link_and_a_script(office: Office) -> None:
    place = f"/workspaces/{workspace().id}/installer"
    actions = f"/actions/new?workspace={workspace().id}"
    assert actions in office.technician.read(f"/devices?workspace={workspace().id}")
    assert place in office.technician.read(actions)
    shown = office.technician.read(place)
    assert LINK not in shown
    assert 'name="group_id"' in shown
    answer = office.technician.post(place, {"group_id": workspace().workspace_id})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    text = html.unescape(answer.text)
    assert f"$url = '{LINK}" in text
    assert "was not run on Windows" in text
    assert LINK not in office.technician.read(place)
    office.fresh()
    query = select(AuditEntry).where(AuditEntry.action == "installer.ask")
    assert [each.actor for each in db.session.scalars(query)] == ["technician@example.com"]
    assert LINK not in office.administrator.read("/audit")


def test_another_group_is_refused(office: Office) -> None:
    answer = office.technician.post(f"/workspaces/{workspace().id}/installer", {"group_id": "x"})
    assert answer.status_code == 422
    assert "Choose one of the client's groups" in html.unescape(answer.text)


def test_a_viewer_gets_none(office: Office) -> None:
    place = f"/workspaces/{workspace().id}/installer"
    assert "/actions/new" not in office.viewer.read(f"/devices?workspace={workspace().id}")
    assert office.viewer.get(place).status_code == 403
    assert office.viewer.post(place).status_code == 403
    headers = {"X-CSRF-Token": office.viewer.token}
    answer = office.viewer.client.post(f"/api/v1{place}", json={}, headers=headers)
    assert answer.status_code == 403


def test_the_api_tells_groups_and_gives_a_link(office: Office) -> None:
    place = f"/api/v1/workspaces/{workspace().id}/installer"
    told = office.viewer.client.get(place).json
    assert told is not None
    assert told["offered"]
    assert workspace().workspace_id in {each["group_id"] for each in told["groups"]}
    headers = {"X-CSRF-Token": office.technician.token}
    made = office.technician.client.post(place, json={}, headers=headers)
    assert made.json is not None
    assert made.json["url"].startswith(LINK)
    assert made.json["url"] in made.json["script"]
    refused = office.technician.client.post(place, json={"group_id": "x"}, headers=headers)
    assert refused.status_code == 422


def test_a_limited_person_gets_none_for_others(office: Office) -> None:
    row = workspace()
    others = select(CompanyMapping).where(CompanyMapping.workspace_id != row.workspace_id)
    mapping = db.session.scalars(others).all()[0]
    visitor = office.newcomer(Role.TECHNICIAN, "limited@example.com")
    with writing() as session:
        user = session.scalars(select(User).where(User.email == "limited@example.com")).one()
        user.companies = accounts.stored(frozenset({(mapping.host_id, mapping.company_id)}))
    place = f"/workspaces/{workspace().id}/installer"
    assert visitor.get(place).status_code == 404
    assert visitor.post(place).status_code == 404
    assert visitor.get(f"/api/v1{place}").status_code == 404
