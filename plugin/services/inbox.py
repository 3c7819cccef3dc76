"""The inbox: calls from hosts are stored as they came, proved, and taken as hints.

A call never changes anything by what it says. It tells us which record to fetch again; so order,
repeats and losses do no harm, and a forged one can at worst cause a look at our own data.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from prometheus_client import Counter
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from plugin.domain.contracts import SendsWebhooks
from plugin.domain.errors import BusyError, ForgedError, PluginError
from plugin.domain.model import Delivery as Call
from plugin.domain.model import EventKind, HostEvent
from plugin.runtime import Runtime
from plugin.services import proof_keys
from plugin.services.fate import Fate, FateKind
from plugin.services.journal import audit
from plugin.services.receiver import JOB_KIND, Accepted, Incoming, Receiver, lane_of
from plugin.store import queue
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.queue import Claim
from plugin.store.work import Delivery, DeliveryState

Refresh = Callable[[Runtime, Connection, HostEvent], str | None]
"""Fetches the record that an event names and acts on it; returns what came of it, in words."""

_KEPT = ("x-", "webhook-")
_ALSO_KEPT = frozenset({"content-type", "user-agent"})
_BY_THE_WAY = ("x-forwarded-", "x-request-", "x-real-ip", "x-amzn-", "x-envoy-", "x-b3-")
_CLOSED = (DeliveryState.HANDLED, DeliveryState.DROPPED)
_STEP = 500
_TOLD = 20
"""Of so many calls the audit log names the numbers."""
_MOST_REFUSED = 20
_SHOW_SECONDS = 1.0
_refused = Counter("bridgehead_deliveries_forged_total", "Calls that nobody could vouch for")


# -- receiving -----------------------------------------------------------------------------------


def accept(
    receiver: Receiver,
    connection: Connection,
    *,
    body: bytes,
    headers: Sequence[tuple[str, str]],
    query: str,
) -> Accepted:
    """Store a call durably; the same call waiting already is counted, not stored twice.

    ForgedError when its proof needs no network and fails: then the call is shown with the reason,
    but never handled. BusyError when it cannot be stored in time.
    """
    kept = _worth_keeping(headers)
    now = receiver.runtime.now()
    call = Call(body=body, headers=kept, query=query, received_at=now)
    try:
        proven = _prove_now(receiver.runtime, connection, call)
    except ForgedError as error:
        # Not now: a forged call must not take longer than one for an unknown address.
        show = partial(_show_refused, connection.id, call, error.message, now)
        receiver.afterwards(show)
        raise
    return receiver.store(
        Incoming(
            connection_id=connection.id,
            received_at=now,
            digest=_digest(call),
            headers=[list(header) for header in kept],
            query=query,
            body=body,
            proven=proven,
        )
    )


def _show_refused(connection_id: int, call: Call, reason: str, now: datetime) -> None:
    """Keep a forged call where a person can see it, a few an hour: more say nothing new.

    It has no job, so nothing ever acts on it; when the store is busy it is only counted.
    """
    recent = select(func.count(Delivery.id)).where(
        Delivery.connection_id == connection_id,
        Delivery.state == DeliveryState.DROPPED,
        Delivery.proven.is_(False),
        Delivery.received_at > now - timedelta(hours=1),
    )
    with suppress(BusyError, SQLAlchemyError), writing(timeout=_SHOW_SECONDS) as session:
        if (session.scalar(recent) or 0) >= _MOST_REFUSED:
            return
        session.add(
            Delivery(
                connection_id=connection_id,
                received_at=now,
                digest=_digest(call),
                headers=[list(header) for header in call.headers],
                query=call.query,
                body=call.body,
                state=DeliveryState.DROPPED,
                reason=f"refused: {reason}",
                handled_at=now,
            )
        )


def _worth_keeping(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers a proof may need; no proof has letters beyond ASCII in it."""
    lower = ((name.lower(), value) for name, value in headers if value.isascii())
    return tuple(
        sorted(each for each in lower if each[0].startswith(_KEPT) or each[0] in _ALSO_KEPT)
    )


