"""Integrations: pair a host with a vendor, choose workspaces, set rules and switches."""

from collections.abc import Iterable, Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from plugin.domain.contracts import OpensTickets
from plugin.domain.errors import ConflictError, RuleError
from plugin.domain.integrations import integration_name, is_complete
from plugin.domain.tickets import TICKET_SEVERITIES, Trigger
from plugin.runtime import Runtime
from plugin.services import registration, suggesting, sync, ticket_decisions, watch
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

ASKED_AT_ONCE = 50
"""So many workspaces are fetched at once when they are added; the schedule asks for the others
within seconds, and nobody waits for two thousand wishes to be written."""


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
        integration.rules = first_rules(runtime, host)
        audit(
            runtime,
            session,
            actor,
            "integration.create",
            integration.name,
            after={"host": host.name, "vendor": vendor.name},
        )
        registration.wish(runtime, session, integration)
    runtime.wake(registration.lane_of(integration))
    sync.ask(runtime, vendor, sync.WORKSPACES, by=actor)
    sync.ask(runtime, host, sync.COMPANIES, by=actor)
    return integration


def first_rules(runtime: Runtime, host: Connection) -> list[TicketRule]:
    """Return the rules a new integration starts with, all off; none where no tickets are kept."""
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


def rename(
    runtime: Runtime, actor: str, integration: Integration, name: str, version: int | None
) -> None:
    """Give an integration another name."""
    name = integration_name(name)
    with writing() as session:
        begin_change(integration, version)
        before, integration.name = integration.name, name
        audit(runtime, session, actor, "integration.rename", before, after=integration.name)
        registration.wish(runtime, session, integration)
    runtime.wake(registration.lane_of(integration))


def begin_change(integration: Integration, version: int | None) -> None:
    """Begin a person's change, whatever it is: the version rises, so that others are told of it.

    ConflictError when somebody else changed the integration since ``version`` was shown.
    """
    if integration.version != (integration.version if version is None else version):
        raise ConflictError(
            "version",
            f"somebody else changed {integration.name} while you looked at it; look at it again",
        )
    flag_modified(integration, "state")


def settle_state(runtime: Runtime, integration: Integration) -> bool:
    """Let the integration start when it has what it needs, or make it a draft; True if it starts.

    Call it inside the transaction of the change.
    """
    before = integration.state
    complete = is_complete(
        len(integration.links),
        len(integration.administrators),
        needs_administrator=registration.needs_administrator(runtime, integration),
    )
    integration.state = IntegrationState.ACTIVE if complete else IntegrationState.DRAFT
    return complete and before != IntegrationState.ACTIVE


def start(
    runtime: Runtime, actor: str, integration: Integration, workspace_ids: Iterable[str]
) -> None:
    """Let these workspaces of an active integration synchronise."""
    vendor, wanted = integration.vendor, set(workspace_ids)
    scopes = scopes_of(runtime, vendor)
    watch.ask(runtime, vendor, scopes)
    for scope in [each for each in scopes if each in wanted or not each][:ASKED_AT_ONCE]:
        sync.ask(runtime, vendor, sync.DATA, scope=scope, by=actor)


def stop(runtime: Runtime, vendor: Connection, workspace_ids: Iterable[str]) -> None:
    """End the living runs of workspaces that nobody serves any more."""
    idle = set(workspace_ids) - set(scopes_of(runtime, vendor))
    if idle:
        theirs = (SyncRun.connection_id == vendor.id, SyncRun.scope.in_(sorted(idle)))
        with writing() as session:
            living = SyncRun.living.is_not(None)
            session.execute(update(SyncRun).where(living, *theirs).values(cancel_asked=True))


# -- workspaces --------------------------------------------------------------------------------


