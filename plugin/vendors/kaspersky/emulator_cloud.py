"""Kaspersky's cloud as a stand-in, after our own contract: no interface of it is published.

Endpoint Security Cloud with a workspace, Business Hub with a company for every client of the
made-up MSP.
"""

from typing import Any

from plugin.edge.emulator import Happening
from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_cloud_estate import Estate, rows
from plugin.vendors.kaspersky.emulator_cloud_story import CloudStory

LISTS = ("tenants", "devices", "events", "licences", "tasks", "integrations", "users", "outbox")
SHOWN_AS = {"tenants": "workspaces", "events": "detections"}


class CloudEmulator(CloudStory):
    """Kaspersky Endpoint Security Cloud."""

    kind = "kaspersky_cloud"
    title = "Kaspersky Endpoint Security Cloud"
    tenant_kind = "workspace"

    def happen(self, happening: Happening) -> dict[str, Any] | None:
        """Let something happen here; see :mod:`.emulator_cloud_story` for the words."""
        if happening.what == "switch":
            return self.switch(happening.details)
        return self.tell(happening.what, dict(happening.details))

    def state(self) -> dict[str, Any]:
        """Return everything that is kept, as lists; each row says its environment."""
        shown: dict[str, Any] = {
            SHOWN_AS.get(name, name): [
                row for estate in self.estates.values() for row in _rows(estate, name)
            ]
            for name in LISTS
        }
        switches = {name: row["value"] for name, row in self.table("switches").items()}
        return shown | {"switches": switches}


class HubEmulator(CloudEmulator):
    """Kaspersky Business Hub: companies, with mailboxes among what is protected."""

    kind = "kaspersky_hub"
    title = "Kaspersky Business Hub"
    tenant_kind = "company"
    has_mail = True


def _rows(estate: Estate, name: str) -> list[Record]:
    kept = rows(estate.table(name))
    return [
        {key: value for key, value in row.items() if key != "password"}
        | {"environment": estate.environment}
        for row in kept
    ]