def _digest(call: Call) -> str:
    """Digest what the sender said; what proxies add on the way differs from try to try."""
    said = hashlib.sha256(call.body)
    said.update(b"\0" + call.query.encode())
    for name, value in call.headers:
        if name.startswith(_KEPT) and not name.startswith(_BY_THE_WAY):
            said.update(f"\0{name}\0{value}".encode())
    return said.hexdigest()


def _prove_now(runtime: Runtime, connection: Connection, call: Call) -> bool:
    """Prove a call where that needs no network; False leaves it to the worker."""
    try:
        host = runtime.host(connection)
        if not isinstance(host, SendsWebhooks) or not host.can_prove_offline(call):
            return False
        host.prove(call)
    except ForgedError:
        _refused.inc()
        raise
    except PluginError:
        return False  # something of ours or of the host's is amiss: the worker finds out what
    return True


# -- handling ------------------------------------------------------------------------------------


def handle(runtime: Runtime, claim: Claim, *, refresh: Refresh) -> datetime | None:
    """Prove and read a stored call, then have the record it names fetched again."""
    claim.heard = False
    row = db.session.get(Delivery, int(claim.subject))
    if row is None or row.state in _CLOSED:
        return None
    host = runtime.host(row.connection)
    if not isinstance(host, SendsWebhooks):
        _close(runtime, row.id, DeliveryState.DROPPED, "this system sends no calls")
        return None
    call = _as_call(row)
    if not row.proven:
        _prove(runtime, row.connection, host, call)
    event = host.read(call)
    if event.kind is EventKind.UNKNOWN:
        _close(runtime, row.id, DeliveryState.HANDLED, "about something that is not used here")
    elif needless := _begin(runtime, row.id, event):
        _close(runtime, row.id, DeliveryState.DROPPED, needless)
    else:
        connection = row.connection
        db.session.rollback()
        outcome = refresh(runtime, connection, event)
        claim.heard = True
        _close(runtime, int(claim.subject), DeliveryState.HANDLED, outcome or "the record was read")
    return None


def _as_call(row: Delivery) -> Call:
    headers = tuple((name, value) for name, value in row.headers)
    return Call(body=row.body, headers=headers, query=row.query, received_at=row.received_at)


def _prove(runtime: Runtime, connection: Connection, host: SendsWebhooks, call: Call) -> None:
    """Prove a call, by what other processes know already, and tell them what was learned."""
    proof_keys.learn(runtime, [connection])
    try:
        host.prove(call)
    except ForgedError:
        _refused.inc()
        raise
    finally:
        proof_keys.tell(runtime, connection, host)


def _begin(runtime: Runtime, delivery_id: int, event: HostEvent) -> str:
    """Note what a proven call is about; returns why no fetch is needed, or an empty text.

    From here on the same bytes are a new call, because the fetch that follows may be too early
    for them. Clearing the digest therefore comes before the fetch, in any order with the rest.
    """
    with writing() as session:
        row = session.get_one(Delivery, delivery_id)
        row.waiting_digest = None
        row.proven = True
        row.message_id = _fit(event.message_id, 80)
        row.entity_id = _fit(event.entity_id, 100)
        row.event_kind, row.action = event.kind, event.action
        needless = "" if row.replays else _double(runtime, row) or _covered(row)
        if not needless:
            row.covers = session.scalar(select(func.max(Delivery.id))) or row.id
    return needless


