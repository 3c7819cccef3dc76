"""Rotates the key that secrets are sealed with; can be killed at any moment and run again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import InstrumentedAttribute

from plugin.runtime import Runtime, sealed_place
from plugin.services import second_factor
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.people import User
from plugin.store.shared import ProofKeys

STEP, PAUSE = 200, 0.02
"""Rows sealed anew in one transaction, and the seconds in which others may write between two."""


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A column of sealed values, and the place that each is bound to."""

    number: InstrumentedAttribute[int]
    column: InstrumentedAttribute[str]
    place: Callable[[int], str]


_KINDS = (
    _Sealed(Connection.id, Connection.sealed, sealed_place),
    _Sealed(User.id, User.totp_sealed, second_factor.place),
)


def rotate(runtime: Runtime, actor: str) -> int:
    """Seal every secret with a fresh key and forget keys nobody needs; returns how many.

    Old keys stay readable until the last row has left them, so that no read fails meanwhile.
    """
    runtime.vault.rotate_key()
    changed = 0
    for kind, ids in _steps():
        changed += _reseal(runtime, kind, ids)
        time.sleep(PAUSE)  # who waits for the turn looks every few milliseconds
    with writing() as session:
        session.execute(delete(ProofKeys))  # kept for minutes only: a worker fetches them again
    runtime.vault.retire(_keys_in_use(runtime))
    with writing() as session:
        audit(runtime, session, actor, "secrets.rotate", "vault", after={"resealed": changed})
    return changed


def _steps() -> Iterator[tuple[_Sealed, list[int]]]:
    for kind in _KINDS:
        ids = list(db.session.scalars(select(kind.number).where(kind.column != "")))
        for start in range(0, len(ids), STEP):
            yield kind, ids[start : start + STEP]


def _reseal(runtime: Runtime, kind: _Sealed, ids: list[int]) -> int:
    """Seal some rows anew. An UPDATE, not an edit: the version stays, adapters are kept."""
    changed = 0
    with writing() as session:
        rows = session.execute(select(kind.number, kind.column).where(kind.number.in_(ids))).all()
        for number, sealed in rows:
            anew = runtime.vault.reseal(sealed, kind.place(number))
            if anew is not None:
                # Only what was read: a secret saved meanwhile (PostgreSQL lets it) must stay.
                row = update(kind.column.class_).where(kind.number == number, kind.column == sealed)
                session.execute(row.values({kind.column.key: anew}))
                changed += 1
    return changed


def _keys_in_use(runtime: Runtime) -> set[str]:
    sealed = (
        each
        for kind in _KINDS
        for each in db.session.scalars(select(kind.column).where(kind.column != ""))
    )
    return {runtime.vault.key_id(each) for each in sealed}
