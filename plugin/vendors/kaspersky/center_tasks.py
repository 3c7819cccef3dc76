"""Starting the scan and update tasks that an administrator has made, and seeing how far they are.

The types of these tasks are not documented, so a task is known by its name: the one the connection
names, else one of the console's usual ones. Tasks of Network Agent and of the server itself are
never taken: their "updates" install software and restart devices.
"""

import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from plugin.domain.errors import AnswerError, EdgeError, MissingError
from plugin.domain.model import ActionKind, ActionProgress, ActionState
from plugin.vendors.kaspersky import center_searches as searches
from plugin.vendors.kaspersky import center_wire_tasks as wire
from plugin.vendors.kaspersky.center_found import EVENTS, Found
from plugin.vendors.kaspersky.center_session import Server, Sessions
from plugin.vendors.kaspersky.center_words import TITLE

USUAL_NAMES: Mapping[ActionKind, tuple[str, ...]] = {
    ActionKind.SCAN: ("virus scan", "malware scan", "full scan", "quick virus scan"),
    ActionKind.UPDATE: ("update", "update databases", "database update", "databases update"),
}
"""What the console's own wizards call these tasks, in English."""

NOT_OURS = frozenset({"1103", "1093"})
"""Product names of Network Agent and Administration Server."""

PATIENCE = timedelta(hours=1)
"""How long devices that have not begun are waited for; a device may be off for weeks."""

MOST_TASKS = 5000


@dataclass(frozen=True, slots=True)
class Run:
    """A task that was started, with the newest event it had before."""

    workspace: str
    task: str
    device: str
    product: str
    after: int
    at: str

    def text(self) -> str:
        """Return the reference by which the run is found again."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, reference: str) -> "Run":
        """Return the run a reference stands for; AnswerError when it is none of ours."""
        try:
            said = json.loads(reference)
            return cls(
                workspace=str(said["workspace"]),
                task=str(said["task"]),
                device=str(said["device"]),
                product=str(said["product"]),
                after=int(said["after"]),
                at=datetime.fromisoformat(said["at"]).isoformat(),
            )
        except (ValueError, TypeError, KeyError):
            text = "is asked about an action it does not know"
            raise AnswerError(TITLE, text, code="reference") from None


class GroupTasks:
    """The group tasks of one virtual server."""

    def __init__(self, sessions: Sessions, server: Server) -> None:
        """Work in ``server``."""
        self._sessions, self._server = sessions, server

    def start(self, task: str) -> int:
        """Start a task and return the number of its newest event before."""
        before = max((event.number for event in self._history(task)), default=0)
        self._sessions.call(self._server, "Tasks.RunTask", strTask=task)
        return before

    def progress(self, run: Run, now: datetime) -> ActionProgress:
        """Tell how far a run is, from the counts of devices by state."""
        counts = self._statistics(run.task)
        detail = counts.sentence()
        if counts.busy:
            return ActionProgress(ActionState.RUNNING, detail)
        ended = [e for e in self._history(run.task) if e.number > run.after and e.ended]
        if not ended:
            return ActionProgress(ActionState.WAITING, detail)
        if counts.waiting and now - datetime.fromisoformat(run.at) < PATIENCE:
            return ActionProgress(ActionState.RUNNING, detail)
        state = ActionState.FAILED if counts.failed else ActionState.DONE
        return ActionProgress(state, detail)

    def find(self, action: ActionKind, wanted: str) -> wire.Task:
        """Return the task for an action; ``wanted`` is its name as the connection has it."""
        with closing(self.tasks()) as tasks:
            return choose(tasks, action, wanted)

    def tasks(self) -> Generator[wire.Task, None, None]:
        """Yield the group tasks, one call each."""
        opened = self._sessions.call(
            self._server,
            "Tasks.ResetTasksIterator",
            nGroupId=0,
            bGroupIdSignificant=False,
            strProductName="",
            strVersion="",
            strComponentName="",
            strInstanceId="",
            strTaskName="",
            bIncludeSupergroups=False,
        )
        session, iterator = self._sessions.session(self._server), opened.get("strTaskIteratorId")
        if not isinstance(iterator, str):
            raise AnswerError(TITLE, "opened a list of tasks without an id", code="shape")
        handle = {"strTaskIteratorId": iterator}
        try:
            for _ in range(MOST_TASKS):
                answer = self._sessions.call_on(
                    self._server, session, "Tasks.GetNextTask", **handle
                )
                if not answer.get("pTaskData"):
                    return
                yield wire.task(answer["pTaskData"])
        finally:
            with suppress(EdgeError):
                self._sessions.call_on(
                    self._server, session, "Tasks.ReleaseTasksIterator", **handle
                )

    def number(self, task: wire.Task) -> str:
        """Return the digital id that the other calls want; some versions list the unique one."""
        if task.id.isdigit():
            return task.id
        answer = self._sessions.call(self._server, "Tasks.ResolveTaskId", strPrtsTaskId=task.id)
        return wire.identity(answer.get("PxgRetVal"))

    def _statistics(self, task: str) -> wire.Counts:
        """Ask for the counts; the first call is marked obsolete since version 15."""
        try:
            answer = self._sessions.call(self._server, "Tasks.GetTaskStatistics", strTask=task)
        except AnswerError as error:
            if error.code != "no_such_call":
                raise
            answer = self._sessions.call(self._server, "Tasks.GetTaskStatistics2", strTask=task)
        return wire.counts(answer.get("PxgRetVal"))

    def _history(self, task: str) -> list[wire.TaskEvent]:
        """Return the newest events of a task."""
        search = searches.task_history(task, wire.HISTORY)
        with Found(self._sessions, self._server, EVENTS, search) as found:
            return wire.task_events(found.part(0, 50) if found.count else [])


def choose(tasks: Iterable[wire.Task], action: ActionKind, wanted: str) -> wire.Task:
    """Return the task of a product of protection that has the wanted name (or a usual one)."""
    names = (wanted.strip().casefold(),) if wanted.strip() else USUAL_NAMES.get(action, ())
    for task in tasks:
        if task.product not in NOT_OURS and task.name.strip().casefold() in names:
            return task
    called = f"named “{wanted.strip()}”" if wanted.strip() else "with a usual name"
    text = f"has no {action.value} task {called} here"
    raise MissingError(TITLE, text, code="no_task")
