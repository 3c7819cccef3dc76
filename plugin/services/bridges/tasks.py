"""Walks that bridges do: asked for, handed out, their pages taken in under a fencing token.

A job that would fetch asks :func:`turn` first. Where a bridge holds the workspace, the walk becomes
a task; the bridge posts its pages, and when it has acknowledged the last one, the job goes on and
stores them by the very code that stores what the server fetches itself.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from plugin.domain.contracts import FindsDetections, ListsWorkspaceGroups, ReportsLicences
from plugin.domain.errors import RuleError, TransientError
from plugin.domain.model import Detection, Device, Group, Licence, Page
from plugin.domain.relay import PARTS, unpack, unpack_error
from plugin.runtime import Runtime
from plugin.services.bridges.history import BRIDGE_ONLY, note
from plugin.settings import Environment
from plugin.store.base import db, writing
from plugin.store.bridges import Bridge, BridgeLease, BridgePage, BridgeTask, TaskState, hold_turn
from plugin.store.integrations import Connection
from plugin.store.queue import Claim, enqueue
from plugin.store.upsert import insert_into
from plugin.store.work import Job

LOOK_AGAIN = timedelta(minutes=1)
SHARE = 0.3
"""How much of a measured average the newest measurement makes up."""


class LateError(RuleError):
    """What a bridge sends belongs to a walk that is not its own any more."""

    def __init__(self) -> None:
        """Say what the bridge should do."""
        super().__init__("fence", "This work was given to another; drop it.")


# -- the job's side ------------------------------------------------------------------------------


class Relayed(FindsDetections, ReportsLicences, ListsWorkspaceGroups):
    """A vendor seen through the pages that a bridge posted."""

    def __init__(self, task: BridgeTask) -> None:
        """Read the pages of ``task``, one at a time."""
        self.task_id, self._wish = task.id, dict(task.wish)
        self.calls = int(task.outcome.get("calls", 0))
        """How many calls the walk took; 0 when the bridge's program is too old to say."""

    def devices(self, workspace_id: str, cursor: str | None) -> Iterator[Page[Device]]:
        """Yield the device pages; TransientError when the bridge was asked for something else."""
        self._expect("devices", cursor)
        return self._pages("devices")

    def detections(
        self, workspace_id: str, cursor: str | None, since: datetime
    ) -> Iterator[Page[Detection]]:
        """Yield the detection pages."""
        self._expect("detections", cursor)
        return self._pages("detections")

    def licences(self, workspace_id: str) -> Iterator[Licence]:
        """Yield the licences."""
        return self._rows("licences")

    def workspace_groups(self, workspace_id: str) -> Iterator[Group]:
        """Yield the groups."""
        return self._rows("groups")

    def _rows(self, part: str) -> Iterator[Any]:
        self._expect(part, self._wish["cursor"])
        for page in self._pages(part):
            yield from page.rows

    def _expect(self, part: str, cursor: str | None) -> None:
        if part not in self._wish["parts"] or self._wish["cursor"] != cursor:
            with writing() as session:
                _drop(session, self.task_id)
            raise TransientError("Bridge", "fetched something that is not needed any more")

    def _pages(self, part: str) -> Iterator[Page[Any]]:
        numbers = db.session.scalars(
            select(BridgePage.number)
            .where(BridgePage.task_id == self.task_id, BridgePage.part == part)
            .order_by(BridgePage.number)
        ).all()
        for number in numbers:
            body = db.session.scalar(
                select(BridgePage.body).where(
                    BridgePage.task_id == self.task_id, BridgePage.number == number
                )
            )
            db.session.commit()
            yield unpack(PARTS[part], json.loads(body or "{}"))


def turn(
    runtime: Runtime, claim: Claim, connection: Connection, scope: str, wish: Mapping[str, Any]
) -> Relayed | datetime | None:
    """Return what a bridge fetched, when to look again, or None where the server fetches itself.

    ``wish`` says what to walk: ``parts`` (words of PARTS), ``cursor`` and ``since``. Raises the
    vendor's own failure when the bridge met one.
    """
    task = db.session.scalar(
        select(BridgeTask).where(BridgeTask.kind == claim.kind, BridgeTask.subject == claim.subject)
    )
    if task is not None and task.state == TaskState.DONE:
        return _outcome(task)
    lease = db.session.get(BridgeLease, (connection.id, scope))
    holder = lease.bridge_id if lease is not None else None
    claim.heard = False
    if lease is None or holder is None:
        if connection.reach != BRIDGE_ONLY:
            claim.heard = True
            return None
        return _wait_for_bridge(runtime, connection, scope)
    if task is None:
        _ask(runtime, claim, connection, scope, lease, wish)
    return runtime.now() + LOOK_AGAIN


def _outcome(task: BridgeTask) -> Relayed:
    error = task.outcome.get("error")
    if error is not None:
        with writing() as session:
            _drop(session, task.id)
        raise unpack_error(error)
    return Relayed(task)


