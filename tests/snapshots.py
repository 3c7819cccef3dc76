"""Ready-made installations: what a fresh house does first is done once and copied afterwards.

Connecting, mapping and the first synchronisation of both sides take a second and more, and
hundreds of tests begin with them. A snapshot keeps the database and the emulators' shelves of the
first house that went through it; a house in which nothing was done yet gets a copy, and the time
goes on from the moment at which it was taken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import or_, select

from plugin.edge.emulator import Emulator
from plugin.edge.shelf import Shelf
from plugin.store.base import db
from tests.databases import Copy


@dataclass(frozen=True)
class Snapshot:
    """A database and the emulators' shelves at one moment."""

    taken: datetime
    database: Copy
    shelves: Mapping[str, Shelf]


_taken: dict[object, Snapshot] = {}


def untouched() -> bool:
    """Say whether the database of this application holds no row at all."""
    filled = [select(each).exists() for each in db.metadata.sorted_tables]
    found = db.session.scalar(select(or_(*filled)))
    db.session.rollback()
    return not found


def find(key: object) -> Snapshot | None:
    """Return the snapshot that was taken under ``key`` in this test process."""
    return _taken.get(key)


def take(key: object, url: str, emulators: Mapping[str, Emulator]) -> None:
    """Keep the installation as it is now under ``key``."""
    db.session.remove()
    db.engine.dispose()
    shelves = {kind: emulator.shelf.copy() for kind, emulator in emulators.items()}
    _taken[key] = Snapshot(datetime.now(UTC), Copy.of(url), shelves)


def put_back(
    kept: Snapshot, url: str, make: Callable[[str, Shelf], Emulator]
) -> dict[str, Emulator]:
    """Make the database like the snapshot's, and emulators with ``make`` on copies of its shelves.

    Their clock goes on from the moment at which the snapshot was taken.
    """
    db.session.remove()
    db.engine.dispose()
    kept.database.put_into(url)
    made = {kind: make(kind, shelf.copy()) for kind, shelf in kept.shelves.items()}
    for emulator in made.values():
        emulator.clock.offset = kept.taken - datetime.now(UTC)
    return made
