"""Tasks of the cloud emulator: scans and updates that wait, run, and have an effect."""

from datetime import datetime, timedelta

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_cloud_estate import Estate
from plugin.vendors.kaspersky.emulator_cloud_facts import not_found
from plugin.vendors.kaspersky.emulator_cloud_gate import body_of
from plugin.vendors.kaspersky.emulator_cloud_integrations import CloudIntegrations

WAITS = timedelta(seconds=3)
RUNS = timedelta(seconds=12)
MENDS = {"scan": frozenset({"scan-overdue"}), "update": frozenset({"databases-outdated"})}
OFFLINE = "not-connected"


class CloudTasks(CloudIntegrations):
    """Starts tasks and lets them end by the clock."""

    @route("POST", "/v1/tasks")
    def start_task(self, request: Request) -> Response:
        """Start a task, or show the same one that is under way."""
        said = body_of(request)
        tenant, device = said["tenantId"], said.get("deviceId", "")
        estate = self.own_tenant(request, tenant)
        if device and estate.table("devices").get(device, {}).get("tenant") != tenant:
            raise not_found("device")
        self._settle(estate)
        wanted = {"kind": said["kind"], "tenant": tenant, "device": device}
        for task in sorted(estate.index.unsettled):
            if wanted.items() <= estate.table("tasks")[task].items():
                return self.json(self._task_row(estate, task))
        number = str(estate.count_up("tasks"))
        now = self.clock().isoformat()
        estate.table("tasks")[number] = {**wanted, "started": now, "settled": False}
        estate.index.unsettled.add(number)
        return self.json(self._task_row(estate, number), 202)

    @route("GET", "/v1/tasks/<task>")
    def task(self, request: Request, task: str) -> Response:
        """Show how far a task is."""
        estate = self.estate(request)
        record = estate.table("tasks").get(task)
        if record is None:
            raise not_found("task")
        self.own_tenant(request, record["tenant"])
        self._settle(estate)
        return self.json(self._task_row(estate, task))

    def background(self) -> None:
        """Let the tasks end whose time has come."""
        with self.lock:
            waiting = [each for each in self.estates.values() if each.index.unsettled]
            for estate in waiting:
                self._settle(estate)
            if waiting:
                self.shelf.commit()

    # -- how far -------------------------------------------------------------------------------

    def _age(self, record: Record) -> timedelta:
        return self.clock() - datetime.fromisoformat(record["started"])

    def _settle(self, estate: Estate) -> None:
        for task in list(estate.index.unsettled):
            record = estate.table("tasks")[task]
            if self._age(record) >= WAITS + RUNS:
                estate.table("tasks")[task] = record | self._carry_out(estate, record)
                estate.index.unsettled.discard(task)

    def _carry_out(self, estate: Estate, record: Record) -> Record:
        """Let a task have its effect on every device that can be reached."""
        fails, targets, done = self.switched("task_fails"), _targets(estate, record), 0
        for device in targets:
            conditions = estate.table("devices")[device]["conditions"]
            if not fails and OFFLINE not in conditions:
                self._mend(estate, device, record["kind"], conditions)
                done += 1
        return {"settled": True, "devices": len(targets), "done": done}

    def _mend(self, estate: Estate, device: str, kind: str, conditions: list[str]) -> None:
        now = self.clock().isoformat()
        left = [each for each in conditions if each not in MENDS[kind]]
        bases = {"bases": now} if kind == "update" else {}
        estate.change_device(device, conditions=left, seen=now, **bases)

    def _task_row(self, estate: Estate, task: str) -> Record:
        record = estate.table("tasks")[task]
        shown = {
            "id": task,
            "kind": record["kind"],
            "tenantId": record["tenant"],
            "deviceId": record["device"] or None,
        }
        if record["settled"]:
            failed = record["devices"] - record["done"]
            state = "done" if record["done"] or not failed else "failed"
            counts = {"devices": record["devices"], "done": record["done"], "failed": failed}
            return shown | {"state": state} | counts
        devices, ran = len(_targets(estate, record)), self._age(record) - WAITS
        done = max(0, int(devices * (ran / RUNS)))
        state = "waiting" if ran < timedelta() else "running"
        return shown | {"state": state, "devices": devices, "done": done, "failed": 0}


def _targets(estate: Estate, record: Record) -> list[str]:
    if not record["device"]:
        return list(estate.index.devices.get(record["tenant"], []))
    return [record["device"]] if record["device"] in estate.table("devices") else []
