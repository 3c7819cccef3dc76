"""The calls of the Security Center emulator about servers, hosts, groups and incidents."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_center_base import Arguments, Session, call
from plugin.vendors.kaspersky.emulator_center_facts import (
    MAIN,
    moment,
    no_access,
    no_such_call,
    not_found,
    params,
)
from plugin.vendors.kaspersky.emulator_center_filter import read_filter
from plugin.vendors.kaspersky.emulator_center_rows import PROTECTION, CenterRows, chosen


class CenterFind(CenterRows):
    """Answers what is there."""

    # -- virtual servers -----------------------------------------------------------------------

    @call("VServers.GetVServers")
    def servers(self, given: Arguments, session: Session) -> Record:
        """Return the virtual servers; to somebody inside one, only that one."""
        self.need("servers")
        numbers = self._servers_seen_by(session)
        return {"PxgRetVal": [params(self.server_row(number)) for number in numbers]}

    @call("VServers.GetVServerInfo")
    def server_info(self, given: Arguments, session: Session) -> Record:
        """Return attributes of one virtual server."""
        self.need("servers")
        number = str(given["lVServer"])
        if number not in self._servers_seen_by(session):
            raise not_found("virtual server")
        return {"PxgRetVal": chosen(self.server_row(number), given["pFields2Return"])}

    @call("VServers2.GetVServerStatistic")
    def statistic(self, given: Arguments, session: Session) -> Record:
        """Return counts of one virtual server."""
        return self._statistic(given["lVsId"])

    @call("VServers2.GetVServerStatistic2")
    def statistic_of_active(self, given: Arguments, session: Session) -> Record:
        """Return the same counts, without agents that were silent for too many days."""
        return self._statistic(given["lVsId"], given["nMaxAgentInactivityDays"])

    @call("HostGroup.GetInstanceStatistics")
    def instance_statistics(self, given: Arguments, session: Session) -> Record:
        """Return the overview of all virtual servers."""
        if self.switched("old_version"):
            raise no_such_call("HostGroup.GetInstanceStatistics")
        numbers = self._servers_seen_by(session)
        row = {
            "KLSRV_ST_VIRT_SERVER_COUNT": len(numbers),
            "KLSRV_ST_TOTAL_HOSTS_COUNT": len(self.table("hosts")),
            "KLSRV_ST_VIRT_SERVERS_DETAILS": [params(self._detail(number)) for number in numbers],
        }
        return {"PxgRetVal": chosen(row, given["vecFilterFields"])}

    @call("HostGroup.GroupIdGroups")
    def managed_devices(self, given: Arguments, session: Session) -> Record:
        """Return the group of managed devices of the server that was logged in to."""
        return {"PxgRetVal": self._groups_of(session)}

    @call("HostGroup.GroupIdUnassigned")
    def unassigned_devices(self, given: Arguments, session: Session) -> Record:
        """Return the group of unassigned devices of the server that was logged in to."""
        return {"PxgRetVal": self._groups_of(session) + 2}

    # -- hosts, groups, incidents --------------------------------------------------------------

    @call("HostGroup.FindHosts")
    def find_hosts(self, given: Arguments, session: Session) -> Record:
        """Find hosts of the session's server; from the main one of all, unless only its own."""
        self.need("devices")
        server = _searched(session, given)
        lists = self.index.hosts
        hosts = self.of(session, lists) if server is None else lists.get(server, [])
        return self._found(session, given, ("host", hosts, self.host_row))

    @call("HostGroup.GetHostInfo")
    def host_info(self, given: Arguments, session: Session) -> Record:
        """Return attributes of one host."""
        self.need("devices")
        host = self.host_in(session, given["strHostName"])
        return {"PxgRetVal": chosen(self.host_row(host), given["pFields2Return"])}

    @call("HostGroup.FindGroups")
    def find_groups(self, given: Arguments, session: Session) -> Record:
        """Find groups of the session's server; from the main one of all, unless only its own."""
        self.need("devices")
        server = _searched(session, given)
        groups = [
            number
            for number, group in self.table("groups").items()
            if server is None or group["server"] == server
        ]
        return self._found(session, given, ("group", groups, self.group_row))

    @call("HostGroup.FindIncidents")
    def find_incidents(self, given: Arguments, session: Session) -> Record:
        """Find incidents of the session's server."""
        self.need("events")
        wanted = {
            "wstrFilter": given["strFilter"],
            "vecFieldsToReturn": given["pFieldsToReturn"],
            "vecFieldsToOrder": given.get("pFieldsToOrder", []),
            "lMaxLifeTime": given["lMaxLifeTime"],
        }
        incidents = self.of(session, self.index.incidents)
        return self._found(session, wanted, ("incident", incidents, self.incident_row))

    @call("ChunkAccessor.GetItemsCount")
    def items_count(self, given: Arguments, session: Session) -> Record:
        """Return how many were found."""
        return {"PxgRetVal": len(self.found(session, given["strAccessor"]).ids)}

    @call("ChunkAccessor.GetItemsChunk")
    def items_chunk(self, given: Arguments, session: Session) -> Record:
        """Return some of what was found."""
        found = self.found(session, given["strAccessor"])
        start = given["nStart"]
        ids = found.ids[start : start + given["nCount"]]
        rows = [params(found.show(each)) for each in ids]
        return {"PxgRetVal": len(rows), "pChunk": {"KLCSP_ITERATOR_ARRAY": rows}}

    @call("ChunkAccessor.Release")
    def release_items(self, given: Arguments, session: Session) -> Record:
        """Free what was found."""
        return self.release(session, given["strAccessor"])

    # -- shared --------------------------------------------------------------------------------

    def host_in(self, session: Session, host: str) -> str:
        """Return a host that the session may see; PxgFault when there is none."""
        record = self.table("hosts").get(host)
        if record is None or session.server not in {MAIN, record["server"]}:
            raise not_found("host")
        return host

    def need(self, right: str) -> None:
        """Refuse who has not this right."""
        if self.switched(f"no_right_to_{right}"):
            raise no_access()

    def _servers_seen_by(self, session: Session) -> list[str]:
        if session.server == MAIN:
            return list(self.table("servers"))
        return [str(session.server)]

    def _groups_of(self, session: Session) -> int:
        if session.server == MAIN:
            return 0
        return int(self.table("servers")[str(session.server)]["groups"])

    @staticmethod
    def of(session: Session, lists: dict[int, list[str]]) -> Sequence[str]:
        """Return the ids of the session's server; the main one sees all."""
        if session.server != MAIN:
            return lists.get(session.server, [])
        return [each for ids in lists.values() for each in ids]

    def _found(
        self,
        session: Session,
        given: Arguments,
        what: tuple[str, Sequence[str], Callable[[str], Record]],
    ) -> Record:
        kind, ids, show = what
        ids = self.in_order(self._passing(given["wstrFilter"], ids, show), given, show)
        names = given["vecFieldsToReturn"]
        accessor = self.keep(
            session, (kind, ids, lambda each: chosen(show(each), names)), given["lMaxLifeTime"]
        )
        return {"PxgRetVal": len(ids), "strAccessor": accessor}

    @staticmethod
    def _passing(wanted: str, ids: Sequence[str], show: Callable[[str], Record]) -> Sequence[str]:
        test = read_filter(wanted)
        return list(ids) if not wanted.strip() else [each for each in ids if test(show(each))]

    @staticmethod
    def in_order(
        ids: Sequence[str], given: Arguments, show: Callable[[str], Record]
    ) -> Sequence[str]:
        """Return ids in the order that was asked for."""
        for order in reversed(given.get("vecFieldsToOrder") or []):
            name, rising = order["value"]["Name"], order["value"]["Asc"]
            ids = sorted(ids, key=lambda each: _sortable(show(each).get(name)), reverse=not rising)
        return ids

    def _statistic(self, server: int, days: int = 0) -> Record:
        self.need("servers")
        if str(server) not in self.table("servers"):
            raise not_found("virtual server")
        hosts = [self.table("hosts")[host] for host in self.index.hosts.get(server, [])]
        active = [host for host in hosts if not days or self._days_silent(host) <= days]
        count = {
            "KLVSRV_PROD_CNT": sum(bool(host["key"]) for host in active),
            "KLVSRV_PROD_DN": PROTECTION[2],
        }
        return {
            "PxgRetVal": {
                "KLVSRV_CREATED": moment(self.table("servers")[str(server)]["created"]),
                "KLVSRV_GROUPS": 5,
                "KLVSRV_HOSTS": len(hosts),
                "KLVSRV_AGENTS": len(active),
                "KLVSRV_USERS": 1,
                "KLVSRV_MOBILIES": 0,
                "KLVSRV_MDMIOS": 0,
                "KLVSRV_PRODUCTS": params({PROTECTION[0]: params({PROTECTION[1]: params(count)})}),
                "KLVSRV_LICENSES": self._licences_of(server),
            }
        }

    def _licences_of(self, server: int) -> list[Record]:
        names = ("KLLIC_SERIAL", "KLLIC_PROD_NAME", "KLLIC_KEY_TYPE", "KLLIC_LIMIT_DATE")
        keys: Iterable[str] = self.index.keys.get(server, [])
        return [params(chosen(self.key_row(serial), names)) for serial in keys]

    def _days_silent(self, host: Record) -> int:
        seen = str(host["seen"])[:19]
        now = self.clock().replace(tzinfo=None)
        return (now - now.fromisoformat(seen)).days

    def _detail(self, number: str) -> Record:
        server, hosts = self.table("servers")[number], self.index.hosts.get(int(number), [])
        types = {self.table("keys")[key]["type"] for key in self.index.keys.get(int(number), [])}
        return {
            "KLSRV_ST_VIRT_SERVER_ID": int(number),
            "KLSRV_ST_VIRT_SERVER_NAME": server["name"],
            "KLSRV_ST_VSERVER_HOST_COUNT": len(hosts),
            "KLSRV_ST_VSERVER_REAL_HOST_COUNT": len(hosts),
            "KLSRV_ST_VSERVER_TRIAL_LIC_EXISTS": 3 in types,
            "KLSRV_ST_VSERVER_COM_LIC_EXISTS": bool({1, 6} & types),
            "KLSRV_ST_VSERVER_CREATION_DATE": moment(server["created"]),
        }


def _searched(session: Session, given: Arguments) -> int | None:
    """Return the one server that is searched, or None for all of them."""
    own_only = (given.get("pParams") or {}).get("KLGRP_FIND_FROM_CUR_VS_ONLY", False)
    return session.server if own_only or session.server != MAIN else None


def _sortable(value: Any) -> tuple[bool, Any]:  # noqa: ANN401 - any attribute
    """Return a key that sorts typed values too, and rows without the attribute first."""
    if isinstance(value, dict):
        value = value.get("value", "")
    return (value is not None, value)
