"""Connects this installation to the sandbox as an administrator would: a ready-made MSP."""

from contextlib import suppress

from sqlalchemy import select

from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.sandbox.emulators import EMULATORS, SHOWS_OWN_CERTIFICATE, origins, tls_origin
from plugin.services import connections, integrations, mapping, mirror, placing, proven
from plugin.services.access import Role
from plugin.services.journal import SYSTEM
from plugin.settings.sandbox import Offer
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, Integration, Preference
from plugin.store.mirror import CompanyRow, WorkspaceRow

HOST, VENDOR = "connectwise_psa", "kaspersky_ksc"
SWITCHED_ON = {"critical", "functional_failure"}
DONE = "sandbox-connected"


def connect(runtime: Runtime, first_port: int) -> bool:
    """Make the sandbox's connections and one integration; False when they exist already.

    Safe to repeat: what a broken-off earlier try left is used, not doubled.
    """
    if db.session.get(Preference, DONE) is not None:
        return False
    made = {kind: _connection(runtime, kind, first_port) for kind in EMULATORS}
    integration = _integration(runtime, made[HOST], made[VENDOR])
    _fetch_lists(runtime, made[HOST], made[VENDOR])
    _switch_on(runtime, integration)
    _map_by_name(runtime, integration)
    proven.set_first_role(runtime, SYSTEM, Role.TECHNICIAN)
    with writing() as session:
        session.add(Preference(name=DONE, value=True, changed_at=runtime.now()))
    return True


def offers(first_port: int) -> dict[str, Offer]:
    """Return what connects to each emulator of the sandbox, whose ports begin at ``first_port``.

    Security Center is offered as real ones are: by TLS, with a certificate of its own making.
    """
    found = {}
    for kind, origin in origins(first_port).items():
        emulator = EMULATORS[kind](origin=origin)
        shown = tls_origin(first_port) if kind == SHOWS_OWN_CERTIFICATE else origin
        found[kind] = Offer(shown, emulator.connection_settings())
    return found


def pages_in(runtime: Runtime, kind: str) -> str:
    """Return our address that the sandbox's host of this kind frames, with its own tokens."""
    connection = db.session.scalars(select(Connection).where(Connection.kind == kind)).one()
    return placing.address(runtime, connection)


def _integration(runtime: Runtime, host: Connection, vendor: Connection) -> Integration:
    name = integrations.default_name(runtime, host)
    known = db.session.scalar(select(Integration).where(Integration.name == name))
    return known or integrations.create(runtime, SYSTEM, host, vendor, name)


def _connection(runtime: Runtime, kind: str, first_port: int) -> Connection:
    name = f"Sandbox {runtime.adapter_class(kind).title}"
    known = db.session.scalar(select(Connection).where(Connection.name == name))
    if known is not None:
        return known
    origin = origins(first_port)[kind]
    emulator = EMULATORS[kind](origin=origin)
    return connections.create(
        runtime, SYSTEM, kind, name, emulator.connection_settings(), origin_override=origin
    )


def _fetch_lists(runtime: Runtime, host: Connection, vendor: Connection) -> None:
    """Fetch companies and workspaces at once, so that they can be mapped at once."""
    companies = list(runtime.host(host).companies())
    workspaces = list(runtime.vendor(vendor).workspaces())
    with writing() as session:
        now, counts = runtime.now(), mirror.Counts()
        mirror.store_companies(session, host.id, companies, now, counts)
        mirror.store_workspaces(session, vendor.id, workspaces, now, counts)


def _map_by_name(runtime: Runtime, integration: Integration) -> None:
    """Map every client; the made-up MSP's names differ by a legal form or an ending at most."""
    companies = db.session.execute(
        select(CompanyRow.name, CompanyRow.company_id).where(
            CompanyRow.host_id == integration.host_id
        )
    ).all()
    rows = db.session.execute(
        select(WorkspaceRow.workspace_id, WorkspaceRow.name).where(
            WorkspaceRow.vendor_id == integration.vendor_id
        )
    ).all()
    for workspace_id, name in rows:
        alike = [each for each in companies if _same_client(name, each.name)]
        if len(alike) != 1:
            continue  # left for a person, as in life
        with suppress(RuleError):
            mapping.map_company(runtime, SYSTEM, integration, workspace_id, alike[0].company_id)
    integrations.choose_workspaces(runtime, SYSTEM, integration, [each for each, _ in rows])


def _same_client(workspace: str, company: str) -> bool:
    longer, shorter = sorted((workspace.casefold(), company.casefold()), key=len, reverse=True)
    return longer == shorter or longer.startswith(f"{shorter} ")


def _switch_on(runtime: Runtime, integration: Integration) -> None:
    for rule in integration.rules:
        on = rule.matches in SWITCHED_ON
        integrations.set_rule(runtime, SYSTEM, integration, rule, enabled=on, fields={})
    integrations.switch_tickets(runtime, SYSTEM, integration, on=True)
