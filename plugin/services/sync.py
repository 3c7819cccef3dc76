"""Brings the mirror in step with the remotes: who is due, one run, and its outcome."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from plugin.domain.contracts import Host, ListsComputers, ListsGroups, OpensTickets
from plugin.runtime import Runtime
from plugin.services import groups, sync_lists, watch
from plugin.services.groups import GROUPS
from plugin.services.journal import audit
from plugin.services.mirror import FIGURES
from plugin.services.scopes import lane_of, scopes_of
from plugin.services.sync_data import DataWalk
from plugin.services.sync_walk import CancelledError, Walk
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Side
from plugin.store.mirror import WorkspaceRow
from plugin.store.queue import Claim, enqueue
from plugin.store.upsert import insert_into
from plugin.store.work import RunState, SyncRun

RUN = "sync"
WORKSPACES, DATA, COMPANIES, COMPUTERS = "workspaces", "data", "companies", "computers"
TICKETS = sync_lists.TICKETS

LISTS: dict[str, Callable[[Walk], None]] = {
    WORKSPACES: sync_lists.workspaces,
    GROUPS: sync_lists.all_groups,
    COMPANIES: sync_lists.companies,
    COMPUTERS: sync_lists.computers,
    TICKETS: sync_lists.changed_tickets,
}


# -- asking ------------------------------------------------------------------------------------


def ask(
    runtime: Runtime,
    connection: Connection,
    what: str,
    *,
    scope: str = "",
    by: str = "",
    full: bool = False,
) -> SyncRun:
    """Ask for a run; the living run of the same scope is returned when there is one."""
    living = f"{connection.id}:{what}:{scope}"
    with writing() as session:
        values = {
            "connection_id": connection.id,
            "scope": scope,
            "scope_name": scope_name(session, connection.id, scope),
            "what": what,
            "full": full,
            "asked_by": by,
            "asked_at": runtime.now(),
        }
        run = _living_run(session, living, values)
        enqueue(
            session,
            RUN,
            str(run.id),
            lane_of(connection.id, scope or what),
            now=runtime.now(),
            connection_id=connection.id,
            revive=bool(by),
        )
    runtime.wake(lane_of(connection.id, scope or what))
    return run


def _living_run(session: Session, living: str, values: dict[str, Any]) -> SyncRun:
    """Return the living run; begins it when there is none, though others may begin it just now."""
    query = select(SyncRun).where(SyncRun.living == living)
    begin = insert_into(session, SyncRun).on_conflict_do_nothing(index_elements=["living"])
    while (run := session.scalar(query)) is None:
        session.execute(begin, values | {"living": living})
    return run


def scope_name(session: Session, connection_id: int, scope: str) -> str:
    """Return what a person calls a scope: its workspace's name, or its id where nobody told one."""
    query = select(WorkspaceRow.name).where(
        WorkspaceRow.vendor_id == connection_id, WorkspaceRow.workspace_id == scope
    )
    return session.scalar(query) or scope if scope else ""


def ask_all(
    runtime: Runtime, connection: Connection, *, by: str = "", full: bool = False
) -> list[SyncRun]:
    """Ask for everything a connection has, detections included: "Sync now"."""
    write_down(runtime, by, connection.name)
    runs = [ask(runtime, connection, what, by=by) for what in _lists_of(runtime, connection)]
    scopes = scopes_of(runtime, connection)
    watch.ask(runtime, connection, scopes, now=True)
    return runs + [
        ask(runtime, connection, DATA, scope=scope, by=by, full=full) for scope in scopes
    ]


def write_down(runtime: Runtime, by: str, subject: str) -> None:
    """Note in the audit log that a person asked for data; asking by the clock leaves no entry."""
    if by:
        with writing() as session:
            audit(runtime, session, by, "sync.ask", subject)


def again(runtime: Runtime, actor: str, run: SyncRun) -> SyncRun:
    """Ask for what a run fetched once more."""
    write_down(runtime, actor, f"{run.connection.name}: {run.what} {run.scope_name}".strip())
    return ask(runtime, run.connection, run.what, scope=run.scope, by=actor)


def _lists_of(runtime: Runtime, connection: Connection) -> tuple[str, ...]:
    kind = runtime.adapter_class(connection.kind)
    if connection.side == Side.VENDOR:
        return (WORKSPACES, GROUPS) if issubclass(kind, ListsGroups) else (WORKSPACES,)
    offered = ((COMPANIES, Host), (TICKETS, OpensTickets), (COMPUTERS, ListsComputers))
    return tuple(what for what, ability in offered if issubclass(kind, ability))


