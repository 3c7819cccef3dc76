"""Writes down what was done and why: the audit chain and the ticket log."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.runtime import Runtime
from plugin.store.base import db
from plugin.store.integrations import Preference
from plugin.store.journal import AuditEntry, TicketLog

SYSTEM = "Bridgehead"
HEAD = "audit-head"
"""The preference that holds the last entry's id and mac, so that a cut tail shows."""
_PURPOSE = "audit chain"
_START = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """The first entry at which the chain does not hold, and why."""

    entry_id: int
    what: str


def audit(
    runtime: Runtime,
    session: Session,
    actor: str,
    action: str,
    subject: str,
    *,
    before: object = None,
    after: object = None,
) -> AuditEntry:
    """Add an audit entry inside the caller's write transaction, chained to the one before.

    ``before`` and ``after`` are JSON-ready values without secrets.
    """
    last = session.scalar(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1))
    entry = AuditEntry(
        at=runtime.now(),
        actor=actor[:254],
        action=action,
        subject=subject[:200],
        before=before,
        after=after,
    )
    entry.mac = _mac(runtime, last.mac if last else _START, entry)
    session.add(entry)
    session.flush()
    _note_head(runtime, session, entry)
    return entry


def verify_audit(runtime: Runtime) -> AuditProblem | None:
    """Walk the whole chain; return the first bad entry, or None when everything holds."""
    previous, last_id = _START, 0
    for entry in _entries():
        if not hmac.compare_digest(entry.mac, _mac(runtime, previous, entry)):
            return AuditProblem(entry.id, "was changed, or an entry before it is missing")
        previous, last_id = entry.mac, entry.id
    head = db.session.get(Preference, HEAD)
    told = head.value["mac"] if head is not None else _START
    if told != previous:
        return AuditProblem(last_id + 1, "is missing: the log ends before its recorded last entry")
    return None


def _entries() -> Iterator[AuditEntry]:
    query = select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=500)
    yield from db.session.scalars(query)


def _mac(runtime: Runtime, previous: str, entry: AuditEntry) -> str:
    content = json.dumps(
        [
            previous,
            entry.at.isoformat(),
            entry.actor,
            entry.action,
            entry.subject,
            entry.before,
            entry.after,
        ],
        sort_keys=True,
        default=str,
    )
    key = runtime.vault.derive(_PURPOSE)
    return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()


def _note_head(runtime: Runtime, session: Session, entry: AuditEntry) -> None:
    head = session.get(Preference, HEAD)
    if head is None:
        head = Preference(name=HEAD)
        session.add(head)
    head.value = {"id": entry.id, "mac": entry.mac}
    head.changed_at = runtime.now()


def log_ticket(session: Session, at: datetime, decision: str, reason: str, **about: Any) -> None:
    """Add one line to the ticket log; ``about`` are columns of :class:`TicketLog`."""
    session.add(TicketLog(at=at, decision=decision, reason=reason[:2000], **about))
