"""Our pages in a host's screens, placed and taken away; a computer's screen of Automate."""

import html
import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from werkzeug.test import Client

from plugin.store.base import db, writing
from plugin.store.mirror import DeviceRow
from tests.blueprints.pages.office import Office

PSA, AUTOMATE = "connectwise_psa", "connectwise_automate"


@pytest.mark.parametrize("kind", ["Pod", "Tab"])
def test_a_pod_and_a_tab_are_placed_seen_and_taken_away(empty_office: Office, kind: str) -> None:
    connection, admin = empty_office.house.connect(PSA), empty_office.administrator
    path = f"/connections/{connection.id}/pages"
    assert "No screen of this host shows Bridgehead yet." in admin.read(path)
    form = {"kind": kind, "screen": "1", "title": "Security"}
    assert admin.post(path, form).status_code == 303
    (entry,) = empty_office.house.emulators[PSA].state()["hosted_pages"]
    assert entry["url"].endswith(f"/embed/{connection.id}?screen=[cw_screen]&id=[cw_id]")
    shown = admin.read(path)
    number = re.findall(r'name="id" value="([^"]+)"', shown)[0]
    told = admin.client.get(f"/api/v1{path}").get_json()["items"]
    assert [(each["kind"], each["title"]) for each in told] == [(kind, "Security")]
    assert admin.post(f"{path}/remove", {"id": number}).status_code == 303
    assert empty_office.house.emulators[PSA].state()["hosted_pages"] == []


def test_a_place_the_host_does_not_have_is_explained(empty_office: Office) -> None:
    connection, admin = empty_office.house.connect(PSA), empty_office.administrator
    path = f"/connections/{connection.id}/pages"
    answer = admin.post(path, {"kind": "Wall", "screen": "1", "title": "x"})
    assert (answer.status_code, "one of Pod, Tab" in html.unescape(answer.text)) == (422, True)
    answer = admin.post(path, {"kind": "Pod", "screen": "", "title": "x"})
    assert "Choose a screen." in answer.text
    vendor = empty_office.house.connect("kaspersky_ksc")
    assert admin.get(f"/connections/{vendor.id}/pages").status_code == 404


def test_a_host_that_is_away_is_told_and_the_address_still_shown(empty_office: Office) -> None:
    connection, admin = empty_office.house.connect(PSA), empty_office.administrator
    empty_office.house.emulators[PSA].add_fault("503", times=50)
    shown = admin.read(f"/connections/{connection.id}/pages")
    assert "The host could not be asked" in shown
    assert f"/embed/{connection.id}?screen=" in shown


def test_automates_menu_entry_opens_the_computer_after_a_sign_in(empty_office: Office) -> None:
    house, admin = empty_office.house, empty_office.administrator
    house.integrate()
    connection = house.connect(AUTOMATE)
    path = f"/connections/{connection.id}/pages"
    form = {"kind": "computer_menu", "screen": "computer", "title": "Bridgehead"}
    assert admin.post(path, form).status_code == 303
    computer = house.emulators[AUTOMATE].state()["computers"][0]
    with writing() as session:
        device = session.scalars(select(DeviceRow)).all()[0]
        device.name = computer["name"]
    screen = Client(house.emulators[AUTOMATE]).get(f"/host/computer?id={computer['id']}").text
    link = urlsplit(html.unescape(re.findall(r'<li><a href="([^"]+)"', screen)[0]))
    entry = f"{link.path}?{link.query}"
    onward = admin.get(entry).location
    assert admin.get(onward).location == f"/devices/{device.id}"
    stranger = empty_office.stranger().get(onward)
    assert stranger.location.startswith("/sign-in?next=/records/")
    framed = empty_office.stranger().get(entry, headers={"Sec-Fetch-Dest": "iframe"})
    assert "cannot prove to Bridgehead who is looking" in framed.text
    assert "Open in new window" in framed.text
    refused = admin.post(f"{path}/remove", {"id": "1"})
    assert refused.status_code == 303
    assert "delete “Bridgehead” in the Control Center" in admin.read(path)
    db.session.rollback()
