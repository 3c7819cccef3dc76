"""Works out which companies the unmapped workspaces probably are, and keeps it for the pages.

It takes seconds for thousands of both, so it is a job: asked for when either side's list changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from plugin.domain.matching import Known, Party, Suggestion, suggest
from plugin.domain.model import Computer
from plugin.runtime import Runtime
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import (
    CompanyMapping,
    Integration,
    MappingRefusal,
    WorkspaceLink,
)
from plugin.store.mapping import ComputerSerial, MappingChoice, SuggestionRow
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow
from plugin.store.queue import Claim, enqueue
from plugin.store.work import Job

Value = TypeVar("Value")

WORK_OUT = "suggest"
_PLACEHOLDERS = ("o.e.m", "default string", "serial number", "not ", "none", "unknown", "12345")
_SHORTEST = 5
_CHUNK = 500
_GATHER = timedelta(minutes=3)


def lane_of(integration_id: int) -> str:
    """Return the lane in which an integration's suggestions are worked out."""
    return f"suggest:{integration_id}"


def ask(
    runtime: Runtime, session: Session, integration: Integration, *, later: bool = False
) -> str:
    """Ask for suggestions in the transaction of what changes them; returns the lane to wake.

    ``later`` gathers what changes within some minutes, as a first sync of many workspaces does.
    """
    lane, now = lane_of(integration.id), runtime.now()
    due_at = now + _GATHER if later else now
    enqueue(session, WORK_OUT, str(integration.id), lane, now=now, due_at=due_at, revive=not later)
    return lane


def ask_for_all(runtime: Runtime, connection_id: int, *, later: bool = False) -> None:
    """Ask for the suggestions of every integration that a connection belongs to."""
    with writing() as session:
        mine = select(Integration).where(
            Integration.deleted_at.is_(None),
            (Integration.host_id == connection_id) | (Integration.vendor_id == connection_id),
        )
        lanes = [ask(runtime, session, each, later=later) for each in session.scalars(mine)]
    for lane in lanes:
        runtime.wake(lane)


def look_again(runtime: Runtime, actor: str, integration: Integration) -> None:
    """Have the suggestions worked out anew because a person wishes it."""
    with writing() as session:
        lane = ask(runtime, session, integration)
        audit(runtime, session, actor, "mapping.suggest", integration.name)
    runtime.wake(lane)


def is_under_way(runtime: Runtime, integration_id: int) -> bool:
    """Tell whether an integration's suggestions are being worked out, or about to be."""
    query = select(Job.id).where(
        Job.kind == WORK_OUT, Job.subject == str(integration_id), Job.due_at <= runtime.now()
    )
    return db.session.scalar(query) is not None


def work(runtime: Runtime, claim: Claim) -> datetime | None:
    """Work out an integration's suggestions and store what differs."""
    claim.heard = False
    integration = db.session.get(Integration, int(claim.subject))
    if integration is not None and integration.deleted_at is None:
        refresh(runtime, integration)
    return None


def refresh(runtime: Runtime, integration: Integration) -> int:
    """Bring the stored suggestions in step with both lists; returns how many there are."""
    found = _work_out(integration)
    db.session.commit()
    with writing() as session:
        _store(session, integration, found)
        choice = session.get(MappingChoice, integration.id)
        if choice is None:
            choice = MappingChoice(integration_id=integration.id)
            session.add(choice)
        choice.suggested_at = runtime.now()
    return len(found)


# -- working out ---------------------------------------------------------------------------------


def _work_out(integration: Integration) -> list[Suggestion]:
    mapped: dict[str, str] = dict(
        db.session.execute(
            select(CompanyMapping.workspace_id, CompanyMapping.company_id).where(
                CompanyMapping.vendor_id == integration.vendor_id,
                CompanyMapping.host_id == integration.host_id,
            )
        ).all()
    )
    mine = select(WorkspaceLink.workspace_id).where(WorkspaceLink.integration_id == integration.id)
    open_ones = set(db.session.scalars(mine)) - mapped.keys()
    everyone = _workspaces(integration.vendor_id)
    known = Known(
        refused=_refused(integration),
        taken=frozenset() if _several(integration) else frozenset(mapped.values()),
        beside=[each for each in everyone if each.id not in open_ones],
        shares=_shares(integration, open_ones),
    )
    asked = [each for each in everyone if each.id in open_ones]
    return suggest(asked, _companies(integration.host_id), known)


def _several(integration: Integration) -> bool:
    choice = db.session.get(MappingChoice, integration.id)
    return choice is not None and choice.several


def _workspaces(vendor_id: int) -> list[Party]:
    query = select(
        WorkspaceRow.workspace_id, WorkspaceRow.name, WorkspaceRow.domain, WorkspaceRow.address
    ).where(WorkspaceRow.vendor_id == vendor_id, WorkspaceRow.gone_at.is_(None))
    return [Party(*row) for row in db.session.execute(query.order_by(WorkspaceRow.id))]