def _fit(text: str, size: int) -> str:
    """Cut a foreign text to its column, without what no database stores (zeros, half pairs)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:size]


def _double(runtime: Runtime, row: Delivery) -> str:
    """Say which earlier proven call of the last weeks carried the same message, if one did."""
    if not row.message_id:
        return ""
    since = runtime.now() - timedelta(days=runtime.settings.delivery_days)
    earlier = db.session.scalar(
        select(Delivery.id)
        .where(Delivery.connection_id == row.connection_id, Delivery.id < row.id)
        .where(Delivery.message_id == row.message_id, Delivery.proven)
        .where(Delivery.received_at > since)
        .limit(1)
    )
    return f"the same message as call {earlier}" if earlier else ""


def _covered(row: Delivery) -> str:
    """Say which finished call fetched the same record after this one had come in, if one did.

    Ids instead of times: two machines' clocks may differ, ids only rise.
    """
    later = db.session.scalar(
        select(Delivery.id)
        .where(Delivery.connection_id == row.connection_id, Delivery.id != row.id)
        .where(Delivery.entity_id == row.entity_id, Delivery.event_kind == row.event_kind)
        .where(Delivery.covers >= row.id, Delivery.state == DeliveryState.HANDLED)
        .limit(1)
    )
    return f"the record was read after this call came in, with call {later}" if later else ""


def _close(runtime: Runtime, delivery_id: int, state: DeliveryState, reason: str) -> None:
    with writing() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.id == delivery_id)
            .values(state=state, reason=reason, waiting_digest=None, handled_at=runtime.now())
        )


def note_fate(runtime: Runtime, claim: Claim, fate: Fate) -> None:
    """Show on the delivery what became of its job (the hook of ``services.work``)."""
    states = {
        FateKind.DROPPED: DeliveryState.DROPPED,
        FateKind.PARKED: DeliveryState.PARKED,
        FateKind.DEAD: DeliveryState.DEAD,
    }
    values: dict[str, object] = {"reason": fate.reason}
    if fate.kind in states:
        values |= {"state": states[fate.kind], "handled_at": runtime.now()}
    if fate.kind in {FateKind.DROPPED, FateKind.DEAD}:
        values["waiting_digest"] = None  # the same call again deserves its own chance
    with writing() as session:
        session.execute(update(Delivery).where(Delivery.id == int(claim.subject)).values(**values))


# -- keeping -------------------------------------------------------------------------------------


def replay(runtime: Runtime, actor: str, delivery_ids: Sequence[int]) -> int:
    """Have stored calls handled once more, whatever became of them; returns how many."""
    with writing() as session:
        told = [*delivery_ids[:_TOLD], *(["…"] if len(delivery_ids) > _TOLD else [])]
        subject = "1 call" if len(delivery_ids) == 1 else f"{len(delivery_ids)} calls"
        audit(runtime, session, actor, "delivery.replay", subject, after=told)
    lanes: set[str] = set()
    count = 0
    for start in range(0, len(delivery_ids), _STEP):
        step = delivery_ids[start : start + _STEP]
        with writing() as session:
            for row in session.scalars(select(Delivery).where(Delivery.id.in_(step))):
                row.state, row.reason, row.replays = DeliveryState.WAITING, "", row.replays + 1
                lane = lane_of(row.connection_id)
                queue.enqueue(
                    session,
                    JOB_KIND,
                    str(row.id),
                    lane,
                    now=runtime.now(),
                    connection_id=row.connection_id,
                    revive=True,
                )
                lanes.add(lane)
                count += 1
    for lane in lanes:
        runtime.wake(lane)
    return count


def prune(runtime: Runtime) -> int:
    """Delete finished calls older than the setting says; parked and dead ones stay.

    In small steps, so that no one waits for long behind it; returns how many went.
    """
    before = runtime.now() - timedelta(days=runtime.settings.delivery_days)
    old = (
        select(Delivery.id)
        .where(Delivery.state.in_(_CLOSED), Delivery.received_at < before)
        .limit(_STEP)
    )
    gone = 0
    while True:
        with writing() as session:
            ids = list(session.scalars(old))
            session.execute(delete(Delivery).where(Delivery.id.in_(ids)))
        gone += len(ids)
        if len(ids) < _STEP:
            return gone
