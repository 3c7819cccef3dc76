"""Connections: add, check, edit, remove and bring back; keep a host's callbacks exact."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from plugin.domain.contracts import WARNING, Adapter, Advice, Field, FieldKind, Host, SendsWebhooks
from plugin.domain.errors import (
    ConflictError,
    EdgeError,
    FormError,
    MissingError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.runtime import Runtime, sealed_place
from plugin.services import signing
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import (
    CompanyMapping,
    Connection,
    ConnectionState,
    Integration,
    Side,
    TicketRule,
)
from plugin.store.queue import Claim, enqueue, wake_parked
from plugin.store.work import TicketEntry

CALLBACKS = "callbacks"
FAREWELL = "farewell"
CHECK = "check"
TOKEN_BYTES = 32
HIDDEN = "••••••••"
"""What a form shows in place of a saved secret; sent back untouched it keeps the old value."""

_GUIDED = {
    RefusedError: Advice(
        "the remote does not let this account in, or the account lacks a right",
        "check the user name, password or keys, and the rights of the account",
    ),
    TransientError: Advice(
        "the remote did not answer in time or is overloaded",
        "check that the address is right and reachable from this server, then try again",
    ),
    MissingError: Advice(
        "the remote has nothing at this address",
        "check the address and the version of the remote",
    ),
}


class Outcome(StrEnum):
    """How one rung of the connection check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One rung of the connection check as it ended, with cause and cure when it failed."""

    name: str
    outcome: Outcome
    seen: str
    cause: str = ""
    cure: str = ""


# -- reading -----------------------------------------------------------------------------------


def get(connection_id: int) -> Connection:
    """Return a connection that is not deleted; RuleError when there is none."""
    found = db.session.get(Connection, connection_id)
    if found is None or found.deleted_at is not None:
        raise RuleError("connection", f"there is no connection {connection_id}")
    return found


def living(runtime: Runtime, side: Side | None = None) -> list[Connection]:
    """Return the connections of the effective environment, by name."""
    query = select(Connection).where(
        Connection.deleted_at.is_(None),
        Connection.environment.in_(["", runtime.environment().value.value]),
    )
    if side is not None:
        query = query.where(Connection.side == side)
    return list(db.session.scalars(query.order_by(Connection.name)))


def webhook_url(runtime: Runtime, connection: Connection) -> str:
    """Return the address a host calls, ready for the record id it appends; empty when none."""
    if not connection.webhook_token:
        return ""
    return f"{runtime.settings.public_url}/webhooks/{connection.webhook_token}?recordId="


# -- adding and editing ------------------------------------------------------------------------


def create(
    runtime: Runtime,
    actor: str,
    kind: str,
    name: str,
    values: Mapping[str, str],
    *,
    origin_override: str | None = None,
    allow_private: bool = False,
) -> Connection:
    """Add a connection in the effective environment; FormError names every field at fault.

    ``origin_override`` is for the sandbox's own set-up and for nobody else.
    """
    adapter = runtime.adapter_class(kind)
    shown, hidden = _sorted_out(adapter, name, values, {})
    _free_name(name, None)
    now = runtime.now()
    is_host = issubclass(adapter, Host)
    connection = Connection(
        side=Side.HOST if is_host else Side.VENDOR,
        kind=kind,
        name=name.strip(),
        environment=runtime.environment().value.value if adapter.environments else "",
        settings=shown,
        sealed="",
        webhook_token=_new_token() if issubclass(adapter, SendsWebhooks) else None,
        origin_override=origin_override,
        allow_private=allow_private,
        state=ConnectionState.NEW,
        created_at=now,
        state_since=now,
    )
    with writing() as session:
        session.add(connection)
        session.flush()
        connection.sealed = runtime.vault.seal(hidden, sealed_place(connection.id))
        audit(runtime, session, actor, "connection.create", name, after=_told(connection))
        _after_change(runtime, session, connection)
    _wake(runtime, connection)
    return connection


def edit(
    runtime: Runtime,
    actor: str,
    connection: Connection,
    name: str,
    values: Mapping[str, str],
    version: int,
) -> None:
    """Change name and fields; an untouched secret keeps its value, parked work is woken.

    ConflictError when somebody else saved since ``version`` was shown.
    """
    adapter = runtime.adapter_class(connection.kind)
    old = runtime.opened(connection)
    shown, hidden = _sorted_out(adapter, name, values, old)
    _free_name(name, connection.id)
    with writing() as session:
        if connection.version != version:
            raise ConflictError(
                "version", "somebody else changed this connection meanwhile; look at it again"
            )
        before = _told(connection)
        connection.name, connection.settings = name.strip(), shown
        sealed = hidden | signing.kept(adapter, old, hidden, runtime.now())
        connection.sealed = runtime.vault.seal(sealed, sealed_place(connection.id))
        connection.problem, connection.refused_at = "", None
        connection.state, connection.state_since = ConnectionState.NEW, runtime.now()
        audit(
            runtime,
            session,
            actor,
            "connection.edit",
            name,
            before=before,
            after=_told(connection) | {"secrets_changed": hidden != _secrets(adapter, old)},
        )
        _after_change(runtime, session, connection)
        lanes = wake_parked(session, connection.id, runtime.now())
    for lane in lanes:
        runtime.wake(lane)
    _wake(runtime, connection)


def _sorted_out(
    adapter: type[Adapter], name: str, values: Mapping[str, str], old: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields that may be seen and the secret ones; FormError with every fault."""
    given = {}
    for field in adapter.fields:
        value = str(values.get(field.name, "") or "")
        if field.secret and value in {"", HIDDEN}:
            value = old.get(field.name, "")
        given[field.name] = value if field.secret else value.strip()
    given |= signing.made_up(adapter, given)
    faults = [_fault(field, given[field.name]) for field in adapter.fields]
    if not name.strip():
        faults.insert(0, RuleError("name", "Give the connection a name."))
    faults += list(adapter.validate({**given, "name": name.strip()}))
    found = [each for each in faults if each is not None]
    if found:
        raise FormError(found)
    hidden = _secrets(adapter, given)
    return {key: value for key, value in given.items() if key not in hidden}, hidden


