"""What Security Center answers, turned into our values: one schema per shape.

They read plain values: :mod:`.center_codec` has taken the types off before.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import fields

from plugin.domain.errors import AnswerError
from plugin.domain.model import (
    Detection,
    Device,
    Group,
    Protection,
    Severity,
    Workspace,
)
from plugin.edge.wire import Text, Wire, Word
from plugin.vendors.kaspersky.center_session import Server
from plugin.vendors.kaspersky.center_words import (
    INCIDENT_SEVERITY,
    OBJECT_EVENTS,
    OUTCOMES,
    PROTECTION,
    SEVERITY,
    TITLE,
    conditions_of,
    device_class_of,
)

Row = Mapping[str, Any]


class Moment(fields.Field[datetime | None]):
    """A moment that the codec has read already; a missing one is None."""

    default_error_messages = {"invalid": "Not a moment."}

    def __init__(self, **options: Any) -> None:
        """Take the options of every marshmallow field."""
        usual = {"allow_none": True, "load_default": None}
        super().__init__(**(options if options.get("required") else usual | options))

    def _deserialize(
        self, value: object, attr: object, data: object, **kwargs: object
    ) -> datetime | None:
        if not isinstance(value, datetime):
            raise self.make_error("invalid")
        return value


def whole(key: str, **options: Any) -> fields.Integer:
    """Return a field for a whole number, 0 when it is missing and not required."""
    chosen = options if options.get("required") else {"load_default": 0, **options}
    return fields.Integer(strict=True, data_key=key, **chosen)


class ServerWire(Wire):
    """A virtual server (vendor reference, "List of virtual server attributes")."""

    number = whole("KLVSRV_ID", required=True)
    name = Text(data_key="KLVSRV_DN", required=True)
    unique_name = Text(data_key="KLVSRV_UID")
    groups = whole("KLVSRV_GROUPS", load_default=None, allow_none=True)


class HostWire(Wire):
    """A host (vendor reference, "List of host attributes")."""

    id = Text(data_key="KLHST_WKS_HOSTNAME", required=True)
    name = Text(data_key="KLHST_WKS_DN")
    fqdn = Text(data_key="KLHST_WKS_FQDN")
    group = whole("KLHST_WKS_GROUPID", load_default=None, allow_none=True)
    seen_at = Moment(data_key="KLHST_WKS_LAST_VISIBLE")
    protection = Word(PROTECTION, Protection.UNKNOWN, data_key="KLHST_WKS_STATUS_ID")
    mask = whole("KLHST_WKS_STATUS_MASK")
    system = Text(data_key="KLHST_WKS_OS_NAME")
    computer_type = whole("KLHST_WKS_CTYPE")
    version = Text(data_key="KLHST_WKS_RTP_AV_VERSION")
    bases_at = Moment(data_key="KLHST_WKS_RTP_AV_BASES_TIME")


class GroupWire(Wire):
    """A group (vendor reference, "List of group attributes")."""

    number = whole("id", required=True)
    name = Text(data_key="name", required=True)
    parent = whole("parentId", load_default=None, allow_none=True)
    server = whole("KLVSRV_ID", load_default=None, allow_none=True)
    server_name = Text(data_key="KLVSRV_DN")


class EventWire(Wire):
    """An event (vendor reference, "List of event attributes")."""

    number = whole("event_db_id", required=True)
    kind = Text(data_key="event_type", required=True)
    shown = Text(data_key="event_type_display_name")
    severity = Word(SEVERITY, Severity.UNKNOWN, data_key="GNRL_EA_SEVERITY")
    description = Text(data_key="GNRL_EA_DESCRIPTION")
    rise_time = Moment(data_key="rise_time", required=True)
    host = Text(data_key="hostname")
    host_name = Text(data_key="hostdn")
    first = Text(data_key="GNRL_EA_PARAM_1")
    third = Text(data_key="GNRL_EA_PARAM_3")
    task = Text(data_key="task_display_name")


class IncidentWire(Wire):
    """An incident (vendor reference, "List of incident attributes")."""

    number = whole("KLINCDT_ID", required=True)
    severity = Word(INCIDENT_SEVERITY, Severity.UNKNOWN, data_key="KLINCDT_SEVERITY")
    added_at = Moment(data_key="KLINCDT_ADDED", required=True)
    body = Text(data_key="KLINCDT_BODY")
    handled = fields.Boolean(data_key="KLINCDT_IS_HANDLED", load_default=False)
    kind = Text(data_key="KLINCDT_TYPE")
    shown = Text(data_key="KLINCDT_TYPE_DISPLAY_NAME")
    host = Text(data_key="KLHST_WKS_HOSTNAME")
    host_name = Text(data_key="KLHST_WKS_DN")
    user = Text(data_key="KLHSTUSER_DN")


class ServerCountWire(Wire):
    """A virtual server in the overview (vendor reference, statistics of the server)."""

    number = whole("KLSRV_ST_VIRT_SERVER_ID", required=True)
    devices = whole("KLSRV_ST_VSERVER_HOST_COUNT", load_default=None, allow_none=True)


def attributes(schema: type[Wire]) -> list[str]:
    """Return the names of the attributes a schema reads: what to ask the server for.

    >>> attributes(ServerWire)
    ['KLVSRV_ID', 'KLVSRV_DN', 'KLVSRV_UID', 'KLVSRV_GROUPS']
    """
    return [str(field.data_key or name) for name, field in schema().fields.items()]


def servers(rows: object) -> dict[str, Server]:
    """Return virtual servers by their number.

    A display name that two of them share does not name one, so their unique names are used.
    """
    read = ServerWire.parse_many(rows, TITLE, "virtual servers")
    times = Counter(row["name"] for row in read)
    found = {}
    for row in read:
        name = row["name"] if times[row["name"]] == 1 else row["unique_name"]
        if not name:  # an empty name would log us in to the main server
            text = "lists a virtual server that has no name of its own"
            raise AnswerError(TITLE, text, code="shape")
        found[str(row["number"])] = Server(name, row["unique_name"], row["groups"])
    return found


def workspaces(rows: object, counts: Mapping[str, int]) -> list[Workspace]:
    """Return virtual servers as workspaces, with device counts by their number where known."""
    read = ServerWire.parse_many(rows, TITLE, "virtual servers")
    return [
        Workspace(str(row["number"]), row["name"], device_count=counts.get(str(row["number"])))
        for row in read
    ]


def devices(rows: object, workspace_id: str) -> tuple[Device, ...]:
    """Return hosts as devices of ``workspace_id``."""
    return tuple(_device(row, workspace_id) for row in HostWire.parse_many(rows, TITLE, "hosts"))


def _device(row: Row, workspace_id: str) -> Device:
    group = row["group"]
    return Device(
        id=row["id"],
        workspace_id=workspace_id,
        name=row["name"] or row["fqdn"] or row["id"],
        device_class=device_class_of(row["system"], row["computer_type"]),
        operating_system=row["system"],
        fqdn=row["fqdn"],
        protection=row["protection"],
        conditions=conditions_of(row["mask"]),
        groups=() if group is None else (f"{workspace_id}:{group}",),
        product="Kaspersky security application" if row["version"] else "",
        product_version=row["version"],
        bases_at=row["bases_at"],
        seen_at=row["seen_at"],
    )


def detections(rows: object, workspace_id: str) -> list[Detection]:
    """Return events as detections of ``workspace_id``, in the order they came."""
    read = EventWire.parse_many(rows, TITLE, "events")
    return [_detection(row, workspace_id) for row in read]


def _detection(row: Row, workspace_id: str) -> Detection:
    kind = row["kind"]
    about_object = kind in OBJECT_EVENTS
    return Detection(
        id=f"{workspace_id}:{row['number']}",
        workspace_id=workspace_id,
        device_id=row["host"],
        device_name=row["host_name"],
        kind=kind,
        severity=row["severity"],
        title=row["shown"] or kind,
        occurred_at=row["rise_time"],
        description=row["description"],
        outcome=OUTCOMES.get(kind, ""),
        object_name=row["first"] if about_object else row["task"],
        user=row["third"] if about_object else "",
        sequence=row["number"],
    )


def incidents(rows: object, workspace_id: str) -> list[tuple[int, Detection]]:
    """Return incidents as detections, each with its own number.

    Incidents are numbered apart from events, so they have no place in the events' order.
    """
    read = IncidentWire.parse_many(rows, TITLE, "incidents")
    return [(row["number"], _incident(row, workspace_id)) for row in read]


def _incident(row: Row, workspace_id: str) -> Detection:
    kind = row["kind"] or "other"
    return Detection(
        id=f"{workspace_id}:incident:{row['number']}",
        workspace_id=workspace_id,
        device_id=row["host"],
        device_name=row["host_name"],
        kind=f"incident:{kind}",
        severity=row["severity"],
        title=row["shown"] or "Incident",
        occurred_at=row["added_at"],
        description=row["body"],
        user=row["user"],
        resolved=row["handled"],
    )


def device_counts(statistics: object) -> dict[str, int]:
    """Return the number of devices by virtual server, from the server's overview."""
    rows = statistics.get("KLSRV_ST_VIRT_SERVERS_DETAILS") if isinstance(statistics, dict) else None
    read = ServerCountWire.parse_many(rows or [], TITLE, "statistics")
    return {str(row["number"]): row["devices"] for row in read if row["devices"] is not None}


def groups(rows: object, workspace_id: str) -> list[Group]:
    """Return groups of ``workspace_id``; their ids carry it, because they are asked for there."""
    return [_group(row, workspace_id) for row in GroupWire.parse_many(rows, TITLE, "groups")]


def _group(row: Row, workspace_id: str) -> Group:
    parent = f"{workspace_id}:{row['parent']}" if row["parent"] else None
    return Group(f"{workspace_id}:{row['number']}", row["name"], workspace_id, parent)
