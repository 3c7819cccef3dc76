"""The pages of bridges: named, enrolled, mapped, planned, turned out; and role computers found."""

import re

from sqlalchemy import select

from plugin.edge.emulator import Happening
from plugin.services.bridges import leases, registry
from plugin.store.base import db
from plugin.store.bridges import Bridge
from plugin.store.mirror import DetectionRow, DeviceRow
from tests.blueprints.pages.office import Office
from tests.house import House


def enrolled(office: Office, name: str) -> int:
    """Name and enrol a bridge as people and its computer would; returns its number."""
    office.administrator.post("/bridges/name", {"name": name})
    db.session.rollback()
    number = next(each.id for each in registry.everyone() if each.name == name)
    page = office.administrator.post(f"/bridges/{number}/token").text
    token = re.search(r"--token (\S+) --enrol", page)
    assert token is not None
    client = office.app.test_client()
    answer = client.post("/bridge/v1/enrol", json={"token": token.group(1), "version": "1"})
    assert answer.json is not None
    headers = {"Authorization": f"Bearer {answer.json['secret']}"}
    client.post("/bridge/v1/beat", json={"version": "1"}, headers=headers)
    return number


def test_without_bridges_the_page_says_what_they_are_for(empty_office: Office) -> None:
    page = empty_office.viewer.read("/bridges")
    assert "this server talks to the vendors itself" in page
    assert "named by hand" not in page
    assert "no integration is active" in empty_office.viewer.read("/bridges/plan").lower()


def test_a_bridge_is_enrolled_mapped_planned_and_turned_out(office: Office) -> None:
    admin = office.administrator
    number = enrolled(office, "PC-ONE")
    other = enrolled(office, "PC-TWO")
    assert "Nothing happened yet" not in admin.read(f"/bridges/{number}")
    plan = admin.read("/bridges/plan")
    assert "PC-ONE" in plan
    assert "Apply" in plan
    assert "Apply" not in office.viewer.read("/bridges/plan")
    assert admin.post("/bridges/plan/apply").status_code == 303
    assert "Nothing to change." in admin.read("/bridges/plan")
    holding = admin.read(f"/bridges/{number}")
    assert ">Pin<" in holding
    assert ">Pin<" not in office.viewer.read(f"/bridges/{number}")
    assert "Drained" in admin.post(f"/bridges/{other}/drain", follow_redirects=True).text
    admin.post(f"/bridges/{other}/drain")
    admin.post(f"/bridges/{number}/revoke")
    assert "was turned out" in admin.read("/bridges")
    leases.keep(office.house.runtime)
    assert "It holds no workspace" in admin.read(f"/bridges/{number}")


def test_wrong_input_says_what_to_do(office: Office) -> None:
    admin = office.administrator
    wrong = {
        "/bridges/name": ({"name": " "}, "Give the bridge a name"),
        "/bridges/automatic": ({"threshold": "-1"}, "between 1 and 1000"),
        "/bridges/reach/1": ({"reach": "fax"}, "direct or bridge"),
    }
    for path, (form, says) in wrong.items():
        assert says in admin.post(path, form, follow_redirects=True).text
    bridge = registry.name(office.house.runtime, "tester", "PC-WRONG")
    path = f"/bridges/{bridge.id}"
    form = {"integration": "999", "capacity": "0"}
    assert "no integration 999" in admin.post(f"{path}/map", form, follow_redirects=True).text
    form = {"integration": "", "capacity": "-5"}
    assert "capacity must be" in admin.post(f"{path}/map", form, follow_redirects=True).text
    pinned = admin.post(f"{path}/pin", {"vendor": "7", "scope": "x"}, follow_redirects=True)
    assert "No bridge has held this workspace" in pinned.text
    assert admin.get("/bridges/99999").status_code == 404


def test_role_computers_are_found_kept_in_step_and_only_own_companies_may_enrol(
    empty_office: Office,
) -> None:
    house, admin = empty_office.house, empty_office.administrator
    house.connect("connectwise_automate")
    admin.post("/bridges/look")
    house.work_all()
    page = admin.read("/bridges")
    assert "MSP-BRIDGE01" in page
    assert "MSP-KSC01" in page
    happen(house, "role-lost", "MSP-BRIDGE01")
    happen(house, "role-gained", "MSP-FILES01")
    admin.post("/bridges/look")
    house.work_all()
    lost = next(each for each in registry.everyone() if each.name == "MSP-BRIDGE01")
    assert "MSP-FILES01" in admin.read("/bridges")
    assert "holds no bridge role any more" in admin.read(f"/bridges/{lost.id}")
    client_pc = Bridge(host_id=lost.host_id, company_id="77", name="CLIENT-PC", roles=[])
    assert not registry.may_be_bridge(client_pc)
    assert registry.may_be_bridge(lost)


def test_a_bridges_page_shows_its_connection_its_computers_and_their_events(office: Office) -> None:
    admin = office.administrator
    number = enrolled(office, "PC-ONE")
    admin.post(f"/bridges/{number}/map", {"integration": "1", "capacity": "0"})
    device = db.session.scalars(select(DeviceRow)).all()[0]
    page = admin.read(f"/bridges/{number}")
    for heading in ("Connection settings", "Its computers", "Its events"):
        assert f">{heading}<" in page
    assert "without a bridge, the server does the work" in page
    assert device.name in admin.read(f"/devices?bridge={number}&q={device.name}")
    event = db.session.scalars(select(DetectionRow)).all()[0]
    assert event.device_name in admin.read(f"/events?bridge={number}&q={event.device_name}")
    idle = enrolled(office, "PC-IDLE")
    assert "Its computers" not in admin.read(f"/bridges/{idle}")
    assert "No device matches" in admin.read(f"/devices?bridge={idle}")
    assert "No event matches" in admin.read(f"/events?bridge={idle}")


def test_the_host_opens_a_role_computer_on_its_bridge_and_no_other(empty_office: Office) -> None:
    house, admin = empty_office.house, empty_office.administrator
    host = house.connect("connectwise_automate")
    admin.post("/bridges/look")
    house.work_all()
    role = next(each for each in registry.everyone() if each.name == "MSP-BRIDGE01")
    address = f"/records/{host.id}?screen=computer&record={role.computer_id}"
    assert admin.get(address).location == f"/bridges/{role.id}"
    assert empty_office.viewer.get(address.replace("record=", "record=9")).status_code == 404
    happen(house, "role-lost", "MSP-BRIDGE01")
    admin.post("/bridges/look")
    house.work_all()
    assert admin.get(f"{address}&name=MSP-BRIDGE01").status_code == 404


def happen(house: House, what: str, computer: str) -> None:
    details = {"computer": computer}
    assert house.emulators["connectwise_automate"].occur(Happening(what, details)) is not None
