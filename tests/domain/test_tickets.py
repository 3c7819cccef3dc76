from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from plugin.domain.model import Detection, Severity
from plugin.domain.tickets import (
    Circumstances,
    Known,
    Rule,
    Trigger,
    Verdict,
    decide,
    effective_rule,
    fill,
    marked,
    note_for,
    ticket_key,
    words_of,
)

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
VIRUS = Detection(
    id="1:9",
    workspace_id="3",
    device_id="guid-1",
    device_name="PC1",
    kind="GNRL_EV_VIRUS_FOUND",
    severity=Severity.CRITICAL,
    title="Malicious object found",
    occurred_at=NOW - timedelta(minutes=5),
    object_name="C:\\evil.exe",
    outcome="deleted",
    user="adams",
)
RULE = Rule(
    id=1,
    workspace_id="",
    trigger=Trigger.EVENT_SEVERITY,
    matches="critical",
    enabled=True,
    lifetime=timedelta(days=1),
    note_interval=timedelta(hours=1),
    reopen_within=timedelta(days=7),
)
READY = Circumstances(writes_tickets=True, company_id="250", workspace_name="Northwind", now=NOW)


def test_a_new_detection_under_a_rule_makes_a_ticket() -> None:
    decision = decide(VIRUS, [RULE], READY, None)
    assert decision.verdict is Verdict.MAKE
    assert decision.reason == "rule for event severity critical"


@pytest.mark.parametrize(
    ("detection", "rules", "circumstances", "word"),
    [
        (VIRUS, [], READY, "no rule"),
        (VIRUS, [replace(RULE, enabled=False)], READY, "no rule"),
        (replace(VIRUS, severity=Severity.WARNING), [RULE], READY, "no rule"),
        (replace(VIRUS, occurred_at=NOW - timedelta(hours=25)), [RULE], READY, "lifetime of 24 h"),
        (replace(VIRUS, resolved=True), [RULE], READY, "resolved"),
        (VIRUS, [RULE], replace(READY, company_id=""), "not mapped"),
        (VIRUS, [RULE], replace(READY, writes_tickets=False), "switched off"),
    ],
)
def test_what_stands_in_the_way_is_named(
    detection: Detection, rules: list[Rule], circumstances: Circumstances, word: str
) -> None:
    decision = decide(detection, rules, circumstances, None)
    assert decision.verdict is Verdict.SUPPRESS
    assert word in decision.reason


def test_a_repeat_becomes_a_note_while_the_ticket_is_open() -> None:
    assert decide(VIRUS, [RULE], READY, Known(5, open=True)).verdict is Verdict.APPEND


def test_a_second_repeat_within_the_interval_is_only_counted() -> None:
    known = Known(5, open=True, last_note_at=NOW - timedelta(minutes=10))
    decision = decide(VIRUS, [RULE], READY, known)
    assert decision.verdict is Verdict.SUPPRESS
    assert "counted" in decision.reason


def test_a_repeat_after_the_interval_is_a_note_again() -> None:
    known = Known(5, open=True, last_note_at=NOW - timedelta(minutes=61))
    assert decide(VIRUS, [RULE], READY, known).verdict is Verdict.APPEND


def test_a_condition_that_is_back_soon_reopens_its_ticket() -> None:
    known = Known(5, open=False, closed_at=NOW - timedelta(days=2), ticket_id="77")
    assert decide(VIRUS, [RULE], READY, known).verdict is Verdict.REOPEN


def test_a_condition_that_is_back_late_makes_a_new_ticket() -> None:
    known = Known(5, open=False, closed_at=NOW - timedelta(days=8), ticket_id="77")
    decision = decide(VIRUS, [RULE], READY, known)
    assert decision.verdict is Verdict.MAKE
    assert "too long ago" in decision.reason


def test_a_workspace_rule_goes_before_the_default_and_a_type_before_a_severity() -> None:
    own = replace(RULE, id=2, workspace_id="3", enabled=False)
    by_type = replace(RULE, id=3, trigger=Trigger.EVENT_TYPE, matches="GNRL_EV_VIRUS_FOUND")
    other = replace(RULE, id=4, workspace_id="99")
    assert effective_rule([RULE, own, by_type, other], VIRUS) is own
    assert effective_rule([RULE, by_type, other], VIRUS) is by_type
    assert effective_rule([other], VIRUS) is None


def test_the_key_rests_on_ids_alone() -> None:
    key = ticket_key("kaspersky_ksc", "3", "guid-1", "GNRL_EV_VIRUS_FOUND")
    assert key == ticket_key("kaspersky_ksc", "3", "guid-1", "GNRL_EV_VIRUS_FOUND")
    assert len(key) <= 30
    others = {
        ticket_key("eset_protect", "3", "guid-1", "GNRL_EV_VIRUS_FOUND"),
        ticket_key("kaspersky_ksc", "31", "guid-1", "GNRL_EV_VIRUS_FOUND"),
        ticket_key("kaspersky_ksc", "3", "1guid-1", "GNRL_EV_VIRUS_FOUND"),
        ticket_key("kaspersky_ksc", "3", "guid-1", "OTHER"),
    }
    assert len(others | {key}) == 5


def test_a_summary_is_one_line_within_the_hosts_limit() -> None:
    words = words_of(
        replace(VIRUS, title="two\r\nlines " + "x" * 200),
        company="Northwind",
        workspace="Northwind",
        vendor="KSC",
        link="",
    )
    text = fill("$severity: $title on $device", words, 100)
    assert len(text) == 100
    assert "\n" not in text
    assert text.endswith("…")


def test_unknown_words_of_a_template_stay_as_they_are() -> None:
    assert fill("$nothing costs $5", {"title": "x"}) == "$nothing costs $5"


def test_a_ticket_made_outside_production_carries_a_mark() -> None:
    assert marked("Virus", "test", 100) == "[TEST] Virus"
    assert marked("Costs $5", "production", 100) == "Costs $5"


def test_a_note_says_when_and_how_often() -> None:
    assert note_for(VIRUS, 3).startswith("Seen again on 2026-11-02 11:55 UTC (3 times in all)")
