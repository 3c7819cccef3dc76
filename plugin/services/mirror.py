"""Stores what remotes show, and only what changed: detections, workspaces, companies, licences.

Devices, which come in pages, are in :mod:`mirror_devices`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.model import Company, Detection, Licence, Workspace
from plugin.store.base import Base
from plugin.store.mirror import (
    CompanyRow,
    DetectionRow,
    LicenceRow,
    WorkspaceRow,
)
from plugin.store.upsert import insert_into

FIGURES = ("seen", "created", "updated", "unchanged", "removed", "failed", "withheld")
"""What a run counts, by the names of :class:`Counts` and of its row."""

CHUNK = 500
AT_ONCE = {"insertmanyvalues_page_size": 25}
"""Rows in one INSERT that gives rows back: each number of rows is a statement of its own, which
every connection keeps prepared, and one of hundreds of rows takes half a MiB."""


@dataclass
class Counts:
    """What a run did to the mirror."""

    seen: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    withheld: int = 0
    touched: set[str] = field(default_factory=set)

    @property
    def changed(self) -> bool:
        """Whether any row was written."""
        return bool(self.created or self.updated or self.removed)


def clean(text: str, limit: int) -> str:
    """Make a remote's text fit a column: no control characters, at most ``limit`` long."""
    if not text.isprintable():
        text = "".join(each if each.isprintable() else " " for each in text)
    return text[:limit]


# -- detections --------------------------------------------------------------------------------


def store_detections(
    session: Session, vendor_id: int, detections: Sequence[Detection], now: datetime, counts: Counts
) -> list[Detection]:
    """Store one page of detections; return those that were new, oldest first."""
    by_id = {each.id: each for each in detections}
    counts.seen += len(by_id)
    if not by_id:
        return []
    statement = (
        insert_into(session, DetectionRow)
        .on_conflict_do_nothing(index_elements=["vendor_id", "detection_id"])
        .returning(DetectionRow.detection_id)
    )
    rows = [_detection_values(vendor_id, each, now) for each in by_id.values()]
    new = set(session.scalars(statement, rows, execution_options=AT_ONCE))
    counts.created += len(new)
    counts.unchanged += len(by_id) - len(new)
    return [each for each in by_id.values() if clean(each.id, 200) in new]


def _detection_values(vendor_id: int, detection: Detection, now: datetime) -> dict[str, Any]:
    return {
        "vendor_id": vendor_id,
        "workspace_id": detection.workspace_id,
        "detection_id": clean(detection.id, 200),
        "device_id": clean(detection.device_id, 200),
        "device_name": clean(detection.device_name, 300),
        "kind": clean(detection.kind, 120),
        "severity": detection.severity.value,
        "title": clean(detection.title, 500),
        "description": detection.description.replace("\x00", "")[:4000],
        "outcome": clean(detection.outcome, 300),
        "object_name": clean(detection.object_name, 1000),
        "user": clean(detection.user, 200),
        "resolved": detection.resolved,
        "occurred_at": detection.occurred_at,
        "stored_at": now,
    }


# -- workspaces, companies, licences: small enough to compare as a whole ------------------------


def store_workspaces(
    session: Session, vendor_id: int, workspaces: Sequence[Workspace], now: datetime, counts: Counts
) -> None:
    """Make the rows say what the vendor lists now; unlisted ones are marked gone."""
    held = {
        row.workspace_id: row
        for row in session.scalars(select(WorkspaceRow).where(WorkspaceRow.vendor_id == vendor_id))
    }
    for workspace in workspaces:
        values = {
            "name": clean(workspace.name, 300),
            "domain": clean(workspace.domain, 255),
            "address": clean(workspace.address, 300),
            "gone_at": None,
        }
        row = held.pop(workspace.id, None)
        fixed = {"vendor_id": vendor_id, "workspace_id": workspace.id, "first_seen_at": now}
        _compare(session, WorkspaceRow, row, values, fixed | {"seen_at": now}, counts)
    _mark_rows_gone(held, now, counts)


def store_companies(
    session: Session, host_id: int, companies: Sequence[Company], now: datetime, counts: Counts
) -> None:
    """Make the rows say what the host lists now; unlisted ones are marked gone."""
    held = {
        row.company_id: row
        for row in session.scalars(select(CompanyRow).where(CompanyRow.host_id == host_id))
    }
    for company in companies:
        row = held.pop(company.id, None)
        fixed = {"host_id": host_id, "company_id": company.id, "seen_at": now}
        _compare(session, CompanyRow, row, company_values(company), fixed, counts)
    _mark_rows_gone(held, now, counts)


def company_values(company: Company) -> dict[str, Any]:
    """Return the columns of a company's row."""
    return {
        "name": clean(company.name, 300),
        "identifier": clean(company.identifier, 100),
        "domain": clean(company.domain, 255),
        "address": clean(company.address, 300),
        "status": clean(company.status, 100),
        "active": company.active,
        "gone_at": None,
    }


def store_licences(
    session: Session,
    vendor_id: int,
    workspace_id: str | None,
    licences: Sequence[Licence],
    now: datetime,
    counts: Counts,
) -> None:
    """Make the rows say which licences the workspace (or all, when None) has now."""
    query = select(LicenceRow).where(LicenceRow.vendor_id == vendor_id)
    if workspace_id is not None:
        query = query.where(LicenceRow.workspace_id == workspace_id)
    held = {(row.workspace_id, row.licence_id): row for row in session.scalars(query)}
    for licence in licences:
        values = {
            "product": clean(licence.product, 300),
            "kind": licence.kind.value,
            "state": licence.state.value,
            "limit": licence.limit,
            "used": licence.used,
            "per_user": licence.per_user,
            "expires_at": licence.expires_at,
            "gone_at": None,
        }
        row = held.pop((licence.workspace_id, licence.id), None)
        fixed = {
            "vendor_id": vendor_id,
            "workspace_id": licence.workspace_id,
            "licence_id": licence.id,
            "seen_at": now,
        }
        _compare(session, LicenceRow, row, values, fixed, counts)
    _mark_rows_gone(held, now, counts)


def _compare(
    session: Session,
    table: type[Base],
    row: Base | None,
    values: dict[str, Any],
    fixed: dict[str, Any],
    counts: Counts,
) -> None:
    counts.seen += 1
    if row is None:
        session.add(table(**values, **fixed))
        counts.created += 1
    elif all(getattr(row, name) == value for name, value in values.items()):
        counts.unchanged += 1
    else:
        for name, value in values.items():
            setattr(row, name, value)
        counts.updated += 1


def _mark_rows_gone(held: dict[Any, Any], now: datetime, counts: Counts) -> None:
    for row in held.values():
        if row.gone_at is None:
            row.gone_at = now
            counts.removed += 1
