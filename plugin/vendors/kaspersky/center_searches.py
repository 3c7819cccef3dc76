"""What is searched for at a Security Center: the names of the calls and their arguments.

Only whole numbers and moments of ours ever enter a search's condition, never a text.
"""

from datetime import UTC, datetime

from plugin.edge.wire import Wire
from plugin.vendors.kaspersky import center_wire as wire
from plugin.vendors.kaspersky.center_found import Search

LIFETIME = 900
"""Seconds a set lives after its last use; the server allows at most 7200."""

_OWN_SERVER_ONLY = {"KLGRP_FIND_FROM_CUR_VS_ONLY": True}


def hosts() -> Search:
    """Search for every host of the session's server."""
    return _accessor("HostGroup.FindHosts", "", wire.HostWire, "KLHST_WKS_HOSTNAME")


def groups() -> Search:
    """Search for every group of the session's server."""
    return _accessor("HostGroup.FindGroups", "", wire.GroupWire, "id")


def incidents_above(number: int) -> Search:
    """Search for incidents with a higher number."""
    return "HostGroup.FindIncidents", {
        "strFilter": f"(KLINCDT_ID>{number:d})",
        "pFieldsToReturn": wire.attributes(wire.IncidentWire),
        "pFieldsToOrder": [{"Name": "KLINCDT_ID", "Asc": True}],
        "lMaxLifeTime": LIFETIME,
    }


def events_from(least: datetime) -> Search:
    """Search for events that rose at ``least`` or later (in whole seconds, the wire's grain)."""
    return "EventProcessingFactory.CreateEventProcessing2", {
        "pFilter": {"KLEVP_EVENT_RISE_TIME_LEAST": least.astimezone(UTC).replace(microsecond=0)},
        "vecFieldsToReturn": wire.attributes(wire.EventWire),
        "vecFieldsToOrder": [{"Name": "event_db_id", "Asc": True}],
        "lifetimeSec": LIFETIME,
    }


def task_history(task: str, names: list[str]) -> Search:
    """Search for the changes of a task's state, the newest first."""
    return "Tasks.GetTaskHistory", {
        "strTask": task,
        "pFields2Return": names,
        "pSortFields": [{"Name": "event_db_id", "Asc": False}],
        "strHostName": "",
        "pFilter": {"event_type": "KLPRCI_TaskState"},
    }


def keys(schema: type[Wire]) -> Search:
    """Search for the keys that are listed on the session's server."""
    return "LicenseKeys.EnumKeys", _key_list(schema)


def key_hosts(serial: str, schema: type[Wire]) -> Search:
    """Search for the hosts that use a key."""
    return "LicenseKeys.AcquireKeyHosts", {
        "pInData": {"KLLIC_SERIAL": serial},
        **_key_list(schema),
    }


def _accessor(name: str, condition: str, schema: type[Wire], order: str) -> Search:
    return name, {
        "wstrFilter": condition,
        "vecFieldsToReturn": wire.attributes(schema),
        "vecFieldsToOrder": [{"Name": order, "Asc": True}],
        "pParams": _OWN_SERVER_ONLY,
        "lMaxLifeTime": LIFETIME,
    }


def _key_list(schema: type[Wire]) -> dict[str, object]:
    return {
        "pFields": wire.attributes(schema),
        "pFieldsToOrder": [],
        "pOptions": {},
        "lTimeoutSec": LIFETIME,
    }
