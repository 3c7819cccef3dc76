"""Which use case does which kind of job, and what is done again and again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import delete

from plugin.runtime import Runtime
from plugin.services import (
    actions,
    clock,
    connections,
    counting,
    device_matching,
    follow,
    host_writing,
    inbox,
    journal,
    mail,
    notice_watch,
    notices,
    outcomes,
    receiver,
    registering,
    registration,
    suggesting,
    sync,
    ticket_decisions,
    tickets,
    watch,
)
from plugin.services.bridges import leases, roles, tasks
from plugin.services.work import Handler, Hook
from plugin.store.base import writing
from plugin.store.people import SignInTry, UserSession
from plugin.store.queue import Claim
from plugin.store.work import SyncRun


def _delivery(runtime: Runtime, claim: Claim) -> datetime | None:
    return inbox.handle(runtime, claim, refresh=follow.refresh)


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        actions.RUN: actions.work,
        suggesting.WORK_OUT: suggesting.work,
        sync.RUN: sync.work,
        watch.LOOK: watch.look,
        ticket_decisions.SEND: tickets.send,
        connections.CALLBACKS: connections.keep_callbacks,
        connections.FAREWELL: connections.work_farewell,
        connections.CHECK: connections.work_check,
        connections.REMOVE: connections.work_removal,
        device_matching.LOOK: device_matching.work,
        host_writing.RUN: host_writing.work,
        mail.RUN: mail.work,
        receiver.JOB_KIND: _delivery,
        registration.KEEP: registering.work,
        roles.LOOK: roles.look,
    }
)

HOOKS: Mapping[str, Hook] = MappingProxyType(
    {
        actions.RUN: actions.note_fate,
        host_writing.RUN: host_writing.note_fate,
        sync.RUN: outcomes.note_run,
        ticket_decisions.SEND: outcomes.note_ticket,
        receiver.JOB_KIND: inbox.note_fate,
        registration.KEEP: registering.note_fate,
    }
)


@dataclass(frozen=True, slots=True)
class Periodic:
    """Something done again and again, ``seconds`` apart."""

    seconds: float
    do: Callable[[Runtime], object]


def _prune(runtime: Runtime) -> None:
    """Delete what has been kept long enough, and tell where the audit log ends."""
    journal.tell_audit_end()
    inbox.prune(runtime)
    notices.prune(runtime)
    tasks.prune(runtime)
    before = runtime.now() - timedelta(days=runtime.settings.limits.keep.run_days)
    with writing() as session:
        session.execute(delete(SyncRun).where(SyncRun.living.is_(None), SyncRun.asked_at < before))
        session.execute(delete(UserSession).where(UserSession.expires_at < before))
        session.execute(delete(SignInTry).where(SignInTry.at < before))


PERIODIC: Mapping[str, Periodic] = MappingProxyType(
    {
        "schedule": Periodic(10, sync.schedule),
        "clock": Periodic(5, clock.watch),
        "bridges": Periodic(2, leases.watch),
        "bridge-leases": Periodic(30, leases.keep),
        "bridge-roles": Periodic(10, roles.schedule),
        "recount": Periodic(600, counting.recount_all),
        "prune": Periodic(3600, _prune),
        "conditions": Periodic(60, notice_watch.look),
        "dates": Periodic(3600, notice_watch.look_at_dates),
    }
)
