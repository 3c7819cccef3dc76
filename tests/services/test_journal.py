import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from plugin.services import journal
from plugin.store.base import db, writing
from plugin.store.integrations import Preference
from plugin.store.journal import AuditEntry, TicketLog
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
    assert (problem.entry_id, "ends before" in problem.what) == (26, True)


def test_a_cut_tail_is_found_when_its_recorded_end_was_deleted_too(house: House) -> None:
    with writing() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.id > 25))
        session.execute(delete(Preference).where(Preference.name == journal.HEAD))
    problem = journal.verify_audit(house.runtime)
    assert problem is not None
    assert problem.entry_id == 26


def with_end(**changes: object) -> None:
    """Write into the recorded end, as somebody with the database at hand could."""
    with writing() as session:
        head = session.get_one(Preference, journal.HEAD)
        head.value = {**head.value, **changes}


def cut(after: int) -> str:
    """Cut the tail; returns the mac of the last entry that is left."""
    with writing() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.id > after))
    return db.session.get_one(AuditEntry, after).mac


@pytest.mark.parametrize("change", [{}, {"seal": None}, {"seal": "0" * 64}])
def test_a_cut_tail_is_found_when_the_recorded_end_was_made_to_fit(
    house: House, change: dict[str, object]
) -> None:
    with_end(mac=cut(25), id=25, count=25, **change)
    problem = journal.verify_audit(house.runtime)
    assert problem is not None
    assert problem.entry_id == 26
    assert "recorded end was changed" in problem.what


@pytest.mark.parametrize("end", ["kept", "made to fit", "deleted"])
def test_entries_written_after_a_cut_do_not_hide_it(house: House, end: str) -> None:
    mac = cut(25)
    if end == "made to fit":
        with_end(mac=mac, id=25, count=25)
    if end == "deleted":
        with writing() as session:
            session.execute(delete(Preference).where(Preference.name == journal.HEAD))
    for _ in range(3):
        with writing() as session:
            journal.audit(house.runtime, session, "bert", "act", "later")
    problem = journal.verify_audit(house.runtime)
    assert problem is not None
    assert problem.entry_id >= 26


def test_two_that_write_at_once_make_one_chain(postgresql: str, tmp_path: Path) -> None:
    with open_house(postgresql, tmp_path) as opened:

        def write_some(_: int) -> None:
            with opened.app.app_context():
                for number in range(20):
                    with writing() as session:
                        journal.audit(opened.runtime, session, "anna", "act", f"thing {number}")

        write_some(0)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write_some, range(4)))
        assert journal.verify_audit(opened.runtime) is None
        assert journal.audit_end()["count"] == 100


def test_an_entry_keeps_who_did_what_before_and_after(house: House) -> None:
    with writing() as session:
        journal.audit(
            house.runtime, session, "a" * 300, "act", "s" * 300, before={"n": 1}, after={"n": 2}
        )
    entry = db.session.get_one(AuditEntry, 31)
    assert (entry.before, entry.after) == ({"n": 1}, {"n": 2})
    assert (entry.actor, entry.subject) == ("a" * 254, "s" * 200), "what the columns take"


def test_the_end_is_told_in_the_programs_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="plugin.services.journal"):
        journal.tell_audit_end()
    mac = db.session.get_one(AuditEntry, 30).mac
    assert caplog.messages == [f"audit log: 30 entries, the last ends with {mac}"]
    assert journal.audit_end()["id"] == 30


def test_a_log_that_was_emptied_with_its_end_begins_anew(house: House) -> None:
    with writing() as session:
        session.execute(delete(AuditEntry))
    assert journal.verify_audit(house.runtime) == journal.AuditProblem(
        1, "is missing: the log ends before its recorded last entry"
    )
    with writing() as session:
        session.execute(delete(Preference).where(Preference.name == journal.HEAD))
    assert journal.verify_audit(house.runtime) is None, "nothing in the database can tell"
    assert journal.audit_end() == {}


def test_a_recorded_end_that_is_no_record_is_a_problem(house: House) -> None:
    with writing() as session:
        session.get_one(Preference, journal.HEAD).value = "nonsense"
    problem = journal.verify_audit(house.runtime)
    assert problem is not None
    assert "recorded end was changed" in problem.what


def test_what_another_process_wrote_is_seen(house: House) -> None:
    """The recorded end is read anew, not taken from what this session has read before."""
    kept = db.session.get_one(Preference, journal.HEAD)

    def elsewhere() -> None:
        with house.app.app_context(), writing() as session:
            journal.audit(house.runtime, session, "bert", "act", "elsewhere")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(elsewhere).result()
    assert kept.value["count"] == 30
    db.session.rollback()
    assert journal.verify_audit(house.runtime) is None
    with writing() as session:
        journal.audit(house.runtime, session, "anna", "act", "here")
    assert journal.verify_audit(house.runtime) is None


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


def test_a_line_of_the_ticket_log_keeps_what_it_is_about(house: House) -> None:
    with writing() as session:
        journal.log_ticket(session, house.clock(), "made", "r" * 3000, ticket_id="7")
    line = db.session.scalars(select(TicketLog)).one()
    assert (line.decision, line.reason, line.ticket_id) == ("made", "r" * 2000, "7")
    assert line.at <= house.clock()
