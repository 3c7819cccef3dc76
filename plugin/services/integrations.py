"""Integrations: pair a host with a vendor, choose workspaces, set rules and switches."""

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from plugin.domain.contracts import OpensTickets
from plugin.domain.errors import ConflictError, RuleError
from plugin.domain.integrations import integration_name
from plugin.domain.tickets import TICKET_SEVERITIES, Trigger
from plugin.runtime import Runtime
from plugin.services import sync, ticket_decisions, watch
from plugin.services.journal import audit
from plugin.services.scopes import scopes_of
from plugin.store.base import db, writing
from plugin.store.integrations import (
    Connection,
    Integration,
    IntegrationState,
    Side,
    TicketRule,
    WorkspaceLink,
)
from plugin.store.mirror import WorkspaceRow
from plugin.store.work import SyncRun


def get(integration_id: int) -> Integration:
    """Return an integration that is not deleted; RuleError when there is none."""
    found = db.session.get(Integration, integration_id)
    if found is None or found.deleted_at is not None:
        raise RuleError("integration", f"there is no integration {integration_id}")
    return found


def default_name(runtime: Runtime, host: Connection) -> str:
    """Return the name a new integration is offered, in the vendors' own wording."""
    return f"Integration with {runtime.adapter_class(host.kind).title}"


def create(
    runtime: Runtime, actor: str, host: Connection, vendor: Connection, name: str
) -> Integration:
    """Pair a host connection with a vendor connection, with rules that are all switched off."""
    name = integration_name(name)
    if host.side != Side.HOST:
        raise RuleError("host", "Choose a host connection as the platform.")
    if vendor.side != Side.VENDOR:
        raise RuleError("vendor", "Choose a vendor connection.")
    integration = Integration(
        name=name,
        host_id=host.id,
        vendor_id=vendor.id,
        state=IntegrationState.DRAFT,
        created_at=runtime.now(),
    )
    with writing() as session:
        session.add(integration)
        session.flush()
        integration.rules = _first_rules(runtime, host)
        audit(
            runtime,
            session,
            actor,
            "integration.create",
            integration.name,
            after={"host": host.name, "vendor": vendor.name},
        )
    sync.ask(runtime, vendor, sync.WORKSPACES, by=actor)
    sync.ask(runtime, host, sync.COMPANIES, by=actor)
    return integration