def _wait_for_bridge(runtime: Runtime, connection: Connection, scope: str) -> datetime:
    """Let the work wait, and say so once in the history."""
    key = f"{connection.name} is reached by bridge only and no bridge is online: work waits."
    with writing() as session:
        if connection.problem != key:
            note(session, runtime.now(), "waiting", key, vendor_id=connection.id, scope=scope)
            # An UPDATE: what a machine notes is no edit.
            session.execute(
                update(Connection).where(Connection.id == connection.id).values(problem=key)
            )
    return runtime.now() + timedelta(seconds=runtime.settings.bridge_beat)


def _ask(
    runtime: Runtime,
    claim: Claim,
    connection: Connection,
    scope: str,
    lease: BridgeLease,
    wish: Mapping[str, Any],
) -> None:
    with writing() as session:
        hold_turn(session)
        session.refresh(lease)
        if lease.bridge_id is None:
            return
        lease.fence += 1
        session.add(
            BridgeTask(
                kind=claim.kind,
                subject=claim.subject,
                lane=claim.lane,
                vendor_id=connection.id,
                scope=scope,
                bridge_id=lease.bridge_id,
                fence=lease.fence,
                wish=dict(wish),
                asked_at=runtime.now(),
            )
        )


def forget(walk: Relayed) -> None:
    """Delete a task whose pages are stored."""
    with writing() as session:
        _drop(session, walk.task_id)


def _drop(session: Session, task_id: int) -> None:
    session.execute(delete(BridgePage).where(BridgePage.task_id == task_id))
    session.execute(delete(BridgeTask).where(BridgeTask.id == task_id))


# -- when leases change --------------------------------------------------------------------------


def follow(runtime: Runtime, session: Session) -> list[str]:
    """Give unfinished tasks to whoever holds their workspace now; returns lanes to wake.

    Without a holder the task goes and its job is due at once: the server does it, or it waits.
    """
    lanes = []
    query = (
        select(BridgeTask, BridgeLease)
        .join(
            BridgeLease,
            (BridgeLease.vendor_id == BridgeTask.vendor_id)
            & (BridgeLease.scope == BridgeTask.scope),
        )
        .where(BridgeTask.state != TaskState.DONE)
        .where(BridgeTask.bridge_id.is_distinct_from(BridgeLease.bridge_id))
    )
    for task, lease in session.execute(query).all():
        if lease.bridge_id is None:
            lanes.append(_make_due(runtime, session, task))
            _drop(session, task.id)
        else:
            _hand_over(session, task, lease)
    return lanes


def _hand_over(session: Session, task: BridgeTask, lease: BridgeLease) -> None:
    """Let the lease's holder do the task from its start; what was posted so far counts no more."""
    lease.fence += 1
    task.bridge_id, task.fence, task.state = lease.bridge_id, lease.fence, TaskState.WAITING
    task.taken_at = None
    session.execute(delete(BridgePage).where(BridgePage.task_id == task.id))


def _make_due(runtime: Runtime, session: Session, task: BridgeTask) -> str:
    enqueue(
        session,
        task.kind,
        task.subject,
        task.lane,
        now=runtime.now(),
        connection_id=task.vendor_id,
    )
    return task.lane


# -- the bridge's side ---------------------------------------------------------------------------


def take(
    runtime: Runtime, bridge: Bridge, holding: Sequence[int], limit: int
) -> list[dict[str, Any]]:
    """Hand out work; tasks that a restart made the bridge forget come again."""
    handed: list[dict[str, Any]] = []
    with writing() as session:
        hold_turn(session)
        query = (
            select(BridgeTask)
            .where(BridgeTask.bridge_id == bridge.id, BridgeTask.state != TaskState.DONE)
            .where(BridgeTask.id.not_in(holding))
            .order_by(BridgeTask.id)
            .limit(limit)
            .with_for_update()
        )
        for task in session.scalars(query).all():
            lease = session.get(BridgeLease, (task.vendor_id, task.scope))
            if lease is None or lease.bridge_id != bridge.id:
                continue
            if task.state == TaskState.RUNNING:
                _hand_over(session, task, lease)
            task.state, task.taken_at = TaskState.RUNNING, runtime.now()
            handed.append({"id": task.id, "fence": task.fence, "wish": dict(task.wish),
                           "scope": task.scope, "vendor_id": task.vendor_id})  # fmt: skip
    for each in handed:
        each["connection"] = _connection_told(runtime, each.pop("vendor_id"))
    return handed


