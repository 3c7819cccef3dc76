import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from plugin.services import journal
from plugin.store.base import db, writing
from plugin.store.integrations import Preference
from plugin.store.journal import AuditEntry
from tests.databases import fresh_sqlite
from tests.house import House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as opened:
        with writing() as session:
            for number in range(30):
                journal.audit(
                    opened.runtime, session, "anna", "act", f"thing {number}", after=number
                )
        yield opened


def test_an_untouched_log_holds(house: House) -> None:
    assert journal.verify_audit(house.runtime) is None


@pytest.mark.parametrize("column", ["actor", "action", "subject", "after", "mac"])
def test_any_changed_entry_is_found_and_named(house: House, column: str) -> None:
    for number in random.Random(1).sample(range(1, 31), 5):
        with writing() as session:
            entry = session.get_one(AuditEntry, number)
            before = getattr(entry, column)
            session.execute(
                update(AuditEntry).where(AuditEntry.id == number).values({column: "x" * 9})
            )
        problem = journal.verify_audit(house.runtime)
        assert problem is not None
        assert problem.entry_id == number
        with writing() as session:
            session.execute(
                update(AuditEntry).where(AuditEntry.id == number).values({column: before})
            )


def test_a_removed_entry_is_found_at_the_next_one(house: House) -> None:
    with writing() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.id == 12))
    problem = journal.verify_audit(house.runtime)
    assert problem is not None
    assert problem.entry_id == 13


def test_a_cut_tail_is_found(house: House) -> None:
    with writing() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.id > 25))
    problem = journal.verify_audit(house.runtime)
    assert problem is not None
    assert "ends before" in problem.what


def test_a_cut_tail_is_found_when_its_recorded_end_was_deleted_too(house: House) -> None:
    with writing() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.id > 25))
        session.execute(delete(Preference).where(Preference.name == journal.HEAD))
    problem = journal.verify_audit(house.runtime)
    assert problem is not None
    assert problem.entry_id == 26


def test_two_swapped_entries_are_found(house: House) -> None:
    with writing() as session:
        first, second = session.get_one(AuditEntry, 5), session.get_one(AuditEntry, 6)
        first.subject, second.subject = second.subject, first.subject
    problem = journal.verify_audit(house.runtime)
    assert problem is not None
    assert problem.entry_id == 5


def test_entries_are_written_in_order(house: House) -> None:
    subjects = list(db.session.scalars(select(AuditEntry.subject).order_by(AuditEntry.id)))
    assert subjects == [f"thing {number}" for number in range(30)]
