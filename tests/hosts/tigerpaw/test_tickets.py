"""Service orders: found by our key, written once, left alone while a rep has them open."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.wrappers import Request, Response

from plugin.domain.errors import AnswerError, MissingError, RuleError, TransientError
from plugin.domain.model import TicketDraft
from plugin.domain.tickets import ticket_key
from plugin.edge.emulator import route
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from plugin.hosts.tigerpaw.host import Tigerpaw
from tests.hosts.tigerpaw.stand import failure_of, happen, host_of, paths, switch
from tests.rig import small_world

KEY = ticket_key("kaspersky_ksc", "1", "device", "virus")
DRAFT = TicketDraft("1001", "Malware found", "What happened.")


def order(emulator: TigerpawEmulator, number: str) -> dict[str, object]:
    """Return a service order as the server keeps it."""
    return dict(emulator.table("serviceorders")[number])


def test_a_rule_routes_a_service_order(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    words = {"type": "Security", "priority": "High", "severity": "2", "board": "2"}
    draft = replace(DRAFT, fields=(*words.items(), ("technician", "8"), ("taken_by", "8")))
    due = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    kept = order(emulator, host.open_ticket(replace(draft, due_at=due), KEY).id)
    assert {name: kept[name] for name in words} == {
        "type": "Security", "priority": "High", "severity": 2, "board": 2,
    }  # fmt: skip
    assert (kept["technician"], kept["rep"], kept["status"]) == (8, 8, "New")
    assert (kept["account"], kept["reference"], kept["work"]) == ("1001", KEY, "What happened.")


def test_the_connection_names_the_rep_and_the_status_where_the_rule_does_not(
    emulator: TigerpawEmulator,
) -> None:
    host = host_of(emulator, new_status="Waiting", taken_by="8")
    kept = order(emulator, host.open_ticket(DRAFT, KEY).id)
    assert (kept["rep"], kept["status"]) == (8, "Waiting")


def test_without_a_rep_nothing_is_sent(emulator: TigerpawEmulator) -> None:
    with pytest.raises(RuleError, match="Tigerpaw requires one") as caught:
        host_of(emulator, taken_by="").open_ticket(DRAFT, KEY)
    assert caught.value.field == "taken_by"
    assert paths(emulator) == []


@pytest.mark.parametrize(
    ("draft", "key", "field"),
    [
        (DRAFT, "BH-" + "A" * 48, "key"),
        (replace(DRAFT, fields=(("board", "Security"),)), KEY, "board"),
    ],
)
def test_what_tigerpaw_cannot_hold_is_not_sent(
    emulator: TigerpawEmulator, host: Tigerpaw, draft: TicketDraft, key: str, field: str
) -> None:
    with pytest.raises(RuleError) as caught:
        host.open_ticket(draft, key)
    assert caught.value.field == field
    assert paths(emulator) == []


def test_an_unknown_word_is_refused_and_nothing_is_made(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    draft = replace(DRAFT, fields=(("priority", "No such priority"),))
    error = failure_of(lambda: host.open_ticket(draft, KEY))
    assert isinstance(error, AnswerError)
    assert host.find_ticket(KEY) is None


def test_the_newest_of_two_with_one_key_is_found_and_no_other_key(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    numbers = [host.open_ticket(DRAFT, key).id for key in (KEY, KEY, KEY.lower(), f"{KEY}2")]
    found = host.find_ticket(KEY)
    assert found is not None
    assert found.id == numbers[1]


def test_closing_writes_status_date_note_resolution_and_tasks(emulator: TigerpawEmulator) -> None:
    host = host_of(emulator, resolution="Cleaned", complete_tasks="true")
    number = host.open_ticket(DRAFT, KEY).id
    host.close_ticket(number, "It is gone.", "")
    host.close_ticket(number, "It is gone.", "")
    kept = order(emulator, number)
    assert (kept["status"], kept["notes"]) == ("Closed", ["It is gone."])
    assert kept["resolutions"] == ["Cleaned"]
    assert kept["closed"]
    assert host.ticket(number).key == KEY


def test_closing_that_broke_off_is_finished_without_doubling(emulator: TigerpawEmulator) -> None:
    host = host_of(emulator, resolution="Cleaned")
    number = host.open_ticket(DRAFT, KEY).id
    emulator.add_fault("refuse", path=f"/{number}/resolutions$")
    assert isinstance(failure_of(lambda: host.close_ticket(number, "Gone.", "")), TransientError)
    emulator.add_fault("done-but-timeout", path=f"/{number}/resolutions$")
    assert isinstance(failure_of(lambda: host.close_ticket(number, "Gone.", "")), TransientError)
    host.close_ticket(number, "Gone.", "")
    kept = order(emulator, number)
    assert (kept["notes"], kept["resolutions"]) == (["Gone."], ["Cleaned"])


def test_several_statuses_may_mean_closed(emulator: TigerpawEmulator) -> None:
    host = host_of(emulator, closed_status="Waiting, Closed")
    number = host.open_ticket(DRAFT, KEY).id
    host.close_ticket(number, "", "Closed")
    assert order(emulator, number)["status"] == "Closed"
    host.reopen_ticket(number, "Again.", "")
    host.close_ticket(number, "", "")
    assert order(emulator, number)["status"] == "Waiting"
    assert host.ticket(number).closed


def test_a_change_without_effect_is_told(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    number = host.open_ticket(DRAFT, KEY).id
    switch(emulator, ignore_updates=True)
    error = failure_of(lambda: host.close_ticket(number, "", ""))
    assert isinstance(error, AnswerError)
    assert error.code == "not-confirmed"


def test_a_key_that_an_update_loses_is_told(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    number = host.open_ticket(DRAFT, KEY).id
    switch(emulator, forgets_reference=True)
    assert failure_of(lambda: host.close_ticket(number, "", "")).code == "key-lost"


@pytest.mark.parametrize("action", ["note", "close"])
def test_a_locked_service_order_is_tried_again_later(
    emulator: TigerpawEmulator, host: Tigerpaw, action: str
) -> None:
    number = host.open_ticket(DRAFT, KEY).id
    happen(emulator, "ticket-locked", ticket=number)

    def work() -> None:
        if action == "note":
            host.add_note(number, "Again.", "marker")
        else:
            host.close_ticket(number, "It is gone.", "")

    error = failure_of(work)
    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after) == ("locked", 300)
    assert order(emulator, number)["notes"] == []
    happen(emulator, "ticket-unlocked", ticket=number)
    work()
    assert order(emulator, number)["notes"]


def test_a_lock_that_comes_between_looking_and_writing_is_a_failure_without_effect(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    number = host.open_ticket(DRAFT, KEY).id
    emulator.add_fault("success-false", path="/notes$")
    assert isinstance(failure_of(lambda: host.add_note(number, "x", "marker")), AnswerError)
    assert order(emulator, number)["notes"] == []


def test_notes_of_several_pages_are_searched_for_the_marker(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    number = host.open_ticket(DRAFT, KEY).id
    old = [f"note {each}" for each in range(150)] + ["said once: marker"]
    emulator.table("serviceorders")[number] = {**order(emulator, number), "notes": old}
    host.add_note(number, "Again.", "marker")
    assert order(emulator, number)["notes"] == old


@pytest.mark.parametrize("empty", [False, True])
def test_a_missing_service_order_is_missing_however_it_is_said(
    emulator: TigerpawEmulator, host: Tigerpaw, *, empty: bool
) -> None:
    switch(emulator, missing_as_empty=empty)
    assert isinstance(failure_of(lambda: host.ticket("4711")), MissingError)


def test_master_tables_are_shown_and_former_reps_are_not(host: Tigerpaw) -> None:
    assert [each.value for each in host.ticket_choices("technician")] == ["7", "8"]
    statuses = host.ticket_choices("status")
    assert [each.value for each in statuses if each.default] == ["New"]
    assert ("2", "Security") in [(each.value, each.label) for each in host.ticket_choices("board")]


# -- polling ---------------------------------------------------------------------------------------


def test_only_open_ones_and_newer_ones_of_ours_are_asked_for_again(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    numbers = [host.open_ticket(DRAFT, f"BH-{each}").id for each in range(3)]
    host.open_ticket(DRAFT, "somebody else's")
    host.close_ticket(numbers[0], "", "")
    since = emulator.clock() + timedelta(minutes=1)
    assert list(host.tickets_changed(since)) == []
    emulator.clock.offset = timedelta(minutes=2)
    newer = host.open_ticket(DRAFT, "BH-new").id
    happen(emulator, "ticket-closed", ticket=numbers[1])
    for number in (numbers[0], numbers[2]):
        orders = emulator.table("serviceorders")
        orders[number] = {**orders[number], "changed": emulator.clock().timestamp()}
    seen = {each.id: each.closed for each in host.tickets_changed(since)}
    assert seen == {numbers[1]: True, numbers[2]: False, newer: False}


def test_a_caller_that_broke_off_is_told_of_a_closing_again(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    number = host.open_ticket(DRAFT, KEY).id
    since = datetime.now(UTC) - timedelta(hours=1)
    list(host.tickets_changed(since))
    happen(emulator, "ticket-closed", ticket=number)
    for _ in range(2):
        assert [each.closed for each in host.tickets_changed(since)] == [True]


def test_once_a_day_all_of_ours_are_looked_at_for_what_a_person_opened_again(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    number = host.open_ticket(DRAFT, KEY).id
    host.close_ticket(number, "", "")
    since = emulator.clock() + timedelta(seconds=1)
    assert list(host.tickets_changed(since)) == []
    emulator.clock.offset = timedelta(minutes=1)
    happen(emulator, "ticket-reopened", ticket=number)
    assert list(host.tickets_changed(since)) == []
    emulator.clock.offset = timedelta(days=1, minutes=1)
    assert [each.closed for each in host.tickets_changed(since)] == [False]


def test_a_server_that_takes_two_numbers_for_both_at_once_is_asked_for_all(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    switch(emulator, same_kind_is_or=False)
    since = datetime.now(UTC) - timedelta(hours=1)
    numbers = [host.open_ticket(DRAFT, f"BH-{each}").id for each in range(3)]
    assert [each.id for each in host.tickets_changed(since)] == numbers
    happen(emulator, "ticket-closed", ticket=numbers[2])
    seen = {each.id: each.closed for each in host.tickets_changed(since)}
    assert seen[numbers[2]]


def test_one_that_is_gone_makes_us_look_at_all_once_only(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    numbers = [host.open_ticket(DRAFT, f"BH-{each}").id for each in range(2)]
    since = datetime.now(UTC) - timedelta(hours=1)
    list(host.tickets_changed(since))
    del emulator.table("serviceorders")[numbers[0]]
    counts = []
    for _ in range(2):
        before = len(paths(emulator))
        assert [each.id for each in host.tickets_changed(since)] == numbers[1:]
        counts.append(len(paths(emulator)) - before)
    # The known ones and then all of ours; the second time the known ones and the newer ones.
    assert counts == [2, 2]
    happen(emulator, "ticket-closed", ticket=numbers[1])
    later = emulator.clock() + timedelta(minutes=1)
    list(host.tickets_changed(later))
    before = len(paths(emulator))
    assert list(host.tickets_changed(later)) == []
    assert len(paths(emulator)) - before == 1


class OneStatus(TigerpawEmulator):
    """Answers as the published description says: one status instead of an array."""

    @route("GET", "/api/mastertables/serviceorders/statuses")
    def master_table(self, request: Request) -> Response:
        """Show the first entry only."""
        return self.json({"Status": "New", "SystemDefault": True})


@pytest.mark.breaches
def test_a_master_table_that_is_one_record_is_taken_as_the_description_says() -> None:
    emulator = OneStatus()
    emulator.reset(small_world())
    assert [each.value for each in host_of(emulator).ticket_choices("status")] == ["New"]


def test_a_time_that_is_none_is_named(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    number = host.open_ticket(DRAFT, KEY).id
    emulator.add_fault("wrong-types", path=f"/{number}$")
    error = failure_of(lambda: host.ticket(number))
    assert isinstance(error, AnswerError)
    assert error.code == "shape"