def _secrets(adapter: type[Adapter], values: Mapping[str, str]) -> dict[str, str]:
    return {each.name: values.get(each.name, "") for each in adapter.fields if each.secret}


def _fault(field: Field, value: str) -> RuleError | None:
    if not value:
        needed = field.required and field.default is None
        return RuleError(field.name, f"{field.label} must not be blank.") if needed else None
    if field.choices and value not in {each.value for each in field.choices}:
        allowed = ", ".join(each.label for each in field.choices)
        return RuleError(field.name, f"{field.label} must be one of: {allowed}.")
    if field.kind is FieldKind.NUMBER and not value.isdecimal():
        return RuleError(field.name, f"{field.label} must be a number.")
    if field.kind is FieldKind.EMAIL and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return RuleError(field.name, f"{field.label} must be an e-mail address.")
    if field.pattern and not re.fullmatch(field.pattern, value):
        return RuleError(field.name, field.pattern_says or f"{field.label} has an odd form.")
    return None


def _free_name(name: str, own_id: int | None) -> None:
    other = db.session.scalar(
        select(Connection.id).where(func.lower(Connection.name) == name.strip().lower())
    )
    if other is not None and other != own_id:
        raise RuleError("name", "Another connection has this name already.")


def _new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def _told(connection: Connection) -> dict[str, object]:
    return {
        "kind": connection.kind,
        "name": connection.name,
        "environment": connection.environment,
        "settings": dict(connection.settings),
    }


