"""Agreements and their additional charges: read by REST, written by SOAP, read back by REST."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from plugin.domain.contracts import BillsUsage
from plugin.domain.errors import (
    AnswerError,
    ConflictError,
    MissingError,
    RuleError,
    TransientError,
)
from plugin.domain.model import Agreement, AgreementLine, Product
from plugin.hosts.tigerpaw.base import TigerpawPart
from plugin.hosts.tigerpaw.soap import Outcome
from plugin.hosts.tigerpaw.wire import (
    AgreementsWire,
    ChargeWire,
    ItemsWire,
)

AGREEMENTS, PRICE_BOOK = "api/agreements", "api/pricebook/items/search"
ITEM_TYPES = "MALSF"
"""The kinds of price book items; the search knows no "all"."""

Row = dict[str, Any]


class Billing(TigerpawPart, BillsUsage):
    """Reads agreements, and writes quantities that somebody approved."""

    @property
    def writes_charges(self) -> bool:
        """Whether charges can be written; False means export only, see :meth:`charges_obstacle`.

        Asks the server for its service description once an hour; an EdgeError when that fails.
        """
        return not self._charges.obstacle()

    def charges_obstacle(self) -> str:
        """Return why charges are exported only and what to do; empty when they can be written."""
        return self._charges.obstacle()

    def agreements(self, company_id: str) -> Iterator[Agreement]:
        """Yield the agreements of an account, ended ones too."""
        number = self._number(company_id, "account")
        answer = self._api.get(f"{AGREEMENTS}/account/{number}", {"activeOnly": "false"})
        page = AgreementsWire.parse(answer, self.title, "a list of agreements")
        if len(page["rows"]) < page["total"]:
            text = f"gave {len(page['rows'])} of {page['total']} agreements"
            raise AnswerError(self.title, text, code="paging")
        for row in page["rows"]:
            yield self._agreement(row["number"], row["agreement"], company_id)

    def agreement_lines(self, agreement_id: str) -> Iterator[AgreementLine]:
        """Yield the additional charges of an agreement."""
        for row in self._rows(agreement_id):
            yield _line(row, agreement_id)

    def products(self, search: str) -> Iterator[Product]:
        """Yield price book items whose id or description contains ``search``.

        Their selling price has no place in the REST interface, so none is given.
        """
        text = search.strip()
        seen: set[str] = set()
        for criterion in _criteria(text):
            for row in self._api.search(PRICE_BOOK, ItemsWire, [criterion]):
                name = row["item"]["description"] or row["id"]
                fits = text.casefold() in f"{name}\n{row['id']}".casefold()
                if fits and row["id"] not in seen:
                    seen.add(row["id"])
                    yield Product(
                        row["id"], name, identifier=row["id"], active=not row["item"]["inactive"]
                    )

    def set_quantity(
        self, line: AgreementLine, quantity: Decimal, effective_on: date | None
    ) -> AgreementLine:
        """Write the quantity; it counts when REST shows it.

        Harmless when done already. ConflictError when the line is not as ``line`` says: somebody
        changed it since. RefusedError (code ``export-only``) when charges cannot be written.
        AnswerError (code ``not-confirmed``) when Tigerpaw does not show what was sent.
        """
        wanted = self._judged(quantity, effective_on)
        row = self._row(line.agreement_id, line.id)
        if row["quantity"] == wanted:
            return _line(row, line.agreement_id)
        if row["quantity"] != line.quantity:
            text = f"somebody changed the quantity from {line.quantity} to {row['quantity']}"
            raise ConflictError("quantity", f"{text} meanwhile")
        values = {**_values("Update", line.agreement_id, wanted), **_terms(row)}
        failure = self._submit(values)
        after = self._row(line.agreement_id, line.id)
        if after != {**row, "quantity": wanted}:
            raise failure or self._unconfirmed(f"the quantity of charge {line.id}")
        return _line(after, line.agreement_id)

    def add_line(
        self, agreement_id: str, product_id: str, quantity: Decimal, effective_on: date | None
    ) -> AgreementLine:
        """Create a charge line, find it over REST and return it; fails as a change does."""
        wanted = self._judged(quantity, effective_on)
        before = {row["id"] for row in self._rows(agreement_id)}
        values = {**_values("Create", agreement_id, wanted), "SpecialItemId": product_id}
        failure = self._submit(values)
        for row in self._rows(agreement_id):
            same = (row["item"], row["quantity"]) == (product_id, wanted)
            if row["id"] not in before and same:
                return _line(row, agreement_id)
        raise failure or self._unconfirmed("the new charge")

    # -- inside ------------------------------------------------------------------------------

    def _submit(self, values: dict[str, str]) -> TransientError | None:
        """Send a charge; an unclear end is returned, because reading back may make it clear."""
        try:
            outcome: Outcome = self._charges.submit(values)
        except TransientError as error:
            return error
        self._charges.demand(outcome)
        return None

    def _unconfirmed(self, what: str) -> AnswerError:
        text = (
            f"took {what}, but REST does not show it as it was sent: it does not count as billed. "
            "Compare the charges template with your server's tsiWS"
        )
        return AnswerError(self.title, text, code="not-confirmed")

    def _judged(self, quantity: Decimal, effective_on: date | None) -> int:
        """Return the quantity as Tigerpaw takes it; RuleError for what it cannot hold."""
        if quantity != quantity.to_integral_value() or quantity < 0:
            raise RuleError("quantity", "Tigerpaw bills whole numbers from 0 on.")
        if effective_on is not None and effective_on > self._api.now().date():
            text = "A charge in Tigerpaw has no starting day: write it on that day."
            raise RuleError("effective_on", text)
        return int(quantity)

    def _rows(self, agreement_id: str) -> list[Row]:
        number = self._number(agreement_id, "agreement")
        found = self._api.get(f"{AGREEMENTS}/{number}/additionalcharges")
        return ChargeWire.parse_many(found, self.title, "a list of charges")

    def _row(self, agreement_id: str, line_id: str) -> Row:
        number = self._number(agreement_id, "agreement")
        line = self._number(line_id, "charge")
        found = self._api.get(f"{AGREEMENTS}/{number}/additionalcharges/{line}")
        if not found or not found.get("DetailId"):
            raise MissingError(self.title, f"has no charge {line} on agreement {number}")
        return ChargeWire.parse(found, self.title, "a charge")

    def _agreement(self, number: str, row: Mapping[str, Any], company_id: str) -> Agreement:
        """Return an agreement; what was polled for billing is closed for this period."""
        ends = self._day(row["ends"])
        return Agreement(
            id=number,
            company_id=row["account"] or company_id,
            name=row["kind"] or f"Agreement {number}",
            kind=row["kind"],
            active=ends is None or ends >= self._api.now().date(),
            starts_on=self._day(row["starts"]),
            ends_on=ends,
            closed_until=self._day(row["polled"]),
            next_bill_on=self._day(row["next_period"]),
        )

    @staticmethod
    def _day(moment: Any) -> date | None:  # noqa: ANN401 - a datetime or None
        """Return the calendar day as the server wrote it, whatever the zone."""
        return None if moment is None else moment.date()


def _criteria(text: str) -> list[tuple[str, str, str]]:
    """Return searches to be made one after another: "or" between kinds cannot be said at once."""
    if not text:
        return [("ItemType", "Equal", kind) for kind in ITEM_TYPES]
    return [("ItemDescription", "Contains", text), ("ItemId", "Contains", text)]


def _values(action: str, agreement_id: str, quantity: int) -> dict[str, str]:
    return {"Action": action, "AgreementNumber": agreement_id, "Quantity": str(quantity)}


def _terms(row: Row) -> dict[str, str]:
    """Return what a change must leave as it is."""
    return {
        "DetailId": row["id"],
        "SpecialItemId": row["item"],
        "ItemDescription": row["description"],
        "Price": "" if row["price"] is None else f"{row['price']:f}",
        "UseFlatPrice": _word(on=bool(row["flat"])),
        "PrintWhenQuantityZero": _word(on=bool(row["print_zero"])),
        "DeleteAfterInvoicing": _word(on=bool(row["once"])),
    }


def _word(*, on: bool) -> str:
    return "true" if on else "false"


def _line(row: Row, agreement_id: str) -> AgreementLine:
    """Return a charge as a line. That its SpecialItemId is the price book's id is most likely."""
    return AgreementLine(
        id=row["id"],
        agreement_id=agreement_id,
        product_id=row["item"],
        product_name=row["description"] or row["item"],
        quantity=Decimal(row["quantity"]),
        unit_price=row["price"],
    )
