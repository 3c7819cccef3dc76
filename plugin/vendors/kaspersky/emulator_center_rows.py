"""The records of the Security Center emulator, found quickly and shown in the server's terms."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_center_facts import (
    EVENT_TYPES,
    HOST_CRITICAL,
    HOST_WARNING,
    OK,
    long,
    moment,
)
from plugin.vendors.kaspersky.emulator_center_sessions import CenterSessions

AGENT_VERSION = "15.1.0.11795"
PROTECTION_VERSION = "12.6.0.438"
PROTECTION = ("KES", "12.6.0.0", "Kaspersky Endpoint Security for Windows")

IN_GROUP, AGENT_INSTALLED, AGENT_ALIVE, PROTECTED, ONLINE = 2, 4, 8, 0x10, 1


class Index:
    """Which ids belong together, so that no answer looks at every record."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.hosts: dict[int, list[str]] = {}
        self.by_group: dict[int, list[str]] = {}
        self.by_key: dict[str, dict[str, None]] = {}
        self.events: dict[int, list[str]] = {}
        self.told: set[tuple[str, str]] = set()
        self.keys: dict[int, list[str]] = {}
        self.tasks: dict[int, list[str]] = {}
        self.incidents: dict[int, list[str]] = {}

    def add_host(self, host: str, record: Record) -> None:
        """Take up a host."""
        self.hosts.setdefault(record["server"], []).append(host)
        self.by_group.setdefault(record["group"], []).append(host)
        if record["key"]:
            self.by_key.setdefault(record["key"], {})[host] = None

    def add_event(self, number: str, record: Record) -> None:
        """Take up an event."""
        self.events.setdefault(record["server"], []).append(number)
        self.told.add((record["host"], record["type"]))


