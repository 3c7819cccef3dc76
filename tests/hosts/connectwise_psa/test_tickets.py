"""Tickets as the adapter opens, follows and closes them."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from plugin.domain.errors import AnswerError, MissingError, RuleError
from plugin.domain.model import TicketDraft
from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from tests.hosts.connectwise_psa.caller import Caller, Json
from tests.hosts.connectwise_psa.made_up import link_to_answers

DRAFT = TicketDraft("3", "Malware found", "what\nhappened")
KEY = "BH-ABCDEFGH"


def ticket_of(psa: ConnectWisePsaEmulator, number: str) -> Json:
    return next(each for each in psa.state()["tickets"] if each["id"] == int(number))


def writes(psa: ConnectWisePsaEmulator) -> list[str]:
    return [each["method"] for each in psa.requests if each["method"] != "GET"]


def test_a_ticket_carries_our_key_and_can_be_found_by_it(host: ConnectWisePsa) -> None:
    assert host.find_ticket(KEY) is None
    ref = host.open_ticket(DRAFT, KEY)
    found = host.find_ticket(KEY)
    assert found is not None
    assert (found.id, found.key, found.summary) == (ref.id, KEY, "Malware found")
    assert (found.status, found.closed, found.company_id) == ("New", False, "3")
    assert found.updated_by == "BridgeheadAPI"
    assert found.updated_at is not None
    assert f"service_recid={ref.id}&companyName=bridgehead_msp" in found.url


def test_a_key_is_found_exactly_and_the_newest_of_several(
    host: ConnectWisePsa, caller: Caller
) -> None:
    host.open_ticket(DRAFT, KEY)
    newest = host.open_ticket(DRAFT, KEY)
    found = host.find_ticket(KEY)
    assert found is not None
    assert found.id == newest.id
    assert host.find_ticket(KEY.lower()) is None
    assert host.find_ticket(KEY[:-1]) is None


def test_a_hostile_key_asks_nothing(host: ConnectWisePsa, psa: ConnectWisePsaEmulator) -> None:
    with pytest.raises(RuleError):
        host.find_ticket('x" or id > 0 or summary = "')
    assert not psa.requests


def test_project_tickets_are_not_ours() -> None:
    rows = [{"id": 1, "externalXRef": KEY, "recordType": "ProjectTicket"}]
    assert ConnectWisePsa(link_to_answers(lambda request: rows)).find_ticket(KEY) is None


def test_routing_words_are_ids_or_names(host: ConnectWisePsa, psa: ConnectWisePsaEmulator) -> None:
    fields = (
        ("board", "2"),
        ("status", "In Progress"),
        ("type", "Security"),
        ("priority", "1"),
        ("source", "Monitoring"),
        ("owner", "jdoe"),
        ("closed_status", "10"),
        ("unknown", "x"),
    )
    due = datetime(2026, 11, 3, 12, 30, 15, 999, tzinfo=UTC)
    ref = host.open_ticket(replace(DRAFT, fields=fields, due_at=due), KEY)
    record = psa.records.get("service/tickets", int(ref.id)) or {}
    shown = psa.records.show("service/tickets", record)
    names = {name: shown[name]["name"] for name in ("board", "status", "type", "priority", "owner")}
    assert names == {
        "board": "Security Alerts",
        "status": "In Progress",
        "type": "Security",
        "priority": "Priority 1 - Critical",
        "owner": "Jane Doe",
    }
    assert shown["requiredDate"] == "2026-11-03T12:30:15Z"


def test_a_combination_that_does_not_fit_names_the_field(host: ConnectWisePsa) -> None:
    draft = replace(DRAFT, fields=(("board", "1"), ("status", "6")))
    with pytest.raises(AnswerError, match="status/id") as caught:
        host.open_ticket(draft, KEY)
    assert caught.value.code == "InvalidObject"


def test_texts_of_any_kind_arrive(host: ConnectWisePsa, psa: ConnectWisePsaEmulator) -> None:
    body = 'He said "no" \\ <b>*[x]*</b> & Größe 100 % 🙂\nline 2'
    ref = host.open_ticket(replace(DRAFT, summary="é" * 300, body=body), KEY)
    ticket = ticket_of(psa, ref.id)
    assert ticket["summary"] == "é" * 100
    assert ticket["notes"] == [body]


def test_a_key_that_does_not_fit_is_never_sent(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    with pytest.raises(RuleError):
        host.open_ticket(DRAFT, "BH-" + "x" * 98)
    assert not writes(psa)


def test_the_device_is_named_on_the_ticket(host: ConnectWisePsa, caller: Caller) -> None:
    ref = host.open_ticket(replace(DRAFT, configuration_id="2"), KEY)
    assert caller.ids(f"/service/tickets/{ref.id}/configurations") == [2]


@pytest.mark.parametrize("device", ["999", "nonsense"])
def test_a_device_that_is_gone_does_not_make_a_second_ticket(
    host: ConnectWisePsa, caplog: pytest.LogCaptureFixture, device: str
) -> None:
    with caplog.at_level(logging.WARNING):
        ref = host.open_ticket(replace(DRAFT, configuration_id=device), KEY)
    assert ref.id == "4"
    assert "no configuration attached" in caplog.text


def test_a_missing_ticket_is_missing(host: ConnectWisePsa) -> None:
    with pytest.raises(MissingError):
        host.ticket("999")
    with pytest.raises(MissingError):
        host.ticket("1 or 1")


def test_a_note_is_added_once_per_marker(host: ConnectWisePsa, psa: ConnectWisePsaEmulator) -> None:
    ref = host.open_ticket(DRAFT, KEY)
    for marker in ("[BH 1]", "[BH 1]", "plain-2", "plain-2"):
        host.add_note(ref.id, "It came again.", marker)
    assert ticket_of(psa, ref.id)["notes"][1:] == [
        "It came again.\n[BH 1]",
        "It came again.\nplain-2",
    ]


def test_a_marker_that_stands_in_the_text_is_not_repeated(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    ref = host.open_ticket(DRAFT, KEY)
    host.add_note(ref.id, "Again (m-1)", "m-1")
    host.add_note(ref.id, "Again (m-1)", "m-1")
    assert ticket_of(psa, ref.id)["notes"][1:] == ["Again (m-1)"]


def test_notes_mail_nobody(host: ConnectWisePsa, caller: Caller) -> None:
    host.add_note("1", "x", "m")
    note = caller.get("/service/tickets/1/notes")[0]
    assert note["internalAnalysisFlag"] is True
    assert "detailDescriptionFlag" not in note


def test_closing_writes_the_resolution_and_closes_once(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    ref = host.open_ticket(DRAFT, KEY)
    for _ in range(2):
        host.close_ticket(ref.id, "The file was removed.", "")
    ticket = ticket_of(psa, ref.id)
    assert (ticket["status"], ticket["closedFlag"]) == (">Closed", True)
    assert ticket["notes"][1:] == ["The file was removed."]
    assert writes(psa) == ["POST", "POST", "PATCH"]


@pytest.mark.parametrize("status", ["4", "Completed"])
def test_a_ticket_is_closed_with_the_status_of_the_rule(host: ConnectWisePsa, status: str) -> None:
    host.close_ticket("1", "", status)
    assert host.ticket("1").status == "Completed"


@pytest.mark.parametrize("status", ["2", "In Progress", "9", "nothing"])
def test_a_status_that_does_not_close_on_this_board_is_refused_before_writing(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator, status: str
) -> None:
    with pytest.raises(RuleError, match="no closed status"):
        host.close_ticket("1", "x", status)
    assert not writes(psa)


def test_reopening_uses_the_boards_first_status_and_says_why(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    host.close_ticket("1", "", "")
    for _ in range(2):
        host.reopen_ticket("1", "It is back.", "")
    assert host.ticket("1").status == "New"
    assert ticket_of(psa, "1")["notes"] == ["It is back."]
    host.close_ticket("1", "", "")
    host.reopen_ticket("1", "", "In Progress")
    assert host.ticket("1").status == "In Progress"


def test_a_change_that_did_not_take_effect_is_noticed(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    host.ticket("1")
    psa.add_fault("silent-200", path="tickets/1$", times=9)
    with pytest.raises(AnswerError, match="did not take effect"):
        host.close_ticket("1", "", "")


def test_changed_tickets_are_ours_only_and_since_then(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator, caller: Caller
) -> None:
    ref = host.open_ticket(DRAFT, KEY)
    caller.call(
        "POST", "/service/tickets", {"summary": "x", "company": {"id": 3}, "externalXRef": "ABH-1"}
    )
    now = datetime.now(UTC)
    assert [each.id for each in host.tickets_changed(now - timedelta(hours=1))] == [ref.id]
    assert list(host.tickets_changed(now + timedelta(hours=1))) == []
    psa.clock.offset = timedelta(hours=2)
    psa.occur(Happening("ticket-closed", {"ticket": ref.id}))
    changed = list(host.tickets_changed(now + timedelta(hours=1)))
    assert [(each.id, each.closed, each.updated_by) for each in changed] == [(ref.id, True, "jdoe")]


def test_choices_belong_to_their_board(host: ConnectWisePsa) -> None:
    boards = host.ticket_choices("board")
    assert [(each.label, each.default) for each in boards] == [
        ("Help Desk", False),
        ("Security Alerts", False),
    ]
    statuses = host.ticket_choices("status")
    assert {each.parent for each in statuses} == {"1", "2"}
    assert [each.label for each in statuses if each.parent == "1"] == [
        "New",
        "In Progress",
        "Waiting Client Response",
    ]
    assert [each.label for each in statuses if each.default] == ["New", "New"]
    closed = {each.label for each in host.ticket_choices("closed_status")}
    assert closed == {"Completed", ">Closed"}
    assert len(host.ticket_choices("type")) == 6
    assert len(host.ticket_choices("priority")) == 4
    assert "oldhand" not in [each.label for each in host.ticket_choices("owner")]
    assert host.ticket_choices("source")[1].default
    assert host.ticket_choices("nothing") == ()


def test_every_ticket_field_has_choices(host: ConnectWisePsa) -> None:
    assert all(host.ticket_choices(field.name) for field in host.ticket_fields)


def test_custom_fields_go_along_when_a_ticket_changes(host: ConnectWisePsa, caller: Caller) -> None:
    fields = {"podId": 2, "caption": "Ours", "sequenceNumber": 1, "fieldTypeIdentifier": "Text"}
    caller.psa.records.add(
        "system/userdefinedfields", {**fields, "~collection": "service/tickets"}, "zadmin"
    )
    ref = host.open_ticket(DRAFT, KEY)
    caller.switch(custom_fields=True)
    host.close_ticket(ref.id, "", "")
    assert host.ticket(ref.id).closed