def _after_change(runtime: Runtime, session: Session, connection: Connection) -> None:
    """Let a new, changed or deleted host connection bring its callbacks in order."""
    if connection.webhook_token is None:
        return
    # The work of a deleted connection rests; taking its callbacks away is what is left to do.
    living = connection.deleted_at is None
    enqueue(
        session,
        CALLBACKS if living else FAREWELL,
        str(connection.id),
        f"callbacks:{connection.id}",
        now=runtime.now(),
        connection_id=connection.id if living else None,
        revive=True,
    )


def _wake(runtime: Runtime, connection: Connection) -> None:
    if connection.webhook_token is not None:
        runtime.wake(f"callbacks:{connection.id}")


# -- checking ----------------------------------------------------------------------------------


def rehearse(
    runtime: Runtime,
    kind: str,
    name: str,
    values: Mapping[str, str],
    *,
    saved: Connection | None = None,
    allow_private: bool = False,
) -> list[CheckStep]:
    """Climb the ladder with values that are not saved; FormError names every field at fault.

    With a ``saved`` connection its untouched secrets stand in, and nothing of it is changed.
    """
    old = runtime.opened(saved) if saved is not None else {}
    shown, hidden = _sorted_out(runtime.adapter_class(kind), name, values, old)
    _free_name(name, saved.id if saved is not None else None)
    tried = Connection(
        kind=kind,
        name=name.strip(),
        environment=saved.environment if saved is not None else "",
        origin_override=saved.origin_override if saved is not None else None,
        allow_private=allow_private,
        settings=shown,
    )
    db.session.rollback()
    return climb(runtime, tried, shown | hidden)


def check(runtime: Runtime, connection: Connection) -> list[CheckStep]:
    """Climb the ladder of a saved connection and remember the outcome on it."""
    settings = runtime.opened(connection)
    db.session.commit()
    steps = climb(runtime, connection, settings)
    failed = next((each for each in steps if each.outcome is Outcome.FAILED), None)
    told = [{key: str(value) for key, value in asdict(each).items()} for each in steps]
    with writing() as session:
        now = runtime.now()
        _note(session, connection, checked_at=now, check_result=told)
        if failed is None:
            _note(session, connection, state=ConnectionState.WORKING, worked_at=now, problem="")
            _note(session, connection, refused_at=None)
            lanes = wake_parked(session, connection.id, now)
        else:
            problem = f"{failed.name}: {failed.seen}"[:2000]
            _note(session, connection, state=ConnectionState.ATTENTION, problem=problem)
            lanes = []
    for lane in lanes:
        runtime.wake(lane)
    return steps


def _note(session: Session, connection: Connection, **values: object) -> None:
    """Write what was found out about a connection.

    An UPDATE, not a change of the object: what a machine notes is no edit, which would raise the
    version, remake every adapter and refuse a person who is just editing.
    """
    if "state" in values and values["state"] != connection.state:
        values["state_since"] = values.get("worked_at") or connection.checked_at
    session.execute(update(Connection).where(Connection.id == connection.id).values(**values))


def ask_for_check(runtime: Runtime, session: Session, connection: Connection) -> str:
    """Have a connection checked in the background; returns the lane to wake after the commit."""
    lane = f"check:{connection.id}"
    # Without a connection id: a check of a connection in trouble must not be parked with its work.
    enqueue(session, CHECK, str(connection.id), lane, now=runtime.now(), revive=True)
    return lane


def work_check(runtime: Runtime, claim: Claim) -> datetime | None:
    """Check one connection as a job."""
    connection = db.session.get(Connection, int(claim.subject))
    if connection is not None and connection.deleted_at is None and runtime.is_active(connection):
        check(runtime, connection)
    return None


def climb(runtime: Runtime, connection: Connection, settings: Mapping[str, str]) -> list[CheckStep]:
    """Make the smallest real calls in order and stop at the first that fails."""
    adapter = runtime.make(connection, settings)
    steps: list[CheckStep] = []
    for rung in adapter.rungs():
        try:
            seen = rung.run()
        except EdgeError as error:
            steps.append(_failed(adapter, rung.name, error))
            break
        warned = seen.startswith(WARNING)
        outcome = Outcome.WARNING if warned else Outcome.OK
        steps.append(CheckStep(rung.name, outcome, seen.removeprefix(WARNING)))
    return steps