def _companies(host_id: int) -> list[Party]:
    query = select(
        CompanyRow.company_id, CompanyRow.name, CompanyRow.domain, CompanyRow.address
    ).where(
        CompanyRow.host_id == host_id,
        CompanyRow.gone_at.is_(None),
        CompanyRow.active.is_(True),
    )
    return [Party(*row) for row in db.session.execute(query.order_by(CompanyRow.id))]


def _refused(integration: Integration) -> frozenset[tuple[str, str]]:
    query = select(MappingRefusal.workspace_id, MappingRefusal.company_id).where(
        MappingRefusal.vendor_id == integration.vendor_id,
        MappingRefusal.host_id == integration.host_id,
    )
    return frozenset((row[0], row[1]) for row in db.session.execute(query))


def _shares(integration: Integration, wanted: set[str]) -> Mapping[str, Mapping[str, float]]:
    """Return which part of each workspace's devices are computers of which company."""
    alive = (DeviceRow.vendor_id == integration.vendor_id, DeviceRow.gone_at.is_(None))
    rows = db.session.execute(
        select(DeviceRow.workspace_id, ComputerSerial.company_id, func.count())
        .join(ComputerSerial, ComputerSerial.serial == func.lower(DeviceRow.serial))
        .where(*alive, ComputerSerial.host_id == integration.host_id)
        .group_by(DeviceRow.workspace_id, ComputerSerial.company_id)
    )
    totals: dict[str, int] = dict(
        db.session.execute(
            select(WorkspaceRow.workspace_id, WorkspaceRow.devices).where(
                WorkspaceRow.vendor_id == integration.vendor_id
            )
        ).all()
    )
    found: dict[str, dict[str, float]] = {}
    for workspace_id, company_id, number in rows:
        if workspace_id in wanted and totals.get(workspace_id):
            share = min(1.0, number / totals[workspace_id])
            found.setdefault(workspace_id, {})[company_id] = share
    return found


# -- storing -------------------------------------------------------------------------------------


def _store(session: Session, integration: Integration, found: Sequence[Suggestion]) -> None:
    """Write what differs, so that a suggestion keeps its number while it stays the same."""
    held = {
        (row.workspace_id, row.company_id): row
        for row in session.scalars(
            select(SuggestionRow).where(SuggestionRow.integration_id == integration.id)
        )
    }
    fresh = []
    for values in _placed(integration, found):
        row = held.pop((values["workspace_id"], values["company_id"]), None)
        if row is None:
            fresh.append(values)
        elif any(getattr(row, name) != value for name, value in values.items()):
            session.execute(
                update(SuggestionRow).where(SuggestionRow.id == row.id).values(**values)
            )
    remove(session, [row.id for row in held.values()])
    if fresh:
        session.execute(insert(SuggestionRow), fresh)


def _placed(integration: Integration, found: Iterable[Suggestion]) -> Iterable[dict[str, Any]]:
    places: dict[str, int] = {}
    for each in found:
        place = places[each.workspace_id] = places.get(each.workspace_id, 0) + 1
        yield {
            "integration_id": integration.id,
            "workspace_id": each.workspace_id,
            "company_id": each.company_id,
            "place": place,
            "score": each.score,
            "sure": each.sure,
            "reasons": list(each.reasons),
        }


def remove(session: Session, numbers: Sequence[int]) -> None:
    """Take suggestions out by their numbers."""
    for chunk in _chunks(numbers):
        session.execute(delete(SuggestionRow).where(SuggestionRow.id.in_(chunk)))


def answer(
    session: Session, integration_id: int, workspaces: Sequence[str], companies: Sequence[str]
) -> None:
    """Take out the suggestions for workspaces that have their company, and for taken companies."""
    mine = SuggestionRow.integration_id == integration_id
    for column, values in (
        (SuggestionRow.workspace_id, workspaces),
        (SuggestionRow.company_id, companies),
    ):
        for chunk in _chunks(values):
            session.execute(
                delete(SuggestionRow)
                .where(mine, column.in_(chunk))
                .execution_options(synchronize_session=False)
            )


def _chunks(values: Sequence[Value]) -> Iterable[Sequence[Value]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


# -- whose computer is whose ---------------------------------------------------------------------


def store_serials(session: Session, host_id: int, computers: Iterable[Computer]) -> None:
    """Remember which company each serial number belongs to; doubtful numbers are left out."""
    owners: dict[str, str] = {}
    twice: set[str] = set()
    for computer in computers:
        serial = computer.serial.strip().casefold()[:120]
        if serial in owners:
            twice.add(serial)
        elif len(serial) >= _SHORTEST and not any(each in serial for each in _PLACEHOLDERS):
            owners[serial] = computer.company_id
    session.execute(delete(ComputerSerial).where(ComputerSerial.host_id == host_id))
    rows = [
        {"host_id": host_id, "serial": serial, "company_id": company_id}
        for serial, company_id in owners.items()
        if serial not in twice
    ]
    if rows:
        session.execute(insert(ComputerSerial), rows)
