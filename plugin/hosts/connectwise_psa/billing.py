"""Agreements and their additions: what is billed, and changing it after approval."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from plugin.domain.contracts import BillsUsage
from plugin.domain.errors import AnswerError, ConflictError
from plugin.domain.model import Agreement, AgreementLine, Product
from plugin.hosts.connectwise_psa.base import Psa
from plugin.hosts.connectwise_psa.filters import contains, either, equals
from plugin.hosts.connectwise_psa.wire_base import Row
from plugin.hosts.connectwise_psa.wire_billing import AdditionWire, AgreementWire, ProductWire

AGREEMENTS, CATALOG = "/finance/agreements", "/procurement/catalog"
_PRODUCT_FIELDS = "id,identifier,description,price,inactiveFlag"


class Billing(Psa, BillsUsage):
    """Reads agreements, and writes quantities that somebody approved."""

    def agreements(self, company_id: str) -> Iterator[Agreement]:
        """Yield the agreements of a company, ended ones too."""
        today = self._link.now().date()
        for row in self._api.rows(AGREEMENTS, equals("company/id", self._number(company_id))):
            yield AgreementWire.value(row, self.title, today)

    def agreement_lines(self, agreement_id: str) -> Iterator[AgreementLine]:
        """Yield the additions of an agreement, cancelled ones too."""
        for row in self._api.rows(self._additions(agreement_id)):
            yield AdditionWire.value(row, self.title, agreement_id)

    def products(self, search: str) -> Iterator[Product]:
        """Yield catalog items; RuleError for a text that cannot be searched for."""
        text = search.strip()
        conditions = (
            either(contains("identifier", text), contains("description", text)) if text else ""
        )
        for row in self._api.rows(CATALOG, conditions, _PRODUCT_FIELDS):
            yield ProductWire.value(row, self.title)

    def set_quantity(
        self, line: AgreementLine, quantity: Decimal, effective_on: date | None
    ) -> AgreementLine:
        """Change the line in place, or from a day on: then it ends and a new line goes on.

        Harmless when done already. ConflictError when the line is not as ``line`` says: somebody
        changed it since.
        """
        row, now = self._line(line.agreement_id, line.id)
        later = effective_on is not None and (
            now.effective_on is None or effective_on > now.effective_on
        )
        if later and effective_on is not None:
            return self._succeed(row, now, line, (quantity, effective_on))
        if now.quantity == quantity:
            return now
        _demand_same(now, line)
        return self._changed(row, now, {"quantity": _written(quantity)})

    def add_line(
        self, agreement_id: str, product_id: str, quantity: Decimal, effective_on: date | None
    ) -> AgreementLine:
        """Create a billable line; one with this product, quantity and day is not made twice."""
        if effective_on is not None:
            made = self._find(agreement_id, product_id, effective_on)
            if made is not None and made.quantity == quantity:
                return made
        record: dict[str, Any] = {
            "product": {"id": self._number(product_id)},
            "quantity": _written(quantity),
            "billCustomer": "Billable",
        }
        if effective_on is not None:
            record["effectiveDate"] = _day(effective_on)
        return self._made(agreement_id, record, quantity)

    # -- inside ----------------------------------------------------------------------------------

    def _additions(self, agreement_id: str) -> str:
        return f"{AGREEMENTS}/{self._number(agreement_id)}/additions"

    def _line(self, agreement_id: str, line_id: str) -> tuple[Row, AgreementLine]:
        row = self._api.one(f"{self._additions(agreement_id)}/{self._number(line_id)}")
        return row, AdditionWire.value(row, self.title, agreement_id)

    def _find(self, agreement_id: str, product_id: str, day: date) -> AgreementLine | None:
        """Return the line of a product that starts on ``day`` and has no end."""
        for line in self.agreement_lines(agreement_id):
            if (line.product_id, line.effective_on, line.ends_on) == (product_id, day, None):
                return line
        return None

    def _succeed(
        self,
        row: Row,
        now: AgreementLine,
        line: AgreementLine,
        wanted: tuple[Decimal, date],
    ) -> AgreementLine:
        """Start the new line, then end the old one the day before.

        In this order a refusal leaves the client billed as before, and each step is skipped when
        it was done by an earlier try that broke off.
        """
        quantity, day = wanted
        made = self._find(line.agreement_id, now.product_id, day)
        if made is None:
            _demand_same(now, line)
            made = self._made(line.agreement_id, _continued(row, quantity, day), quantity)
        if now.ends_on is None or now.ends_on >= day:
            self._changed(row, now, {"cancelledDate": _day(day - timedelta(days=1))})
        if made.quantity != quantity:
            raise ConflictError("quantity", "a line of this product already starts on that day")
        return made

    def _changed(self, row: Row, now: AgreementLine, changes: dict[str, Any]) -> AgreementLine:
        """Change a line and read it back: PSA can answer 200 and do nothing."""
        self._api.patch(f"{self._additions(now.agreement_id)}/{now.id}", changes, row)
        after, line = self._line(now.agreement_id, now.id)
        if any(_plain(after.get(name)) != _plain(value) for name, value in changes.items()):
            names = ", ".join(changes)
            text = f"took the new {names} of addition {now.id}, but it did not take effect"
            raise AnswerError(self.title, text)
        return line

    def _made(self, agreement_id: str, record: dict[str, Any], quantity: Decimal) -> AgreementLine:
        made = self._api.create(self._additions(agreement_id), record)
        line = self._line(agreement_id, str(made["id"]))[1]
        if line.quantity != quantity:
            text = f"made addition {line.id}, but with another quantity than was asked for"
            raise AnswerError(self.title, text)
        return line


_KEPT = ("billCustomer", "unitPrice", "unitCost", "lessIncluded", "taxableFlag", "uom")
_KEPT_TEXTS = ("description", "invoiceDescription")


def _continued(row: Row, quantity: Decimal, day: date) -> dict[str, Any]:
    """Return the successor of a line: the same terms, another quantity, from ``day`` on."""
    kept = {name: row[name] for name in (*_KEPT, *_KEPT_TEXTS) if row.get(name) is not None}
    return {
        "billCustomer": "Billable",
        **kept,
        "product": {"id": row["product"]["id"]},
        "quantity": _written(quantity),
        "effectiveDate": _day(day),
    }


def _demand_same(now: AgreementLine, line: AgreementLine) -> None:
    if now.quantity != line.quantity:
        text = f"somebody changed the quantity from {line.quantity} to {now.quantity} meanwhile"
        raise ConflictError("quantity", text)


def _plain(value: object) -> object:
    """Return a day or a number in the one form in which two of them can be compared."""
    if isinstance(value, str):
        return value[:10]
    return float(value) if isinstance(value, int | float) else value


def _written(quantity: Decimal) -> int | float:
    return int(quantity) if quantity == quantity.to_integral_value() else float(quantity)


def _day(day: date) -> str:
    """Return a day as PSA writes it: midnight, UTC."""
    return f"{day.isoformat()}T00:00:00Z"
