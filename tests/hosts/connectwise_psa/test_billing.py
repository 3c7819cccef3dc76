"""Agreements and their lines as the adapter reads and writes them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from werkzeug.wrappers import Request

from plugin.domain.errors import AnswerError, ConflictError, MissingError, RuleError, TransientError
from plugin.domain.model import AgreementLine
from plugin.edge.emulator import Happening
from plugin.edge.faults import Fault
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from tests.hosts.connectwise_psa.caller import Caller
from tests.hosts.connectwise_psa.made_up import link_to_answers

FIRST = date(2026, 12, 1)


class OnPost(Fault):
    """A fault that spares reads."""

    def hits(self, request: Request) -> bool:
        return request.method == "POST" and super().hits(request)


def lines(host: ConnectWisePsa) -> list[AgreementLine]:
    return list(host.agreement_lines("1"))


def writes(psa: ConnectWisePsaEmulator) -> list[str]:
    return [each["method"] for each in psa.requests if each["method"] != "GET"]


def test_an_agreement_says_what_is_closed_and_when_it_bills_next(host: ConnectWisePsa) -> None:
    agreement = next(host.agreements("3"))
    assert (agreement.id, agreement.company_id, agreement.active) == ("1", "3", True)
    assert (agreement.starts_on, agreement.ends_on) == (date(2025, 12, 1), None)
    assert (agreement.closed_until, agreement.next_bill_on) == (date(2026, 11, 30), FIRST)
    assert agreement.kind == "Managed Services"
    assert list(host.agreements("1")) == []


def test_an_ended_agreement_is_listed_as_not_active(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    psa.occur(Happening("agreement-ended", {"agreement": 1}))
    agreement = next(host.agreements("3"))
    assert not agreement.active
    assert agreement.ends_on is not None


@pytest.mark.parametrize(
    ("row", "active"),
    [
        ({}, True),
        ({"agreementStatus": "Inactive"}, False),
        ({"agreementStatus": "Active", "endDate": "2020-01-01T00:00:00Z"}, False),
        (
            {
                "agreementStatus": "Active",
                "endDate": "2020-01-01T00:00:00Z",
                "noEndingDateFlag": True,
            },
            True,
        ),
        ({"agreementStatus": "Active", "cancelledFlag": True}, False),
    ],
)
def test_an_agreement_is_active_by_every_sign(row: dict[str, object], *, active: bool) -> None:
    host = ConnectWisePsa(link_to_answers(lambda request: [{"id": 1, **row}]))
    agreement = next(host.agreements("3"))
    assert agreement.active is active
    assert agreement.closed_until is None


def test_lines_show_what_is_billed(host: ConnectWisePsa) -> None:
    line = lines(host)[0]
    assert (line.id, line.agreement_id, line.product_id) == ("1", "1", "1")
    assert line.product_name == "Kaspersky Endpoint Security Cloud - workstation"
    assert (line.quantity, line.unit_price) == (Decimal(7), Decimal("3.2"))
    assert line.effective_on == date(2025, 12, 1)
    assert line.updated_at is not None


def test_products_are_found_by_identifier_or_name(host: ConnectWisePsa) -> None:
    assert [each.identifier for each in host.products("eset")] == [
        "ESET-PROTECT-EP",
        "ESET-PROTECT-SRV",
    ]
    assert [each.identifier for each in host.products("legacy ANTI")] == ["OLD-AV"]
    everything = list(host.products(" "))
    assert len(everything) == 7
    assert [each.active for each in everything if each.identifier == "OLD-AV"] == [False]
    assert everything[0].unit_price == Decimal("3.2")
    assert list(host.products("nothing like it")) == []


@pytest.mark.parametrize("search", ['a"b', "100*", "[x]", "a\\b"])
def test_a_search_that_cannot_be_asked_says_so(host: ConnectWisePsa, search: str) -> None:
    with pytest.raises(RuleError, match="cannot search"):
        list(host.products(search))


@pytest.mark.parametrize("quantity", [Decimal(12), Decimal("2.5"), Decimal(0)])
def test_a_quantity_is_changed_in_place_and_read_back(
    host: ConnectWisePsa, quantity: Decimal
) -> None:
    changed = host.set_quantity(lines(host)[0], quantity, None)
    assert changed.quantity == quantity
    assert lines(host)[0] == changed


def test_a_quantity_that_is_right_already_is_not_written(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    line = lines(host)[0]
    host.set_quantity(line, line.quantity, None)
    host.set_quantity(replace(line, quantity=Decimal(1)), line.quantity, None)
    assert not writes(psa)


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    line = lines(host)[0]
    psa.occur(Happening("addition-changed", {"addition": 1, "quantity": 50}))
    for effective_on in (None, FIRST):
        with pytest.raises(ConflictError, match="from 7 to 50"):
            host.set_quantity(line, Decimal(9), effective_on)
    assert not writes(psa)


def test_a_change_from_a_day_on_ends_the_line_and_starts_its_successor(
    host: ConnectWisePsa, caller: Caller
) -> None:
    line = lines(host)[0]
    successor = host.set_quantity(line, Decimal(9), FIRST)
    before, after = lines(host)[0], lines(host)[-1]
    assert after == successor
    assert (before.quantity, before.ends_on) == (Decimal(7), date(2026, 11, 30))
    assert (after.quantity, after.effective_on, after.ends_on) == (Decimal(9), FIRST, None)
    assert after.unit_price == line.unit_price
    record = caller.get(f"/finance/agreements/1/additions/{after.id}")
    assert (record["taxableFlag"], record["uom"]) == (True, "Each")
    assert record["invoiceDescription"] == "KES-CLOUD-WS"


def test_a_change_from_a_day_on_is_harmless_when_repeated(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    line = lines(host)[0]
    successor = host.set_quantity(line, Decimal(9), FIRST)
    count = len(lines(host))
    psa.requests.clear()
    assert host.set_quantity(line, Decimal(9), FIRST) == successor
    assert len(lines(host)) == count
    assert not writes(psa)


def test_a_change_that_broke_off_half_way_is_finished(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    line = lines(host)[0]
    psa.faults.waiting.append(OnPost("500-done"))
    with pytest.raises(TransientError):
        host.set_quantity(line, Decimal(9), FIRST)
    successor = host.set_quantity(line, Decimal(9), FIRST)
    assert [each.quantity for each in lines(host) if each.product_id == "1"] == [7, 9]
    assert lines(host)[0].ends_on == date(2026, 11, 30)
    assert successor.quantity == 9


def test_a_successor_with_another_quantity_is_for_a_person(host: ConnectWisePsa) -> None:
    line = lines(host)[0]
    host.add_line("1", "1", Decimal(5), FIRST)
    with pytest.raises(ConflictError, match="already starts"):
        host.set_quantity(line, Decimal(9), FIRST)


def test_a_day_not_after_the_lines_own_changes_it_in_place(host: ConnectWisePsa) -> None:
    line = lines(host)[0]
    changed = host.set_quantity(line, Decimal(9), line.effective_on)
    assert changed.id == line.id


def test_a_change_that_did_not_take_effect_is_noticed(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    line = lines(host)[0]
    psa.add_fault("silent-200", path="additions/1$", times=9)
    with pytest.raises(AnswerError, match="did not take effect"):
        host.set_quantity(line, Decimal(9), None)


def test_a_line_is_added_with_the_catalogs_price(host: ConnectWisePsa) -> None:
    made = host.add_line("1", "4", Decimal("2.5"), FIRST)
    assert (made.quantity, made.unit_price, made.effective_on) == (
        Decimal("2.5"),
        Decimal("2.9"),
        FIRST,
    )
    assert host.add_line("1", "4", Decimal("2.5"), FIRST) == made
    assert host.add_line("1", "4", Decimal(3), None).id != made.id


def test_a_line_of_an_unknown_product_or_agreement_is_refused(host: ConnectWisePsa) -> None:
    with pytest.raises(AnswerError, match="product/id"):
        host.add_line("1", "999", Decimal(1), None)
    with pytest.raises(MissingError):
        host.add_line("999", "1", Decimal(1), None)
    with pytest.raises(MissingError):
        list(host.agreement_lines("1/../2"))


def test_the_custom_fields_of_a_line_go_along(host: ConnectWisePsa, caller: Caller) -> None:
    fields = {"podId": 3, "caption": "Ours", "sequenceNumber": 1, "fieldTypeIdentifier": "Text"}
    collection = "finance/agreements/additions"
    caller.psa.records.add(
        "system/userdefinedfields", {**fields, "~collection": collection}, "zadmin"
    )
    value = {"op": "replace", "path": "customFields", "value": [{"id": 3, "value": "theirs"}]}
    caller.call("PATCH", "/finance/agreements/1/additions/1", [value])
    caller.switch(custom_fields=True)
    host.set_quantity(lines(host)[0], Decimal(9), None)
    record = caller.get("/finance/agreements/1/additions/1")
    assert (record["quantity"], record["customFields"][0]["value"]) == (9, "theirs")
