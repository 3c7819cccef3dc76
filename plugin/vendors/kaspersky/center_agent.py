"""Starting a task on one device, through its Network Agent.

Group tasks run on a whole virtual server. One device's own tasks are started by its agent, which
is reached through the server: find the agent, get a key for it, log in with the key, ask (vendor's
sample "run host task"). The device has to be on.
"""

from collections.abc import Iterator
from typing import Any

from plugin.domain.errors import EdgeError, TransientError
from plugin.domain.model import ActionKind, ActionProgress, ActionState
from plugin.vendors.kaspersky import center_wire_tasks as wire
from plugin.vendors.kaspersky.center_session import Server, Sessions
from plugin.vendors.kaspersky.center_tasks import MOST_TASKS, choose
from plugin.vendors.kaspersky.center_words import TITLE

START = 5


class DeviceTasks:
    """The own tasks of one device of a virtual server."""

    def __init__(self, sessions: Sessions, server: Server, device: str) -> None:
        """Work on ``device`` in ``server``."""
        self._sessions, self._server, self._device = sessions, server, device

    def find(self, action: ActionKind, wanted: str) -> wire.Task:
        """Return the device's own task for an action; MissingError when it has none."""
        return choose(self._tasks(), action, wanted)

    def start(self, task: wire.Task) -> None:
        """Ask the agent to start a task."""
        self._ask(
            "NagHstCtl.SendTaskAction",
            szwProduct=task.product,
            szwVersion=task.version,
            szwTaskStorageId=task.id,
            nTaskAction=START,
        )

    def progress(self, product: str, task: str) -> ActionProgress:
        """Tell whether a task runs now; the agent tells no more, so what ran has ended."""
        wanted = {"klhst-rt-TskInfo": {"klhst-ProductName": product}}
        answer = self._ask("NagHstCtl.GetHostRuntimeInfo", pFilter=wanted)
        if wire.runs(answer.get("PxgRetVal"), product, task):
            return ActionProgress(ActionState.RUNNING, "runs on the device")
        return ActionProgress(ActionState.DONE, "no longer runs on the device")

    def _tasks(self) -> Iterator[wire.Task]:
        opened = self._sessions.call(
            self._server, "HostGroup.GetHostTasks", strHostName=self._device
        )
        handle = {"strSrvObjId": wire.identity(opened.get("PxgRetVal"))}
        self._sessions.call(
            self._server,
            "HostTasks.ResetTasksIterator",
            **handle,
            strProductName="",
            strVersion="",
            strComponentName="",
            strInstanceId="",
            strTaskName="",
        )
        session = self._sessions.session(self._server)
        for _ in range(MOST_TASKS):
            answer = self._sessions.call_on(
                self._server, session, "HostTasks.GetNextTask", **handle
            )
            if not answer.get("pTaskData"):
                return
            yield wire.task(answer["pTaskData"])

    def _ask(self, name: str, **arguments: object) -> dict[str, Any]:
        agent, session = self._sessions.enter(self._key(), self._device)
        try:
            return self._sessions.call_on(agent, session, name, **arguments)
        finally:
            self._sessions.leave(agent)

    def _key(self) -> str:
        """Return a key for one log-in to the agent; TransientError when the device is away."""
        try:
            found = self._sessions.call(
                self._server, "CgwHelper.GetNagentLocation", wsHostName=self._device
            )
            location = found.get("PxgRetVal")
            prepared = self._sessions.call(
                self._server,
                "GatewayConnection.PrepareGatewayConnection",
                pLocations=[location if isinstance(location, dict) else {}],
            )
        except EdgeError as error:
            if error.code != "unavailable":
                raise
            text = "does not reach the device just now: it is off or away"
            raise TransientError(TITLE, text, code="device_away", retry_after=600) from None
        return wire.identity(prepared.get("wstrAuthKey"))
