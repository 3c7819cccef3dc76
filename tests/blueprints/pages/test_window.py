"""The window over all vendors: charts with their numbers as text, marks, filters that stay."""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.mirror import DetectionRow, DeviceRow, LicenceRow, WorkspaceRow
from tests.blueprints.pages.office import Office

CHARTS = ("Protection status", "Deployment", "Age of databases")


def card(shown: str, title: str) -> str:
    """Return the markup of one chart."""
    return shown.partition(f"{title}</h2>")[2].partition("</section>")[0]


def numbers(part: str) -> list[int]:
    """Return the numbers of a chart's table."""
    cells = re.findall(r'</td><td class="number">([\d,]+)</td><td', part)
    return [int(each.replace(",", "")) for each in cells]


@pytest.mark.parametrize("title", CHARTS)
def test_a_chart_and_the_table_beside_it_say_the_same(office: Office, title: str) -> None:
    part = card(office.viewer.read("/statistics"), title)
    devices = db.session.scalar(select(func.count()).where(DeviceRow.gone_at.is_(None)))
    assert sum(numbers(part)) == devices == 24
    drawn = [int(each) for each in re.findall(r"<title>[^<]*: (\d+)</title>", part)]
    assert drawn == [each for each in numbers(part) if each]


def test_each_part_leads_to_the_computers_it_counts(office: Office) -> None:
    shown = office.viewer.read("/statistics")
    links = re.findall(r'<a href="(/devices\?[^"]+)">[^<]+</a></td><td class="number">(\d+)', shown)
    assert links
    for link, number in links:
        listed = office.viewer.read(link.replace("&amp;", "&"))
        assert f"of {number} devices" in listed, link


def test_one_client_is_counted_alone_and_stays_chosen_on_the_next_page(office: Office) -> None:
    row = db.session.scalars(select(WorkspaceRow).where(WorkspaceRow.devices > 0)).first()
    assert row is not None
    shown = office.viewer.read(f"/statistics?workspace={row.id}")
    assert sum(numbers(card(shown, CHARTS[0]))) == row.devices
    for path in ("devices", "events", "licensing"):
        assert f'href="/{path}?workspace={row.id}"' in shown


@pytest.fixture
def silent(office: Office) -> Iterator[Office]:
    """Add a vendor that never tells how old databases are."""
    now = office.house.runtime.now()
    with writing() as session:
        vendor = Connection(side="vendor", kind="eset_protect", name="E", created_at=now)
        session.add(vendor)
        session.flush()
        row = WorkspaceRow(
            vendor_id=vendor.id, workspace_id="e", name="E", first_seen_at=now, seen_at=now
        )
        row.devices = row.devices_ok = row.deployed_running = row.bases_untold = 5
        session.add(row)
    yield office
    with writing() as session:
        session.delete(row)
        session.flush()
        session.delete(vendor)


def test_what_a_vendor_never_tells_is_said_under_its_name(silent: Office) -> None:
    shown = silent.viewer.read("/statistics")
    part = card(shown, "Age of databases")
    assert "Not told by ESET PROTECT" in part
    assert sum(numbers(part)) == 29
    assert "Not told" not in card(shown, "Deployment")


@pytest.fixture
def keys(office: Office) -> Iterator[Office]:
    """Add keys that are used up to different shares."""
    now = office.house.runtime.now()
    uses = {"Fine": (90, 100), "Near": (91, 100), "Full": (100, 100), "Over": (101, 100)}
    rows = [
        LicenceRow(
            vendor_id=2,
            workspace_id="1",
            licence_id=name,
            product=f"Key {name}",
            kind="commercial",
            state="active",
            used=used,
            limit=limit,
            seen_at=now,
        )
        for name, (used, limit) in uses.items()
    ]
    rows.append(
        LicenceRow(
            vendor_id=2,
            workspace_id="1",
            licence_id="Endless",
            product="Key Endless",
            kind="subscription",
            state="active",
            used=7,
            limit=None,
            seen_at=now,
        )
    )
    with writing() as session:
        session.add_all(rows)
    yield office
    with writing() as session:
        for row in rows:
            session.delete(row)


def test_keys_over_90_and_over_100_percent_are_marked_in_words(keys: Office) -> None:
    shown = keys.viewer.read("/licensing?q=Key")
    rows = {
        name: part.partition("</tr>")[0]
        for name, part in re.findall(r"<td>Key (\w+)<(.*?)</tr>", shown, re.DOTALL)
    }
    assert {name for name, row in rows.items() if "Over 100 % used" in row} == {"Over"}
    assert {name for name, row in rows.items() if "Over 90 % used" in row} == {"Near", "Full"}
    assert "unlimited" in rows["Endless"]
    for use, total in (("exceeded", 1), ("nearly_used_up", 2)):
        assert f"of {total} keys" in keys.viewer.read(f"/licensing?use={use}&q=Key")


def test_filters_stay_until_they_are_cleared(office: Office) -> None:
    visitor = office.viewer
    visitor.read("/licensing?use=exceeded")
    assert visitor.get("/licensing").status_code == 200
    visitor.read("/licensing?chosen=1&q=&use=exceeded&state=&page=2")
    again = visitor.get("/licensing")
    assert (again.status_code, again.location) == (302, "/licensing?use=exceeded")
    assert visitor.get("/events").status_code == 200
    assert 'href="/licensing?clear=1"' in visitor.read("/licensing?use=exceeded")
    assert visitor.get("/licensing?clear=1").location == "/licensing"
    assert visitor.get("/licensing").status_code == 200


def test_a_forged_memory_leads_nowhere_else(office: Office) -> None:
    visitor = office.stranger()
    session = office.viewer.client.get_cookie("bridgehead")
    assert session is not None
    visitor.client.set_cookie("bridgehead", session.value)
    forged = "//evil.example/?q=1\r\nX-Evil: 1"
    visitor.client.set_cookie("filters-window-events", forged, path="/events")
    answer = visitor.get("/events")
    assert (answer.location or "/events").startswith("/events")
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/statistics", "Chart,Part,Devices,Percent"),
        ("/events", "Time (UTC),Client,Computer"),
        ("/licensing", "Product,Client,Key"),
        ("/coverage", "Company,Host,Id"),
        ("/devices", "Device,Client,Protection"),
    ],
)
def test_every_page_of_the_window_comes_as_a_file(office: Office, path: str, first: str) -> None:
    told = office.viewer.read(f"{path}?format=csv").lstrip("\ufeff")
    assert told.startswith(first)


def test_events_are_those_of_the_list(office: Office) -> None:
    total = db.session.scalar(select(func.count(DetectionRow.id)))
    assert f"of {total} events" in office.viewer.read("/events")
    assert len(office.viewer.read("/events?format=csv").splitlines()) == (total or 0) + 1


def test_work_under_way_is_shown_where_its_numbers_will_be(office: Office) -> None:
    shown = office.viewer.read("/statistics")
    assert "Sync under way" in shown
    assert "every 5s" in office.viewer.read("/statistics/syncing")


@pytest.mark.parametrize("path", ["/statistics", "/devices", "/events", "/licensing", "/coverage"])
def test_an_empty_installation_says_where_to_begin(empty_office: Office, path: str) -> None:
    shown = empty_office.viewer.read(path)
    assert re.search(r'class="empty".*?class="btn btn-(primary|quiet)', shown, re.DOTALL)
