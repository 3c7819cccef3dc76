"""The virtual servers an account can see, and where each of them is."""

from collections.abc import Iterator, Mapping

from plugin.domain.errors import AnswerError, MissingError, RefusedError
from plugin.domain.model import Workspace
from plugin.vendors.kaspersky import center_searches as searches
from plugin.vendors.kaspersky import center_wire as wire
from plugin.vendors.kaspersky.center_found import ACCESSOR, Found, Row
from plugin.vendors.kaspersky.center_session import MAIN, Server, Sessions
from plugin.vendors.kaspersky.center_words import TITLE

EVERY_GROUP = -1


class VirtualServers:
    """All virtual servers, or the one that the connection names."""

    def __init__(self, sessions: Sessions, name: str) -> None:
        """Look through ``sessions``; ``name`` is empty for all."""
        self._sessions = sessions
        self.home = Server(name)
        """Where the account logs in first."""
        self._known: dict[str, Server] = {}

    def workspaces(self) -> Iterator[Workspace]:
        """Yield the virtual servers as workspaces."""
        yield from wire.workspaces(self._read(), self._device_counts())

    def find(self, workspace_id: str) -> Server:
        """Return where a workspace is; MissingError when there is none of this number."""
        if workspace_id not in self._known:
            self._read()
        if workspace_id not in self._known:
            raise MissingError(TITLE, "has no such virtual server (any more)", code="not_found")
        return self._known[workspace_id]

    def _read(self) -> list[Row]:
        """Return the attributes of all, and remember where each is."""
        if self.home.name:
            rows = [self._own()]
            self._known = dict.fromkeys(wire.servers(rows), self.home)
            return rows
        answer = self._sessions.call(MAIN, "VServers.GetVServers", lParentGroup=EVERY_GROUP)
        found: list[Row] = answer.get("PxgRetVal", [])
        self._known = wire.servers(found)
        return found

    def _own(self) -> Row:
        """Return the one virtual server, as its groups describe it.

        A user of one virtual server need not have the right to list them.
        """
        with Found(self._sessions, self.home, ACCESSOR, searches.groups()) as found:
            rows = found.part(0, 1)
        row = rows[0] if rows else {}
        if not row.get("KLVSRV_ID"):
            text = "does not say which virtual server this user works in"
            raise MissingError(TITLE, text, code="not_found")
        return {"KLVSRV_ID": row["KLVSRV_ID"], "KLVSRV_DN": row.get("KLVSRV_DN") or self.home.name}

    def _device_counts(self) -> Mapping[str, int]:
        """Return device counts by workspace, in one call; none where that is not to be had."""
        if self.home.name:
            return {}
        try:
            told = self._sessions.call(
                MAIN,
                "HostGroup.GetInstanceStatistics",
                vecFilterFields=["KLSRV_ST_VIRT_SERVERS_DETAILS"],
            )
        except (AnswerError, RefusedError) as error:
            if error.code not in {"no_such_call", "access_denied"}:
                raise
            return {}
        return wire.device_counts(told.get("PxgRetVal"))
