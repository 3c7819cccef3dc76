"""Devices matched to the host's computers; a person settles the doubts."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from plugin.domain.contracts import KeepsConfigurations
from plugin.domain.model import Configuration
from plugin.services.access import Role
from plugin.services.journal import verify_audit
from plugin.store.base import db, writing
from plugin.store.device_matching import DeviceMatch
from plugin.store.integrations import CompanyMapping, Integration
from plugin.store.journal import AuditEntry
from plugin.store.mirror import DeviceRow
from tests.blueprints.pages.office import Office, open_office

PAGE, API = "/integrations/1/devices", "/api/v1/integrations/1/device-matches"


@pytest.fixture(scope="module")
def integrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an installation once, and give its folder."""
    folder = tmp_path_factory.mktemp("integrated")
    with open_office(folder, companies=1, devices=4) as office:
        office.house.integrate()
    return folder


@pytest.fixture
def office(integrated: Path, tmp_path: Path) -> Iterator[Office]:
    """Give an installation with one integration, its workspaces mapped, nothing matched."""
    shutil.copytree(integrated, tmp_path, dirs_exist_ok=True)
    with open_office(tmp_path, companies=1, devices=4) as office:
        yield office


def look(office: Office) -> None:
    assert office.technician.post(PAGE).status_code == 303
    office.house.work_all()
    office.fresh()


def rows(state: str = "") -> list[DeviceMatch]:
    query = select(DeviceMatch).order_by(DeviceMatch.device_name, DeviceMatch.device_id)
    return list(db.session.scalars(query.where(DeviceMatch.state == state) if state else query))


def device() -> tuple[DeviceRow, str]:
    """Return a device of a mapped workspace, and the company's id."""
    query = (
        select(DeviceRow, CompanyMapping.company_id)
        .join(CompanyMapping, CompanyMapping.workspace_id == DeviceRow.workspace_id)
        .where(CompanyMapping.state == "mapped", DeviceRow.gone_at.is_(None))
        .order_by(DeviceRow.name)
    )
    found = db.session.execute(query.limit(1)).one()
    return found[0], found[1]


def keep(office: Office, company: str, **values: Any) -> Configuration:
    """Add a configuration at the PSA."""
    integration = db.session.get_one(Integration, 1)
    host = office.house.runtime.host(integration.host)
    assert isinstance(host, KeepsConfigurations)
    return host.save_configuration(Configuration("", company, **values))


def doubt(office: Office) -> tuple[DeviceMatch, Configuration]:
    """Give a device a namesake whose serial number is another one."""
    found, company = device()
    with writing() as session:
        lonely = session.get_one(DeviceRow, found.id)
        lonely.name, lonely.serial, lonely.macs = "LONELY-1", "OURS-0001", []
    made = keep(office, company, name="LONELY-1", serial="THEIRS-0002")
    look(office)
    (row,) = [each for each in rows("doubt") if each.device_id == found.device_id]
    return row, made


def form(row: DeviceMatch, do: str, computer: str = "") -> dict[str, str]:
    named = {"workspace": row.workspace_id, "device": row.device_id, "do": do}
    return named | {"computer": computer or row.candidates[0]["id"]}


def test_nothing_is_matched_before_it_is_asked_for(office: Office) -> None:
    assert "Nothing was matched yet" in office.viewer.read(PAGE)
    assert rows() == []
    assert "Matched devices" in office.viewer.read("/integrations/1")


def test_a_device_is_matched_by_its_serial_number_and_a_second_look_writes_nothing(
    office: Office,
) -> None:
    found, company = device()
    with writing() as session:
        session.get_one(DeviceRow, found.id).serial = "OURS-0001"
    made = keep(office, company, name="another name", serial="ours-0001")
    look(office)
    (row,) = [each for each in rows("matched") if each.device_id == found.device_id]
    assert (row.computer_id, row.how) == (made.id, "serial")
    before = {each.device_id: each.changed_at for each in rows()}
    look(office)
    assert {each.device_id: each.changed_at for each in rows()} == before
    assert "another name" in office.viewer.read(f"{PAGE}?state=matched")