def _pause(runtime: Runtime, connection: Connection, what: str) -> float:
    """Return after how many seconds a list is read again."""
    limits = runtime.settings.limits.sync
    if what == GROUPS and groups.is_early(runtime, connection):
        return groups.AGAIN_SECONDS
    if what == COMPUTERS:  # whose computer is whose changes slowly, and is a long list
        return limits.reconcile
    return limits.interval if connection.side == Side.VENDOR else limits.poll_host


def schedule(runtime: Runtime) -> int:
    """Ask for every run that is due by its interval; returns how many were asked for."""
    asked = 0
    for connection in _living_connections(runtime):
        limits = runtime.settings.limits.sync
        for what in _lists_of(runtime, connection):
            asked += _ask_if_due(runtime, connection, what, "", _pause(runtime, connection, what))
        scopes = scopes_of(runtime, connection)
        watch.ask(runtime, connection, scopes)
        for scope in scopes:
            asked += _ask_if_due(runtime, connection, DATA, scope, limits.interval)
    return asked


def _living_connections(runtime: Runtime) -> Iterator[Connection]:
    query = select(Connection).where(Connection.deleted_at.is_(None)).order_by(Connection.id)
    for connection in db.session.scalars(query).all():
        if runtime.is_active(connection):
            yield connection


def _ask_if_due(
    runtime: Runtime, connection: Connection, what: str, scope: str, every: float
) -> int:
    last = db.session.scalar(
        select(SyncRun)
        .where(SyncRun.connection_id == connection.id, SyncRun.what == what, SyncRun.scope == scope)
        .order_by(SyncRun.id.desc())
        .limit(1)
    )
    if last is not None and (last.living or runtime.now() - last.asked_at < _seconds(every)):
        return 0
    ask(runtime, connection, what, scope=scope)
    return 1


def _seconds(amount: float) -> timedelta:
    return timedelta(seconds=amount)


def cancel(runtime: Runtime, actor: str, run: SyncRun) -> None:
    """Ask a living run to end at its next page; harmless when it has ended."""
    with writing() as session:
        if run.living and not run.cancel_asked:
            run.cancel_asked = True
            subject = f"{run.connection.name}: {run.what} {run.scope_name}".strip()
            audit(runtime, session, actor, "sync.cancel", subject)


# -- one run -----------------------------------------------------------------------------------


def work(runtime: Runtime, claim: Claim) -> datetime | None:
    """Work one run; a run of a sleeping environment waits until that environment is back."""
    run = db.session.get(SyncRun, int(claim.subject))
    if run is None or run.living is None:
        return None
    connection = run.connection
    if connection.deleted_at is not None:
        close(runtime, run, RunState.CANCELLED, "the connection was deleted")
        return None
    if not runtime.is_active(connection):
        return runtime.now() + timedelta(seconds=60)
    _start(runtime, run)
    walk = DataWalk(runtime, claim, run) if run.what == DATA else Walk(runtime, claim, run)
    try:
        later = walk.go() if isinstance(walk, DataWalk) else LISTS[run.what](walk)
    except CancelledError:
        close(runtime, run, RunState.CANCELLED, "a person ended it", walk)
        return None
    if later is not None:
        return later
    state = RunState.PARTIAL if walk.counts.failed or walk.counts.withheld else RunState.DONE
    close(runtime, run, state, walk.remark(), walk)
    return None


def _start(runtime: Runtime, run: SyncRun) -> None:
    with writing():
        run.state, run.started_at = RunState.RUNNING, run.started_at or runtime.now()
        run.problem = ""
        run.expected = _expected(run)
        for name in FIGURES:
            setattr(run, name, 0)


def _expected(run: SyncRun) -> int | None:
    """Return how many devices a run will probably see: as many as there were before."""
    if run.what != DATA:
        return None
    query = select(func.sum(WorkspaceRow.devices)).where(
        WorkspaceRow.vendor_id == run.connection_id, WorkspaceRow.gone_at.is_(None)
    )
    if run.scope:
        query = query.where(WorkspaceRow.workspace_id == run.scope)
    return db.session.scalar(query) or None


def close(
    runtime: Runtime, run: SyncRun, state: RunState, problem: str, walk: Walk | None = None
) -> None:
    """End a run: it lives no more, its counts and the reason stay."""
    with writing():
        if walk is not None:
            walk.write_counts()
        run.state, run.problem, run.living = state, problem[:2000], None
        run.ended_at = runtime.now()
