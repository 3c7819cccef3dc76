"""Kaspersky Security Center's Open API as a stand-in: the made-up MSP's Administration Server.

Its virtual servers are the MSP's clients. Strict where the real server is strict (one request at a
time per session, typed values, released sets), odd where it is odd (errors inside a 200, 403 for
an ended session).
"""

from collections.abc import Iterator
from typing import Any

from plugin.edge.emulator import Happening
from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_center_facts import PASSWORD, PORT, SERVER, USER
from plugin.vendors.kaspersky.emulator_center_story import CenterStory
from plugin.vendors.kaspersky.emulator_center_tasks import CenterTasks


class SecurityCenterEmulator(CenterTasks, CenterStory):
    """An Administration Server with a virtual server for every client of the MSP."""

    kind = "kaspersky_ksc"
    title = "Kaspersky Security Center"

    def connection_settings(self) -> dict[str, str]:
        """Return what an administrator types in to connect."""
        return {
            "server": SERVER,
            "port": str(PORT),
            "user": USER,
            "password": PASSWORD,
            "internal_user": "true",
            "virtual_server": "",
            "certificate": "",
            "scan_task": "",
            "update_task": "",
        }

    def state(self) -> dict[str, Any]:
        """Return everything that is kept, as lists."""
        return {
            "workspaces": list(self._rows("servers")),
            "devices": list(self._rows("hosts")),
            "detections": list(self._rows("events")),
            "incidents": list(self._rows("incidents")),
            "licences": list(self._rows("keys")),
            "tasks": list(self._rows("tasks")),
            "switches": {name: row["value"] for name, row in self.table("switches").items()},
            "sessions": len(self.sessions),
            "open_sets": self.open_sets(),
        }

    def happen(self, happening: Happening) -> dict[str, Any] | None:
        """Let something happen here; see :mod:`.emulator_center_story` for the words.

        What names another vendor, or a device or virtual server that is not ours, is not for us.
        """
        details = happening.details
        if details.get("vendor", self.kind) != self.kind:
            return None
        if happening.what == "switch":
            return self.switch(details)
        try:
            return self.tell(happening.what, dict(details))
        except LookupError:
            return None

    def _rows(self, name: str) -> Iterator[Record]:
        for key, record in self.table(name).items():
            yield {"id": key, **record}
