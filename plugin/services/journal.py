"""Writes down what was done and why: the audit chain and the ticket log."""

import hashlib
import hmac
import json
import logging
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

log = logging.getLogger(__name__)

SYSTEM = "Bridgehead"
HEAD = "audit-head"
"""The preference that holds the recorded end: how many entries, the last one's id and mac, a seal.

Without its own seal, whoever cuts the tail could write the last remaining entry's mac here.
"""
_PURPOSE, _END_PURPOSE = "audit chain", "audit chain's end"
_START = "0" * 64
_BROKEN = "the recorded end was changed"


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
    head = session.get(Preference, HEAD, with_for_update=True, populate_existing=True)
    entry = AuditEntry(
        at=runtime.now(),
        actor=actor[:254],
        action=action,
        subject=subject[:200],
        before=before,
        after=after,
    )
    entry.mac = _mac(runtime, _end(runtime, session, head), entry)
    session.add(entry)
    session.flush()
    _note_head(runtime, session, head, entry)
    return entry


def verify_audit(runtime: Runtime) -> AuditProblem | None:
    """Walk the whole chain; return the first bad entry, or None when everything holds."""
    previous, last_id, count = _START, 0, 0
    for entry in _entries():
        if not hmac.compare_digest(entry.mac, _mac(runtime, previous, entry)):
            return AuditProblem(entry.id, "was changed, or an entry before it is missing")
        previous, last_id, count = entry.mac, entry.id, count + 1
    return _problem_at_the_end(runtime, previous, last_id, count)


def audit_end() -> dict[str, Any]:
    """Return the log's recorded end: how many entries, the last one's id and mac, the seal."""
    head = db.session.get(Preference, HEAD)
    return dict(head.value) if head is not None else {}


def tell_audit_end() -> None:
    """Write the recorded end into the program's log, so that it is known outside the database."""
    end = audit_end()
    if end:
        log.info("audit log: %s entries, the last ends with %s", end.get("count"), end.get("mac"))


def _problem_at_the_end(
    runtime: Runtime, mac: str, last_id: int, count: int
) -> AuditProblem | None:
    """Compare where the log ends with its recorded end."""
    head = db.session.get(Preference, HEAD, populate_existing=True)
    if head is None and not count:
        return None
    if head is None or not _is_sealed(runtime, head):
        return AuditProblem(last_id + 1, "may be missing: the log's recorded end was changed")
    if (head.value["count"], head.value["mac"]) != (count, mac):
        return AuditProblem(last_id + 1, "is missing: the log ends before its recorded last entry")
    return None


def _end(runtime: Runtime, session: Session, head: Preference | None) -> str:
    """Return the mac that the next entry is chained to.

    It is the recorded one, not that of the last row, so that a cut tail shows for ever. Where the
    record was changed or taken away, the next entry is chained to nothing, for the same reason.
    """
    if head is not None:
        return str(head.value["mac"]) if _is_sealed(runtime, head) else _BROKEN
    has_entries = session.scalar(select(AuditEntry.id).limit(1)) is not None
    return _BROKEN if has_entries else _START


def _is_sealed(runtime: Runtime, head: Preference) -> bool:
    told = head.value if isinstance(head.value, dict) else {}
    seal = _seal(runtime, told.get("count"), told.get("mac"))
    return hmac.compare_digest(str(told.get("seal")).encode(), seal.encode())


def _seal(runtime: Runtime, count: object, mac: object) -> str:
    key = runtime.vault.derive(_END_PURPOSE)
    return hmac.new(key, json.dumps([count, mac]).encode(), hashlib.sha256).hexdigest()


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


def _note_head(
    runtime: Runtime, session: Session, head: Preference | None, entry: AuditEntry
) -> None:
    if head is None:
        head = Preference(name=HEAD, value={})
        session.add(head)
    before = head.value.get("count") if isinstance(head.value, dict) else None
    count = before + 1 if isinstance(before, int) else 1
    seal = _seal(runtime, count, entry.mac)
    head.value = {"id": entry.id, "count": count, "mac": entry.mac, "seal": seal}
    head.changed_at = runtime.now()
    session.flush()  # the next entry of the same transaction reads it again


def log_ticket(session: Session, at: datetime, decision: str, reason: str, **about: Any) -> None:
    """Add one line to the ticket log; ``about`` are columns of :class:`TicketLog`."""
    session.add(TicketLog(at=at, decision=decision, reason=reason[:2000], **about))
