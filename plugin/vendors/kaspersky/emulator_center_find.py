"""The calls of the Security Center emulator that find things: servers, hosts, events, keys."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_center_base import Arguments, Session, call
from plugin.vendors.kaspersky.emulator_center_facts import (
    MAIN,
    bad_format,
    moment,
    no_access,
    no_such_call,
    not_found,
    params,
)
from plugin.vendors.kaspersky.emulator_center_filter import read_filter
from plugin.vendors.kaspersky.emulator_center_rows import PROTECTION, CenterRows, chosen

EVENT_FILTERS: dict[str, Callable[[Record, Any], bool]] = {
    "KLEVP_EVENT_RISE_TIME_LEAST": lambda row, wanted: row["rise_time"]["value"] >= wanted["value"],
    "KLEVP_EVENT_RISE_TIME_GREATEST": lambda row, wanted: (
        row["rise_time"]["value"] <= wanted["value"]
    ),
    "KLEVP_EVENT_HOST_NETBIOSNAME": lambda row, wanted: row["hostdn"].upper()[:15] == wanted,
    "event_type": lambda row, wanted: row["event_type"] == wanted,
    "GNRL_EA_SEVERITY": lambda row, wanted: row["GNRL_EA_SEVERITY"] == wanted,
}


class CenterFind(CenterRows):
    """Answers what is there."""

    # -- virtual servers -----------------------------------------------------------------------

    @call("VServers.GetVServers")
    def servers(self, given: Arguments, session: Session) -> Record:
        """Return the virtual servers; to somebody inside one, only that one."""
        self._need("servers")
        numbers = self._servers_seen_by(session)
        return {"PxgRetVal": [params(self.server_row(number)) for number in numbers]}

    @call("VServers.GetVServerInfo")
    def server_info(self, given: Arguments, session: Session) -> Record:
        """Return attributes of one virtual server."""
        self._need("servers")
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
        """Find hosts of the session's server (of all, from the main one)."""
        self._need("devices")
        hosts = self._of(session, self.index.hosts)
        return self._found(session, given, ("host", hosts, self.host_row))

    @call("HostGroup.GetHostInfo")
    def host_info(self, given: Arguments, session: Session) -> Record:
        """Return attributes of one host."""
        self._need("devices")
        host = self.host_in(session, given["strHostName"])
        return {"PxgRetVal": chosen(self.host_row(host), given["pFields2Return"])}

    @call("HostGroup.FindGroups")
    def find_groups(self, given: Arguments, session: Session) -> Record:
        """Find groups of the session's server."""
        self._need("devices")
        groups = [
            number
            for number, group in self.table("groups").items()
            if session.server in {MAIN, group["server"]}
        ]
        return self._found(session, given, ("group", groups, self.group_row))

    @call("HostGroup.FindIncidents")
    def find_incidents(self, given: Arguments, session: Session) -> Record:
        """Find incidents of the session's server."""
        self._need("events")
        wanted = {
            "wstrFilter": given["strFilter"],
            "vecFieldsToReturn": given["pFieldsToReturn"],
            "vecFieldsToOrder": given.get("pFieldsToOrder", []),
            "lMaxLifeTime": given["lMaxLifeTime"],
        }
        incidents = self._of(session, self.index.incidents)
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

    # -- events --------------------------------------------------------------------------------

    @call("EventProcessingFactory.CreateEventProcessing")
    def all_events(self, given: Arguments, session: Session) -> Record:
        """Find all events of the session's server."""
        return self._events_found(session, {**given, "pFilter": {}})

    @call("EventProcessingFactory.CreateEventProcessing2")
    def some_events(self, given: Arguments, session: Session) -> Record:
        """Find events of the session's server by the values of filter attributes."""
        return self._events_found(session, given)

    @call("EventProcessing.GetRecordCount")
    def events_count(self, given: Arguments, session: Session) -> Record:
        """Return how many events were found."""
        return {"PxgRetVal": len(self.found(session, given["strIteratorId"]).ids)}

    @call("EventProcessing.GetRecordRange")
    def events_range(self, given: Arguments, session: Session) -> Record:
        """Return the events from one position to another (not to a number of them)."""
        found = self.found(session, given["strIteratorId"])
        end = given["nEnd"] + (1 if self.switched("end_belongs_to_range") else 0)
        rows = [params(found.show(each)) for each in found.ids[given["nStart"] : end]]
        return {"pParamsEvents": {"KLEVP_EVENT_RANGE_ARRAY": rows}}

    @call("EventProcessing.ReleaseIterator")
    def release_events(self, given: Arguments, session: Session) -> Record:
        """Free the events that were found."""
        return self.release(session, given["strIteratorId"])

    # -- keys ----------------------------------------------------------------------------------

    @call("LicenseKeys.EnumKeys")
    def enum_keys(self, given: Arguments, session: Session) -> Record:
        """Open the list of the keys of the server that was logged in to."""
        self._need("licences")
        keys = self._of(session, self.index.keys)
        return self._keys_found(session, given, keys, self.key_row)

    @call("LicenseKeys.AcquireKeyHosts")
    def key_hosts(self, given: Arguments, session: Session) -> Record:
        """Open the list of the hosts that use a key."""
        self._need("licences")
        serial = given["pInData"]["KLLIC_SERIAL"]
        if serial not in self._of(session, self.index.keys):
            raise not_found("key")
        hosts = list(self.index.by_key.get(serial, {}))

        def show(host: str) -> Record:
            return {
                "KLLICSRV_HOSTNAME": host,
                "KLLICSRV_HOSTDN": self.table("hosts")[host]["name"],
                "KLLICSRV_HOST_CURRENT": True,
                "KLLICSRV_PRODUCT": PROTECTION[0],
                "KLLICSRV_VERSION": PROTECTION[1],
            }

        return self._keys_found(session, given, hosts, show)

    @call("GroupSyncIterator.GetNextItems")
    def next_items(self, given: Arguments, session: Session) -> Record:
        """Return the next items and move on."""
        found = self.found(session, given["szwIterator"])
        ids = found.ids[found.position : found.position + given["nCount"]]
        found.position += len(ids)
        rows = [params(found.show(each)) for each in ids]
        return {
            "PxgRetVal": len(rows),
            "bEOF": found.position >= len(found.ids),
            "pData": {"KLCSP_ITERATOR_ARRAY": rows},
        }

    @call("GroupSyncIterator.ReleaseIterator")
    def release_keys(self, given: Arguments, session: Session) -> Record:
        """Free the list."""
        return self.release(session, given["szwIterator"])

    # -- shared --------------------------------------------------------------------------------

    def host_in(self, session: Session, host: str) -> str:
        """Return a host that the session may see; PxgFault when there is none."""
        record = self.table("hosts").get(host)
        if record is None or session.server not in {MAIN, record["server"]}:
            raise not_found("host")
        return host

    def _need(self, right: str) -> None:
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
    def _of(session: Session, lists: dict[int, list[str]]) -> Sequence[str]:
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
        ids = self._sorted(self._passing(given["wstrFilter"], ids, show), given, show)
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
    def _sorted(
        ids: Sequence[str], given: Arguments, show: Callable[[str], Record]
    ) -> Sequence[str]:
        for order in reversed(given.get("vecFieldsToOrder") or []):
            name, rising = order["value"]["Name"], order["value"]["Asc"]
            ids = sorted(ids, key=lambda each: _sortable(show(each).get(name)), reverse=not rising)
        return ids

    def _events_found(self, session: Session, given: Arguments) -> Record:
        self._need("events")
        ids = self._of(session, self.index.events)
        ids = [each for each in ids if self._event_passes(each, given["pFilter"])]
        return self.keep_events(session, given, ids, self.event_row)

    def keep_events(
        self,
        session: Session,
        given: Arguments,
        ids: Sequence[str],
        show: Callable[[str], Record],
    ) -> Record:
        """Keep events that were found, in the order that was asked for."""
        ids = self._sorted(ids, given, show)
        names = given["vecFieldsToReturn"]
        found = ("event", ids, lambda each: chosen(show(each), names))
        return {"strIteratorId": self.keep(session, found, given["lifetimeSec"])}

    def _event_passes(self, number: str, wanted: Record) -> bool:
        row = self.event_row(number) if wanted else {}
        for name, value in wanted.items():
            if name not in EVENT_FILTERS:
                raise bad_format(name)
            if not EVENT_FILTERS[name](row, value):
                return False
        return True

    def _keys_found(
        self,
        session: Session,
        given: Arguments,
        ids: Sequence[str],
        show: Callable[[str], Record],
    ) -> Record:
        names = given["pFields"]
        found = ("key", ids, lambda each: chosen(show(each), names))
        # Zero means the server's own fifteen minutes.
        name = self.keep(session, found, given.get("lTimeoutSec") or 900)
        return {"lKeyCount": len(ids), "wstrIterator": name}

    def _statistic(self, server: int, days: int = 0) -> Record:
        self._need("servers")
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


def _sortable(value: Any) -> tuple[bool, Any]:  # noqa: ANN401 - any attribute
    """Return a key that sorts typed values too, and rows without the attribute first."""
    if isinstance(value, dict):
        value = value.get("value", "")
    return (value is not None, value)