def choose_workspaces(
    runtime: Runtime,
    actor: str,
    integration: Integration,
    workspace_ids: Iterable[str],
    version: int | None = None,
) -> None:
    """Serve exactly these workspaces: added ones start to synchronise, removed ones stop.

    RuleError when one is unknown or served by another integration of the same platform;
    ConflictError when somebody else changed the integration since ``version`` was shown.
    """
    wanted = set(workspace_ids)
    with writing() as session:
        begin_change(integration, version)
        held = {link.workspace_id for link in integration.links}
        _add_workspaces(runtime, session, integration, wanted - held)
        for link in [each for each in integration.links if each.workspace_id not in wanted]:
            integration.links.remove(link)
        starts = settle_state(runtime, integration)
        audit(
            runtime,
            session,
            actor,
            "integration.workspaces",
            integration.name,
            before=sorted(held),
            after=sorted(wanted),
        )
        registration.wish(runtime, session, integration)
        session.flush()
        suggestions = suggesting.ask(runtime, session, integration)
    for lane in (registration.lane_of(integration), suggestions):
        runtime.wake(lane)
    start(runtime, actor, integration, wanted if starts else wanted - held)
    stop(runtime, integration.vendor, held - wanted)


def _add_workspaces(
    runtime: Runtime, session: Session, integration: Integration, wanted: set[str]
) -> None:
    names = _known_workspaces(session, integration.vendor_id, wanted)
    refuse_taken(session, integration, wanted, integration.host.kind, names)
    for workspace_id in sorted(wanted):
        integration.links.append(
            WorkspaceLink(
                vendor_id=integration.vendor_id,
                workspace_id=workspace_id,
                platform=integration.host.kind,
                added_at=runtime.now(),
            )
        )


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


def refuse_taken(
    session: Session,
    integration: Integration,
    workspace_ids: Iterable[str],
    platform: str,
    names: Mapping[str, str],
) -> None:
    """RuleError that names the first workspace another integration of a platform serves."""
    wanted = set(workspace_ids)
    others = session.execute(
        select(WorkspaceLink.workspace_id, Integration.name)
        .join(Integration)
        .where(
            WorkspaceLink.vendor_id == integration.vendor_id,
            WorkspaceLink.platform == platform,
            Integration.id != integration.id,
        )
        .order_by(WorkspaceLink.workspace_id)
    )
    for workspace_id, owner in others:
        if workspace_id in wanted:
            name = names.get(workspace_id, workspace_id)
            raise RuleError(
                "workspaces", f"{name} is served by {owner} already; remove it there first"
            )


def sync_now(
    runtime: Runtime, actor: str, integration: Integration, *, full: bool = False
) -> list[SyncRun]:
    """Ask for everything the integration needs: both sides' lists, and its workspaces' data."""
    vendor = integration.vendor
    sync.write_down(runtime, actor, integration.name)
    served = {link.workspace_id for link in integration.links}
    scopes = [each for each in scopes_of(runtime, vendor) if each in served or not each]
    watch.ask(runtime, vendor, scopes, now=True)
    runs = [sync.ask(runtime, vendor, sync.WORKSPACES, by=actor)]
    runs += sync.ask_all(runtime, integration.host, by=actor)
    return runs + [
        sync.ask(runtime, vendor, sync.DATA, scope=scope, by=actor, full=full) for scope in scopes
    ]


def sync_workspace(
    runtime: Runtime, actor: str, integration: Integration, workspace_id: str, *, full: bool = False
) -> SyncRun:
    """Ask for the devices, licences and detections of one workspace that the integration serves.

    A workspace that it does not serve, or that the vendor no longer has, is a RuleError.
    """
    vendor = integration.vendor
    served = {link.workspace_id for link in integration.links}
    if workspace_id not in served & set(scopes_of(runtime, vendor)):
        unit = runtime.adapter_class(vendor.kind).words.workspace
        raise RuleError("workspace_id", f"{integration.name} does not serve this {unit}")
    name = sync.scope_name(db.session(), vendor.id, workspace_id)
    sync.write_down(runtime, actor, f"{vendor.name}: {name}")
    run = sync.ask(runtime, vendor, sync.DATA, scope=workspace_id, by=actor, full=full)
    watch.ask(runtime, vendor, [workspace_id], now=True)
    return run


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
        begin_change(integration, version)
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
    version: int | None = None,
) -> None:
    """Switch a rule on or off and set the host's routing words for its tickets.

    ConflictError when somebody else changed the integration since ``version`` was shown.
    """
    _refuse_unknown_words(runtime, integration, fields)
    with writing() as session:
        begin_change(integration, version)
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
