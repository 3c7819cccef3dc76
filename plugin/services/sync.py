"""Brings the mirror in step with the remotes: who is due, one pass, and its outcome."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from plugin.domain.contracts import (
    Host,
    ListsComputers,
    ListsGroups,
    OpensTickets,
    ReportsLicences,
    Vendor,
)
from plugin.domain.errors import RuleError
from plugin.domain.model import Device
from plugin.domain.reconcile import Guard, SeenRows
from plugin.runtime import Runtime
from plugin.services import (
    counting,
    groups,
    host_writing,
    mapping,
    mirror,
    suggesting,
    tickets,
    watch,
)
from plugin.services.bridges import tasks
from plugin.services.bridges.tasks import Relayed
from plugin.services.groups import GROUPS
from plugin.services.journal import audit
from plugin.services.mirror import Counts
from plugin.services.scopes import lane_of, scopes_of
from plugin.store.base import db, writing
from plugin.store.integrations import (
    Connection,
    Side,
)
from plugin.store.mirror import Cursor, WorkspaceRow
from plugin.store.queue import Claim, enqueue
from plugin.store.work import RunState, SyncRun, TicketEntry

RUN = "sync"
WORKSPACES, DATA, COMPANIES, TICKETS = "workspaces", "data", "companies", "tickets"
COMPUTERS = "computers"
OVERLAP = timedelta(minutes=2)
HISTORY = timedelta(days=7)

Item = TypeVar("Item")


class CancelledError(RuleError):
    """A person asked for the run to end."""


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
        run = session.scalar(select(SyncRun).where(SyncRun.living == living))
        if run is None:
            run = SyncRun(
                connection_id=connection.id,
                scope=scope,
                scope_name=_name_of(session, connection.id, scope),
                what=what,
                living=living,
                full=full,
                asked_by=by,
                asked_at=runtime.now(),
            )
            session.add(run)
            session.flush()
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


def _name_of(session: Session, connection_id: int, scope: str) -> str:
    query = select(WorkspaceRow.name).where(
        WorkspaceRow.vendor_id == connection_id, WorkspaceRow.workspace_id == scope
    )
    return session.scalar(query) or scope if scope else ""


def ask_all(
    runtime: Runtime, connection: Connection, *, by: str = "", full: bool = False
) -> list[SyncRun]:
    """Ask for everything a connection has, detections included: "Sync now"."""
    write_down(runtime, by, connection.name)
    fresh = GROUPS if groups.are_fresh(runtime, connection) else ""
    lists = [each for each in _lists_of(runtime, connection) if each != fresh]
    runs = [ask(runtime, connection, what, by=by) for what in lists]
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
    if connection.side == Side.VENDOR:
        has_groups = groups.has_groups(runtime, connection)
        return (WORKSPACES, GROUPS) if has_groups else (WORKSPACES,)
    kind = runtime.adapter_class(connection.kind)
    offered = ((COMPANIES, Host), (TICKETS, OpensTickets), (COMPUTERS, ListsComputers))
    return tuple(what for what, ability in offered if issubclass(kind, ability))


def _pause(runtime: Runtime, connection: Connection, what: str) -> float:
    """Return after how many seconds a list is read again."""
    limits = runtime.settings.limits.sync
    if what == GROUPS and groups.is_early(runtime, connection):
        return groups.AGAIN_SECONDS
    if what == GROUPS and groups.are_fresh(runtime, connection):
        return limits.reconcile
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
    walk = _Walk(runtime, claim, run)
    try:
        later = walk.go()
    except CancelledError:
        close(runtime, run, RunState.CANCELLED, "a person ended it", walk.counts)
        return None
    if later is not None:
        return later
    state = RunState.PARTIAL if walk.counts.failed or walk.counts.withheld else RunState.DONE
    close(runtime, run, state, walk.remark(), walk.counts)
    return None


def _start(runtime: Runtime, run: SyncRun) -> None:
    with writing():
        run.state, run.started_at = RunState.RUNNING, run.started_at or runtime.now()
        run.problem = ""
        run.expected = _expected(run)
        for name in ("seen", "created", "updated", "unchanged", "removed", "failed", "withheld"):
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
    runtime: Runtime, run: SyncRun, state: RunState, problem: str, counts: Counts | None = None
) -> None:
    """End a run: it lives no more, its counts and the reason stay."""
    with writing():
        _write_counts(run, counts)
        run.state, run.problem, run.living = state, problem[:2000], None
        run.ended_at = runtime.now()


def _write_counts(run: SyncRun, counts: Counts | None) -> None:
    if counts is None:
        return
    for name in ("seen", "created", "updated", "unchanged", "removed", "failed", "withheld"):
        setattr(run, name, getattr(counts, name))


class _Walk:
    """One pass over one scope."""

    def __init__(self, runtime: Runtime, claim: Claim, run: SyncRun) -> None:
        self.runtime, self.claim, self.run = runtime, claim, run
        self.connection = run.connection
        self.scope = run.scope
        self.counts = Counts()

    def go(self) -> datetime | None:
        """Walk; returns when to look again where a bridge does the walking, else None."""
        if self.run.what == DATA:
            return self._data()
        {
            WORKSPACES: self._workspaces,
            GROUPS: self._groups,
            COMPANIES: self._companies,
            COMPUTERS: self._computers,
            TICKETS: self._tickets,
        }[self.run.what]()
        return None

    def remark(self) -> str:
        """Say what a person should know about a run that ended."""
        parts = []
        if self.counts.withheld:
            parts.append(
                f"{self.counts.withheld} devices vanished at once and were kept; "
                "if that is right, confirm it by a full sync from the workspace's page"
            )
        if self.counts.failed:
            parts.append(f"{self.counts.failed} records could not be stored; see the log")
        return "; ".join(parts)

    # -- lists -------------------------------------------------------------------------------

    def _workspaces(self) -> None:
        found = list(self._counted(self.runtime.vendor(self.connection).workspaces()))
        with writing() as session:
            mirror.store_workspaces(
                session, self.connection.id, found, self.runtime.now(), self.counts
            )
            session.flush()
            lanes = mapping.mark_broken(self.runtime, session, self.connection.id)
        self._listed(lanes)

    def _groups(self) -> None:
        vendor, number = self.runtime.vendor(self.connection), self.connection.id
        if not isinstance(vendor, ListsGroups):
            return
        seen: set[str] = set()
        found = self._counted(vendor.groups())
        while part := list(islice(found, mirror.CHUNK)):
            seen |= {each.id for each in part}
            with writing() as session:
                groups.store(self.runtime, session, number, part, self.counts)
                _write_counts(self.run, self.counts)
        if not seen:
            return  # a user who lost its rights sees none; the groups are there all the same
        with writing() as session:
            groups.forget(session, number, seen, self.counts)

    def _companies(self) -> None:
        found = list(self._counted(self.runtime.host(self.connection).companies()))
        with writing() as session:
            mirror.store_companies(
                session, self.connection.id, found, self.runtime.now(), self.counts
            )
            session.flush()
            lanes = mapping.mark_broken(self.runtime, session, self.connection.id)
        self._listed(lanes)

    def _computers(self) -> None:
        host = self.runtime.host(self.connection)
        if not isinstance(host, ListsComputers):
            return
        found = list(self._counted(host.computers()))
        self.counts.seen = len(found)
        with writing() as session:
            suggesting.store_serials(session, self.connection.id, found)
        suggesting.ask_for_all(self.runtime, self.connection.id)

    def _listed(self, lanes: set[str]) -> None:
        """See to what follows from a list of workspaces or companies that was stored."""
        mapping.wake_all(self.runtime, lanes)
        if self.counts.changed:
            suggesting.ask_for_all(self.runtime, self.connection.id)

    def _tickets(self) -> None:
        host = self.runtime.host(self.connection)
        if not isinstance(host, OpensTickets):
            return
        started = self.runtime.now()
        cursor = mirror.cursor_of(self.connection.id, "", TICKETS)
        since = cursor.moved_at - OVERLAP if cursor else started - HISTORY
        db.session.commit()
        for view in self._counted(host.tickets_changed(since)):
            entry = db.session.scalar(
                select(TicketEntry).where(
                    TicketEntry.host_id == self.connection.id, TicketEntry.ticket_id == view.id
                )
            )
            if entry is not None:
                tickets.see(self.runtime, entry, view)
        with writing() as session:
            mark = started.isoformat()
            mirror.move_cursor(session, self.connection.id, "", TICKETS, mark, started)

    # -- a vendor's data ---------------------------------------------------------------------

    def _data(self) -> datetime | None:
        """Fetch and store, or let the bridge that holds this scope fetch and then store."""
        self._still_wanted()
        relayed = tasks.turn(self.runtime, self.claim, self.connection, self.scope, self._wish())
        if isinstance(relayed, datetime):
            return relayed
        vendor = relayed or self.runtime.vendor(self.connection)
        self._devices(vendor)
        if self.counts.changed:
            host_writing.devices_changed(self.runtime, self.connection.id)
        if self.counts.created:
            suggesting.ask_for_all(self.runtime, self.connection.id, later=True)
        if isinstance(vendor, ReportsLicences) and self._licences_due():
            self._licences(vendor)
        if relayed is not None:
            tasks.forget(relayed)
        return None

    def _wish(self) -> dict[str, Any]:
        """Say what a bridge would have to fetch."""
        lists = issubclass(self.runtime.adapter_class(self.connection.kind), ReportsLicences)
        parts = ["devices", "licences"] if lists and self._licences_due() else ["devices"]
        return {"parts": parts, "cursor": self._start_of_devices()}

    def _start_of_devices(self) -> str | None:
        cursor = mirror.cursor_of(self.connection.id, self.scope, "devices")
        return cursor.cursor if cursor is not None and not self._full_due(cursor) else None

    def _devices(self, vendor: Vendor | Relayed) -> None:
        start = self._start_of_devices()
        seen, complete, page = SeenRows(), False, None
        db.session.commit()
        for page in vendor.devices(self.scope, start):
            self._store_devices(list(page.rows), seen)
            if page.gone:
                self._remove_named(page.gone)
            complete = page.complete
        with writing() as session:
            if complete and start is None:
                self._remove_unseen(session, seen)
            now = self.runtime.now()
            counting.recount(session, self.connection.id, self.counts.touched, now)
            # A vendor without changes-since gives no cursor: then every pass is a full one.
            mark = page.next_cursor if page else None
            mirror.move_cursor(
                session,
                self.connection.id,
                self.scope,
                "devices",
                mark,
                now,
                full=start is None and mark is not None,
            )

    def _full_due(self, cursor: Cursor | None) -> bool:
        if self.run.full or cursor is None or cursor.full_at is None:
            return True
        age = self.runtime.now() - cursor.full_at
        return age >= _seconds(self.runtime.settings.limits.sync.reconcile)

    def _store_devices(self, devices: list[Device], seen: SeenRows) -> None:
        self._still_wanted()
        try:
            self._store_page(devices, seen)
        except (DataError, IntegrityError):
            for device in devices:
                self._store_alone(device, seen)

    def _store_page(self, devices: list[Device], seen: SeenRows) -> None:
        counts = Counts()
        with writing() as session:
            now = self.runtime.now()
            mirror.store_devices(session, self.connection.id, devices, now, counts, seen)
            self._add(counts)
            _write_counts(self.run, self.counts)

    def _store_alone(self, device: Device, seen: SeenRows) -> None:
        """Store one record of a page that failed as a whole, so that it costs one record."""
        try:
            self._store_page([device], seen)
        except (DataError, IntegrityError):
            self.counts.failed += 1

    def _add(self, counts: Counts) -> None:
        for name in ("seen", "created", "updated", "unchanged", "removed"):
            setattr(self.counts, name, getattr(self.counts, name) + getattr(counts, name))
        self.counts.touched |= counts.touched

    def _remove_named(self, device_ids: Sequence[str]) -> None:
        """Mark devices as gone that the vendor says it has removed."""
        with writing() as session:
            now, scope = self.runtime.now(), self.scope or None
            mirror.remove_devices(session, self.connection.id, scope, device_ids, now, self.counts)

    def _remove_unseen(self, session: Session, seen: SeenRows) -> None:
        limits = self.runtime.settings.limits.guard
        confirmed = self.run.full and bool(self.run.asked_by)
        guard = Guard(1.0 if confirmed else limits.removal_share, limits.removal_count)
        mirror.remove_unseen_devices(
            session,
            self.connection.id,
            self.scope or None,
            seen,
            guard,
            self.runtime.now(),
            self.counts,
        )

    def _licences_due(self) -> bool:
        cursor = mirror.cursor_of(self.connection.id, self.scope, "licences")
        return self._full_due(cursor)

    def _licences(self, vendor: ReportsLicences) -> None:
        db.session.commit()
        found = list(vendor.licences(self.scope))
        with writing() as session:
            now = self.runtime.now()
            mirror.store_licences(
                session, self.connection.id, self.scope or None, found, now, self.counts
            )
            mirror.move_cursor(
                session, self.connection.id, self.scope, "licences", None, now, full=True
            )

    # -- while it runs -----------------------------------------------------------------------

    def _counted(self, items: Iterable[Item]) -> Iterator[Item]:
        for number, item in enumerate(items, 1):
            if number % 200 == 0:
                self._still_wanted()
            yield item

    def _still_wanted(self) -> None:
        self.claim.renew()
        asked = db.session.scalar(select(SyncRun.cancel_asked).where(SyncRun.id == self.run.id))
        db.session.commit()
        if asked:
            raise CancelledError("run", "cancelled")
