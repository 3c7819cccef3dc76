"""Sends a test call: something harmless is saved at the host, and its call must come to us.

What fails on the way is told as a step with cause and cure, as in the connection check.
"""

import ipaddress
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import defer

from plugin.domain.contracts import SendsWebhooks
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.model import Subscription
from plugin.runtime import Runtime
from plugin.services.connections import CheckStep, Outcome, explained, webhook_url
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.work import Delivery, DeliveryState, TicketEntry

PATIENCE = 15.0
_LOOK_AGAIN = 0.3
Wait = Callable[[float], object]


def send(
    runtime: Runtime, actor: str, connection: Connection, *, wait: Wait = time.sleep
) -> list[CheckStep]:
    """Have the host call us once; returns the steps up to the first that failed.

    Takes up to fifteen seconds. RuleError where the host cannot be made to call.
    """
    host = runtime.host(connection)
    if not isinstance(host, SendsWebhooks):
        raise RuleError("connection", "this system sends no calls")
    if not host.registers_webhooks:
        raise RuleError(
            "connection",
            "calls come from a script here: run the script at the host, then look at the "
            "received calls",
        )
    with writing() as session:
        audit(runtime, session, actor, "connection.test_call", connection.name)
    steps: list[CheckStep] = []
    try:
        for step in _Trial(runtime, connection, host, wait).steps():
            steps.append(step)
            if step.outcome is Outcome.FAILED:
                break
    except EdgeError as error:
        seen = explained(runtime, connection, error)
        steps.append(CheckStep("Ask the host", Outcome.FAILED, seen.seen, seen.cause, seen.cure))
    return steps


class _Trial:
    """One test call of one connection."""

    def __init__(
        self, runtime: Runtime, connection: Connection, host: SendsWebhooks, wait: Wait
    ) -> None:
        self._runtime, self._connection, self._host = runtime, connection, host
        self._wait = wait
        self._url = webhook_url(runtime, connection)

    def steps(self) -> Iterator[CheckStep]:
        """Yield what was done, each step as it ends."""
        yield _address(self._url)
        yield self._registered()
        ticket = self._ticket()
        if not ticket:
            yield CheckStep(
                "Save at the host",
                Outcome.FAILED,
                "there is no open ticket of ours that could be saved",
                "the test saves a ticket of ours with the summary it has; there is none yet",
                "let a first ticket be created, then send the test call again",
            )
            return
        before = db.session.scalar(select(func.max(Delivery.id))) or 0
        db.session.commit()
        self._host.save_unchanged(ticket)
        yield CheckStep("Save at the host", Outcome.OK, f"ticket {ticket} was saved as it was")
        yield self._arrival(ticket, before)

    def _registered(self) -> CheckStep:
        name = "Callback at the host"
        db.session.commit()
        present = {each.kind: each for each in self._mine()}
        found = present.get("ticket")
        if found is None:
            return CheckStep(
                name,
                Outcome.FAILED,
                "the host has no callback for tickets with our address",
                "it was refused or removed there; the queue tells what the host said",
                "check the account's right to System API, then save the connection",
            )
        if not found.active:
            return CheckStep(
                name,
                Outcome.FAILED,
                "the host has switched the callback off",
                "it does so after three days without an answer",
                "mend the address, then save the connection: the callback is switched on again",
            )
        return CheckStep(name, Outcome.OK, "registered and switched on")

    def _mine(self) -> Iterator[Subscription]:
        return (each for each in self._host.subscriptions(self._url) if each.url == self._url)

    def _ticket(self) -> str:
        query = (
            select(TicketEntry.ticket_id)
            .where(TicketEntry.host_id == self._connection.id, TicketEntry.ticket_id != "")
            .where(TicketEntry.open_key.is_not(None))
            .order_by(TicketEntry.id.desc())
        )
        return db.session.scalar(query.limit(1)) or ""

    def _arrival(self, ticket: str, before: int) -> CheckStep:
        name, started, row = "Call received", time.monotonic(), None
        while time.monotonic() - started < PATIENCE:
            self._wait(_LOOK_AGAIN)
            row = self._find(ticket, before)
            if row is not None and (row.proven or row.state == DeliveryState.DROPPED):
                break
        if row is None:
            return CheckStep(
                name,
                Outcome.FAILED,
                f"nothing came within {PATIENCE:.0f} seconds",
                "the host cannot reach our address, or does not trust its certificate",
                "open the address from outside: it must answer 200 over https with a "
                "certificate that browsers accept; look at firewalls and proxies between",
            )
        if row.proven:
            return CheckStep(name, Outcome.OK, f"call {row.id} arrived and is proven")
        return CheckStep(
            name,
            Outcome.FAILED,
            f"call {row.id} arrived and is not proven: {row.reason or 'no worker looked at it'}",
            "its signature or signing key does not fit, or no worker runs",
            "look at the call among the received calls, and check that a worker runs",
        )

    def _find(self, ticket: str, before: int) -> Delivery | None:
        db.session.rollback()
        rows = db.session.scalars(
            select(Delivery)
            .options(defer(Delivery.body), defer(Delivery.headers))
            .where(Delivery.connection_id == self._connection.id, Delivery.id > before)
            .order_by(Delivery.id)
            .limit(200)
        )
        return next((row for row in rows if _is_about(row, ticket)), None)


def _is_about(row: Delivery, ticket: str) -> bool:
    return row.entity_id == ticket or parse_qs(row.query).get("recordId") == [ticket]


def _address(url: str) -> CheckStep:
    """Say whether a host out there could reach our address, by what it looks like."""
    parts = urlsplit(url)
    name, host = "Our address", parts.hostname or ""
    shown = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme != "https" or _is_private(host):
        return CheckStep(
            name,
            Outcome.WARNING,
            f"{shown} is not a public https address",
            "a host in the cloud cannot call it",
            "set BRIDGEHEAD_PUBLIC_URL to the address under which hosts reach this installation",
        )
    return CheckStep(name, Outcome.OK, f"{shown} looks like a public address")


def _is_private(host: str) -> bool:
    if "." not in host and ":" not in host:
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host.endswith((".local", ".internal", ".lan"))
