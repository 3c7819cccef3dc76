"""Automation and installers of ESET Connect's emulator."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.vendors.eset.emulator_estate import identify
from plugin.vendors.eset.emulator_fleet import FleetRoutes
from plugin.vendors.eset.emulator_gate import BadArgumentError

Record = dict[str, Any]

ACTIONS = frozenset(
    "StartNetworkIsolation EndNetworkIsolation OnDemandScan ShutdownComputer StopManaging "
    "ThirdPartyAVRemove SystemUpdate RunCommand KillProcessByPid LogOffComputerUser".split()
)
_NEEDS_TYPE = {
    "OnDemandScan": "type.googleapis.com/Era.Common.DataDefinition.Task.ESS.OnDemandScan",
    "ShutdownComputer": "type.googleapis.com/Era.Common.DataDefinition.Task.OS.ShutdownComputer",
}
QUEUED_FOR, RUNS_FOR = timedelta(seconds=1), timedelta(seconds=3)
"""How long an agent takes to fetch a task, and to be done with it."""


class TaskRoutes(FleetRoutes):
    """Answers for ``{region}.automation`` and ``{region}.installer-management``."""

    @route("GET", "/v1/device_tasks")
    def tasks_list(self, request: Request) -> Response:
        """List tasks."""
        page = self.page(request, list(self.table("tasks")))
        shown = [self.table("tasks")[each]["task"] for each in page.ids]
        return self.json({"tasks": shown, "nextPageToken": page.next_token})

    @route("POST", "/v1/device_tasks")
    def task_create(self, request: Request) -> Response:
        """Make a task; it needs a known action with its parameters, a target and a trigger."""
        task = (request.get_json(silent=True) or {}).get("task") or {}
        targets = self._targets(task)
        identifier = identify("task", secrets.token_hex(8))
        now = self.clock().isoformat()
        whole = {**task, "uuid": identifier, "createTime": now, "versionId": "1"}
        self.table("tasks")[identifier] = {"task": whole, "at": now, "devices": targets}
        self._take_effect(task["action"]["name"], targets)
        return self.json({"task": whole})

    def _targets(self, task: Record) -> list[str]:
        """Return the devices a task is for, or refuse the task."""
        action, aimed = task.get("action") or {}, task.get("targets") or {}
        needed = _NEEDS_TYPE.get(action.get("name", ""))
        if action.get("name") not in ACTIONS or not task.get("triggers"):
            raise BadArgumentError
        if needed and (action.get("params") or {}).get("@type") != needed:
            raise BadArgumentError
        found = list(aimed.get("devicesUuids") or [])
        for group in aimed.get("deviceGroupsUuids") or []:
            found += [device for _, device in self.estate.members(group, deep=True)]
        if not aimed or any(each not in self.table("devices") for each in found):
            raise BadArgumentError
        return found

    def _take_effect(self, action: str, targets: list[str]) -> None:
        isolated = {"StartNetworkIsolation": True, "EndNetworkIsolation": False}.get(action)
        for device in targets if isolated is not None else []:
            record = self.table("devices")[device]
            self.table("devices")[device] = {**record, "isolated": isolated}

    @route("GET", "/v1/device_tasks/<task_id>")
    def task_get(self, request: Request, task_id: str) -> Response:
        """Show a task."""
        record = self.table("tasks").get(task_id)
        return self.json({"task": record["task"]}) if record else self.empty(404)

    @route("DELETE", "/v1/device_tasks/<task_id>")
    def task_delete(self, request: Request, task_id: str) -> Response:
        """Remove a task."""
        return self.json({}) if self.table("tasks").pop(task_id, None) else self.empty(404)

    @route("GET", "/v1/device_tasks/<task_id>/runs")
    def task_runs(self, request: Request, task_id: str) -> Response:
        """List a task's runs, one for each device; they move on as time passes."""
        record = self.table("tasks").get(task_id)
        if record is None:
            return self.empty(404)
        only = request.args.get("deviceUuid")
        devices = [each for each in record["devices"] if only in {None, each}]
        page = self.page(request, devices)
        age = self.clock() - datetime.fromisoformat(record["at"])
        shown = [self._run(task_id, each, record["at"], age) for each in page.ids]
        return self.json({"taskRuns": shown, "nextPageToken": page.next_token})

    def _run(self, task: str, device: str, start: str, age: timedelta) -> Record:
        failing = self.table("devices").get(device, {}).get("failing", False)
        done = "FAILED" if failing else "FINISHED"
        status = "QUEUED" if age < QUEUED_FOR else "RUNNING" if age < RUNS_FOR else done
        return {
            "uuid": identify("run", task, device),
            "taskUuid": task,
            "deviceUuid": device,
            "startTime": start,
            "status": "TASK_RUN_STATUS_" + status,
        }

    # -- installers --------------------------------------------------------------------------

    @route("GET", "/v1/installers")
    def installers_list(self, request: Request) -> Response:
        """List installers, all or the usable ones."""
        table = self.table("installers")
        wanted = request.args.get("usable", "").lower()
        ids = [each for each, one in table.items() if wanted in {"", str(one["usable"]).lower()}]
        page = self.page(request, ids)
        shown = [table[each] for each in page.ids]
        answer = {"installers": shown, "nextPageToken": page.next_token, "totalSize": len(ids)}
        return self.json(answer)

    @route("POST", "/v1/installers")
    def installer_create(self, request: Request) -> Response:
        """Make an installer for a static group, for Windows (1) or macOS (3)."""
        wanted = (request.get_json(silent=True) or {}).get("installer") or {}
        group_id = (wanted.get("deviceEnrollment") or {}).get("securityGroupUuid", "")
        group = self.table("groups").get(group_id)
        if group is None or group["dynamic"] or wanted.get("operatingSystemFamilyId") not in {1, 3}:
            raise BadArgumentError
        identifier = identify("installer", secrets.token_hex(8))
        made = {
            **wanted,
            "uuid": identifier,
            "usable": True,
            "createTime": self.clock().isoformat(),
            "expireTime": (self.clock() + timedelta(days=180)).isoformat(),
            "downloadUrl": f"https://installers.example/{identifier}/epi_win_live_installer.exe",
            "deviceEnrollment": {"securityGroupUuid": group_id, "groupDisplayName": group["name"]},
        }
        self.table("installers")[identifier] = made
        return self.json({"installer": made})

    @route("GET", "/v1/installers/<installer_id>")
    def installer_get(self, request: Request, installer_id: str) -> Response:
        """Show an installer."""
        record = self.table("installers").get(installer_id)
        return self.json({"installer": record}) if record else self.empty(404)

    @route("DELETE", "/v1/installers/<installer_id>")
    def installer_delete(self, request: Request, installer_id: str) -> Response:
        """Remove an installer."""
        known = self.table("installers").pop(installer_id, None)
        return self.json({}) if known else self.empty(404)
