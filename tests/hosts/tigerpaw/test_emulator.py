"""The emulator judges by itself: who signs wrongly, and what no interface has, is turned away."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from plugin.edge.emulator import Happening
from plugin.edge.shelf import Shelf
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from plugin.hosts.tigerpaw.emulator_world import PRIVATE_KEY, PUBLIC_KEY
from plugin.hosts.tigerpaw.signature import authorization, date_text
from tests.hosts.tigerpaw.stand import switch
from tests.rig import small_world

ORDER = {"AccountNumber": 1001, "TakenBy": 7, "Reference": "BH-1"}


def call(
    emulator: TigerpawEmulator,
    method: str,
    path: str,
    *,
    date: str = "",
    signed: str = "",
    **options: Any,
) -> TestResponse:
    """Make a call signed at ``date`` (now) over the path ``signed`` (the one called)."""
    when = date or date_text(datetime.now(UTC))
    bare = signed or path.partition("?")[0]
    token = authorization(PUBLIC_KEY, PRIVATE_KEY, method, bare, when)
    headers = {"Authorization": token, "X-TSI-Date": when, **options.pop("headers", {})}
    return Client(emulator).open(path, method=method, headers=headers, **options)


def search(emulator: TigerpawEmulator, where: str, **body: Any) -> dict[str, Any]:
    """Search and return the answer."""
    return call(emulator, "POST", f"/api/{where}/search", json=body).json or {}


def criterion(kind: str, match: str, text: str) -> dict[str, str]:
    """Return one criterion of a search."""
    return {"SearchType": kind, "MatchType": match, "Criteria": text}


def test_a_good_signature_is_let_in_whatever_the_letter_case_of_the_path(
    emulator: TigerpawEmulator,
) -> None:
    for path in ("/api/accounts/1001", "/API/Accounts/1001"):
        assert call(emulator, "GET", path).status_code == 200


def test_the_query_is_not_signed(emulator: TigerpawEmulator) -> None:
    path = "/api/agreements/account/1001?activeOnly=false"
    assert call(emulator, "GET", path).status_code == 200
    assert call(emulator, "GET", path, signed=path).status_code == 401


def test_who_signs_wrongly_is_turned_away(emulator: TigerpawEmulator) -> None:
    path = "/api/diagnostics/validate/user"
    now = date_text(datetime.now(UTC))
    later = date_text(datetime.now(UTC) + timedelta(minutes=20))
    assert call(emulator, "GET", path, signed="/api/accounts/1").status_code == 401
    assert call(emulator, "GET", path, date=later).status_code == 401
    assert call(emulator, "GET", path, date="no date").status_code == 401
    for header in ({"Authorization": "TSI x"}, {"Authorization": "Basic eDp5"}, {}):
        answer = Client(emulator).get(path, headers={"X-TSI-Date": now, **header})
        assert answer.status_code == 401
    other = call(emulator, "GET", path, headers={"X-TSI-Date": later})
    assert other.status_code == 401


def test_the_date_header_serves_where_ours_is_not_sent(emulator: TigerpawEmulator) -> None:
    path, now = "/api/diagnostics/validate/user", date_text(datetime.now(UTC))
    token = authorization(PUBLIC_KEY, PRIVATE_KEY, "GET", path, now)
    headers = {"Authorization": token, "Date": now}
    assert Client(emulator).get(path, headers=headers).status_code == 200


@pytest.mark.breaches
def test_a_call_that_the_description_does_not_have_is_a_breach() -> None:
    emulator = TigerpawEmulator()
    emulator.reset(small_world())
    assert call(emulator, "GET", "/api/agreements/1201/charges/list").status_code == 404
    call(emulator, "POST", "/api/ServiceOrders", json={**ORDER, "Colour": "red"})
    call(emulator, "POST", "/api/accounts/1001/service/externalproducts", json={"ExternalId": 7})
    assert len(emulator.breaches) == 3


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("accounts", {"Criteria": []}),
        ("accounts", {}),
        ("accounts", {"Criteria": [criterion("Colour", "Equal", "red")]}),
        ("accounts", {"Criteria": [criterion("AccountName", "Like", "a")]}),
        ("pricebook/items", {"Criteria": [criterion("ItemType", "Contains", "S")]}),
        ("accounts", {"Criteria": [criterion("AccountName", "Contains", "")], "StartRow": -1}),
    ],
)
def test_what_is_no_search_is_refused(
    emulator: TigerpawEmulator, where: str, body: dict[str, Any]
) -> None:
    assert search(emulator, where, **body)["Success"] is False


def test_one_kind_twice_is_or_and_two_kinds_are_and(emulator: TigerpawEmulator) -> None:
    two = [criterion("AccountNumber", "Equal", each) for each in ("1001", "1002")]
    assert search(emulator, "accounts", Criteria=two)["TotalCount"] == 2
    both = [*two, criterion("AccountNumber", "Equal", "1003"), criterion("AccountId", "Equal", "")]
    assert search(emulator, "accounts", Criteria=both)["TotalCount"] == 0
    switch(emulator, same_kind_is_or=False)
    assert search(emulator, "accounts", Criteria=two)["TotalCount"] == 0


@pytest.mark.parametrize(
    ("match", "text", "numbers"),
    [
        ("GreaterThan", "1001", [1002, 1003]),
        ("GreaterThanEqual", "1002", [1002, 1003]),
        ("LessThan", "1001", [1000]),
        ("LessThanEqual", "1001", [1000, 1001]),
        ("EndsWith", "03", [1003]),
        ("StartsWith", "100", [1000, 1001, 1002, 1003]),
    ],
)
def test_each_way_to_match_does_what_its_name_says(
    emulator: TigerpawEmulator, match: str, text: str, numbers: list[int]
) -> None:
    found = search(emulator, "accounts", Criteria=[criterion("AccountNumber", match, text)])
    assert [each["AccountNumber"] for each in found["Accounts"]] == numbers


def test_pages_begin_at_row_1_and_name_the_next(emulator: TigerpawEmulator) -> None:
    every = [criterion("AccountNumber", "GreaterThan", "0")]
    first = search(emulator, "accounts", Criteria=every, PageSize=3, StartRow=1)
    rest = search(emulator, "accounts", Criteria=every, PageSize=3, StartRow=first["NextRow"])
    assert (len(first["Accounts"]), first["NextRow"], first["TotalCount"]) == (3, 4, 4)
    assert (len(rest["Accounts"]), rest["NextRow"]) == (1, 0)


@pytest.mark.parametrize(
    "body",
    [
        {**ORDER, "TakenBy": None},
        {**ORDER, "TakenBy": 4711},
        {**ORDER, "AccountNumber": 4711},
        {**ORDER, "Status": "No such status"},
        {**ORDER, "Severity": 99},
    ],
)
def test_a_service_order_with_an_unknown_word_is_not_made(
    emulator: TigerpawEmulator, body: dict[str, Any]
) -> None:
    answer = call(emulator, "POST", "/api/ServiceOrders", json=body).json or {}
    assert answer["Success"] is False
    assert emulator.state()["serviceorders"] == []


def test_a_locked_service_order_takes_no_change(emulator: TigerpawEmulator) -> None:
    call(emulator, "POST", "/api/ServiceOrders", json=ORDER)
    assert emulator.occur(Happening("ticket-locked")) == {"ticket": "1", "locked": True}
    path = "/api/serviceorders/1"
    calls = [
        call(emulator, "PUT", path, json={"Status": "Closed"}),
        call(emulator, "POST", f"{path}/notes", json={"Note": "x"}),
        call(emulator, "POST", f"{path}/resolutions", json="Cleaned"),
    ]
    assert [answer.json["Success"] for answer in calls if answer.json] == [False] * 3
    assert emulator.state()["serviceorders"][0]["status"] == "New"


def test_resolutions_are_words_of_the_master_table_five_at_most(
    emulator: TigerpawEmulator,
) -> None:
    call(emulator, "POST", "/api/ServiceOrders", json=ORDER)
    path = "/api/serviceorders/1/resolutions"
    words = ["No such word", *["Cleaned"] * 6]
    said = [(call(emulator, "POST", path, json=word).json or {})["Success"] for word in words]
    assert said == [False, *[True] * 5, False]


def test_an_rmms_ticket_id_finds_its_service_order(emulator: TigerpawEmulator) -> None:
    call(emulator, "POST", "/api/ServiceOrders", json=ORDER)
    orders = emulator.table("serviceorders")
    orders["1"] = {**orders["1"], "alert": "A-1"}
    path = "/api/serviceorders/externalticket?externalTicketId="
    found = call(emulator, "GET", f"{path}A-1").json or {}
    assert found["ServiceOrderNumber"] == 1
    assert call(emulator, "GET", f"{path}A-2").status_code == 404


def test_what_was_answered_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "tigerpaw.db"
    emulator = TigerpawEmulator(Shelf(file))
    emulator.reset(small_world())
    call(emulator, "POST", "/api/ServiceOrders", json=ORDER)
    emulator.shelf.close()
    again = TigerpawEmulator(Shelf(file))
    assert [each["reference"] for each in again.state()["serviceorders"]] == ["BH-1"]
    again.shelf.close()


@pytest.mark.parametrize(
    ("what", "details"),
    [
        ("detection", {}),
        ("ticket-closed", {}),
        ("ticket-closed", {"ticket": "4711"}),
        ("ticket-locked", {"ticket": "4711"}),
        ("company-renamed", {"company": "4711"}),
        ("agreement-ended", {"agreement": "4711"}),
        ("charge-changed", {"charge": "4711"}),
    ],
)
def test_what_is_not_of_this_server_does_not_happen(
    emulator: TigerpawEmulator, what: str, details: dict[str, str]
) -> None:
    assert emulator.occur(Happening(what, details)) is None


def test_an_unknown_switch_is_an_error(emulator: TigerpawEmulator) -> None:
    with pytest.raises(ValueError, match="no switch"):
        emulator.occur(Happening("switch", {"colour": "red"}))
