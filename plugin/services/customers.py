"""Joining a vendor's second list of clients to its workspaces, as a person settles it.

A confirmed pair stands in the connection's own settings by the ids of both sides, whatever the
names become; a refused one is remembered and not proposed again.
"""

from collections.abc import Mapping
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.contracts import Adapter, JoinsCustomers
from plugin.domain.errors import RuleError
from plugin.domain.model import CustomerPair
from plugin.runtime import Runtime
from plugin.services.journal import audit
from plugin.services.lists import Scope
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, CustomerRefusal


def joins(runtime: Runtime, connection: Connection) -> bool:
    """Tell whether this kind of connection has a second list of clients."""
    kind = runtime.adapters.get(connection.kind)
    return kind is not None and issubclass(kind, JoinsCustomers)


def words_of(runtime: Runtime, connection: Connection) -> tuple[str, str]:
    """Return what a person calls the two sides of a pair."""
    _field(runtime, connection)
    return cast(type[JoinsCustomers], runtime.adapter_class(connection.kind)).pairs_words


def joined(runtime: Runtime, connection: Connection) -> dict[str, str]:
    """Return the confirmed pairs, workspace id to customer id."""
    return _read(connection.settings.get(_field(runtime, connection), ""))


def shown(runtime: Runtime, connection: Connection, scope: Scope) -> dict[str, str]:
    """Return the confirmed pairs of the workspaces that the reader may see."""
    pairs = joined(runtime, connection).items()
    return {left: right for left, right in pairs if scope.is_open(connection.id, left)}


def proposals(runtime: Runtime, connection: Connection, scope: Scope) -> list[CustomerPair]:
    """Ask the vendor which clients look alike.

    Left out is what a person refused, and what the reader may not see.
    """
    _field(runtime, connection)
    adapter = cast(JoinsCustomers, runtime.adapter(connection))
    refused = _refused(connection.id)
    db.session.commit()  # no transaction stays open while the vendor answers
    found = adapter.propose_pairs()
    return [
        each
        for each in found
        if (each.workspace_id, each.customer_id) not in refused
        and scope.is_open(connection.id, each.workspace_id)
    ]


def join(
    runtime: Runtime,
    actor: str,
    connection: Connection,
    workspace_id: str,
    customer_id: str,
    *,
    scope: Scope,
) -> None:
    """Confirm a proposed pair; RuleError when the vendor does not propose it (any more)."""
    pair = _proposed(runtime, connection, scope, (workspace_id, customer_id))
    with writing() as session:
        pairs = joined(runtime, connection)
        if workspace_id in pairs or customer_id in pairs.values():
            raise RuleError("customer", "one of the two is joined already; look at the list again")
        _save(runtime, connection, {**pairs, workspace_id: customer_id})
        told = {"workspace": pair.workspace_name, "customer": pair.customer_name}
        subject = f"{connection.name}: {workspace_id}"
        audit(runtime, session, actor, "customer.join", subject, after=told | {"id": customer_id})


def part(
    runtime: Runtime, actor: str, connection: Connection, workspace_id: str, *, scope: Scope
) -> None:
    """Take a confirmed pair apart; it may be proposed again."""
    with writing() as session:
        pairs = joined(runtime, connection)
        if workspace_id not in shown(runtime, connection, scope):
            raise RuleError("workspace", "this one is not joined; look at the list again")
        customer = pairs.pop(workspace_id)
        _save(runtime, connection, pairs)
        subject = f"{connection.name}: {workspace_id}"
        audit(runtime, session, actor, "customer.part", subject, before={"id": customer})


def refuse(
    runtime: Runtime,
    actor: str,
    connection: Connection,
    workspace_id: str,
    customer_id: str,
    *,
    scope: Scope,
) -> None:
    """Turn a proposed pair down for good; RuleError when the vendor does not propose it."""
    _proposed(runtime, connection, scope, (workspace_id, customer_id))
    with writing() as session:
        if not _add_refusal(runtime, session, actor, (connection.id, workspace_id, customer_id)):
            return
        subject = f"{connection.name}: {workspace_id}"
        audit(runtime, session, actor, "customer.refuse", subject, after={"id": customer_id})


def _add_refusal(runtime: Runtime, session: Session, actor: str, key: tuple[int, str, str]) -> bool:
    if session.get(CustomerRefusal, key) is not None:
        return False
    vendor_id, workspace_id, customer_id = key
    row = CustomerRefusal(
        vendor_id=vendor_id,
        workspace_id=workspace_id,
        customer_id=customer_id,
        refused_by=actor,
        refused_at=runtime.now(),
    )
    session.add(row)
    return True


def _proposed(
    runtime: Runtime, connection: Connection, scope: Scope, pair: tuple[str, str]
) -> CustomerPair:
    for each in proposals(runtime, connection, scope):
        if (each.workspace_id, each.customer_id) == pair:
            return each
    raise RuleError("customer", "this pair is not proposed (any more); look at the list again")


def _field(runtime: Runtime, connection: Connection) -> str:
    """Return the setting in which the pairs stand; RuleError for a kind that joins nothing."""
    kind: type[Adapter] = runtime.adapter_class(connection.kind)
    if not issubclass(kind, JoinsCustomers):
        raise RuleError("connection", f"{kind.title} has no second list of clients")
    return cast(type[JoinsCustomers], kind).pairs_field


def _save(runtime: Runtime, connection: Connection, pairs: Mapping[str, str]) -> None:
    text = "\n".join(f"{workspace}={customer}" for workspace, customer in pairs.items())
    connection.settings = {**connection.settings, _field(runtime, connection): text}


def _read(text: str) -> dict[str, str]:
    """Read the lines ``workspace=customer``, which were judged when they were saved.

    >>> _read("g1=c1\\ng2 = c2")
    {'g1': 'c1', 'g2': 'c2'}
    """
    lines = text.replace(",", "\n").replace(";", "\n").splitlines()
    cut = (line.partition("=") for line in lines if "=" in line)
    return {left.strip(): right.strip() for left, _, right in cut}


def _refused(vendor_id: int) -> set[tuple[str, str]]:
    query = select(CustomerRefusal.workspace_id, CustomerRefusal.customer_id)
    rows = db.session.execute(query.where(CustomerRefusal.vendor_id == vendor_id))
    return {(workspace, customer) for workspace, customer in rows}