class CenterRows(CenterSessions):
    """Reads records by their relations and shows them as the API does."""

    @cached_property
    def index(self) -> Index:
        """The relations between the records; read from the shelf when first asked for."""
        index = Index()
        for host, record in self.table("hosts").items():
            index.add_host(host, record)
        for number, record in self.table("events").items():
            index.add_event(number, record)
        for name, lists in (
            ("keys", index.keys),
            ("tasks", index.tasks),
            ("incidents", index.incidents),
        ):
            for key, record in self.table(name).items():
                lists.setdefault(record["server"], []).append(key)
        return index

    def forget_index(self) -> None:
        """Read the relations again when next asked."""
        vars(self).pop("index", None)

    def add_host(self, host: str, record: Record) -> None:
        """Keep a new host."""
        self.table("hosts")[host] = record
        self.index.add_host(host, record)

    def add_event(self, record: Record) -> str:
        """Keep a new event and return its number."""
        number = str(self.shelf.count_up("events", 100_000))
        self.table("events")[number] = record
        self.index.add_event(number, record)
        return number

    def use_key(self, host: str, serial: str) -> None:
        """Let ``host`` use the key ``serial`` (none when empty)."""
        record = self.table("hosts")[host]
        self.index.by_key.get(record["key"], {}).pop(host, None)
        record["key"] = serial
        self.table("hosts")[host] = record
        if serial:
            self.index.by_key.setdefault(serial, {})[host] = None

    # -- shown ---------------------------------------------------------------------------------

    def server_row(self, number: str) -> Record:
        """Return a virtual server."""
        server = self.table("servers")[number]
        return {
            "KLVSRV_ID": int(number),
            "KLVSRV_UID": server["uid"],
            "KLVSRV_DN": server["name"],
            "KLVSRV_GRP": 0,
            "KLVSRV_GROUPS": server["groups"],
            "KLVSRV_SUPER": server["groups"] + 1,
            "KLVSRV_UNASSIGNED": server["groups"] + 2,
            "KLVSRV_ENABLED": True,
            "KLVSRV_LIC_ENABLED": True,
            "KLVSRV_CREATED": moment(server["created"]),
        }

    def host_row(self, host: str) -> Record:
        """Return a host."""
        record = self.table("hosts")[host]
        row: Record = {
            "KLHST_WKS_HOSTNAME": host,
            "KLHST_WKS_DN": record["name"],
            "KLHST_WKS_WINHOSTNAME": record["name"].upper()[:15],
            "KLHST_WKS_FQDN": record["fqdn"],
            "KLHST_WKS_DNSNAME": record["fqdn"].partition(".")[0],
            "KLHST_WKS_DNSDOMAIN": record["fqdn"].partition(".")[2],
            "KLHST_WKS_GROUPID": record["group"],
            "KLHST_WKS_CREATED": moment(record["created"]),
            "KLHST_WKS_LAST_VISIBLE": moment(record["seen"]),
            "KLHST_WKS_STATUS": _state(record),
            "KLHST_WKS_STATUS_ID": record["status"],
            "KLHST_WKS_STATUS_MASK": record["mask"],
            "KLHST_WKS_OS_NAME": record["system"],
            "KLHST_WKS_CTYPE": 2 if record["is_server"] else 1,
            "KLHST_WKS_NAG_VERSION": AGENT_VERSION,
            "KLHST_WKS_RBT_REQUIRED": bool(record["mask"] & 1 << 11),
            "KLVSRV_ID": record["server"],
        }
        if record["key"]:
            # A device without protection has no such attributes at all.
            row["KLHST_WKS_RTP_AV_VERSION"] = PROTECTION_VERSION
            row["KLHST_WKS_RTP_AV_BASES_TIME"] = moment(record["bases"])
        return row

    def event_row(self, number: str) -> Record:
        """Return an event."""
        event = self.table("events")[number]
        kind, host = EVENT_TYPES[event["type"]], self.table("hosts")[event["host"]]
        values = {
            f"GNRL_EA_PARAM_{place}": text.format(user=host["user"] or "SYSTEM")
            for place, text in enumerate(kind.parameters, 1)
        }
        row: Record = {
            "event_db_id": long(int(number)),
            "event_id": int(number) % 2**31,
            "event_type": kind.name,
            "event_type_display_name": kind.shown,
            "GNRL_EA_SEVERITY": kind.severity,
            "GNRL_EA_DESCRIPTION": f"{kind.shown}. Device: {host['name']}",
            "rise_time": moment(event["at"]),
            "hostname": event["host"],
            "hostdn": host["name"],
            "group_id": host["group"],
            "group_name": self.table("groups")[str(host["group"])]["name"],
            "product_name": PROTECTION[0],
            "product_version": PROTECTION[1],
            "product_displ_version": PROTECTION_VERSION,
            "task_display_name": "",
            **values,
        }
        if kind.task_state is not None:
            row["task_display_name"] = kind.parameters[0]
            row["task_new_state"] = kind.task_state
        return row

    def key_row(self, serial: str) -> Record:
        """Return a licence key with the number of devices that use it."""
        key = self.table("keys")[serial]
        row: Record = {
            "KLLIC_SERIAL": serial,
            "KLLIC_PROD_NAME": key["product"],
            "KLLIC_APP_ID": 1105,
            "KLLIC_KEY_TYPE": key["type"],
            "KLLIC_LIC_COUNT": key["limit"],
            "KLLIC_LIMIT_DATE": moment(key["ends"]),
            "KLLIC_LICENSE_PERIOD": 365,
            "KLLIC_NHOSTS_ASCURRENT": len(self.index.by_key.get(serial, {})),
            "KLLIC_NHOSTS_ASNEXT": key["next"],
            "KLLICSRV_KEY_INSTALLED": True,
            "KLLIC_LICTYPE_IS_SUBSCRIPTION": key["subscription"],
        }
        if key["subscription"]:
            row["KLLIC_SUBSCRINFO_STATE"] = key["state"]
            row["KLLIC_SUBSCRINFO_ENDDATETYPE"] = 1 if key["unlimited"] else 2
            row["KLLIC_SUBSCRINFO_ENDDATE"] = moment("" if key["unlimited"] else key["ends"])
            row["KLLIC_SUBSCRINFO_GRACETERM"] = 7
        return row

    def group_row(self, number: str) -> Record:
        """Return a group with the counts of its own devices."""
        group = self.table("groups")[number]
        hosts = self.index.by_group.get(int(number), [])
        return {
            "id": int(number),
            "name": group["name"],
            "parentId": group["parent"],
            "hostsNum": len(hosts),
            "KLGRP_CHLDHST_CNT": len(hosts),
            "KLGRP_CHLDHST_CNT_OK": self._count(hosts, OK),
            "KLGRP_CHLDHST_CNT_CRT": self._count(hosts, HOST_CRITICAL),
            "KLGRP_CHLDHST_CNT_WRN": self._count(hosts, HOST_WARNING),
            "KLVSRV_ID": group["server"],
            "KLVSRV_DN": self.table("servers")[str(group["server"])]["name"],
        }

    def incident_row(self, number: str) -> Record:
        """Return an incident."""
        incident = self.table("incidents")[number]
        return {
            "KLINCDT_ID": int(number),
            "KLINCDT_SEVERITY": incident["severity"],
            "KLINCDT_ADDED": moment(incident["at"]),
            "KLINCDT_BODY": incident["body"],
            "KLINCDT_IS_HANDLED": incident["handled"],
            "KLINCDT_TYPE": incident["type"],
            "KLHST_WKS_HOSTNAME": incident["host"],
            "KLHST_WKS_DN": self.table("hosts")[incident["host"]]["name"],
        }

    def _count(self, hosts: Iterable[str], status: int) -> int:
        table = self.table("hosts")
        return sum(table[host]["status"] == status for host in hosts)


def chosen(row: Record, names: Iterable[str]) -> dict[str, Any]:
    """Return the attributes that were asked for; the server is silent about unknown ones."""
    return {name: row[name] for name in names if name in row}


def _state(record: Record) -> int:
    state = IN_GROUP | AGENT_INSTALLED
    if record["online"]:
        state |= ONLINE | AGENT_ALIVE
    return state | PROTECTED if record["key"] else state
