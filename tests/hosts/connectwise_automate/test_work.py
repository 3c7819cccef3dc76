"""Commands in a computer's queue, and the MSP's scripts."""

import pytest
from werkzeug.wrappers import Request, Response

from plugin.domain.errors import AnswerError, MissingError, RuleError, TransientError
from plugin.domain.model import ActionState
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from tests.hosts.connectwise_automate.stand import Stranger, calls, happen, host_of, later
from tests.rig import small_world


def test_a_command_runs_and_tells_its_output(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    reference = host.run_command("6", "echo hello & world")
    assert host.command_progress(reference).state is ActionState.RUNNING
    later(emulator, seconds=3)
    progress = host.command_progress(reference)
    assert (progress.state, progress.detail) == (ActionState.DONE, "hello & world")


def test_an_offline_computer_keeps_it_waiting(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    happen(emulator, "computer-offline", computer="6")
    reference = host.run_command("6", "echo late")
    later(emulator, hours=5)
    assert host.command_progress(reference).state is ActionState.WAITING
    happen(emulator, "computer-online", computer="6")
    assert host.command_progress(reference).state is ActionState.RUNNING
    later(emulator, seconds=3)
    assert host.command_progress(reference).detail == "late"


def test_a_computer_that_goes_in_the_middle_starts_again_later(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    reference = host.run_command("6", "echo twice")
    happen(emulator, "computer-offline", computer="6")
    later(emulator, seconds=30)
    assert host.command_progress(reference).state is ActionState.WAITING


def test_failures_are_told(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    unknown = host.run_command("6", "nonsense.exe!!! /x")
    failed = host.run_command("6", "exit 1")
    fine = host.run_command("6", "exit 0")
    later(emulator, seconds=3)
    assert host.command_progress(unknown).state is ActionState.FAILED
    assert host.command_progress(failed).state is ActionState.FAILED
    assert host.command_progress(failed).detail == "ERR"
    assert host.command_progress(fine).state is ActionState.DONE


def test_another_program_is_written_with_its_marks(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    host.run_command("6", 'powershell.exe!!! -NonInteractive -Command "Get-Date"')
    host.run_command("6", "hostname")
    lines = [row["parameters"] for row in emulator.table("commands").values()]
    assert lines == [
        ['powershell.exe!!! -NonInteractive -Command "Get-Date"'],
        ["cmd.exe!!! /c hostname"],
    ]


@pytest.mark.parametrize("command", ["", "  ", "a\nb", "a\x00b", "x" * 8001])
def test_a_command_is_one_line(emulator: AutomateEmulator, command: str) -> None:
    with pytest.raises(RuleError) as caught:
        host_of(emulator).run_command("6", command)
    assert caught.value.field == "command"


@pytest.mark.parametrize("computer", ["", "6/..", "x"])
def test_a_command_needs_a_computer(emulator: AutomateEmulator, computer: str) -> None:
    with pytest.raises(RuleError):
        host_of(emulator).run_command(computer, "hostname")


def test_a_computer_that_is_gone_is_missing(emulator: AutomateEmulator) -> None:
    with pytest.raises(MissingError):
        host_of(emulator).run_command("999", "hostname")


@pytest.mark.parametrize("reference", ["", "6", "6/", "/6", "6/x", "x/6", "6/1/2"])
def test_an_odd_reference_is_refused(emulator: AutomateEmulator, reference: str) -> None:
    with pytest.raises(RuleError):
        host_of(emulator).command_progress(reference)


def test_another_computers_command_is_missing(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    host.run_command("6", "hostname")
    with pytest.raises(MissingError):
        host.command_progress("7/1")


def test_an_unclear_command_is_not_sent_again(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    list(host.companies())
    emulator.add_fault("done-but-timeout", path="(?i)commandexecute", seconds=0)
    with pytest.raises(TransientError):
        host.run_command("6", "hostname")
    assert len(emulator.table("commands")) == 1


def test_a_new_status_word_means_it_is_not_over(emulator: AutomateEmulator) -> None:
    class Wordy(AutomateEmulator):
        def show_execution(self, number: str, expand: frozenset[str]) -> dict[str, object]:
            return {**super().show_execution(number, expand), "Status": "Loading Script"}

    wordy = Wordy()
    wordy.reset(small_world())
    host = host_of(wordy)
    progress = host.command_progress(host.run_command("6", "hostname"))
    assert (progress.state, progress.detail) == (ActionState.RUNNING, "Loading Script")


def test_scripts_are_found_by_a_part_of_their_name(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    assert len(list(host.scripts(""))) == 6
    (one,) = host.scripts(" SPOOLER ")
    assert (one.label, one.parent) == ("Restart print spooler", "Maintenance")
    assert list(host.scripts("100%' or 'x' = 'x")) == []


def test_a_script_runs_on_computers(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    assert host.run_script("6", ("6", "7"), {"Reason": "test & go"}) == ()
    runs = [(row["script"], row["computer"]) for row in emulator.table("script_runs").values()]
    assert runs == [("6", "6"), ("6", "7")]


def test_computers_that_were_not_taken_are_told(emulator: AutomateEmulator) -> None:
    assert host_of(emulator).run_script("6", ("6", "999"), {}) == ("999",)


def test_a_failure_without_names_means_all(emulator: AutomateEmulator) -> None:
    class Mumbler(AutomateEmulator):
        def _run_script(self, body: dict[str, object]) -> Response:
            results = [{"EntityId": 6}, {"EntityId": 7, "ResultDetails": {"ResultStatus": 2}}]
            return self.json({"ScriptResults": results, "ContainsUnsuccessfulResults": True})

    mumbler = Mumbler()
    mumbler.reset(small_world())
    assert host_of(mumbler).run_script("6", ("6", "7"), {}) == ("6", "7")


def test_a_script_that_is_not_there_is_refused(emulator: AutomateEmulator) -> None:
    with pytest.raises(AnswerError):
        host_of(emulator).run_script("77", ("6",), {})
    with pytest.raises(RuleError):
        host_of(emulator).run_script("x", ("6",), {})
    with pytest.raises(RuleError):
        host_of(emulator).run_script("6", ("6", "x"), {})


@pytest.mark.parametrize("said", [None, [], {"ScriptResults": "x"}, {"ScriptResults": [{}]}])
def test_an_odd_batch_answer_is_an_answer_error(said: object) -> None:
    class Odd(AutomateEmulator):
        def _run_script(self, body: dict[str, object]) -> Response:
            return self.json(said)

        def _judge(self, request: Request, response: Response) -> None:
            """Say nothing: the oddity is meant."""

    odd = Odd()
    odd.reset(small_world())
    with pytest.raises(AnswerError):
        host_of(odd).run_script("6", ("6",), {})


def test_other_clients_ways_work_too(emulator: AutomateEmulator) -> None:
    stranger = Stranger(emulator)
    body = {"ComputerId": 6, "Command": {"Id": 2}, "Parameters": ["cmd.exe!!! /c echo hi"]}
    sent = stranger.call("POST", "/v1/Computers/6/CommandExecute", body)
    later(emulator, seconds=3)
    listed = stranger.call("GET", "/v1/Computers/6/CommandExecute", ids=str(sent["Id"]))
    assert [(row["Status"], row["Output"]) for row in listed] == [("Success", "hi")]
    start = "2026-11-02T08:00:00+01:00"
    frequency = {"ScriptScheduleFrequency": {"ScriptScheduleFrequencyId": 1}}
    batch = {
        "EntityType": 1,
        "EntityIds": [6],
        "ScriptId": 6,
        "Schedule": frequency,
        "Parameters": [],
        "UseAgentTime": False,
        "StartDate": start,
        "OfflineActionFlags": {"SkipsOfflineAgents": True},
        "Priority": 12,
    }
    done = stranger.call("POST", "/v1/Batch/ScriptExecute", batch)
    assert done["ContainsUnsuccessfulResults"] is False
    assert calls(emulator, "ScriptExecute") == 1
    bad = {**body, "Command": {"Id": 99}}
    assert stranger.open("POST", "/v1/Computers/6/CommandExecute", bad).status_code == 400
