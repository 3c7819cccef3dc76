"""Installers: a link that enrols computers into a client's group, and the script that uses it.

Whoever has a link can enrol computers and use up seats: it goes to the person who asked and to
nobody else. The audit log says who asked for which group, not the link.
"""

from dataclasses import dataclass
from typing import cast

from sqlalchemy import select

from plugin.domain.contracts import MakesInstallers
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.installer_script import installer_script
from plugin.runtime import Runtime
from plugin.services.connections import explained
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.groups import VendorGroup
from plugin.store.integrations import Connection
from plugin.store.mirror import WorkspaceRow


@dataclass(frozen=True, slots=True)
class Installer:
    """A link and the text that uses it; ``why_no_script`` says why there is no such text."""

    url: str
    script: str
    why_no_script: str = ""

    def __repr__(self) -> str:
        """Hide the link: what is shown of a value may end in a log."""
        return "Installer(…)"


def maker_of(runtime: Runtime, workspace: WorkspaceRow) -> type[MakesInstallers] | None:
    """Return the kind of a workspace's vendor if it makes installers."""
    connection = db.session.get_one(Connection, workspace.vendor_id)
    kind = runtime.adapters.get(connection.kind)
    if kind is None or not issubclass(kind, MakesInstallers) or workspace.gone_at is not None:
        return None
    return cast(type[MakesInstallers], kind)


def groups(workspace: WorkspaceRow) -> list[VendorGroup]:
    """Return the groups that a computer of this client can be enrolled into, by name."""
    query = select(VendorGroup).where(
        VendorGroup.vendor_id == workspace.vendor_id,
        VendorGroup.workspace_id == workspace.workspace_id,
        VendorGroup.dynamic.is_(False),
    )
    return list(db.session.scalars(query.order_by(VendorGroup.name, VendorGroup.id)))


def make(runtime: Runtime, actor: str, workspace: WorkspaceRow, group_id: str) -> Installer:
    """Ask the vendor for a link; ``group_id`` empty means the client's own group.

    RuleError, with cause and cure, where the vendor gives none.
    """
    maker, connection = _checked(runtime, workspace, group_id)
    with writing() as session:
        told = {"workspace": workspace.workspace_id, "group": group_id, "vendor": connection.kind}
        audit(runtime, session, actor, "installer.ask", workspace.name, after=told)
    adapter, place = cast(MakesInstallers, runtime.vendor(connection)), workspace.workspace_id
    db.session.commit()
    try:
        url = adapter.installer(place, group_id)
    except EdgeError as error:
        seen = explained(runtime, connection, error)
        text = f"{seen.seen}. Why: {seen.cause} What to do: {seen.cure}"
        raise RuleError("group_id", text) from error
    return _told(maker, url)


def _checked(
    runtime: Runtime, workspace: WorkspaceRow, group_id: str
) -> tuple[type[MakesInstallers], Connection]:
    maker = maker_of(runtime, workspace)
    if maker is None:
        raise RuleError("workspace", "This vendor gives no installer link to programs.")
    if group_id and group_id not in {each.group_id for each in groups(workspace)}:
        raise RuleError("group_id", "Choose one of the client's groups.")
    return maker, db.session.get_one(Connection, workspace.vendor_id)


def _told(maker: type[MakesInstallers], url: str) -> Installer:
    try:
        script = installer_script(url, maker.installer_arguments, maker.installer_signer)
    except RuleError as error:
        return Installer(url, "", error.message)
    return Installer(url, script)
