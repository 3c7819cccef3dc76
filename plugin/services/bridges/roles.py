"""Finds bridge computers by polling the hosts that list them: roles gained, lost, on and off."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.contracts import ListsComputers
from plugin.domain.model import Computer
from plugin.runtime import Runtime
from plugin.services.bridges.history import note
from plugin.services.bridges.registry import ALLOWED
from plugin.services.journal import SYSTEM, audit
from plugin.store.base import db, writing
from plugin.store.bridges import Bridge
from plugin.store.integrations import Connection, Preference, Side
from plugin.store.queue import Claim, enqueue
from plugin.store.work import Job

LOOK = "bridge-roles"
OWN_COMPANY = "1"
"""The client that Automate makes for the MSP itself when it is set up."""


def hosts(runtime: Runtime) -> list[Connection]:
    """Return the host connections that list computers."""
    query = select(Connection).where(Connection.side == Side.HOST, Connection.deleted_at.is_(None))
    return [
        each
        for each in db.session.scalars(query.order_by(Connection.id)).all()
        if issubclass(runtime.adapter_class(each.kind), ListsComputers)
    ]


def schedule(runtime: Runtime) -> None:
    """See to it that every host that lists computers is looked at again and again."""
    looked = set(db.session.scalars(select(Job.subject).where(Job.kind == LOOK)))
    for connection in hosts(runtime):
        if str(connection.id) not in looked:
            ask(runtime, connection)


def ask_all(runtime: Runtime, actor: str) -> int:
    """Have every such host looked at now because a person wishes it; returns how many there are."""
    found = hosts(runtime)
    with writing() as session:
        audit(runtime, session, actor, "bridge.look", f"{len(found)} hosts")
    for connection in found:
        ask(runtime, connection, by_person=True)
    return len(found)


def ask(runtime: Runtime, connection: Connection, *, by_person: bool = False) -> None:
    """Have the roles looked at now."""
    lane = f"bridge-roles:{connection.id}"
    with writing() as session:
        enqueue(
            session,
            LOOK,
            str(connection.id),
            lane,
            now=runtime.now(),
            connection_id=connection.id,
            revive=by_person,
        )
    runtime.wake(lane)


def is_known(connection: Connection, computer_id: str) -> bool:
    """Tell whether a host's computer is one of our bridges, so that its events concern us."""
    query = select(Bridge.id).where(
        Bridge.host_id == connection.id,
        Bridge.computer_id == computer_id,
        Bridge.revoked_at.is_(None),
    )
    return db.session.scalar(query.limit(1)) is not None


def look(runtime: Runtime, claim: Claim) -> datetime | None:
    """Read the computers of a host and bring our bridges in step."""
    connection = db.session.get(Connection, int(claim.subject))
    if connection is None or connection.deleted_at is not None:
        return None
    host = runtime.host(connection)
    if not isinstance(host, ListsComputers):
        return None
    db.session.commit()
    found = []
    for number, computer in enumerate(host.computers()):
        if number % 200 == 0:
            claim.renew()
        if computer.is_bridge:
            found.append(computer)
    with writing() as session:
        _bring_in_step(runtime, session, connection, found)
    return runtime.now() + timedelta(seconds=runtime.settings.limits.sync.poll_host)


def _bring_in_step(
    runtime: Runtime, session: Session, connection: Connection, found: list[Computer]
) -> None:
    held = {
        row.computer_id: row
        for row in session.scalars(select(Bridge).where(Bridge.host_id == connection.id))
    }
    _allow_own_company(runtime, session, connection)
    for computer in found:
        row = held.get(computer.id)
        if row is None:
            row = Bridge(
                host_id=connection.id,
                computer_id=computer.id,
                created_at=runtime.now(),
                role_lost_at=runtime.now(),
            )
            session.add(row)
        _see(runtime, session, row, computer)
    seen = {computer.id for computer in found}
    for row in held.values():
        if row.computer_id not in seen and row.role_lost_at is None:
            row.role_lost_at = runtime.now()
            text = (
                "The computer holds no bridge role any more; its program goes on until turned out."
            )
            note(session, runtime.now(), "role", text, bridge_id=row.id)
            audit(runtime, session, SYSTEM, "bridge.role-lost", row.name)


def _see(runtime: Runtime, session: Session, row: Bridge, computer: Computer) -> None:
    row.name, row.company_id = computer.name[:200], computer.company_id
    row.host_online, row.host_seen_at = computer.online, computer.seen_at
    if row.role_lost_at is not None or row.roles != list(computer.roles):
        row.role_lost_at, row.roles = None, list(computer.roles)
        session.flush()
        text = f"The computer holds: {', '.join(computer.roles)}."
        note(session, runtime.now(), "role", text, bridge_id=row.id)
        audit(runtime, session, SYSTEM, "bridge.role", row.name, after=row.roles)


def _allow_own_company(runtime: Runtime, session: Session, connection: Connection) -> None:
    """Allow the MSP's own client at first; a person decides about any other."""
    known = session.get(Preference, ALLOWED)
    places = set(known.value) if known is not None else set()
    if any(each.startswith(f"{connection.id}:") for each in places):
        return
    if known is None:
        known = Preference(name=ALLOWED, value=[], changed_at=runtime.now())
        session.add(known)
    known.value = sorted({*places, f"{connection.id}:{OWN_COMPANY}"})
    session.flush()
