"""The worker's heart: takes a lane's due jobs in batches, runs them, and settles what became of it.

Handlers are idempotent, because everything is done *at least once*: outcomes of jobs that went
well are written together every fraction of a second, and a worker that dies in between has its
jobs done once more by its successor.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy.orm import Session

from plugin import logs
from plugin.runtime import Runtime
from plugin.services import standing
from plugin.services.fate import Fate, FateKind, fate_of
from plugin.services.standing import Standing
from plugin.store import queue, settling
from plugin.store.base import db, writing
from plugin.store.integrations import ConnectionState
from plugin.store.queue import Claim, LostLeaseError
from plugin.store.work import JobState

Handler = Callable[[Runtime, Claim], datetime | None]
"""Does one job; returns when to do it again, or None when it is done."""

Hook = Callable[[Runtime, Claim, Fate], None]
"""Notes a fate in the handler's own rows, in the transaction that settles the job."""

Stopping = Callable[[], bool]

_FLUSH_SECONDS = 0.2
_QUICK_SECONDS = 0.5
_LARGEST_BATCH = 1000
_log = logging.getLogger(__name__)
_NO_HOOKS: Mapping[str, Hook] = MappingProxyType({})


def work(
    runtime: Runtime,
    lane: str,
    handlers: Mapping[str, Handler],
    hooks: Mapping[str, Hook] = _NO_HOOKS,
    stopping: Stopping = lambda: False,
) -> int:
    """Work the due jobs of a lane until it is empty or ``stopping`` says so; returns how many."""
    return _Shift(runtime, lane, handlers, hooks).work(stopping)


