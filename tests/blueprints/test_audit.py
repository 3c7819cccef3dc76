"""The audit log as people and programs read it: filters, files, readable changes."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from plugin.services import journal
from plugin.store.base import db, writing
from tests.blueprints.pages.office import Office, open_office
from tests.house import House


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("audit")) as opened:
        yield opened


def write(house: House, actor: str, action: str, subject: str, **change: object) -> None:
    with writing() as session:
        journal.audit(house.runtime, session, actor, action, subject, **change)
    db.session.rollback()


def test_entries_are_filtered_by_who_what_which_and_when(office: Office) -> None:
    house = office.house
    write(house, "anna", "connection.edit", "PSA")
    write(house, "ben", "rule.set", "North: critical")
    day = house.clock().date()
    house.clock.forward(timedelta(days=2).total_seconds())
    write(house, "anna", "connection.delete", "ESET")

    def subjects(query: str) -> set[str]:
        found = office.administrator.get(f"/audit?format=json&{query}").json
        assert found is not None
        return {each["subject"] for each in found} & {"PSA", "North: critical", "ESET"}

    assert subjects("actor=anna") == {"PSA", "ESET"}
    assert subjects("action=connection.") == {"PSA", "ESET"}
    assert subjects("subject=north") == {"North: critical"}
    assert subjects(f"until={day}") == {"PSA", "North: critical"}
    assert subjects(f"since={day + timedelta(days=1)}") == {"ESET"}
    assert subjects("since=nonsense&until=2026-99-99") == {"PSA", "North: critical", "ESET"}
    assert subjects("actor=nobody") == set()


def test_the_files_hold_the_entries_as_they_are(office: Office) -> None:
    write(office.house, "anna", "rule.made-up", "=cmd()", before={"on": False}, after={"on": True})
    told = office.administrator.get("/audit?format=json")
    assert "attachment" in told.headers["Content-Disposition"]
    (entry,) = [each for each in json.loads(told.text) if each["action"] == "rule.made-up"]
    assert (entry["before"], entry["after"], len(entry["mac"])) == ({"on": False}, {"on": True}, 64)
    table = office.administrator.read("/audit?format=csv&action=rule.")
    assert "'=cmd()" in table


def test_a_change_is_shown_value_by_value(office: Office) -> None:
    write(
        office.house,
        "anna",
        "connection.edit",
        "PSA",
        before={"settings": {"site": "old.example", "kept": "kept-value"}},
        after={"settings": {"site": "new.example", "kept": "kept-value"}},
    )
    shown = office.administrator.read("/audit?action=connection.")
    assert "settings: site:</span> <del>old.example</del> → new.example" in shown
    assert "kept-value" not in shown


def test_a_day_that_is_none_is_refused_by_the_api(office: Office) -> None:
    answer = office.administrator.get("/api/v1/audit?since=yesterday")
    assert answer.status_code == 422
    assert office.administrator.get("/api/v1/audit?since=2026-11-02").status_code == 200
