"""Names that were made to do harm: shown as they are, executed nowhere."""

import csv
import io

import pytest

from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow
from plugin.store.work import TicketEntry
from tests.blueprints.pages.office import Office

EVIL = "<svg onload=alert(1)>"
FORMULA = "=cmd|' /C calc'!A0"
LISTS = ("/devices", "/tickets", "/tickets/log", "/deliveries", "/runs", "/audit", "/notifications")
PAGES = (
    "/",
    *LISTS,
    "/devices/1",
    "/tickets/1",
    "/connections",
    "/connections/1",
    "/connections/1/delete",
    "/integrations",
    "/integrations/1",
    "/integrations/1/workspaces",
    "/integrations/1/settings",
    "/integrations/1/move",
    "/integrations/1/delete",
    "/integrations/1/mapping",
    "/integrations/1/suggestions",
    "/integrations/1/rules",
    "/deliveries/1",
    "/devices?q=%3Csvg+onload%3D1%3E",
    "/devices?client=%22%3E%3Csvg%20onload%3D1%3E",
    "/tickets?company=%3Csvg+onload%3E",
    "/audit?actor=%3Csvg+onload%3E",
)


@pytest.fixture(scope="module")
def poisoned(office: Office) -> Office:
    """Give every name in the filled office a hostile one."""
    with writing() as session:
        for row in session.query(DeviceRow):
            row.name, row.user, row.operating_system = (
                f"{FORMULA}{EVIL}",
                "@SUM(1)",
                f"+1\r\n{EVIL}",
            )
            row.conditions = [EVIL]
        for found in (*session.query(WorkspaceRow), *session.query(CompanyRow)):
            found.name = f"{EVIL}\r\nSet-Cookie: a=b {found.id}"
        for entry in session.query(TicketEntry):
            entry.summary, entry.body, entry.problem = f"-1{EVIL}", EVIL, f"\t=1 {EVIL}"
            entry.ticket_url = "javascript:alert(1)"
        for connection in session.query(Connection):
            connection.name = f"{EVIL} {connection.id}"
    return office


@pytest.mark.parametrize("path", PAGES)
def test_hostile_names_are_text_on_every_page(poisoned: Office, path: str) -> None:
    shown = poisoned.administrator.read(path)
    assert "<svg onload" not in shown
    assert "javascript:" not in shown


@pytest.mark.parametrize("path", LISTS)
def test_no_cell_of_a_file_is_a_formula_or_breaks_its_line(poisoned: Office, path: str) -> None:
    answer = poisoned.administrator.get(path + "?format=csv")
    assert answer.mimetype == "text/csv"
    assert answer.text.startswith("\ufeff")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}
    for each in (cell for row in rows for cell in row):
        assert not each.lstrip().startswith(("=", "+", "-", "@")), each
        assert each.isprintable(), each


def test_a_file_holds_what_the_filters_leave(office: Office) -> None:
    text = office.viewer.get("/deliveries?format=csv&state=dead").text
    assert text.count("Dead letter") == 2
    assert "Handled" not in text
    db.session.rollback()


def test_a_search_takes_wildcards_literally(office: Office) -> None:
    for wild in ("%25", "_", "%2F"):
        assert "No device matches" in office.viewer.read(f"/devices?q={wild}{wild}")
