from dataclasses import replace
from datetime import UTC, datetime

import pytest

from plugin.domain.notice_texts import (
    Item,
    body_of,
    callbacks_were_off,
    integration_was_deleted,
    is_back,
    one_line,
    subject_of,
    told_of,
    works_again,
)
from plugin.domain.notices import Condition, NoticeKind

TELLING = [
    (NoticeKind.CONNECTION_BROKEN, "PSA does not work"),
    (NoticeKind.SECRET_EXPIRING, "PSA expires within 7 days"),
    (NoticeKind.LICENCE_EXPIRING, "PSA expires within 7 days"),
    (NoticeKind.DEAD_LETTERS, "Work for PSA was given up"),
    (NoticeKind.BRIDGE_OFFLINE, "The bridge PSA is offline"),
    (NoticeKind.BRIDGE_LENT, "PSA is served by a lent bridge"),
    (NoticeKind.BRIDGE_AWAITED, "Work for PSA waits for a bridge"),
    (NoticeKind.DISK_LOW, "The disk under PSA is nearly full"),
    (NoticeKind.QUEUE_GROWING, "Background work falls behind"),
]
ITEM = Item(datetime(2026, 11, 2, 8, 0, tzinfo=UTC), "PSA broke", "It said no.", "https://b/x")


def condition(kind: NoticeKind, level: int = 2) -> Condition:
    return Condition("key", kind, "Vendor", level, "PSA", "what is the matter", "/x")


@pytest.mark.parametrize(("kind", "title"), TELLING)
def test_a_condition_says_what_happened_what_it_means_and_what_to_do(
    kind: NoticeKind, title: str
) -> None:
    told = told_of([condition(kind)])
    assert (told.title, told.path) == (title, "/x")
    what, means, cure = told.text.split("\n")
    assert what == "what is the matter"
    assert means.startswith("What it means: ")
    assert cure.startswith("What to do: ")


def test_what_has_expired_says_so() -> None:
    told = told_of([condition(NoticeKind.SECRET_EXPIRING, 4)])
    assert told.title == "PSA has expired"


def test_many_conditions_are_counted_and_listed_up_to_twenty() -> None:
    many = [replace(condition(NoticeKind.LICENCE_EXPIRING), subject=f"L{n}") for n in range(22)]
    told = told_of(many)
    assert told.title == "22 licences of Vendor expire within 7 days"
    assert "L0: what is the matter\nL1: " in told.text
    assert "L20" not in told.text
    assert "… and 2 more." in told.text


def test_events_are_told_too() -> None:
    assert works_again("PSA", "/x").title == "PSA works again"
    assert is_back("PC 1", "/x").title == "The bridge PC 1 is back"
    deleted = integration_was_deleted("North", "anna", 1)
    assert deleted.title == "Integration North was deleted"
    assert "anna deleted it; 1 workspace was taken out" in deleted.text
    assert "0 workspaces were" in integration_was_deleted("North", "anna", 0).text
    assert "2 callbacks of ours" in callbacks_were_off("PSA", 2, "/x").text
    assert "A callback of ours" in callbacks_were_off("PSA", 1, "/x").text


def test_a_subject_is_one_line_whatever_a_name_holds() -> None:
    evil = replace(ITEM, title="PSA\r\nBcc: x@evil.example\u2028" + "x" * 300)
    subject = subject_of([evil], "beta")
    assert subject.startswith("[Bridgehead BETA] PSA Bcc: x@evil.example x")
    assert len(subject) == 200
    assert subject_of([ITEM, ITEM], "") == "[Bridgehead] 2 notifications"


def test_a_body_holds_every_item_with_its_time_and_address() -> None:
    body = body_of([ITEM, replace(ITEM, title="Second", url="")], "https://b")
    assert "PSA broke\n2026-11-02 08:00 UTC\n\nIt said no.\nhttps://b/x\n\nSecond\n" in body
    assert "Bridgehead at https://b" in body


def test_one_line_leaves_a_short_text_alone() -> None:
    assert one_line("Grün – ok") == "Grün – ok"
