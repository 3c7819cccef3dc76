"""The switch between a vendor's production, beta and test servers."""

from dataclasses import dataclass

from sqlalchemy import func, select

from plugin.domain.errors import RuleError
from plugin.runtime import ENVIRONMENT_PREFERENCE, Runtime
from plugin.services import connections
from plugin.services.journal import audit
from plugin.settings import Environment
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Integration, Preference
from plugin.store.work import Job, JobState


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a switch would do, for the page that asks for a second confirmation."""

    target: Environment
    sleeping: tuple[str, ...]
    waking: tuple[str, ...]
    integrations: int
    jobs_waiting: int
    unaffected: int


def consequences(runtime: Runtime, target: Environment) -> Consequences:
    """Tell which connections would sleep and wake, and what would wait."""
    now = runtime.environment().value
    rows = db.session.scalars(
        select(Connection).where(Connection.deleted_at.is_(None)).order_by(Connection.name)
    ).all()
    sleeping = [row for row in rows if row.environment == now.value != target.value]
    ids = [row.id for row in sleeping]
    return Consequences(
        target=target,
        sleeping=tuple(row.name for row in sleeping),
        waking=tuple(row.name for row in rows if row.environment == target.value != now.value),
        integrations=_count_integrations(ids),
        jobs_waiting=_count_jobs(ids),
        unaffected=sum(1 for row in rows if not row.environment),
    )


def connections_of(environment: Environment) -> list[Connection]:
    """Return the connections that belong to ``environment``, by name."""
    query = select(Connection).where(
        Connection.environment == environment.value, Connection.deleted_at.is_(None)
    )
    return list(db.session.scalars(query.order_by(Connection.name)))


def _count_integrations(vendor_ids: list[int]) -> int:
    query = select(func.count(Integration.id)).where(
        Integration.vendor_id.in_(vendor_ids), Integration.deleted_at.is_(None)
    )
    return db.session.scalar(query) or 0


def _count_jobs(connection_ids: list[int]) -> int:
    query = select(func.count(Job.id)).where(
        Job.connection_id.in_(connection_ids), Job.state == JobState.DUE
    )
    return db.session.scalar(query) or 0


def pick(runtime: Runtime, actor: str, target: Environment, confirmed: str) -> None:
    """Switch to ``target``, whose name the person typed once more as ``confirmed``.

    RuleError when a stronger source locks the switch or the confirmation is another word. Every
    connection of the new environment is checked afterwards, as jobs of the background work.
    """
    before = runtime.environment()
    if before.locked:
        raise RuleError("environment", f"The environment is set by {before.source}.")
    if confirmed.strip().lower() != target.value:
        raise RuleError("confirmed", f"To confirm, type {target.value}.")
    with writing() as session:
        row = session.get(Preference, ENVIRONMENT_PREFERENCE)
        if row is None:
            row = Preference(name=ENVIRONMENT_PREFERENCE)
            session.add(row)
        row.value, row.changed_by, row.changed_at = target.value, actor, runtime.now()
        session.flush()
        audit(
            runtime,
            session,
            actor,
            "environment.pick",
            "KESCloudServer",
            before=before.value.value,
            after=target.value,
        )
        lanes = [
            connections.ask_for_check(runtime, session, connection)
            for connection in connections_of(target)
        ]
    for lane in lanes:
        runtime.wake(lane)
