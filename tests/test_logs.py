"""The log as JSON: one object a line, with the ids of what was being done."""

import json
import logging

from plugin import logs


def line(message: str, *values: object, bug: Exception | None = None) -> dict[str, object]:
    text = logs.JsonLines().format(
        logging.LogRecord(
            "plugin.x",
            logging.WARNING,
            __file__,
            1,
            message,
            values,
            (type(bug), bug, bug.__traceback__) if bug else None,
        )
    )
    assert "\n" not in text
    told: dict[str, object] = json.loads(text)
    return told


def test_a_line_names_request_and_job_while_they_last() -> None:
    logs.begin(request="r1")
    with logs.about(job=7, delivery="9"):
        told = line("done in %d ms", 3)
    assert (told["request"], told["job"], told["delivery"]) == ("r1", 7, "9")
    assert (told["message"], told["level"]) == ("done in 3 ms", "warning")
    assert "job" not in line("later")
    logs.begin(request="r2")
    assert line("next")["request"] == "r2"
    logs.begin()


def test_a_hostile_text_forges_no_second_line() -> None:
    told = line("refused: %s", 'x\n{"level": "info"}\x1b[31m')
    assert told["message"] == 'refused: x\n{"level": "info"}\x1b[31m'


def test_a_bug_brings_its_trace() -> None:
    told = line("broke", bug=ValueError("odd"))
    assert told["trace"] == "ValueError: odd"