def _failed(adapter: Adapter, rung: str, error: EdgeError) -> CheckStep:
    advice = adapter.advice(rung, error) or advice_for(error)
    return CheckStep(rung, Outcome.FAILED, error.message, advice.cause, advice.cure)


def explained(runtime: Runtime, connection: Connection, error: EdgeError) -> CheckStep:
    """Return what a failed call to a saved connection means, with cause and cure."""
    return _failed(runtime.adapter(connection), "", error)


def advice_for(error: EdgeError) -> Advice:
    """Return cause and cure of a failed call, as far as its kind tells them."""
    return next(
        (text for kind, text in _GUIDED.items() if isinstance(error, kind)),
        Advice("the remote answered something nobody promised", "check the address and version"),
    )


# -- removing ----------------------------------------------------------------------------------


def what_goes_with(connection: Connection) -> dict[str, int]:
    """Count what a deletion takes with it, by the words that the page shows."""
    mine = (Integration.host_id == connection.id) | (Integration.vendor_id == connection.id)
    integrations = select(Integration.id).where(mine, Integration.deleted_at.is_(None))
    of_mine = TicketEntry.integration_id.in_(integrations)
    return {
        "integrations": _count(select(func.count()).select_from(integrations.subquery())),
        "mappings": _count(
            select(func.count(CompanyMapping.id)).where(
                (CompanyMapping.host_id == connection.id)
                | (CompanyMapping.vendor_id == connection.id)
            )
        ),
        "rules": _count(
            select(func.count(TicketRule.id)).where(TicketRule.integration_id.in_(integrations))
        ),
        "open tickets": _count(
            select(func.count(TicketEntry.id)).where(of_mine, TicketEntry.open_key.is_not(None))
        ),
        "callbacks at the host": int(bool(connection.webhook_token)),
    }


def _count(query: object) -> int:
    return int(db.session.scalar(query) or 0)  # type: ignore[call-overload]


def delete(runtime: Runtime, actor: str, connection: Connection) -> None:
    """Take a connection out of use; it can be brought back until the grace period ends."""
    with writing() as session:
        now = runtime.now()
        connection.deleted_at = now
        connection.name = f"{connection.name} (deleted {connection.id})"[:120]
        for integration in session.scalars(
            select(Integration).where(
                (Integration.host_id == connection.id) | (Integration.vendor_id == connection.id),
                Integration.deleted_at.is_(None),
            )
        ):
            integration.deleted_at = now
        audit(
            runtime, session, actor, "connection.delete", connection.name, before=_told(connection)
        )
        _after_change(runtime, session, connection)
    _wake(runtime, connection)


# -- callbacks ---------------------------------------------------------------------------------


def keep_callbacks(runtime: Runtime, claim: Claim) -> datetime | None:
    """Make the host's register of callbacks say exactly what is wanted, with the least changes."""
    connection = db.session.get(Connection, int(claim.subject))
    if connection is None or connection.webhook_token is None:
        return None
    host = runtime.host(connection)
    if not isinstance(host, SendsWebhooks) or not host.registers_webhooks:
        return None
    url = webhook_url(runtime, connection)
    deleted = connection.deleted_at is not None
    db.session.commit()
    wanted = () if deleted else host.wanted_subscriptions(url)
    present = list(host.subscriptions(url))
    missing = {(each.url, each.kind) for each in wanted}
    for each in present:
        if (each.url, each.kind) not in missing:
            host.unsubscribe(each)
            continue
        missing.discard((each.url, each.kind))
        if not each.active:
            host.repair(each)
    for each in wanted:
        if (each.url, each.kind) in missing:
            host.subscribe(each)
    if deleted:
        return None
    return runtime.now() + timedelta(seconds=runtime.settings.limits.sync.subscriptions)