def _first_rules(runtime: Runtime, host: Connection) -> list[TicketRule]:
    if not issubclass(runtime.adapter_class(host.kind), OpensTickets):
        return []
    limits = runtime.settings.limits.tickets
    return [
        TicketRule(
            trigger=Trigger.EVENT_SEVERITY,
            matches=severity.value,
            enabled=False,
            fields={},
            lifetime=limits.lifetime,
            note_interval=limits.note_interval,
            reopen_days=max(1, limits.reopen // 86_400),
        )
        for severity in TICKET_SEVERITIES
    ]


def rename(runtime: Runtime, actor: str, integration: Integration, name: str, version: int) -> None:
    """Give an integration another name."""
    name = integration_name(name)
    with writing() as session:
        _not_changed_since(integration, version)
        before, integration.name = integration.name, name
        audit(runtime, session, actor, "integration.rename", before, after=integration.name)


def _not_changed_since(integration: Integration, version: int) -> None:
    if integration.version != version:
        raise ConflictError(
            "version", "somebody else changed this integration meanwhile; look at it again"
        )


# -- workspaces --------------------------------------------------------------------------------


def choose_workspaces(
    runtime: Runtime, actor: str, integration: Integration, workspace_ids: Iterable[str]
) -> None:
    """Serve exactly these workspaces: added ones start to synchronise, removed ones stop.

    RuleError when one is unknown or served by another integration of the same platform.
    """
    wanted = set(workspace_ids)
    with writing() as session:
        held = {link.workspace_id: link for link in integration.links}
        names = _known_workspaces(session, integration.vendor_id, wanted)
        for workspace_id in sorted(wanted - held.keys()):
            _refuse_taken(session, integration, workspace_id, names[workspace_id])
            integration.links.append(
                WorkspaceLink(
                    vendor_id=integration.vendor_id,
                    workspace_id=workspace_id,
                    platform=integration.host.kind,
                    added_at=runtime.now(),
                )
            )
        for workspace_id in held.keys() - wanted:
            integration.links.remove(held[workspace_id])
        integration.state = IntegrationState.ACTIVE if wanted else IntegrationState.DRAFT
        audit(
            runtime,
            session,
            actor,
            "integration.workspaces",
            integration.name,
            before=sorted(held),
            after=sorted(wanted),
        )
    scopes = scopes_of(runtime, integration.vendor)
    watch.ask(runtime, integration.vendor, scopes)
    for scope in scopes:
        if scope in wanted - held.keys() or not scope:
            sync.ask(runtime, integration.vendor, sync.DATA, scope=scope, by=actor)


def _known_workspaces(session: Session, vendor_id: int, wanted: set[str]) -> dict[str, str]:
    rows = session.execute(
        select(WorkspaceRow.workspace_id, WorkspaceRow.name).where(
            WorkspaceRow.vendor_id == vendor_id, WorkspaceRow.gone_at.is_(None)
        )
    )
    names = dict(rows.all())
    unknown = sorted(wanted - names.keys())
    if unknown:
        raise RuleError("workspaces", f"the vendor lists no workspace {', '.join(unknown)}")
    return names


def _refuse_taken(session: Session, integration: Integration, workspace_id: str, name: str) -> None:
    owner = session.scalar(
        select(Integration.name)
        .join(WorkspaceLink)
        .where(
            WorkspaceLink.vendor_id == integration.vendor_id,
            WorkspaceLink.workspace_id == workspace_id,
            WorkspaceLink.platform == integration.host.kind,
            Integration.id != integration.id,
        )
    )
    if owner is not None:
        raise RuleError("workspaces", f"{name} is served by {owner} already; remove it there first")


def sync_now(
    runtime: Runtime, actor: str, integration: Integration, *, full: bool = False
) -> list[SyncRun]:
    """Ask for everything the integration needs: both sides' lists, and its workspaces' data."""
    vendor = integration.vendor
    served = {link.workspace_id for link in integration.links}
    scopes = [each for each in scopes_of(runtime, vendor) if each in served or not each]
    watch.ask(runtime, vendor, scopes, now=True)
    runs = [sync.ask(runtime, vendor, sync.WORKSPACES, by=actor)]
    runs += sync.ask_all(runtime, integration.host, by=actor)
    return runs + [
        sync.ask(runtime, vendor, sync.DATA, scope=scope, by=actor, full=full) for scope in scopes
    ]


# -- switches and rules ------------------------------------------------------------------------


def switch_tickets(
    runtime: Runtime,
    actor: str,
    integration: Integration,
    *,
    on: bool,
    version: int | None = None,
) -> None:
    """Let tickets be written to the host, or stop it.

    ConflictError when somebody else changed the integration since ``version`` was shown.
    """
    with writing() as session:
        if version is not None:
            _not_changed_since(integration, version)
        integration.writes_tickets = on
        audit(runtime, session, actor, "integration.writes_tickets", integration.name, after=on)
        lanes = _reconsider(runtime, session, integration) if on else set()
    _wake_all(runtime, lanes)


def set_rule(
    runtime: Runtime,
    actor: str,
    integration: Integration,
    rule: TicketRule,
    *,
    enabled: bool,
    fields: Mapping[str, str],
) -> None:
    """Switch a rule on or off and set the host's routing words for its tickets."""
    _refuse_unknown_words(runtime, integration, fields)
    with writing() as session:
        before = {"enabled": rule.enabled, "fields": dict(rule.fields)}
        rule.enabled = enabled
        rule.fields = {name: value for name, value in fields.items() if value}
        audit(
            runtime,
            session,
            actor,
            "rule.set",
            f"{integration.name}: {rule.trigger} {rule.matches}",
            before=before,
            after={"enabled": enabled, "fields": dict(rule.fields)},
        )
        lanes = _reconsider(runtime, session, integration) if enabled else set()
    _wake_all(runtime, lanes)


def _refuse_unknown_words(
    runtime: Runtime, integration: Integration, fields: Mapping[str, str]
) -> None:
    host = runtime.adapter_class(integration.host.kind)
    known = {each.name for each in host.ticket_fields} if issubclass(host, OpensTickets) else set()
    unknown = sorted(fields.keys() - known)
    if unknown:
        raise RuleError("fields", f"{host.title} tickets have no {', '.join(unknown)}")


def _reconsider(runtime: Runtime, session: Session, integration: Integration) -> set[str]:
    session.flush()
    lanes: set[str] = set()
    for link in integration.links:
        lanes |= ticket_decisions.reconsider(
            runtime, session, integration.vendor, link.workspace_id
        )
    return lanes


def _wake_all(runtime: Runtime, lanes: Iterable[str]) -> None:
    for lane in lanes:
        runtime.wake(lane)
