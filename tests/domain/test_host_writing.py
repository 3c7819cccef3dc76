"""What may be written into a field of the host, and as which word."""

import pytest

from plugin.domain.host_writing import WORDS, Memory, Verdict, decide, why_unfit, word_for
from plugin.domain.model import ExtraField, Protection

OFFERED = tuple(WORDS.values())


def field(
    value: str = "", *, options: tuple[str, ...] = (), fixed: bool = False, untouched: bool = False
) -> ExtraField:
    return ExtraField("3", "State", value, options, read_only=fixed, untouched=untouched)


@pytest.mark.parametrize(
    ("present", "memory", "verdict"),
    [
        ("Protected", Memory(), Verdict.AGREES),
        ("Protected", Memory(written="Warning"), Verdict.AGREES),
        ("Protected", Memory(sent="Protected", over=""), Verdict.AGREES),
        ("", Memory(), Verdict.WRITE),
        ("Warning", Memory(written="Warning"), Verdict.WRITE),
        ("Critical", Memory(written="Warning", sent="Critical", over="Warning"), Verdict.WRITE),
        ("Warning", Memory(written="Warning", sent="Critical", over="Warning"), Verdict.WRITE),
        ("", Memory(sent="Critical", over=""), Verdict.WRITE),
        ("ask Ann", Memory(allowed="ask Ann"), Verdict.WRITE),
        ("ask Ann", Memory(), Verdict.PERSON),
        ("ask Ann", Memory(written="Warning"), Verdict.PERSON),
        ("ask Ann", Memory(written="Warning", sent="Protected", over="Warning"), Verdict.PERSON),
        ("ask Bob", Memory(allowed="ask Ann"), Verdict.PERSON),
        ("", Memory(written="Warning"), Verdict.PERSON),
        ("", Memory(allowed="ask Ann"), Verdict.PERSON),
        ("Warning", Memory(), Verdict.PERSON),
    ],
)
def test_only_an_untouched_field_and_our_own_value_are_written_upon(
    present: str, memory: Memory, verdict: Verdict
) -> None:
    assert decide(field(present), "Protected", memory) is verdict


def test_what_every_new_computer_has_is_nobodys_value() -> None:
    assert decide(field("none yet", untouched=True), "Protected", Memory()) is Verdict.WRITE
    written = Memory(written="Warning")
    assert decide(field("none yet", untouched=True), "Protected", written) is Verdict.PERSON


def test_a_value_that_was_emptied_on_purpose_may_be_overwritten_when_allowed() -> None:
    assert decide(field(), "Protected", Memory(written="Warning", allowed="")) is Verdict.WRITE


@pytest.mark.parametrize(
    ("protection", "options", "word"),
    [
        (Protection.OK, (), "Protected"),
        (Protection.WARNING, (), "Warning"),
        (Protection.CRITICAL, (), "Critical"),
        (Protection.UNKNOWN, (), "Unknown"),
        (None, (), "Not reported"),
        (Protection.OK, ("false", "true"), "true"),
        (Protection.WARNING, ("true", "false"), "false"),
        (None, ("true", "false"), "false"),
        (None, ("PROTECTED", "not reported"), "not reported"),
    ],
)
def test_a_state_has_one_word_as_the_field_spells_it(
    protection: Protection | None, options: tuple[str, ...], word: str
) -> None:
    assert word_for(protection, options) == word


def test_every_state_has_a_word() -> None:
    assert set(WORDS) == {*Protection, None}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (field(), ""),
        (field(options=("false", "true")), ""),
        (field(options=OFFERED), ""),
        (field(options=tuple(word.upper() for word in OFFERED)), ""),
        (field(fixed=True), "cannot be changed by a program"),
        (field(options=OFFERED[1:]), "does not offer Protected;"),
    ],
)
def test_a_field_that_cannot_hold_the_state_says_why(given: ExtraField, why: str) -> None:
    assert why in why_unfit(given)
    assert bool(why) == bool(why_unfit(given))
