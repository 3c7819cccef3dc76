"""Device management of ESET Connect's emulator: groups, their members, and devices."""

from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.vendors.eset.emulator_estate import Estate, identify, show_device, show_group
from plugin.vendors.eset.emulator_gate import BadArgumentError, ConnectGate

Record = dict[str, Any]


class FleetRoutes(ConnectGate):
    """Answers for ``{region}.device-management.eset.systems``."""

    _estate: Estate | None = None

    @property
    def estate(self) -> Estate:
        """The index of groups and devices, made when first asked for."""
        if self._estate is None:
            tables = (self.table("groups"), self.table("devices"), self.table("members"))
            self._estate = Estate(*tables)
        return self._estate

    def visible(self, ids: list[str]) -> list[str]:
        """Return what the user's group scope lets through: everything or nothing."""
        return ids if self.switch("group_scope") else []

    @route("GET", "/v1/device_groups")
    def groups_list(self, request: Request) -> Response:
        """List static and dynamic groups alike."""
        page = self.page(request, self.visible(self.estate.group_ids))
        table = self.table("groups")
        shown = [show_group(each, table[each]) for each in page.ids]
        return self.json({"deviceGroups": shown, "nextPageToken": page.next_token})

    @route("GET", "/v1/device_groups/<group_id>/devices")
    def group_members(self, request: Request, group_id: str) -> Response:
        """List who is in a group; a device in several subgroups appears once for each."""
        if group_id not in self.table("groups"):
            return self.empty(404)
        deep = request.args.get("recurseSubgroups", "").lower() == "true"
        pairs = self.estate.members(group_id, deep=deep) if self.switch("group_scope") else []
        page = self.page(request, [device for _, device in pairs])
        devices = self.table("devices")
        shown = [
            {"uuid": device, "displayName": devices[device]["name"], "groupUuid": group}
            for group, device in pairs[page.start : page.start + len(page.ids)]
        ]
        answer = {"devices": shown, "nextPageToken": page.next_token, "totalSize": len(pairs)}
        return self.json(answer)

    @route("GET", "/v1/devices")
    def devices_list(self, request: Request) -> Response:
        """List devices, filtered by name, status or muting."""
        table, ids = self.table("devices"), self.visible(self.estate.device_ids)
        names = request.args.getlist("displayNames")
        status = request.args.get("functionalityStatus", "").removeprefix(
            "DEVICE_FUNCTIONALITY_STATUS_"
        )
        if names:
            ids = [each for each in ids if table[each]["name"] in names]
        if status not in {"", "UNSPECIFIED"}:
            ids = [each for each in ids if table[each]["status"] == status]
        if request.args.get("isMuted", "false").lower() == "true":
            ids = []
        page = self.page(request, ids)
        shown = [show_device(each, table[each]) for each in page.ids]
        return self.json({"devices": shown, "nextPageToken": page.next_token})

    @route("GET", "/v1/devices/<device_id>")
    def device_get(self, request: Request, device_id: str) -> Response:
        """Show one device."""
        record = self.table("devices").get(device_id)
        if record is None or not self.switch("group_scope"):
            return self.empty(404)
        return self.json({"device": show_device(device_id, record)})

    @route("GET", "/v1/devices:batchGet")
    def devices_batch(self, request: Request) -> Response:
        """Show several devices in the order asked for: all of them or none."""
        wanted, table = request.args.getlist("devicesUuids"), self.table("devices")
        if not wanted or len(wanted) > 1000:
            raise BadArgumentError
        if not self.switch("group_scope") or any(each not in table for each in wanted):
            return self.empty(404)
        return self.json({"devices": [show_device(each, table[each]) for each in wanted]})

    @route("POST", "/v1/devices/<device_id>:move")
    def device_move(self, request: Request, device_id: str) -> Response:
        """Move a device to another static group."""
        parent = (request.get_json(silent=True) or {}).get("newParentUuid", "")
        group, record = self.table("groups").get(parent), self.table("devices").get(device_id)
        if record is None or group is None or group["dynamic"]:
            return self.empty(404)
        self.table("devices")[device_id] = {**record, "group": parent}
        self._estate = None
        return self.json({})

    @route("POST", "/v1/devices/<device_id>:rename")
    def device_rename(self, request: Request, device_id: str) -> Response:
        """Give a device another display name."""
        name = (request.get_json(silent=True) or {}).get("displayName", "")
        record = self.table("devices").get(device_id)
        if record is None:
            return self.empty(404)
        if not name:
            raise BadArgumentError
        self.table("devices")[device_id] = {**record, "name": name}
        return self.json({})

    # -- what happens ------------------------------------------------------------------------

    def change_status(self, device_id: str, status: str) -> None:
        """Set a device's verdict; who has a problem is in the dynamic group of that name."""
        devices = self.table("devices")
        now = self.clock().isoformat()
        problems = 0 if status == "OK" else 1
        devices[device_id] = {
            **devices[device_id],
            "status": status,
            "problems": problems,
            "seen": now,
        }
        self.change_membership(identify("dynamic", "problems"), device_id, joined=status != "OK")

    def change_membership(self, group_id: str, device_id: str, *, joined: bool) -> None:
        """Let a device join or leave a dynamic group."""
        members = self.table("members")
        present = dict(members.get(group_id, {}))
        if joined:
            present[device_id] = True
        else:
            present.pop(device_id, None)
        members[group_id] = present
