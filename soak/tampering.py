"""QS11: the audit log changed at random a thousand times; each must be found at its first entry."""

import random
import tempfile
from pathlib import Path

from sqlalchemy import delete, update

from bench.table import Row
from plugin.services import journal
from plugin.store.base import db, writing
from plugin.store.integrations import Preference
from plugin.store.journal import AuditEntry
from tests.databases import fresh_sqlite
from tests.house import House, open_house

ENTRIES, TIMES = 200, 1000
COLUMNS = ("actor", "action", "subject", "before", "after", "mac")


class _UndoError(Exception):
    """Takes a change back, so that the next one meets an untouched log."""


def run() -> list[Row]:
    """Tamper, look, take back: changes, deletions, swaps, cut tails in turn.

    Every second cut also writes the last remaining entry into the recorded end, so that it fits.
    """
    chance = random.Random(11)
    with tempfile.TemporaryDirectory() as name, _house(Path(name)) as house:
        _fill(house)
        found = sum(_is_named(house, number, chance) for number in range(TIMES))
        holds = journal.verify_audit(house.runtime) is None
    ours = f"{found} of {TIMES} found, first bad entry named"
    return [Row("QS11", "audit log tampered with", ours, "", "", "all", found == TIMES and holds)]


def _house(folder: Path):  # noqa: ANN202 - a context manager of the tests' house
    return open_house(fresh_sqlite(folder), folder)


def _fill(house: House) -> None:
    with writing() as session:
        for number in range(ENTRIES):
            about = f"thing {number}"
            journal.audit(house.runtime, session, "anna", "act", about, before=0, after=number)


def _is_named(house: House, number: int, chance: random.Random) -> bool:
    found = None
    try:
        with writing():
            kind = (_change, _remove, _swap, _cut, _cut_to_fit)[number % 5]
            expected = kind(chance)
            db.session.flush()
            db.session.expire_all()
            found = journal.verify_audit(house.runtime)
            raise _UndoError  # noqa: TRY301 - leaving the transaction is what takes it back
    except _UndoError:
        db.session.expire_all()
    if found is None or found.entry_id != expected:
        print(f"{kind.__name__} at {expected}: {found}")
        return False
    return True


def _change(chance: random.Random) -> int:
    at, column = chance.randint(1, ENTRIES), chance.choice(COLUMNS)
    value = f"{chance.random()}"
    db.session.execute(update(AuditEntry).where(AuditEntry.id == at).values({column: value}))
    return at


def _remove(chance: random.Random) -> int:
    at = chance.randint(1, ENTRIES - 1)
    db.session.execute(delete(AuditEntry).where(AuditEntry.id == at))
    return at + 1


def _swap(chance: random.Random) -> int:
    first, second = sorted(chance.sample(range(1, ENTRIES + 1), 2))
    one, other = db.session.get_one(AuditEntry, first), db.session.get_one(AuditEntry, second)
    for column in ("at", "subject", "after", "mac"):
        left, right = getattr(one, column), getattr(other, column)
        setattr(one, column, right)
        setattr(other, column, left)
    return first


def _cut(chance: random.Random) -> int:
    at = chance.randint(2, ENTRIES)
    db.session.execute(delete(AuditEntry).where(AuditEntry.id >= at))
    return at


def _cut_to_fit(chance: random.Random) -> int:
    at = _cut(chance)
    head = db.session.get_one(Preference, journal.HEAD)
    mac = db.session.get_one(AuditEntry, at - 1).mac
    head.value = {**head.value, "id": at - 1, "count": at - 1, "mac": mac}
    return at
