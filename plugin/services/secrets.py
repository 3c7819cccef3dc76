"""Rotates the key that secrets are sealed with; can be killed at any moment and run again."""

from collections.abc import Iterator

from sqlalchemy import delete, select, update

from plugin.runtime import Runtime, sealed_place
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.shared import ProofKeys

STEP = 200


def rotate(runtime: Runtime, actor: str) -> int:
    """Seal every secret with a fresh key and forget keys nobody needs; returns how many.

    Old keys stay readable until the last row has left them, so that no read fails meanwhile.
    """
    runtime.vault.rotate_key()
    changed = sum(_reseal(runtime, step) for step in _steps())
    with writing() as session:
        session.execute(delete(ProofKeys))  # kept for minutes only: a worker fetches them again
    runtime.vault.retire(_keys_in_use(runtime))
    with writing() as session:
        audit(runtime, session, actor, "secrets.rotate", "vault", after={"resealed": changed})
    return changed


def _steps() -> Iterator[list[int]]:
    ids = list(db.session.scalars(select(Connection.id).where(Connection.sealed != "")))
    for start in range(0, len(ids), STEP):
        yield ids[start : start + STEP]


def _reseal(runtime: Runtime, ids: list[int]) -> int:
    """Seal some rows anew. An UPDATE, not an edit: the version stays, adapters are kept."""
    changed = 0
    with writing() as session:
        rows = session.execute(
            select(Connection.id, Connection.sealed).where(Connection.id.in_(ids))
        ).all()
        for number, sealed in rows:
            anew = runtime.vault.reseal(sealed, sealed_place(number))
            if anew is not None:
                session.execute(
                    update(Connection).where(Connection.id == number).values(sealed=anew)
                )
                changed += 1
    return changed


def _keys_in_use(runtime: Runtime) -> set[str]:
    sealed = db.session.scalars(select(Connection.sealed).where(Connection.sealed != ""))
    return {runtime.vault.key_id(each) for each in sealed}
