"""Tasks of Security Center, their events and counts, turned into plain values."""

from dataclasses import dataclass

from marshmallow import fields

from plugin.domain.errors import AnswerError
from plugin.edge.wire import Text, Wire
from plugin.vendors.kaspersky.center_wire import whole
from plugin.vendors.kaspersky.center_words import TITLE

HISTORY = ["event_db_id", "event_type", "task_new_state", "rise_time"]

# Vendor reference, "Task states": 3 failed, 4 completed, 5 failed by time-out.
ENDED = frozenset({3, 4, 5})
RUNNING = 1


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it is listed."""

    id: str
    name: str
    product: str
    version: str


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """A task's change of state on one device."""

    number: int
    state: int

    @property
    def ended(self) -> bool:
        """Whether the task had come to its end there."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Counts:
    """Devices of a task by state."""

    waiting: int
    busy: int
    done: int
    failed: int

    def sentence(self) -> str:
        """Return the counts in words.

        >>> Counts(1, 2, 3, 0).sentence()
        '3 done, 0 failed, 2 running, 1 to come'
        """
        return (
            f"{self.done} done, {self.failed} failed, {self.busy} running, {self.waiting} to come"
        )


class _SettingsWire(Wire):
    """What a task is called (inside its settings)."""

    name = Text(data_key="DisplayName", required=True)


class _TaskWire(Wire):
    """Settings of a task (vendor reference, "Task settings format")."""

    id = Text(data_key="TASK_UNIQUE_ID", required=True)
    product = Text(data_key="TASKID_PRODUCT_NAME")
    version = Text(data_key="TASKID_VERSION")
    settings = fields.Nested(_SettingsWire, data_key="TASK_INFO_PARAMS", required=True)


class _EventWire(Wire):
    """An event in the history of a task."""

    number = whole("event_db_id", required=True)
    state = whole("task_new_state")


class _CountsWire(Wire):
    """Devices by state (vendor reference, "List of task statistics attributes")."""

    undistributed, running, good = whole("1"), whole("2"), whole("4")
    warned, failed, scheduled, paused = whole("8"), whole("16"), whole("32"), whole("64")


class _RunWire(Wire):
    """A task in an agent's run-time information."""

    id = Text(data_key="taskStorageId")
    state = whole("taskState")


def task(row: object) -> Task:
    """Return one listed task."""
    read = _TaskWire.parse(row, TITLE, "a task")
    return Task(read["id"], read["settings"]["name"], read["product"], read["version"])


def task_events(rows: object) -> list[TaskEvent]:
    """Return events of a task, in the order they came."""
    read = _EventWire.parse_many(rows, TITLE, "the history of a task")
    return [TaskEvent(row["number"], row["state"]) for row in read]


def counts(row: object) -> Counts:
    """Return the counts of a task."""
    read = _CountsWire.parse(row, TITLE, "the counts of a task")
    return Counts(
        waiting=read["undistributed"] + read["scheduled"],
        busy=read["running"] + read["paused"],
        done=read["good"] + read["warned"],
        failed=read["failed"],
    )


def identity(value: object) -> str:
    """Return an id that a call answered with; AnswerError when it is none."""
    if not isinstance(value, str) or not value:
        raise AnswerError(TITLE, "answered something that is no id", code="shape")
    return value


def runs(information: object, product: str, task_id: str) -> bool:
    """Tell whether a task runs on a device, from what its agent says (1 is running)."""
    inner: object = information
    for name in ("klhst-rt-TskInfo", product):
        inner = inner.get(name) if isinstance(inner, dict) else None
    rows = inner.get("klhst-rt-TskArray") if isinstance(inner, dict) else None
    read = _RunWire.parse_many(rows or [], TITLE, "what runs on the device")
    return any(row["id"] == task_id and row["state"] == RUNNING for row in read)
