"""What changes an integration as a whole: its settings, its platform, its end."""

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from plugin.domain.contracts import OpensTickets
from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services import connections, host_fields, integrations, notices, registration
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import (
    Connection,
    Integration,
    IntegrationState,
    Side,
    TicketRule,
)
from plugin.store.mirror import WorkspaceRow
from plugin.store.work import TicketEntry

MOST_SHOWN = 50


def what_goes_with(integration: Integration) -> dict[str, int]:
    """Count what a deletion or a move concerns, by the words that the pages show."""
    return {
        "workspaces": len(integration.links),
        "administrators": len(integration.administrators),
        "rules": sum(rule.enabled for rule in integration.rules),
        "open tickets": _count_open(integration),
    }


def _count_open(integration: Integration) -> int:
    query = select(func.count(TicketEntry.id)).where(
        TicketEntry.integration_id == integration.id, TicketEntry.open_key.is_not(None)
    )
    return int(db.session.scalar(query) or 0)


def save_settings(
    runtime: Runtime,
    actor: str,
    integration: Integration,
    name: str,
    version: int | None,
    values: Mapping[str, str] | None,
    host_version: int,
) -> None:
    """Save name and, where they are edited with it, the platform's values: both or nothing.

    FormError and RuleError name the fields at fault; ConflictError when somebody else changed the
    integration or its host connection meanwhile.
    """
    with writing():
        integrations.rename(runtime, actor, integration, name, version)
        if values is not None:
            host = integration.host
            connections.edit(runtime, actor, host, host.name, values, host_version)


# -- deleting ------------------------------------------------------------------------------------


def delete(
    runtime: Runtime, actor: str, integration: Integration, version: int | None = None
) -> None:
    """End an integration: its workspaces are free to join another, its administrators are told.

    At the vendor its record is deleted; workspaces and who administers them stay. Tickets that are
    open at the host stay open and are followed to their end.
    """
    with writing() as session:
        integrations.begin_change(integration, version)
        told = _told(integration)
        notices.integration_deleted(runtime, session, actor, integration)
        workspaces = [link.workspace_id for link in integration.links]
        integration.links.clear()
        integration.state, integration.deleted_at = IntegrationState.DRAFT, runtime.now()
        registration.retire(session, integration)
        audit(runtime, session, actor, "integration.delete", integration.name, before=told)
        registration.wish(runtime, session, integration)
    runtime.wake(registration.lane_of(integration))
    integrations.stop(runtime, integration.vendor, workspaces)


def _told(integration: Integration) -> dict[str, object]:
    return {
        "host": integration.host.name,
        "vendor": integration.vendor.name,
        "integration_id": integration.vendor_reference,
        "workspaces": sorted(link.workspace_id for link in integration.links),
        "administrators": sorted(link.email for link in integration.administrators),
    }


# -- moving --------------------------------------------------------------------------------------


def destinations(runtime: Runtime, integration: Integration) -> list[Connection]:
    """Return the host connections an integration could move to."""
    query = (
        select(Connection)
        .where(
            Connection.side == Side.HOST,
            Connection.deleted_at.is_(None),
            Connection.environment.in_(["", runtime.environment().value.value]),
            Connection.id != integration.host_id,
        )
        .order_by(Connection.name)
    )
    return list(db.session.scalars(query))


def move(
    runtime: Runtime,
    actor: str,
    integration: Integration,
    host: Connection,
    version: int | None = None,
) -> None:
    """Take an integration to another platform, with workspaces, administrators and rules.

    Nothing is written to the new host before its companies are mapped and a person switches it on.
    Words of the old host (boards, statuses) are taken off the rules, since they mean nothing at the
    new one. RuleError when another integration of the new platform serves one of the workspaces.
    """
    with writing() as session:
        integrations.begin_change(integration, version)
        _refuse_host(runtime, integration, host)
        names = _workspace_names(session, integration)
        integrations.refuse_taken(session, integration, names, host.kind, names)
        if host.kind != integration.host.kind and registration.keeps(runtime, integration):
            registration.replace(session, integration)
        before = {"host": integration.host.name, "name": integration.name}
        _carry_over(runtime, integration, host)
        after = {"host": host.name, "name": integration.name}
        audit(
            runtime,
            session,
            actor,
            "integration.move",
            integration.name,
            before=before,
            after=after,
        )
        registration.wish(runtime, session, integration)
    runtime.wake(registration.lane_of(integration))
    integrations.sync_now(runtime, actor, integration)


def _refuse_host(runtime: Runtime, integration: Integration, host: Connection) -> None:
    if host.id not in {each.id for each in destinations(runtime, integration)}:
        raise RuleError("host", "Choose another host connection as the new platform.")


def _workspace_names(session: Session, integration: Integration) -> dict[str, str]:
    query = select(WorkspaceRow.workspace_id, WorkspaceRow.name).where(
        WorkspaceRow.vendor_id == integration.vendor_id
    )
    known: dict[str, str] = dict(session.execute(query).all())
    ids = [link.workspace_id for link in integration.links]
    return {each: known.get(each, each) for each in ids}


def _carry_over(runtime: Runtime, integration: Integration, host: Connection) -> None:
    if integration.name == integrations.default_name(runtime, integration.host):
        integration.name = integrations.default_name(runtime, host)
    integration.host, integration.host_id = host, host.id
    for link in integration.links:
        link.platform = host.kind
    integration.writes_tickets = False
    integration.writes_configurations = integration.writes_extra_fields = False
    host_fields.forget(integration)
    _fit_rules(runtime, integration, host)
    integrations.settle_state(runtime, integration)


def _fit_rules(runtime: Runtime, integration: Integration, host: Connection) -> None:
    for rule in integration.rules:
        rule.fields = {}
    if not integration.rules and issubclass(runtime.adapter_class(host.kind), OpensTickets):
        rules: list[TicketRule] = integrations.first_rules(runtime, host)
        integration.rules.extend(rules)


def left_behind(integration: Integration) -> list[tuple[TicketEntry, Connection]]:
    """Return the newest tickets that are still open at a host the integration was moved from."""
    query = (
        select(TicketEntry, Connection)
        .join(Connection, Connection.id == TicketEntry.host_id)
        .where(
            TicketEntry.integration_id == integration.id,
            TicketEntry.host_id != integration.host_id,
            TicketEntry.open_key.is_not(None),
        )
        .order_by(TicketEntry.last_at.desc(), TicketEntry.id.desc())
        .limit(MOST_SHOWN)
    )
    return [(entry, host) for entry, host in db.session.execute(query)]
