"""Changing the environment: consequences first, the name typed in, everything found again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.services import connections
from plugin.settings import Environment
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.journal import AuditEntry
from plugin.store.work import Job
from tests.blueprints.pages.office import Office, open_office

CLOUD = "kaspersky_cloud"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as opened:
        yield opened


def now(office: Office) -> Environment:
    office.fresh()
    return office.house.runtime.environment().value


def switch(office: Office, target: str, typed: str) -> tuple[int, str]:
    answer = office.administrator.post(f"/environment/{target}", {"typed": typed})
    return answer.status_code, answer.text


def test_the_consequences_stand_before_the_button(office: Office) -> None:
    office.house.connect(CLOUD, "Cloud of the day")
    shown = office.administrator.read("/environment/beta")
    assert "only on the vendor&#39;s clear instruction" in shown
    assert "Cloud of the day sleeps" in shown
    assert "is marked; nothing is billed" in shown
    assert shown.index("sleeps") < shown.index("Change environment</button>")


@pytest.mark.parametrize("typed", ["", "production", "yes", "betta"])
def test_another_word_changes_nothing(office: Office, typed: str) -> None:
    status, shown = switch(office, "beta", typed)
    assert (status, "To confirm, type beta." in shown) == (422, True)
    assert now(office) is Environment.PRODUCTION


def test_a_change_is_marked_audited_and_everything_is_found_again(office: Office) -> None:
    cloud = office.house.connect(CLOUD, "Cloud of the day").id
    assert switch(office, "beta", " Beta ")[0] == 303
    assert now(office) is Environment.BETA
    assert "BETA" in office.administrator.read("/")
    assert "Cloud of the day" not in office.administrator.read("/connections")
    assert switch(office, "production", "production")[0] == 303
    assert "Cloud of the day" in office.administrator.read("/connections")
    office.fresh()
    told = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "environment.pick"))
    assert [(row.before, row.after) for row in told] == [
        ("production", "beta"),
        ("beta", "production"),
    ]
    wanted = select(Job.subject).where(Job.kind == connections.CHECK, Job.subject == str(cloud))
    assert db.session.scalar(wanted)
    assert db.session.get(Connection, cloud) is not None


def test_an_unknown_environment_is_nowhere(office: Office) -> None:
    assert office.administrator.get("/environment/staging").status_code == 404
    assert office.administrator.post("/environment/staging", {"typed": "x"}).status_code == 404


def test_only_an_administrator_may(office: Office) -> None:
    assert office.technician.get("/environment/beta").status_code == 403
    assert office.technician.post("/environment/beta", {"typed": "beta"}).status_code == 403
