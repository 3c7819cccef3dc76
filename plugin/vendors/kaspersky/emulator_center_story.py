"""What can happen at the Security Center emulator: the words of the sandbox's control call."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_center_facts import EVENT_TYPES, MASK_BITS
from plugin.vendors.kaspersky.emulator_center_seed import CenterSeed, event, host_id, status_of

WORTH_A_TICKET = tuple(name for name, kind in EVENT_TYPES.items() if kind.severity > 1)


class CenterStory(CenterSeed):
    """Detections, statuses, new devices and seats, by hand or by the next unused choice."""

    def tell(self, what: str, details: Record) -> Record | None:
        """Let ``what`` happen; None when it is no word of ours."""
        words: Mapping[str, Callable[[Record], Record]] = {
            "detection": self._detection,
            "device-status": self._device_status,
            "device-added": self._device_added,
            "device-removed": self._device_removed,
            "seat-change": self._seat_change,
        }
        return {"what": what, **words[what](details)} if what in words else None

    def _detection(self, details: Record) -> Record:
        host, kind = details.get("device"), details.get("condition")
        if host is None or kind is None:
            host, kind = _first(self._untold(details))
        host = self._host_like(str(host), details)
        server = self.table("hosts")[host]["server"]
        number = self.add_event(event(server, host, str(kind), self.clock()))
        return self._told(host, str(kind)) | {"id": f"{server}:{number}"}

    def _device_status(self, details: Record) -> Record:
        """Set one status description of a device (``cleared``: end it)."""
        host, word = details.get("device"), details.get("condition")
        if host is None or word is None:
            host, word = _first(self._unset(details))
        host = self._host_like(str(host), details)
        record, bit = self.table("hosts")[host], 1 << _bit(str(word))
        record["mask"] = record["mask"] & ~bit if details.get("cleared") else record["mask"] | bit
        record["status"] = status_of(record["mask"])
        record["seen"] = self.clock().isoformat()
        self.table("hosts")[host] = record
        return self._told(host, str(word)) | {"mask": record["mask"], "status": record["status"]}

    def _device_added(self, details: Record) -> Record:
        server = self._server_like(details)
        number = self.shelf.count_up("hosts", 900_000)
        name = str(details.get("name") or f"NEW-PC{number}")
        row, now = self.table("servers")[str(server)], self.clock().isoformat()
        serial = next(iter(self.index.keys.get(server, [])), "")
        host = host_id(self.table("world")["world"]["seed"], number)
        self.add_host(
            host,
            {
                "name": name,
                "fqdn": f"{name}.{row['domain']}".lower(),
                "system": "Microsoft Windows 11 Pro",
                "is_server": False,
                "user": "",
                "mask": 0,
                "status": 0,
                "online": True,
                "created": now,
                "seen": now,
                "bases": now,
                "server": server,
                "group": row["groups"] + 4,
                "key": "" if details.get("protected") is False else serial,
            },
        )
        return self._told(host, "")

    def _device_removed(self, details: Record) -> Record:
        host = self._host_like(str(details["device"]), details)
        told = self._told(host, "")
        for number, record in list(self.table("events").items()):
            if record["host"] == host:
                del self.table("events")[number]
        for number, record in list(self.table("incidents").items()):
            if record["host"] == host:
                del self.table("incidents")[number]
        del self.table("hosts")[host]
        self.forget_index()
        return told

    def _seat_change(self, details: Record) -> Record:
        """Let ``delta`` more (or fewer) devices use the client's key; new ones where needed."""
        server, delta = self._server_like(details), int(details.get("delta", 1))
        serial = next(iter(self.index.keys.get(server, [])), "")
        table = self.table("hosts")
        for _ in range(abs(delta)):
            using = bool(delta < 0)
            hosts = self.index.hosts.get(server, [])
            host = next((each for each in hosts if bool(table[each]["key"]) is using), None)
            if host is not None:
                self.use_key(host, "" if using else serial)
            elif not using:
                self._device_added({"workspace": server})
        used = len(self.index.by_key.get(serial, {}))
        key = self.table("keys")[serial]
        key["limit"] = int(details.get("limit", max(key["limit"], used)))
        self.table("keys")[serial] = key
        name = self.table("servers")[str(server)]["name"]
        return {
            "workspace": str(server),
            "workspace_name": name,
            "licence": serial,
            "used": used,
            "limit": key["limit"],
        }

    # -- choosing ------------------------------------------------------------------------------

    def _untold(self, details: Record) -> Iterator[tuple[str, str]]:
        """Yield devices and event types that were not yet seen together."""
        kinds = (details["condition"],) if "condition" in details else WORTH_A_TICKET
        for kind in kinds:
            for host in self._hosts_like(details):
                if (host, kind) not in self.index.told:
                    yield host, str(kind)

    def _unset(self, details: Record) -> Iterator[tuple[str, str]]:
        """Yield devices and status descriptions that do not hold."""
        words = (details["condition"],) if "condition" in details else MASK_BITS[1:14]
        for word in words:
            for host in self._hosts_like(details):
                if not self.table("hosts")[host]["mask"] >> _bit(str(word)) & 1:
                    yield host, str(word)

    def _hosts_like(self, details: Record) -> Iterator[str]:
        if "device" in details:
            yield self._host_like(str(details["device"]), details)
        elif "workspace" in details:
            yield from self.index.hosts.get(self._server_like(details), [])
        else:
            yield from self._hosts_in_turn()

    def _hosts_in_turn(self) -> Iterator[str]:
        """Yield the first device of every client, then the second of every client, and so on."""
        longest = max(map(len, self.index.hosts.values()), default=0)
        for place in range(longest):
            for hosts in self.index.hosts.values():
                if place < len(hosts):
                    yield hosts[place]

    def _host_like(self, wanted: str, details: Record) -> str:
        """Return a host by its id or its name; KeyError when there is none."""
        if wanted in self.table("hosts"):
            return wanted
        for host in self._all_hosts(details):
            if self.table("hosts")[host]["name"].casefold() == wanted.casefold():
                return host
        raise KeyError(wanted)

    def _all_hosts(self, details: Record) -> Iterator[str]:
        if "workspace" in details:
            yield from self.index.hosts.get(self._server_like(details), [])
        else:
            yield from self.table("hosts")

    def _server_like(self, details: Record) -> int:
        """Return a virtual server by its id or its name, the first one when none is named."""
        wanted = details.get("workspace")
        for number, server in self.table("servers").items():
            if wanted is None or str(wanted) in {number, server["name"]}:
                return int(number)
        raise KeyError(str(wanted))

    def _told(self, host: str, condition: str) -> dict[str, Any]:
        record = self.table("hosts")[host]
        return {
            "workspace": str(record["server"]),
            "workspace_name": self.table("servers")[str(record["server"])]["name"],
            "device": host,
            "device_name": record["name"],
            "condition": condition,
        }


def _first(choices: Iterator[tuple[str, str]]) -> tuple[str, str]:
    """Return the first choice; LookupError when none is left."""
    for choice in choices:
        return choice
    raise LookupError("nothing is left that could happen")


def _bit(word: str) -> int:
    if word not in MASK_BITS:
        raise LookupError(word)
    return MASK_BITS.index(word)