class _Shift:
    """One worker's time with one lane."""

    def __init__(
        self,
        runtime: Runtime,
        lane: str,
        handlers: Mapping[str, Handler],
        hooks: Mapping[str, Hook],
    ) -> None:
        self._runtime, self._lane = runtime, lane
        self._handlers, self._hooks = handlers, hooks
        self._limits = runtime.settings.limits.work
        self._size = self._limits.batch
        self._finished: list[Claim] = []
        self._waiting: list[Claim] = []
        self._flush_at = 0.0
        self._standing: dict[int, Standing] = {}
        self._to_wake: list[str] = []

    def work(self, stopping: Stopping) -> int:
        worked = 0
        while not stopping() and (claims := self._take()):
            started = time.monotonic()
            worked += self._batch(claims, stopping)
            if time.monotonic() - started < _QUICK_SECONDS:
                # Quick jobs come in larger batches, because taking a batch costs the same.
                self._size = min(2 * self._size, max(_LARGEST_BATCH, self._limits.batch))
            else:
                self._size = self._limits.batch
            self._wake()
        return worked

    def _take(self) -> list[Claim]:
        limits = self._limits
        claims = queue.take(
            self._lane,
            now=self._runtime.now(),
            lease=timedelta(seconds=limits.lease),
            worker=_me(),
            limit=self._size,
            clock=self._runtime.now,
        )
        ids = {each.connection_id for each in claims if each.connection_id is not None}
        self._standing = standing.look_at(self._runtime, ids) if ids else {}
        self._flush_at = time.monotonic() + _FLUSH_SECONDS
        return claims

    def _batch(self, claims: Sequence[Claim], stopping: Stopping) -> int:
        for position, claim in enumerate(claims):
            if stopping():
                self._flush()
                with writing() as session:
                    settling.release(session, claims[position:])
                return position
            with logs.about(job=claim.id, **{claim.kind: claim.subject}):
                self._run(claim)
            if time.monotonic() > self._flush_at:
                self._flush()
        self._flush()
        return len(claims)

    def _run(self, claim: Claim) -> None:
        known, now = self._standing.get(claim.connection_id or 0), self._runtime.now()
        if known and known.is_waiting(now):
            self._waiting.append(claim)
            return
        if known and known.is_resting(now):
            self._settle(claim, Fate(FateKind.PARKED, known.problem))
            return
        try:
            claim.renew()
            again = self._handlers[claim.kind](self._runtime, claim)
        except LostLeaseError as error:
            _log.warning("job %d: %s", claim.id, error)
        except Exception as error:  # noqa: BLE001 - the one place where any failure becomes a fate
            db.session.rollback()
            fate = fate_of(error, claim, self._runtime.now(), self._limits)
            self._report(claim, fate, error)
            self._settle(claim, fate)
        else:
            db.session.rollback()  # ends the handler's reading, so that no snapshot grows old
            self._succeed(claim, again)

    def _succeed(self, claim: Claim, again: datetime | None) -> None:
        if again is None:
            self._finished.append(claim)
            return
        with writing() as session:
            settling.repeat(session, claim, again, self._runtime.now())
            self._hear(session, [claim])

    def _flush(self) -> None:
        """Write the outcomes of all jobs that went well, or were not tried, since the last time."""
        self._flush_at = time.monotonic() + _FLUSH_SECONDS
        if not self._finished and not self._waiting:
            return
        with writing() as session:
            settling.finish(session, self._finished, self._runtime.now())
            self._hear(session, self._finished)
            settling.release(session, self._waiting)
            for connection_id in {each.connection_id or 0 for each in self._waiting}:
                self._postpone(session, connection_id)
        self._finished, self._waiting = [], []

    def _postpone(self, session: Session, connection_id: int) -> None:
        known = self._standing[connection_id]
        if known.waits_until is not None:
            queue.postpone(session, self._lane, connection_id, known.waits_until, known.waits_for)

    def _hear(self, session: Session, claims: Sequence[Claim]) -> None:
        """Note which remotes let us in; the parked work of one that had not is due again."""
        now = self._runtime.now()
        for connection_id in {each.connection_id or 0 for each in claims if each.heard}:
            known = self._standing.get(connection_id)
            if known and known.is_news(now):
                self._to_wake += standing.note_success(session, connection_id, now)
                known.state, known.worked_at = ConnectionState.WORKING, now

    def _settle(self, claim: Claim, fate: Fate) -> None:
        self._flush()
        with writing() as session:
            if not _write(session, claim, fate, self._runtime.now()):
                _log.warning("job %d: its outcome no longer counts, it was taken over", claim.id)
                return
            if hook := self._hooks.get(claim.kind):
                hook(self._runtime, claim, fate)
            self._spread(session, claim, fate)

    def _spread(self, session: Session, claim: Claim, fate: Fate) -> None:
        """Let the connection's other work share what one job has learned."""
        now = self._runtime.now()
        known = self._standing.get(claim.connection_id or 0)
        if claim.connection_id is None or known is None:
            return
        if fate.refused:
            standing.note_refusal(session, claim.connection_id, fate.reason, now)
            queue.park_connection(session, claim.connection_id, fate.reason)
            known.state, known.problem = ConnectionState.ATTENTION, fate.reason
            known.refused_at = now
        if fate.shared and fate.due_at:
            known.waits_until, known.waits_for = fate.due_at, fate.reason
            self._postpone(session, claim.connection_id)

    def _wake(self) -> None:
        lanes, self._to_wake = self._to_wake, []
        for lane in lanes:
            self._runtime.wake(lane)

    def _report(self, claim: Claim, fate: Fate, error: Exception) -> None:
        level = logging.ERROR if fate.kind is FateKind.DEAD else logging.INFO
        _log.log(
            level,
            "job %d (%s %s) is %s: %s",
            claim.id,
            claim.kind,
            claim.subject,
            fate.kind,
            fate.reason,
            exc_info=error if fate.bug else None,
        )


def _write(session: Session, claim: Claim, fate: Fate, now: datetime) -> bool:
    match fate.kind:
        case FateKind.DROPPED:
            return settling.finish(session, [claim], now) > 0
        case FateKind.PARKED:
            return settling.shelve(session, claim, JobState.PARKED, fate.reason)
        case FateKind.DEAD:
            return settling.shelve(session, claim, JobState.DEAD, fate.reason)
    return settling.put_back(
        session,
        claim,
        fate.due_at or now,
        problem=fate.reason,
        failures=claim.failures + fate.counted,
        first_failed_at=(claim.first_failed_at or now) if fate.counted else claim.first_failed_at,
    )


def _me() -> str:
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{threading.get_native_id()}"
