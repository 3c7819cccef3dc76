"""The calls of the Security Center emulator about tasks, of groups and of single devices."""

import uuid
from datetime import datetime, timedelta

from plugin.edge.shelf import Record
from plugin.vendors.kaspersky.emulator_center_base import Arguments, Session, call
from plugin.vendors.kaspersky.emulator_center_facts import (
    code_required,
    long,
    moment,
    no_such_call,
    not_found,
    params,
    unavailable,
)
from plugin.vendors.kaspersky.emulator_center_lists import CenterLists

BEGINS, LASTS = timedelta(seconds=5), timedelta(seconds=60)
"""When a started task begins on its devices, and when it is over, by the emulator's clock."""

RUN, FAILED, COMPLETED = 1, 3, 4
OWN_TASKS = (("Virus scan", "KES", "12.6.0.0"), ("Update databases", "KES", "12.6.0.0"))


class CenterTasks(CenterLists):
    """Runs tasks by the clock: scheduled, running, over."""

    # -- tasks of groups -----------------------------------------------------------------------

    @call("Tasks.ResetTasksIterator")
    def open_tasks(self, given: Arguments, session: Session) -> Record:
        """Open the list of group tasks."""
        self.need("tasks")
        name = given.get("strTaskName") or ""
        tasks = [
            number
            for number in self.of(session, self.index.tasks)
            if not given["bGroupIdSignificant"]
            or self.table("tasks")[number]["group"] == given["nGroupId"]
        ]
        product = given.get("strProductName") or ""
        tasks = [
            number
            for number in tasks
            if product in {"", self.table("tasks")[number]["product"]} and not name
        ]
        return {"strTaskIteratorId": self.keep(session, ("task", tasks, self._settings), 900)}

    @call("Tasks.GetNextTask")
    def next_task(self, given: Arguments, session: Session) -> Record:
        """Return the next task, an empty container after the last."""
        found = self.found(session, given["strTaskIteratorId"])
        if found.position >= len(found.ids):
            return {"pTaskData": {}}
        found.position += 1
        return {"pTaskData": found.show(found.ids[found.position - 1])}

    @call("Tasks.ReleaseTasksIterator")
    def release_tasks(self, given: Arguments, session: Session) -> Record:
        """Close the list."""
        return self.release(session, given["strTaskIteratorId"])

    @call("Tasks.GetTask")
    def task_attributes(self, given: Arguments, session: Session) -> Record:
        """Return attributes of a task."""
        number, task = self._task(session, given["strTask"])
        created = self.table("servers")[str(task["server"])]["created"]
        return {
            "PxgRetVal": {
                "TASK_UNIQUE_ID": number,
                "TASK_NAME": "",
                "DisplayName": task["name"],
                "PRTS_TASK_CREATION_DATE": moment(created),
                "TASKID_PRODUCT_NAME": task["product"],
                "TASKID_VERSION": task["version"],
            }
        }

    @call("Tasks.ResolveTaskId")
    def resolve_task(self, given: Arguments, session: Session) -> Record:
        """Return the digital id of a task's unique one."""
        for number in self.of(session, self.index.tasks):
            if _unique_id(number) == given["strPrtsTaskId"]:
                return {"PxgRetVal": number}
        raise not_found("task")

    @call("Tasks.RunTask")
    def run_task(self, given: Arguments, session: Session) -> Record:
        """Start a task on all devices of its group."""
        number, task = self._task(session, given["strTask"])
        task["started"] = self.clock().isoformat()
        task["events"] = [self.shelf.count_up("events", 100_000) for _ in range(2)]
        self.table("tasks")[number] = task
        return {}

    @call("Tasks.CancelTask")
    def cancel_task(self, given: Arguments, session: Session) -> Record:
        """Stop a task."""
        number, task = self._task(session, given["strTask"])
        task["started"] = ""
        self.table("tasks")[number] = task
        return {}

    @call("Tasks.GetTaskStatistics")
    def task_statistics(self, given: Arguments, session: Session) -> Record:
        """Return the number of devices by state; gone from newer versions."""
        if self.switched("new_version"):
            raise no_such_call("Tasks.GetTaskStatistics")
        return self._statistics_of(given, session)

    @call("Tasks.GetTaskStatistics2")
    def task_statistics_anew(self, given: Arguments, session: Session) -> Record:
        """Return the number of devices by state."""
        return self._statistics_of(given, session)

    @call("Tasks.GetTaskHistory")
    def task_history(self, given: Arguments, session: Session) -> Record:
        """Open the events of a task."""
        _, task = self._task(session, given["strTask"])
        rows = {str(row["event_db_id"]["value"]): row for row in self._task_events(task)}
        wanted = {
            "vecFieldsToReturn": given["pFields2Return"],
            "vecFieldsToOrder": given.get("pSortFields") or [],
            "lifetimeSec": 900,
        }
        return self.keep_events(session, wanted, list(rows), rows.__getitem__)

    # -- tasks of one device -------------------------------------------------------------------

    @call("HostGroup.GetHostTasks")
    def host_tasks(self, given: Arguments, session: Session) -> Record:
        """Return the object under which the tasks of a device are asked for."""
        return {"PxgRetVal": f"tasks-of-{self.host_in(session, given['strHostName'])}"}

    @call("HostTasks.ResetTasksIterator")
    def open_host_tasks(self, given: Arguments, session: Session) -> Record:
        """Begin with the first task of a device."""
        self.need("tasks")
        session.positions[given["strSrvObjId"]] = 0
        return {}

    @call("HostTasks.GetNextTask")
    def next_host_task(self, given: Arguments, session: Session) -> Record:
        """Return the next task of a device, an empty container after the last."""
        name = given["strSrvObjId"]
        if name not in session.positions:
            raise not_found("list of tasks")
        position, host = session.positions[name], name.removeprefix("tasks-of-")
        if position >= len(OWN_TASKS):
            return {"pTaskData": {}}
        session.positions[name] = position + 1
        shown, product, version = OWN_TASKS[position]
        settings = {
            "TASK_UNIQUE_ID": _unique_id(f"{host}{position}"),
            "TASK_NAME": "",
            "TASKID_PRODUCT_NAME": product,
            "TASKID_VERSION": version,
            "TASK_INFO_PARAMS": params({"DisplayName": shown}),
        }
        return {"pTaskData": settings}

    @call("CgwHelper.GetNagentLocation")
    def agent_location(self, given: Arguments, session: Session) -> Record:
        """Return where a device's agent is."""
        return {"PxgRetVal": {"host": self.host_in(session, given["wsHostName"]), "kind": "agent"}}

    @call("GatewayConnection.PrepareGatewayConnection")
    def prepare_gateway(self, given: Arguments, session: Session) -> Record:
        """Return a key for one log-in to an agent; a device that is off is not reached."""
        host = str(given["pLocations"][-1]["value"].get("host", ""))
        if not self.table("hosts")[self.host_in(session, host)]["online"]:
            raise unavailable()
        key = f"gateway-{self.shelf.count_up('gateways', 0)}"
        self.table("gateway_keys")[key] = {"host": host}
        return {"wstrAuthKey": key}

    @call("NagHstCtl.SendTaskAction")
    def act_on_task(self, given: Arguments, session: Session) -> Record:
        """Start a task on the device whose agent was logged in to."""
        if not session.agent:
            raise code_required()
        run = {"started": self.clock().isoformat(), "action": given["nTaskAction"]}
        self.table("runs")[f"{session.agent} {given['szwTaskStorageId']}"] = run
        return {}

    @call("NagHstCtl.GetHostRuntimeInfo")
    def runtime_information(self, given: Arguments, session: Session) -> Record:
        """Return the tasks that run on the device, or ran last."""
        if not session.agent:
            raise code_required()
        wanted = given["pFilter"]["klhst-rt-TskInfo"]["value"]["klhst-ProductName"]
        rows = [
            params({"taskStorageId": key.partition(" ")[2], "taskState": self._own_state(run)})
            for key, run in self.table("runs").items()
            if key.startswith(f"{session.agent} ")
        ]
        tasks = params({wanted: params({"klhst-rt-TskArray": rows})})
        return {"PxgRetVal": {"klhst-rt-TskInfo": tasks}}

    # -- shared --------------------------------------------------------------------------------

    def _task(self, session: Session, number: str) -> tuple[str, Record]:
        self.need("tasks")
        if number not in self.of(session, self.index.tasks):
            raise not_found("task")
        return number, self.table("tasks")[number]

    def _settings(self, number: str) -> Record:
        task = self.table("tasks")[number]
        shown = _unique_id(number) if self.switched("unique_task_ids") else number
        return {
            "TASK_UNIQUE_ID": shown,
            "TASK_NAME": "",
            "TASKID_PRODUCT_NAME": task["product"],
            "TASKID_VERSION": task["version"],
            "TASKID_COMPONENT_NAME": "",
            "TASKSCH_TYPE": 0,
            "TASK_INFO_PARAMS": params(
                {"DisplayName": task["name"], "PRTS_TASK_GROUPID": task["group"]}
            ),
        }

    def _statistics_of(self, given: Arguments, session: Session) -> Record:
        _, task = self._task(session, given["strTask"])
        total = len(self.index.hosts.get(task["server"], []))
        counts = dict.fromkeys(("1", "2", "4", "8", "16", "32", "64"), 0)
        since = self._since(task["started"])
        if since is None or since < BEGINS:
            counts["32"] = total
        elif since < LASTS:
            counts["2"] = total
        else:
            failed = min(1, total) if self.switched("task_fails") else 0
            away = min(self.switched("tasks_away"), total - failed)
            counts |= {"4": total - failed - away, "16": failed, "32": away}
        over = since is not None and since >= LASTS
        counts |= {"GNRL_COMPLETED_PERCENT": 100 if over else 0, "KLTSK_NEED_RBT_CNT": 0}
        return {"PxgRetVal": counts}

    def _task_events(self, task: Record) -> list[Record]:
        since = self._since(task["started"])
        if since is None:
            return []
        ended = FAILED if self.switched("task_fails") else COMPLETED
        told = [(RUN, BEGINS), (ended, LASTS)]
        started = datetime.fromisoformat(task["started"])
        return [
            {
                "event_db_id": long(number),
                "event_id": number,
                "event_type": "KLPRCI_TaskState",
                "task_new_state": state,
                "rise_time": moment((started + after).isoformat()),
            }
            for number, (state, after) in zip(task["events"], told, strict=True)
            if since >= after
        ]

    def _own_state(self, run: Record) -> int:
        since = self._since(run["started"])
        return RUN if since is not None and since < LASTS else COMPLETED

    def _since(self, started: str) -> timedelta | None:
        return self.clock() - datetime.fromisoformat(started) if started else None


def _unique_id(number: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"task-{number}"))
