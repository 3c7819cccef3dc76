"""Keeps the counts on the workspace rows, from which pages over any number of devices are made."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select, update
from sqlalchemy.orm import Session

from plugin.domain.figures import DatabaseAge, Deployment, span_of
from plugin.domain.model import Protection
from plugin.runtime import Runtime
from plugin.store.base import db, writing
from plugin.store.mirror import DeviceRow, WorkspaceRow


def recount(session: Session, vendor_id: int, workspace_ids: Iterable[str], now: datetime) -> None:
    """Bring the counts on these workspaces' rows up to date."""
    wanted = _sums(now)
    columns = [each.label(name) for name, each in wanted.items()]
    for workspace_id in workspace_ids:
        counted = session.execute(
            select(*columns).where(
                DeviceRow.vendor_id == vendor_id,
                DeviceRow.workspace_id == workspace_id,
                DeviceRow.gone_at.is_(None),
            )
        ).one()
        session.execute(
            update(WorkspaceRow)
            .where(WorkspaceRow.vendor_id == vendor_id, WorkspaceRow.workspace_id == workspace_id)
            .values(**_plain(counted._asdict()))
        )


def recount_all(runtime: Runtime) -> int:
    """Bring every workspace's counts up to date: ages grow without news; returns how many changed.

    One pass over the devices without a lock, then a short transaction for every few workspaces
    whose counts moved.
    """
    stale = _stale(runtime.now())
    db.session.commit()
    for vendor_id, workspace_ids in stale.items():
        for start in range(0, len(workspace_ids), _AT_ONCE):
            with writing() as session:
                some = workspace_ids[start : start + _AT_ONCE]
                recount(session, vendor_id, some, runtime.now())
    return sum(map(len, stale.values()))


def _stale(now: datetime) -> dict[int, list[str]]:
    """Return, by vendor, the workspaces whose counts are not those of their devices."""
    sums = _sums(now)
    whose = (DeviceRow.vendor_id, DeviceRow.workspace_id)
    counted = {
        (row.vendor_id, row.workspace_id): _plain(row._asdict())
        for row in db.session.execute(
            select(*whose, *(each.label(name) for name, each in sums.items()))
            .where(DeviceRow.gone_at.is_(None))
            .group_by(*whose)
        )
    }
    none, found = dict.fromkeys(sums, 0), dict[int, list[str]]()
    columns = [getattr(WorkspaceRow, name) for name in sums]
    for row in db.session.execute(
        select(WorkspaceRow.vendor_id, WorkspaceRow.workspace_id, *columns)
    ):
        if _plain(row._asdict()) != counted.get((row.vendor_id, row.workspace_id), none):
            found.setdefault(row.vendor_id, []).append(row.workspace_id)
    return found


def _plain(counted: dict[str, Any]) -> dict[str, int]:
    return {name: int(value or 0) for name, value in counted.items() if name not in _OWN}


_OWN = frozenset({"vendor_id", "workspace_id"})
_AT_ONCE = 50


def _sums(now: datetime) -> dict[str, ColumnElement[Any]]:
    """Return what is counted, by the column of the workspace's row it goes into."""
    found: dict[str, ColumnElement[Any]] = {"devices": func.count()}
    for each in Protection:
        found[f"devices_{each.value}"] = _how_many(DeviceRow.protection == each.value)
    for how in Deployment:
        found[f"deployed_{how.value}"] = _how_many(DeviceRow.deployment == how.value)
    for age in DatabaseAge:
        found[f"bases_{age.value}"] = _how_many(is_of_age(age, now))
    return found


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0))


def is_of_age(age: DatabaseAge, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a device's databases are of this age."""
    if age is DatabaseAge.UNTOLD:
        return DeviceRow.bases_at.is_(None)
    after, until = span_of(age, now)
    limits = []
    if after is not None:
        limits.append(DeviceRow.bases_at >= after)
    if until is not None:
        limits.append(DeviceRow.bases_at < until)
    return and_(DeviceRow.bases_at.is_not(None), *limits)
