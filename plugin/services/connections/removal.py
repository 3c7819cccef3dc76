"""Removes a deleted connection for good, once its grace period has ended."""

import logging
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Table, select, tuple_
from sqlalchemy import delete as remove

from plugin.domain.contracts import KeepsIntegrations
from plugin.domain.errors import EdgeError, PluginError
from plugin.runtime import Runtime
from plugin.services.connections import belongings
from plugin.services.connections.callbacks import CALLBACKS, FAREWELL, say_farewell
from plugin.services.connections.checking import CHECK
from plugin.services.connections.deletion import former_name, removed_at
from plugin.services.journal import SYSTEM, audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Integration, Side
from plugin.store.queue import Claim
from plugin.store.work import Job

_CHUNK = 5_000
_log = logging.getLogger(__name__)


def work_removal(runtime: Runtime, claim: Claim) -> datetime | None:
    """Remove a connection whose grace period is over; returns when to look again before that."""
    connection = db.session.get(Connection, int(claim.subject))
    if connection is None or connection.deleted_at is None:
        return None
    ends = cast(datetime, removed_at(runtime, connection))
    if ends > runtime.now():
        return ends
    left = _leave(runtime, connection)
    counts = _remove_rows(claim, connection.id)
    with writing() as session:
        name, kind = former_name(connection), connection.kind
        session.execute(remove(Connection).where(Connection.id == connection.id))
        told = {"kind": kind, "rows": counts, "left_behind": left}
        audit(runtime, session, SYSTEM, "connection.remove", name, after=told)
    return None


def _leave(runtime: Runtime, connection: Connection) -> list[str]:
    """Take away what host and vendor still have of us; returns what could not be."""
    left = []
    for integration in db.session.scalars(_integrations_of(connection)).unique().all():
        left += _forget_integration(runtime, integration)
    if connection.side == Side.HOST:
        try:
            left += say_farewell(runtime, connection)
        except (EdgeError, PluginError) as error:
            left.append(f"callbacks and pages at {connection.kind}: {error}")
    for each in left:
        _log.warning("connection %d is removed, but not at the remote: %s", connection.id, each)
    return left


def _integrations_of(connection: Connection) -> Any:  # noqa: ANN401 - a select
    mine = (Integration.host_id == connection.id) | (Integration.vendor_id == connection.id)
    return select(Integration).where(mine, Integration.vendor_reference != "")


def _forget_integration(runtime: Runtime, integration: Integration) -> list[str]:
    reference, name = integration.vendor_reference, integration.name
    try:
        vendor = runtime.vendor(integration.vendor)
        db.session.commit()
        if isinstance(vendor, KeepsIntegrations):
            vendor.delete_integration(reference)
    except (EdgeError, PluginError) as error:
        return [f"integration {name} ({reference}): {error}"]
    return []


def _remove_rows(claim: Claim, connection_id: int) -> dict[str, int]:
    """Delete what belongs to the connection, a few thousand rows at a time."""
    counts = {}
    with writing() as session:
        kinds = Job.kind.in_([CALLBACKS, FAREWELL, CHECK])
        session.execute(remove(Job).where(kinds, Job.subject == str(connection_id)))
    for table in belongings.tables():
        number = _empty(claim, table, connection_id)
        if number:
            counts[table.name] = number
    return counts


def _empty(claim: Claim, table: Table, connection_id: int) -> int:
    keys = tuple(table.primary_key.columns)
    of_it = select(*keys).where(belongings.rows_of(table, connection_id)).limit(_CHUNK)
    statement = remove(table).where(tuple_(*keys).in_(of_it))
    total, gone = 0, _CHUNK
    while gone == _CHUNK:
        claim.renew()
        with writing() as session:
            gone = cast("CursorResult[Any]", session.execute(statement)).rowcount
        total += gone
    return total
