"""Installers: the address from which a device is enrolled into a group."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from plugin.domain.errors import AnswerError
from plugin.vendors.eset.connect import Connect
from plugin.vendors.eset.wire import InstallerMadeWire, InstallerPageWire

SERVICE = "installer-management"
WINDOWS = 1
A_PAGE = 1000
SILENT = "--silent --accepteula"
"""What ESET's installers are run with where nobody sits; it accepts the licence agreement."""
SIGNER = "ESET"


def installer(connect: Connect, group_id: str, now: Callable[[], datetime]) -> str:
    """Return the address of a Windows installer; one is made when the group has none that is good.

    A user who may only read still gets an address that a person made before.
    """
    params = {"usable": "true", "pageSize": A_PAGE}
    for page in connect.pages(SERVICE, "/v1/installers", InstallerPageWire, params):
        for row in page["rows"] or ():
            if _group(row) == group_id and _is_good(row, now()):
                return str(row["url"])
    return _made(connect, group_id)


def _made(connect: Connect, group_id: str) -> str:
    wanted = {
        "displayName": "Bridgehead",
        "operatingSystemFamilyId": WINDOWS,
        "deviceEnrollment": {"securityGroupUuid": group_id},
    }
    made = connect.post(SERVICE, "/v1/installers", {"installer": wanted})
    row = InstallerMadeWire.parse(made, connect.who, "an installer")["installer"]
    if not _is_web(row["url"]):
        raise AnswerError(connect.who, "made an installer without an address", code="shape")
    return str(row["url"])


def _group(row: Mapping[str, Any]) -> str:
    return str((row["enrolment"] or {}).get("group", ""))


def _is_good(row: Mapping[str, Any], now: datetime) -> bool:
    fresh = row["expires_at"] is None or row["expires_at"] > now
    return bool(row["usable"] and row["family"] == WINDOWS and fresh and _is_web(row["url"]))


def _is_web(url: str) -> bool:
    """Tell whether an address can be handed on: a script will fetch and run what lies there."""
    return url.startswith("https://") and url.isprintable() and not set(url) & set(" \"'<>`\\")
