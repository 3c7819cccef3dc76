"""Kaspersky Security Center: an Administration Server of the customer's own, through its Open API.

A workspace is a virtual server. Everything about one is asked in a session that is logged in to
it, so that no answer can show another client's data.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from plugin.domain.contracts import (
    Advice,
    Field,
    FieldKind,
    FindsDetections,
    Rung,
    Scope,
    Vendor,
    Words,
)
from plugin.domain.errors import EdgeError, MissingError, RuleError
from plugin.domain.model import Detection, Device, Page, Workspace
from plugin.edge.link import Link
from plugin.vendors.kaspersky import center_wire as wire
from plugin.vendors.kaspersky.center_check import Check, advice
from plugin.vendors.kaspersky.center_events import EventWalk, Place
from plugin.vendors.kaspersky.center_found import ACCESSOR, LIFETIME, Found, restarted
from plugin.vendors.kaspersky.center_session import MAIN, Server, Sessions
from plugin.vendors.kaspersky.center_words import TITLE

PAGE = 500
"""Devices or events in one part; a part is all that is ever in memory."""


class SecurityCenter(Vendor, FindsDetections):
    """One account at one Administration Server."""

    kind = "kaspersky_ksc"
    title = TITLE
    words = Words(product=TITLE, workspace="virtual server", computer="device")
    scope = Scope.WORKSPACE
    fields = (
        Field(
            "server",
            "Server address",
            FieldKind.ADDRESS,
            help="The name or address of the Administration Server, without https:// and port.",
        ),
        Field(
            "port",
            "Port",
            FieldKind.NUMBER,
            default="13299",
            pattern=r"[0-9]{1,5}",
            pattern_says="A port is a number.",
            help="The port of the Open API; the console's own is 13291.",
        ),
        Field("user", "User"),
        Field("password", "Password", FieldKind.SECRET),
        Field(
            "internal_user",
            "Internal user",
            FieldKind.SWITCH,
            default="true",
            help="On for a user made in Security Center, off for one of Windows or the domain.",
        ),
        Field(
            "virtual_server",
            "Virtual server",
            required=False,
            default="",
            help="Leave empty to see every virtual server; name one to see only that.",
        ),
        Field(
            "certificate",
            "Server certificate",
            FieldKind.CERTIFICATE,
            required=False,
            default="",
            help="The server's own certificate (klserver.cer) as PEM. Needed where no public "
            "authority has signed it, which is the usual case.",
        ),
    )
    page_size = PAGE

    def __init__(self, link: Link) -> None:
        """Keep the link; nothing is asked before the first call."""
        self._link = link
        self._sessions = Sessions(link, TITLE)
        self._home = Server(link.settings.get("virtual_server", "").strip())
        self._servers: dict[str, Server] = {}

    @classmethod
    def validate(cls, settings: Mapping[str, str]) -> tuple[RuleError, ...]:
        """Return what is wrong with the settings beyond each field's own rule."""
        port = settings.get("port", "").strip()
        if port == "13291":
            text = "13291 is the port of the console. The Open API answers on 13299."
            return (RuleError("port", text),)
        if port.isdigit() and not 0 < int(port) < 65536:
            return (RuleError("port", "A port lies between 1 and 65535."),)
        return ()

    def rungs(self) -> tuple[Rung, ...]:
        """Return the connection check's steps."""
        return Check(self, self._sessions, self._home, self._link.now).rungs()

    def advice(self, rung: str, error: EdgeError) -> Advice | None:
        """Return cause and cure of a failed step."""
        return advice(error)

    # -- what is there -------------------------------------------------------------------------

    def workspaces(self) -> Iterator[Workspace]:
        """Yield the virtual servers this account can see (only the one it is tied to, if any)."""
        yield from wire.workspaces(self._virtual_servers(), self._device_counts())

    def devices(self, workspace_id: str, cursor: str | None) -> Iterator[Page[Device]]:
        """Yield every device of a virtual server; the server tells no changes, only all."""
        server = self._server(workspace_id)
        yield from restarted(lambda: self._device_pages(workspace_id, server))

    def detections(
        self, workspace_id: str, cursor: str | None, since: datetime
    ) -> Iterator[Page[Detection]]:
        """Yield events by their number, those above the cursor's; one may be older than another."""
        server = self._server(workspace_id)
        walk = EventWalk(self._sessions, (workspace_id, server), Place.read(cursor))
        yield from restarted(lambda: walk.pages(since, self._link.now(), self.page_size))

    # -- reading -------------------------------------------------------------------------------

    def _server(self, workspace_id: str) -> Server:
        """Return where a workspace is; MissingError when there is none of this number."""
        if workspace_id not in self._servers:
            self._virtual_servers()
        if workspace_id not in self._servers:
            raise MissingError(TITLE, "has no such virtual server (any more)", code="not_found")
        return self._servers[workspace_id]

    def _virtual_servers(self) -> list[dict[str, object]]:
        """Return the virtual servers' attributes, and remember where each is."""
        if self._home.name:
            rows = [self._own_virtual_server()]
            self._servers = dict.fromkeys(wire.servers(rows), self._home)
            return rows
        # -1 stands for every group (vendor's sample for licences).
        answer = self._sessions.call(MAIN, "VServers.GetVServers", lParentGroup=-1)
        found: list[dict[str, object]] = answer.get("PxgRetVal", [])
        self._servers = wire.servers(found)
        return found

    def _own_virtual_server(self) -> dict[str, object]:
        """Return the one virtual server this account is tied to, as its groups describe it."""
        with Found(self._sessions, self._home, ACCESSOR, _groups()) as found:
            rows = found.part(0, 1)
        row = rows[0] if rows else {}
        if not row.get("KLVSRV_ID"):
            text = "does not say which virtual server this user works in"
            raise MissingError(TITLE, text, code="not_found")
        return {"KLVSRV_ID": row["KLVSRV_ID"], "KLVSRV_DN": row.get("KLVSRV_DN") or self._home.name}

    def _device_counts(self) -> Mapping[str, int]:
        return {}

    def _device_pages(self, workspace_id: str, server: Server) -> Iterator[Page[Device]]:
        with Found(self._sessions, server, ACCESSOR, _hosts("")) as found:
            for rows, last in found.parts(self.page_size):
                yield Page(wire.devices(rows, workspace_id), complete=last)


def _hosts(condition: str) -> tuple[str, dict[str, object]]:
    """Return the search for hosts that meet ``condition`` (all when empty)."""
    return "HostGroup.FindHosts", {
        "wstrFilter": condition,
        "vecFieldsToReturn": wire.attributes(wire.HostWire),
        "vecFieldsToOrder": [{"Name": "KLHST_WKS_HOSTNAME", "Asc": True}],
        "pParams": {"KLGRP_FIND_FROM_CUR_VS_ONLY": True},
        "lMaxLifeTime": LIFETIME,
    }


def _groups() -> tuple[str, dict[str, object]]:
    return "HostGroup.FindGroups", {
        "wstrFilter": "",
        "vecFieldsToReturn": wire.attributes(wire.GroupWire),
        "vecFieldsToOrder": [{"Name": "id", "Asc": True}],
        "pParams": {"KLGRP_FIND_FROM_CUR_VS_ONLY": True},
        "lMaxLifeTime": LIFETIME,
    }