def _connection_told(runtime: Runtime, vendor_id: int) -> dict[str, Any]:
    """Return all that makes an adapter elsewhere: for a bridge's memory alone, never its disk."""
    connection = db.session.get_one(Connection, vendor_id)
    environment = Environment(connection.environment or runtime.environment().value)
    pace = runtime.pace_of(connection)
    sharers = max(1, _sharers(vendor_id))
    return {
        "id": connection.id,
        "version": connection.version,
        "kind": connection.kind,
        "settings": runtime.opened(connection),
        "environment": environment.value,
        "addresses": dict(runtime.settings.addresses_of(connection.kind, environment)),
        "origin_override": connection.origin_override,
        "allow_private": connection.allow_private,
        "per_second": pace.per_second / sharers,
        "burst": max(1, pace.burst // sharers),
    }


def _sharers(vendor_id: int) -> int:
    """Return how many bridges talk to a vendor, each of which gets its share of the budget."""
    query = select(func.count(BridgeLease.bridge_id.distinct()))
    return db.session.scalar(query.where(BridgeLease.vendor_id == vendor_id)) or 0


def accept(bridge: Bridge, task_id: int, fence: int, number: int, part: str, said: object) -> None:
    """Keep one page of a walk; the same page once more is fine.

    LateError when the walk is another's by now, RuleError when the page is not what was asked for.
    """
    if part not in PARTS or not 1 <= number <= 1_000_000:
        raise RuleError("part", f"part must be one of {', '.join(PARTS)}, number 1 or more.")
    page = unpack(PARTS[part], said)
    with writing() as session:
        task = _own(session, bridge, task_id, fence)
        _belongs(task, part, page)
        statement = insert_into(session, BridgePage).on_conflict_do_nothing(
            index_elements=["task_id", "number"]
        )
        body = json.dumps(said, separators=(",", ":"))
        session.execute(statement.values(task_id=task.id, number=number, part=part, body=body))


def _own(session: Session, bridge: Bridge, task_id: int, fence: int) -> BridgeTask:
    """Return the task if this very taking of it still counts, and hold it until the commit."""
    task = session.scalar(
        select(BridgeTask)
        .where(BridgeTask.id == task_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if task is None or (task.bridge_id, task.fence) != (bridge.id, fence):
        raise LateError
    if task.state == TaskState.WAITING:
        raise LateError
    return task


def _belongs(task: BridgeTask, part: str, page: Page[Any]) -> None:
    """Refuse what was not asked for: a bridge writes nothing outside the workspace it was given."""
    if task.state == TaskState.DONE or part not in task.wish["parts"]:
        raise RuleError("part", f"The walk was not asked for {part}, or has ended.")
    if task.scope and any(row.workspace_id != task.scope for row in page.rows):
        raise RuleError("page", "The page holds rows of another workspace.")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a walk ended at the bridge: pages posted, seconds and calls taken, its failure if any."""

    pages: int
    seconds: float
    error: object = None
    calls: int = 0


def acknowledge(runtime: Runtime, bridge: Bridge, task_id: int, fence: int, ending: Ending) -> None:
    """End a walk: all its pages are here, or it failed there. The waiting job goes on."""
    failure = unpack_error(ending.error) if ending.error is not None else None
    with writing() as session:
        hold_turn(session)
        task = _own(session, bridge, task_id, fence)
        lane = task.lane
        if task.state != TaskState.DONE:
            held = session.scalar(
                select(func.count()).select_from(BridgePage).where(BridgePage.task_id == task.id)
            )
            if failure is None and held != ending.pages:
                raise RuleError(
                    "pages", f"{held} of {ending.pages} pages have arrived; send the others."
                )
            task.state, task.ended_at = TaskState.DONE, runtime.now()
            task.outcome = {"error": ending.error} if failure else _told(ending)
            bridge.tasks_done += 1
            if failure is None:
                _measure(session, bridge, task, ending)
            _make_due(runtime, session, task)
        if failure is not None:
            bridge.last_error, bridge.last_error_at = str(failure)[:2000], runtime.now()
    runtime.wake(lane)


def _told(ending: Ending) -> dict[str, int]:
    return {"pages": ending.pages, "calls": ending.calls}


def _measure(session: Session, bridge: Bridge, task: BridgeTask, ending: Ending) -> None:
    """Keep what a walk took: of a full one for the workspace's weight, of each for the bridge.

    A bridge is measured by the call: workspaces differ, and what they cost is not its fault.
    """
    lease = session.get(BridgeLease, (task.vendor_id, task.scope))
    is_full = "devices" in task.wish["parts"] and task.wish["cursor"] is None
    if lease is not None and is_full:
        lease.seconds = _mean(lease.seconds, ending.seconds)
    if ending.calls:
        bridge.pace = _mean(bridge.pace, ending.seconds / ending.calls)


def _mean(before: float, now: float) -> float:
    return now if before <= 0 else before + SHARE * (now - before)


def prune(runtime: Runtime) -> None:
    """Delete tasks whose job is gone: their run was ended by a person."""
    old = runtime.now() - timedelta(hours=1)
    with writing() as session:
        job = select(Job.id).where(Job.kind == BridgeTask.kind, Job.subject == BridgeTask.subject)
        query = select(BridgeTask.id).where(BridgeTask.asked_at < old, ~job.exists())
        for number in session.scalars(query).all():
            _drop(session, number)
