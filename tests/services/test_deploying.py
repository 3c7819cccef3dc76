"""Installers: a link for a client's group, audited, told to nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.domain.errors import RuleError
from plugin.services import deploying
from plugin.services.deploying import Installer
from plugin.store.base import db, writing
from plugin.store.journal import AuditEntry
from plugin.store.mirror import WorkspaceRow
from tests.databases import fresh_sqlite
from tests.house import House, open_house

ESET, CENTER = "eset_protect", "kaspersky_ksc"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as house:
        yield house


@pytest.fixture
def eset(house: House) -> House:
    house.sync(house.integrate(vendor=ESET).vendor)
    return house


def workspace() -> WorkspaceRow:
    query = select(WorkspaceRow).where(WorkspaceRow.devices > 0).order_by(WorkspaceRow.id)
    return db.session.scalars(query).all()[0]


def asked() -> list[AuditEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == "installer.ask")))


def test_a_link_is_for_the_chosen_group_and_audited_without_it(
    eset: House, caplog: pytest.LogCaptureFixture
) -> None:
    row = workspace()
    groups = deploying.groups(row)
    assert row.workspace_id in {each.group_id for each in groups}
    assert not any(each.dynamic for each in groups)
    made = deploying.make(eset.runtime, "tech@example.com", row, groups[0].group_id)
    installers = eset.emulators[ESET].table("installers").values()
    kept = next(each for each in installers if each["downloadUrl"] == made.url)
    assert kept["deviceEnrollment"]["securityGroupUuid"] == groups[0].group_id
    assert made.url in made.script
    assert "--silent --accepteula" in made.script
    entry = asked()[0]
    assert (entry.actor, entry.subject) == ("tech@example.com", workspace().name)
    assert made.url not in str(entry.after) + caplog.text + repr(made)


def test_without_a_group_it_is_the_clients_own(eset: House) -> None:
    row = workspace()
    made = deploying.make(eset.runtime, "tech@example.com", row, "")
    again = deploying.make(eset.runtime, "tech@example.com", row, row.workspace_id)
    assert made == again
    assert len(asked()) == 2


def test_another_clients_group_is_refused(eset: House) -> None:
    with pytest.raises(RuleError, match="one of the client's groups"):
        deploying.make(eset.runtime, "tech@example.com", workspace(), "another")
    assert asked() == []


def test_a_vendor_without_installers_says_so(house: House) -> None:
    house.integrate(vendor=CENTER)
    assert deploying.maker_of(house.runtime, workspace()) is None
    with pytest.raises(RuleError, match="no installer link"):
        deploying.make(house.runtime, "tech@example.com", workspace(), "")


def test_a_workspace_that_is_gone_has_none(eset: House) -> None:
    with writing():
        workspace().gone_at = eset.runtime.now()
    assert deploying.maker_of(eset.runtime, workspace()) is None


def test_what_the_vendor_refuses_is_told_with_a_cure(eset: House) -> None:
    eset.emulators[ESET].add_fault("refuse", path="/v1/installers", times=20)
    with pytest.raises(RuleError, match="What to do") as told:
        deploying.make(eset.runtime, "tech@example.com", workspace(), "")
    assert told.value.field == "group_id"


def test_a_link_that_no_script_can_carry_is_still_told(eset: House) -> None:
    maker = deploying.maker_of(eset.runtime, workspace())
    assert maker is not None
    made = deploying._told(maker, "https://installers.example/%computerid%")
    assert made == Installer("https://installers.example/%computerid%", "", made.why_no_script)
    assert "characters" in made.why_no_script