def test_a_doubt_is_listed_and_confirmed_by_a_person_for_good(office: Office) -> None:
    row, made = doubt(office)
    shown = office.administrator.read(PAGE)
    assert "same name, but another serial number" in shown
    answer = office.administrator.post(f"{PAGE}/decide", form(row, "confirm"))
    assert (answer.status_code, answer.location) == (303, PAGE)
    look(office)
    (settled,) = rows("confirmed")
    assert (settled.computer_id, settled.decided_by) == (made.id, "administrator@example.com")
    assert "confirmed by" in office.administrator.read(f"{PAGE}?state=confirmed")
    actions = list(db.session.scalars(select(AuditEntry.action)))
    assert "device.confirm" in actions
    assert verify_audit(office.house.runtime) is None


def test_a_refused_computer_is_not_proposed_again(office: Office) -> None:
    row, _ = doubt(office)
    place = row.device_id
    office.administrator.post(f"{PAGE}/decide", form(row, "refuse"))
    for _ in range(2):
        office.fresh()
        (ruled_out,) = [each for each in rows("refused") if each.device_id == place]
        assert ruled_out.candidates == []
        look(office)
    answer = office.administrator.post(f"{PAGE}/decide", form(ruled_out, "confirm", "1"))
    assert answer.status_code == 422
    assert "no candidate" in answer.text


def test_one_computer_is_not_confirmed_for_two_devices(office: Office) -> None:
    row, _ = doubt(office)
    with writing() as session:
        session.add(
            DeviceMatch(
                vendor_id=row.vendor_id,
                host_id=row.host_id,
                workspace_id=row.workspace_id,
                device_id="another",
                state="doubt",
                candidates=row.candidates,
                changed_at=office.house.clock(),
            )
        )
    (other,) = [each for each in rows("doubt") if each.device_id == "another"]
    assert office.administrator.post(f"{PAGE}/decide", form(row, "confirm")).status_code == 303
    answer = office.administrator.post(f"{PAGE}/decide", form(other, "confirm"))
    assert answer.status_code == 422
    assert "confirmed for another device" in answer.text


def test_the_api_matches_lists_confirms_and_refuses(office: Office) -> None:
    row, _ = doubt(office)
    client, headers = office.administrator.client, {"X-CSRF-Token": office.administrator.token}
    assert client.post(API, headers=headers).status_code == 202
    told = client.get(API).json
    assert told is not None
    (line,) = [each for each in told["items"] if each["device_id"] == row.device_id]
    wish = {
        "workspace_id": line["workspace_id"],
        "device_id": line["device_id"],
        "computer_id": line["candidates"][0]["id"],
    }
    wrong = client.post(f"{API}/confirm", json={**wish, "computer_id": "x"}, headers=headers)
    assert wrong.status_code == 422
    assert client.post(f"{API}/confirm", json=wish, headers=headers).status_code == 204
    confirmed = client.get(f"{API}?state=confirmed").json
    assert confirmed is not None
    assert confirmed["total"] == 1
    assert client.post(f"{API}/refuse", json=wish, headers=headers).status_code == 204


def test_automates_computers_are_matched_too(tmp_path: Path) -> None:
    with open_office(tmp_path, companies=1, devices=4) as office:
        office.house.integrate(host="connectwise_automate")
        look(office)
        assert rows("matched")


def test_who_may_look_and_decide(office: Office) -> None:
    assert office.viewer.get(PAGE).status_code == 200
    assert office.viewer.post(PAGE).status_code == 403
    for role in (Role.TECHNICIAN, Role.VIEWER):
        assert office.visitor(role).post(f"{PAGE}/decide", {}).status_code == 403
    answer = office.administrator.post(f"{PAGE}/decide", {})
    assert answer.status_code == 422
    assert "not on the list" in answer.text
