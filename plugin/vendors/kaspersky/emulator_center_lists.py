"""The calls of the Security Center emulator about events and licence keys."""

from collections.abc import Callable, Sequence
from typing import Any

from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_center_base import Arguments, Session, call
from plugin.vendors.kaspersky.emulator_center_facts import bad_format, not_found, params
from plugin.vendors.kaspersky.emulator_center_find import CenterFind
from plugin.vendors.kaspersky.emulator_center_rows import PROTECTION, chosen

EVENT_FILTERS: dict[str, Callable[[Record, Any], bool]] = {
    "KLEVP_EVENT_RISE_TIME_LEAST": lambda row, wanted: row["rise_time"]["value"] >= wanted["value"],
    "KLEVP_EVENT_RISE_TIME_GREATEST": lambda row, wanted: (
        row["rise_time"]["value"] <= wanted["value"]
    ),
    "KLEVP_EVENT_HOST_NETBIOSNAME": lambda row, wanted: row["hostdn"].upper()[:15] == wanted,
    "event_type": lambda row, wanted: row["event_type"] == wanted,
    "GNRL_EA_SEVERITY": lambda row, wanted: row["GNRL_EA_SEVERITY"] == wanted,
}


class CenterLists(CenterFind):
    """Answers what happened, and which keys there are."""

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
        self.need("licences")
        keys = self.of(session, self.index.keys)
        return self._keys_found(session, given, keys, self.key_row)

    @call("LicenseKeys.AcquireKeyHosts")
    def key_hosts(self, given: Arguments, session: Session) -> Record:
        """Open the list of the hosts that use a key."""
        self.need("licences")
        serial = given["pInData"]["KLLIC_SERIAL"]
        if serial not in self.of(session, self.index.keys):
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

    def _events_found(self, session: Session, given: Arguments) -> Record:
        self.need("events")
        ids = self.of(session, self.index.events)
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
        ids = self.in_order(ids, given, show)
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
