"""What we have registered at a host: callbacks as wanted, and nothing left after a deletion."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.contracts import Adapter, PlacesPages, SendsWebhooks
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.model import Placement, Subscription
from plugin.runtime import Runtime
from plugin.services import notices
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Side
from plugin.store.queue import Claim, enqueue
from plugin.store.work import Job, JobState

CALLBACKS = "callbacks"
FAREWELL = "farewell"


@dataclass(frozen=True, slots=True)
class Registered:
    """What the host has of us; ``problem`` says why it could not be asked."""

    callbacks: int = 0
    pages: int = 0
    problem: str = ""


def webhook_url(runtime: Runtime, connection: Connection) -> str:
    """Return the address a host calls, ready for the record id it appends; empty when none."""
    if not connection.webhook_token:
        return ""
    return f"{runtime.settings.public_url}/webhooks/{connection.webhook_token}?recordId="


def lane_of(connection_id: int) -> str:
    """Return the lane in which a host's registrations are kept."""
    return f"callbacks:{connection_id}"


def after_change(runtime: Runtime, session: Session, connection: Connection) -> None:
    """Let a new, changed or deleted host connection bring its registrations in order."""
    living = connection.deleted_at is None
    if connection.webhook_token is None and (living or connection.side != Side.HOST):
        return
    # The work of a deleted connection rests; saying farewell to its host is what is left to do.
    enqueue(
        session,
        CALLBACKS if living else FAREWELL,
        str(connection.id),
        lane_of(connection.id),
        now=runtime.now(),
        connection_id=connection.id if living else None,
        revive=True,
    )


def wake(runtime: Runtime, connection: Connection) -> None:
    """Tell the engine, after the commit, what :func:`after_change` has asked for."""
    runtime.wake(lane_of(connection.id))


# -- keeping -----------------------------------------------------------------------------------


def keep_callbacks(runtime: Runtime, claim: Claim) -> datetime | None:
    """Make the host's register of callbacks say exactly what is wanted, with the least changes."""
    connection = db.session.get(Connection, int(claim.subject))
    if connection is None or connection.deleted_at is not None:
        return None
    host = runtime.adapter(connection)
    if not isinstance(host, SendsWebhooks) or not host.registers_webhooks:
        return None
    url, others = webhook_url(runtime, connection), _tokens_of_others(connection)
    db.session.commit()
    repaired = _make(host, _subscriptions(host, url, others), host.wanted_subscriptions(url))
    if repaired:
        with writing() as session:
            notices.callbacks_off(runtime, session, connection, repaired)
    return runtime.now() + timedelta(seconds=runtime.settings.limits.sync.subscriptions)


def _make(
    host: SendsWebhooks, present: list[Subscription], wanted: tuple[Subscription, ...]
) -> int:
    """Register what is missing, remove what is not wanted; returns how many had been off."""
    repaired = 0
    missing = {(each.url, each.kind) for each in wanted}
    for each in present:
        if (each.url, each.kind) not in missing:
            host.unsubscribe(each)
            continue
        missing.discard((each.url, each.kind))
        if not each.active:
            host.repair(each)
            repaired += 1
    for each in wanted:
        if (each.url, each.kind) in missing:
            host.subscribe(each)
    return repaired


# -- taking leave ------------------------------------------------------------------------------


def registered(runtime: Runtime, connection: Connection) -> Registered:
    """Ask the host what it has registered of us, for a person who is about to delete."""
    if connection.side != Side.HOST or not runtime.is_active(connection):
        return Registered()
    adapter, url = runtime.adapter(connection), webhook_url(runtime, connection)
    last, origin = _is_last(connection), runtime.settings.public_url
    others = _tokens_of_others(connection)
    db.session.commit()
    try:
        pages = len(_pages(adapter, origin)) if last else 0
        return Registered(len(_subscriptions(adapter, url, others)), pages)
    except EdgeError as error:
        return Registered(problem=error.message)


def work_farewell(runtime: Runtime, claim: Claim) -> datetime | None:
    """Take our callbacks, tabs and menu entries away from the host of a deleted connection."""
    connection = db.session.get(Connection, int(claim.subject))
    if connection is not None and connection.deleted_at is not None:
        say_farewell(runtime, connection)
    return None


def not_left(connection: Connection) -> str:
    """Return why the host of a deleted connection still has what we registered; empty when not."""
    mine = (Job.kind == FAREWELL, Job.subject == str(connection.id))
    found = db.session.execute(select(Job.problem, Job.state).where(*mine)).first()
    if found is None or not found.problem:
        return ""
    again = "; it is tried again by itself" if found.state == JobState.DUE else ""
    return f"{found.problem}{again}"


def leave_again(runtime: Runtime, actor: str, connection: Connection) -> None:
    """Take our registrations away from a deleted connection's host now, after failures too."""
    with writing() as session:
        after_change(runtime, session, connection)
        audit(runtime, session, actor, "connection.leave", connection.name)
    wake(runtime, connection)


def say_farewell(runtime: Runtime, connection: Connection) -> list[str]:
    """Remove what the host has of us; returns what a person has to remove there by hand."""
    adapter, url = runtime.adapter(connection), webhook_url(runtime, connection)
    last, origin = _is_last(connection), runtime.settings.public_url
    others = _tokens_of_others(connection)
    db.session.commit()
    if isinstance(adapter, SendsWebhooks):
        for each in _subscriptions(adapter, url, others):
            adapter.unsubscribe(each)
    return _remove_pages(adapter, _pages(adapter, origin)) if last else []


def _remove_pages(adapter: Adapter, pages: list[Placement]) -> list[str]:
    by_hand = []
    for each in pages:
        try:
            adapter.remove_placement(each)  # type: ignore[attr-defined]
        except RuleError as error:
            by_hand.append(error.message)
    return by_hand


def _subscriptions(adapter: object, url: str, others: list[str]) -> list[Subscription]:
    """Return the callbacks that lead to us, but not to another living connection."""
    if not isinstance(adapter, SendsWebhooks) or not adapter.registers_webhooks or not url:
        return []
    found = adapter.subscriptions(url)
    return [each for each in found if not any(token in each.url for token in others)]


def _tokens_of_others(connection: Connection) -> list[str]:
    query = select(Connection.webhook_token).where(
        Connection.id != connection.id,
        Connection.deleted_at.is_(None),
        Connection.webhook_token.is_not(None),
    )
    return [token for token in db.session.scalars(query) if token]


def _pages(adapter: Adapter, origin: str) -> list[Placement]:
    return list(adapter.placements(origin)) if isinstance(adapter, PlacesPages) else []


def _is_last(connection: Connection) -> bool:
    """Tell whether no other living connection leads to the same host, whose pages would go too."""
    query = select(Connection).where(
        Connection.kind == connection.kind,
        Connection.id != connection.id,
        Connection.deleted_at.is_(None),
    )
    return all(_place(each) != _place(connection) for each in db.session.scalars(query))


def _place(connection: Connection) -> tuple[str, str]:
    told = connection.settings
    return connection.origin_override or "", told.get("site") or told.get("server") or ""
