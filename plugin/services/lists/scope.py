"""Which connections' objects are shown: those that live, in the environment that holds now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, select
from sqlalchemy.orm import InstrumentedAttribute

from plugin.runtime import ENVIRONMENT_PREFERENCE, Runtime
from plugin.store.base import db
from plugin.store.integrations import Connection, Preference, Side
from plugin.store.mirror import WorkspaceRow


@dataclass(frozen=True, slots=True)
class Scope:
    """The connections of the moment, by side.

    ``whole`` when there are no others at all, ``all_devices`` when no other has anything: then
    rows need not be asked for their connection, and a list can be cut from its index alone.
    ``now`` is the moment from which ages count; without it nothing has an age.
    """

    environment: str
    hosts: frozenset[int]
    vendors: frozenset[int]
    whole: bool
    all_devices: bool
    now: datetime | None = None

    def of_vendors(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Return the condition that a row belongs to a living vendor connection, if needed."""
        return [] if self.whole else [column.in_(sorted(self.vendors))]

    def of_seen(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Return the same for what a sync run stored (devices, detections, licences)."""
        return [] if self.all_devices else [column.in_(sorted(self.vendors))]

    def of_hosts(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Return the condition that a row belongs to a living host connection, if needed."""
        return [] if self.whole else [column.in_(sorted(self.hosts))]

    def of_any(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Return the condition that a row belongs to a living connection, if needed."""
        return [] if self.whole else [column.in_(sorted(self.hosts | self.vendors))]


def scope_of(runtime: Runtime) -> Scope:
    """Return which connections' objects are shown now."""
    rows = _connections()
    environment = _environment(runtime, [row.picked for row in rows])
    living = [
        row for row in rows if row.deleted_at is None and row.environment in {"", environment}
    ]
    return Scope(
        environment=environment,
        hosts=frozenset(row.id for row in living if row.side == Side.HOST),
        vendors=frozenset(row.id for row in living if row.side == Side.VENDOR),
        whole=len(living) == len(rows),
        all_devices=not any(row.used for row in rows if row not in living),
        now=runtime.now(),
    )


def _connections() -> Sequence[Row[Any]]:
    """Read every connection, whether it has devices, and the environment a person picked."""
    used = exists().where(WorkspaceRow.vendor_id == Connection.id)
    columns = (Connection.id, Connection.side, Connection.environment, Connection.deleted_at)
    query = select(*columns, used.label("used"), Preference.value.label("picked"))
    picked = Preference.name == ENVIRONMENT_PREFERENCE
    return db.session.execute(query.outerjoin(Preference, picked)).all()


def _environment(runtime: Runtime, picked: Sequence[str | None]) -> str:
    if not picked:
        return runtime.environment().value.value
    return runtime.settings.effective_environment(picked[0]).value.value
