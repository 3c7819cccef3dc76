"""Charges: written through SOAP, believed when REST shows them, else exported only."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from plugin.domain.errors import (
    AnswerError,
    ConflictError,
    EdgeError,
    MissingError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.domain.model import AgreementLine
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from plugin.hosts.tigerpaw.host import Tigerpaw
from tests.hosts.tigerpaw.stand import failure_of, happen, host_of, paths, switch

SOAP = "POST /api/rmm/tsiWS.asmx"
OPERATION = "SubmitAgreementAdditionalCharges"


def first_line(host: Tigerpaw) -> AgreementLine:
    """Return the first charge of the first client's agreement."""
    return next(host.agreement_lines("1201"))


def charge(emulator: TigerpawEmulator, number: str) -> dict[str, object]:
    """Return a charge as the server keeps it."""
    return dict(emulator.table("charges")[number])


def test_an_agreement_says_how_far_it_is_billed(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    agreement = next(host.agreements("1001"))
    assert (agreement.id, agreement.company_id, agreement.active) == ("1201", "1001", True)
    assert (agreement.closed_until, agreement.next_bill_on) == (
        date(2026, 10, 31),
        date(2026, 11, 30),
    )


def test_a_change_leaves_price_and_terms_as_they_are(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    line = first_line(host)
    terms = {"price": 3.25, "flat": True, "print_zero": True, "name": "Odd <name> & 'more'"}
    emulator.table("charges")[line.id] = {**charge(emulator, line.id), **terms}
    changed = host.set_quantity(line, Decimal(25), None)
    assert charge(emulator, line.id) == {**charge(emulator, line.id), **terms, "quantity": 25}
    assert (changed.quantity, changed.unit_price) == (Decimal(25), Decimal("3.25"))


def test_what_is_right_already_is_not_written(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    line = first_line(host)
    assert host.set_quantity(line, line.quantity, None) == line
    assert SOAP not in paths(emulator)


def test_what_a_person_changed_meanwhile_is_not_overwritten(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    line = first_line(host)
    happen(emulator, "charge-changed", charge=line.id, quantity=99)
    with pytest.raises(ConflictError, match="to 99"):
        host.set_quantity(line, Decimal(25), None)
    assert charge(emulator, line.id)["quantity"] == 99


@pytest.mark.parametrize(
    ("quantity", "day", "field"),
    [
        (Decimal("2.5"), None, "quantity"),
        (Decimal(-1), None, "quantity"),
        (Decimal(2), date(2099, 1, 1), "effective_on"),
    ],
)
def test_what_a_charge_cannot_say_is_not_sent(
    emulator: TigerpawEmulator, host: Tigerpaw, quantity: Decimal, day: date | None, field: str
) -> None:
    line = first_line(host)
    with pytest.raises(RuleError) as caught:
        host.set_quantity(line, quantity, day)
    assert caught.value.field == field
    with pytest.raises(RuleError):
        host.add_line("1201", "KESC-PLUS", quantity, day)
    assert SOAP not in paths(emulator)


def test_today_is_as_good_as_no_day(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    today = emulator.clock().date()
    assert host.set_quantity(first_line(host), Decimal(25), today).quantity == 25


@pytest.mark.parametrize("fault", ["done-but-timeout", "cut", "redirect"])
def test_an_unclear_answer_is_cleared_up_by_reading_back(
    emulator: TigerpawEmulator, host: Tigerpaw, fault: str
) -> None:
    line = first_line(host)
    assert host.writes_charges
    emulator.add_fault(fault, path="tsiWS")
    assert host.set_quantity(line, Decimal(25), None).quantity == 25
    emulator.add_fault(fault, path="tsiWS")
    made = host.add_line("1201", "KESC-PLUS", Decimal(4), None)
    assert [each for each in host.agreement_lines("1201") if each.product_id == "KESC-PLUS"] == [
        made
    ]


def test_an_unclear_answer_without_effect_stays_unclear(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    line = first_line(host)
    assert host.writes_charges
    for work in (
        lambda: host.set_quantity(line, Decimal(25), None),
        lambda: host.add_line("1201", "KESC-PLUS", Decimal(4), None),
    ):
        emulator.add_fault("refuse", path="tsiWS")
        assert isinstance(failure_of(work), TransientError)
    assert first_line(host) == line


def test_what_rest_does_not_show_does_not_count(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    switch(emulator, ignore_charges=True)
    line = first_line(host)
    for error in (
        failure_of(lambda: host.set_quantity(line, Decimal(25), None)),
        failure_of(lambda: host.add_line("1201", "KESC-PLUS", Decimal(4), None)),
    ):
        assert isinstance(error, AnswerError)
        assert error.code == "not-confirmed"
        assert "does not count as billed" in error.message


def test_an_answer_that_says_no_is_believed(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    error = failure_of(lambda: host.add_line("1201", "NO-SUCH-ITEM", Decimal(4), None))
    assert isinstance(error, AnswerError)
    assert error.code == "charge-refused"


def test_an_asmx_user_sees_only_its_external_product(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    agreements = emulator.table("agreements")
    agreements["1201"] = {**agreements["1201"], "product": "Another"}
    error = failure_of(lambda: host.set_quantity(first_line(host), Decimal(25), None))
    assert error.code == "charge-refused"


def test_result_paths_that_lead_nowhere_change_nothing(emulator: TigerpawEmulator) -> None:
    host = host_of(emulator, charges_success_path="No/Such", charges_detail_path="Nor/This")
    assert host.set_quantity(first_line(host), Decimal(25), None).quantity == 25


def test_another_template_is_sent_as_it_is_written(emulator: TigerpawEmulator) -> None:
    template = (
        "<AdditionalCharges><AgreementNumber>$AgreementNumber</AgreementNumber>"
        "<AdditionalCharge Action='$Action'><DetailId>$DetailId</DetailId>"
        "<Quantity>$Quantity</Quantity><UseFlatPrice>true</UseFlatPrice>"
        "</AdditionalCharge></AdditionalCharges>"
    )
    host = host_of(emulator, charges_template=template)
    line = first_line(host)
    error = failure_of(lambda: host.set_quantity(line, Decimal(25), None))
    # It was written, but with another term than before: that must not pass for the same line.
    assert error.code == "not-confirmed"
    assert charge(emulator, line.id)["flat"] is True


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_both_versions_of_soap_work(emulator: TigerpawEmulator, version: str) -> None:
    host = host_of(emulator, soap_binding=version)
    assert host.set_quantity(first_line(host), Decimal(25), None).quantity == 25


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("how", ["password", "inactive"])
def test_an_asmx_user_that_is_not_let_in_is_refused(
    emulator: TigerpawEmulator, version: str, how: str
) -> None:
    wrong = {"soap_password": "wrong"} if how == "password" else {}
    host = host_of(emulator, None, soap_binding=version, **wrong)
    switch(emulator, soap_user_active=how != "inactive")
    error = failure_of(lambda: host.set_quantity(first_line(host), Decimal(25), None))
    assert isinstance(error, RefusedError)
    assert first_line(host).quantity != 25


@pytest.mark.parametrize(
    ("fault", "kind"), [("soap-fault", AnswerError), ("soap-server-fault", TransientError)]
)
def test_a_fault_is_one_of_our_errors(
    emulator: TigerpawEmulator, host: Tigerpaw, fault: str, kind: type[EdgeError]
) -> None:
    line = first_line(host)
    assert host.writes_charges
    emulator.add_fault(fault, path="tsiWS")
    error = failure_of(lambda: host.set_quantity(line, Decimal(25), None))
    assert isinstance(error, kind)
    assert "Object reference" not in error.message


# -- export only -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "switches", "why"),
    [
        ({"charges_confirmed": ""}, {}, "nobody has confirmed the template"),
        ({"charges_confirmed": "false"}, {}, "nobody has confirmed the template"),
        ({}, {"without_operations": [OPERATION]}, f"no operation {OPERATION}"),
        ({}, {"soap_service": False}, "no service description at the WSDL address"),
    ],
)
def test_charges_are_exported_only_and_it_says_why(
    emulator: TigerpawEmulator, settings: dict[str, str], switches: dict[str, object], why: str
) -> None:
    switch(emulator, **switches)
    host = host_of(emulator, None, **settings)
    line = first_line(host)
    assert not host.writes_charges
    assert why in host.charges_obstacle()
    for error in (
        failure_of(lambda: host.set_quantity(line, Decimal(25), None)),
        failure_of(lambda: host.add_line("1201", "KESC-PLUS", Decimal(4), None)),
    ):
        assert isinstance(error, RefusedError)
        assert error.code == "export-only"
        assert why in error.message
    assert SOAP not in paths(emulator)
    assert first_line(host) == line


def test_the_description_is_read_once_an_hour(emulator: TigerpawEmulator, host: Tigerpaw) -> None:
    assert host.writes_charges
    switch(emulator, without_operations=[OPERATION])
    assert host.writes_charges
    assert paths(emulator).count("GET /api/rmm/tsiWS.asmx") == 1
    emulator.clock.offset = timedelta(hours=1, minutes=1)
    assert not host.writes_charges


def test_a_description_that_is_none_is_told(emulator: TigerpawEmulator) -> None:
    host = host_of(emulator, wsdl="https://tigerpaw.example/api/rmm/tsiWS.asmx")
    error = failure_of(lambda: host.writes_charges)
    assert isinstance(error, AnswerError)
    assert error.code == "wsdl"


# -- price book ------------------------------------------------------------------------------------


def test_items_of_every_type_are_found_by_id_and_by_name(host: Tigerpaw) -> None:
    assert len(list(host.products(""))) == 7
    assert [each.id for each in host.products("esc-p")] == ["KESC-PLUS", "KESC-PRO"]
    assert [each.id for each in host.products("cloud plus")] == ["KESC-PLUS"]
    assert {each.id for each in host.products("eset")} == {"ESET-PROTECT"}


def test_an_item_that_is_found_by_both_is_listed_once(host: Tigerpaw) -> None:
    assert [each.id for each in host.products("disk")] == ["BACKUP-DISK"]


def test_a_line_that_was_there_before_is_not_taken_for_the_new_one(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    old = host.add_line("1201", "KESC-PLUS", Decimal(4), None)
    assert host.add_line("1201", "KESC-PLUS", Decimal(4), None).id != old.id
    switch(emulator, ignore_charges=True)
    error = failure_of(lambda: host.add_line("1201", "KESC-PLUS", Decimal(4), None))
    assert error.code == "not-confirmed"


def test_an_unknown_agreement_or_charge_is_missing(host: Tigerpaw) -> None:
    line = first_line(host)
    assert isinstance(failure_of(lambda: list(host.agreements("no number"))), MissingError)
    gone = replace(line, id="9999")
    assert isinstance(failure_of(lambda: host.set_quantity(gone, Decimal(1), None)), MissingError)


@pytest.mark.parametrize("empty", [False, True])
def test_a_charge_that_is_gone_is_missing_however_it_is_said(
    emulator: TigerpawEmulator, host: Tigerpaw, *, empty: bool
) -> None:
    line = first_line(host)
    del emulator.table("charges")[line.id]
    switch(emulator, missing_as_empty=empty)
    assert isinstance(failure_of(lambda: host.set_quantity(line, Decimal(1), None)), MissingError)


def test_a_list_of_agreements_that_is_not_whole_is_a_failure(
    emulator: TigerpawEmulator, host: Tigerpaw
) -> None:
    emulator.add_fault("stuck-paging", path="/agreements/")
    error = failure_of(lambda: list(host.agreements("1001")))
    assert isinstance(error, AnswerError)
    assert error.code == "paging"
