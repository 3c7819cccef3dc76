"""The command queue of the Automate emulator.

A command waits until its computer is online, then takes a few seconds. Command 2 is the shell:
program, three exclamation marks, arguments.
"""

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.hosts.connectwise_automate.emulator_base import inner, items, record_of
from plugin.hosts.connectwise_automate.emulator_lists import Record
from plugin.hosts.connectwise_automate.emulator_records import RecordsPart

COMMANDS = {
    "2": "Shell",
    "28": "Scan services",
    "35": "Fast talk",
    "111": "Change service login",
    "123": "Resend inventory",
}
EXECUTION = "LabTech.Models.CommandExecute"
COMMAND = "LabTech.Models.Command"


class CommandsPart(RecordsPart):
    """The calls about commands."""

    @route("GET", "/cwa/api/v1/commands")
    def commands(self, request: Request) -> Response:
        """List the commands there are."""
        return self.page(request, COMMANDS, COMMAND, _show_command)

    @route("GET", "/cwa/api/v1/computers/<computer>/commandexecute")
    def queue(self, request: Request, computer: str) -> Response:
        """List a computer's commands."""
        if computer not in self.table("computers"):
            return self.missing("Computer", computer)
        kept = self.table("commands").items()
        found = [number for number, row in kept if row["computer"] == computer]
        return self.page(request, found, EXECUTION, self.show_execution)

    @route("POST", "/cwa/api/v1/computers/<computer>/commandexecute")
    def execute(self, request: Request, computer: str) -> Response:
        """Put a command into a computer's queue."""
        body = record_of(request)
        if computer not in self.table("computers"):
            return self.missing("Computer", computer)
        command = str(inner(body, "command").get("id"))
        parameters = items(body, "parameters")
        if command not in COMMANDS or str(body.get("computerid", computer)) != computer:
            return self.error(400, "The command or the computer id is not valid.", "BadRequest")
        if command == "2" and not (parameters and "!!!" in parameters[0]):
            return self.error(400, "The shell needs a program, !!! and arguments.", "BadRequest")
        number = str(self.table("commands").next_id())
        row: Record = {
            "computer": computer,
            "command": command,
            "parameters": parameters,
            "due": None,
        }
        if self.table("computers")[computer]["online"]:
            row["due"] = self._due()
        self.table("commands")[number] = row
        return self.json(self.show_execution(number, frozenset()))

    @route("GET", "/cwa/api/v1/computers/<computer>/commandexecute/<command>")
    def execution(self, request: Request, computer: str, command: str) -> Response:
        """Show how far one command is."""
        row = self.table("commands").get(command)
        if row is None or row["computer"] != computer:
            return self.missing("Command", command)
        return self.json(self.show_execution(command, frozenset()))

    def set_online(self, computer: str, *, online: bool) -> None:
        """Let a computer come or go; its waiting commands start or stop."""
        record = self.table("computers")[computer]
        if record["online"] and not online:
            record["seen"] = int(self.now_seconds())
        self.table("computers")[computer] = {**record, "online": online}
        now = self.clock().timestamp()
        for number, row in self.table("commands").items():
            waits = row["due"] is None or row["due"] > now
            if row["computer"] == computer and waits:
                self.table("commands")[number] = {**row, "due": self._due() if online else None}

    def show_execution(self, number: str, expand: frozenset[str]) -> Record:
        """Return a command as the interface shows it now."""
        row = self.table("commands")[number]
        status, output = "Pending", ""
        if row["due"] is not None:
            status, output = "Executing", ""
            if row["due"] <= self.clock().timestamp():
                status, output = _outcome(row)
        return {
            "Id": int(number),
            "ComputerId": int(row["computer"]),
            "Command": _show_command(row["command"], frozenset()),
            "Status": status,
            "Parameters": row["parameters"],
            "Output": output,
            "Fastalk": False,
        }

    def _due(self) -> float:
        return self.clock().timestamp() + float(self.switch("command-delay"))


def _show_command(number: str, expand: frozenset[str]) -> Record:
    return {"Id": number, "Name": COMMANDS[number], "Description": "", "Level": 0}


def _outcome(row: Record) -> tuple[str, str]:
    """Return status and output of a finished command, in a small imitation of a shell."""
    if row["command"] != "2":
        return "Success", "OK"
    program, _, arguments = row["parameters"][0].partition("!!!")
    line = arguments.strip().removeprefix("/c").strip()
    if program.strip().lower() not in {"cmd.exe", "powershell.exe"}:
        return "Failed", "The system cannot find the file specified."
    if line.lower().startswith("exit "):
        return "Success", "OK" if line.endswith(" 0") else "ERR"
    return "Success", line[5:] if line.lower().startswith("echo ") else "OK"
