"""Work on computers: commands in their queue, and the MSP's own scripts."""

from collections.abc import Iterator, Mapping
from datetime import UTC

from plugin.domain.contracts import RunsCommands, RunsScripts
from plugin.domain.errors import RuleError
from plugin.domain.model import ActionProgress, ActionState, Choice
from plugin.hosts.connectwise_automate.api import Api, number_of, quoted
from plugin.hosts.connectwise_automate.wire import BatchWire, ExecutionWire, ScriptWire

SHELL = "2"
"""The command that runs a program: its name, three exclamation marks, its arguments."""

LONGEST_COMMAND = 8000
ONCE = 1
USUAL_PRIORITY = 12
STATES = {
    "success": ActionState.DONE,
    "failed": ActionState.FAILED,
    "pending": ActionState.WAITING,
    "queued": ActionState.WAITING,
    "new": ActionState.WAITING,
}
"""Status words of commands; Success and Failed were seen, any other means it is not over."""


class ComputerWork(RunsCommands, RunsScripts):
    """Runs commands and scripts; mixed into the adapter."""

    _api: Api

    def run_command(self, computer_id: str, command: str) -> str:
        """Queue a shell command; ``program!!! arguments`` runs another program than the shell.

        A computer that is offline runs it when it is back. The reference holds both ids.
        """
        if not command.strip() or len(command) > LONGEST_COMMAND or not command.isprintable():
            text = f"A command is one line of at most {LONGEST_COMMAND} characters."
            raise RuleError("command", text)
        number = number_of(computer_id, "computer_id")
        line = command if "!!!" in command else f"cmd.exe!!! /c {command}"
        body = {"ComputerId": int(number), "Command": {"Id": SHELL}, "Parameters": [line]}
        answer = self._api.send("POST", f"api/v1/Computers/{number}/CommandExecute", json=body)
        row = ExecutionWire.parse(answer.json(), self._api.who, "a command")
        return f"{number}/{row['id']}"

    def command_progress(self, reference: str) -> ActionProgress:
        """Tell how far a command is; ``detail`` is its output when it is over."""
        computer, _, command = reference.partition("/")
        path = (
            f"api/v1/Computers/{number_of(computer, 'reference')}"
            f"/CommandExecute/{number_of(command, 'reference')}"
        )
        row = ExecutionWire.parse(self._api.get(path).json(), self._api.who, "a command")
        state = STATES.get(row["status"].strip().casefold(), ActionState.RUNNING)
        output = row["output"].strip()
        if state is ActionState.DONE and output == "ERR":
            state = ActionState.FAILED
        over = state in {ActionState.DONE, ActionState.FAILED}
        return ActionProgress(state, output if over else row["status"])

    def scripts(self, search: str) -> Iterator[Choice]:
        """Yield the scripts whose name contains ``search``; ``parent`` is the folder."""
        asked = {"includeFields": "Id,Name,FullFolderPath"}
        if search.strip():
            asked["condition"] = f"Name contains {quoted(search.strip())}"
        for row in self._api.rows("api/v1/Scripts", ScriptWire, "scripts", asked):
            yield Choice(row["id"], row["name"], parent=row["folder"])

    def run_script(
        self, script_id: str, computer_ids: tuple[str, ...], parameters: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Run a script once on these computers now; return those that were not taken.

        Computers that are offline are taken, and run it when they are back.
        """
        numbers = [int(number_of(each, "computer_ids")) for each in computer_ids]
        body = {
            "EntityType": "Computer",
            "EntityIds": numbers,
            "ScriptId": int(number_of(script_id, "script_id")),
            "Schedule": {"ScriptScheduleFrequency": {"ScriptScheduleFrequencyId": ONCE}},
            "Parameters": [{"Key": name, "Value": value} for name, value in parameters.items()],
            "UseAgentTime": False,
            "StartDate": self._api.now().astimezone(UTC).isoformat(timespec="seconds"),
            "OfflineActionFlags": {"SkipsOfflineAgents": False},
            "Priority": USUAL_PRIORITY,
        }
        answer = self._api.send("POST", "api/v1/Batch/ScriptSchedule", json=body)
        return _not_taken(BatchWire.parse(answer.json(), self._api.who, "a script's start"))


def _not_taken(batch: Mapping[str, object]) -> tuple[str, ...]:
    """Return the computers of a batch that failed.

    What the result numbers mean is not published, only that there were failures: without any sign
    which ones, all are reported.
    """
    results = batch["results"] if isinstance(batch["results"], list) else []
    if not batch["unsuccessful"]:
        return ()
    failed = [
        each["computer_id"]
        for each in results
        if (details := each["details"]) and (details["reason"] or details["message"])
    ]
    return tuple(failed or [each["computer_id"] for each in results])
