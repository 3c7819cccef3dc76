"""Agreements, their lines and the catalog as PSA writes them."""

from datetime import date, timedelta
from decimal import Decimal

from plugin.domain.model import Agreement, AgreementLine, Product
from plugin.edge.wire import Instant, Text
from plugin.hosts.connectwise_psa.wire_base import (
    Amount,
    Id,
    PsaWire,
    changed_at,
    day_of,
    flag,
    id_of,
    info,
    named,
    reference,
)


class AgreementWire(PsaWire):
    """An agreement."""

    id = Id(required=True)
    name = Text()
    type = reference()
    company = reference()
    start_date = Instant()
    end_date = Instant()
    no_ending_date_flag = flag()
    cancelled_flag = flag()
    agreement_status = Text()
    next_invoice_date = Instant()

    @classmethod
    def value(cls, row: object, who: str, today: date) -> Agreement:
        """Return the agreement.

        What lies before the next invoice date has been invoiced, so its last day closes the
        period (our reading: the published file describes no closed period).
        """
        told = cls.parse(row, who, "an agreement")
        ends = None if told["no_ending_date_flag"] else day_of(told["end_date"])
        status = told["agreement_status"].casefold() or "active"
        next_bill = day_of(told["next_invoice_date"])
        over = told["cancelled_flag"] or (ends is not None and ends < today)
        return Agreement(
            id=told["id"],
            company_id=id_of(told["company"]),
            name=told["name"],
            kind=named(told["type"]),
            active=status == "active" and not over,
            starts_on=day_of(told["start_date"]),
            ends_on=ends,
            closed_until=next_bill - timedelta(days=1) if next_bill else None,
            next_bill_on=next_bill,
        )


class AdditionWire(PsaWire):
    """A line of an agreement."""

    id = Id(required=True)
    product = reference()
    description = Text()
    quantity = Amount(load_default=Decimal(0), allow_none=True)
    unit_price = Amount(load_default=None, allow_none=True)
    effective_date = Instant()
    cancelled_date = Instant()
    info = info()

    @classmethod
    def value(cls, row: object, who: str, agreement_id: str) -> AgreementLine:
        """Return the line."""
        told = cls.parse(row, who, "an addition")
        return AgreementLine(
            id=told["id"],
            agreement_id=agreement_id,
            product_id=id_of(told["product"]),
            product_name=told["description"] or named(told["product"]),
            quantity=told["quantity"] or Decimal(0),
            unit_price=told["unit_price"],
            effective_on=day_of(told["effective_date"]),
            ends_on=day_of(told["cancelled_date"]),
            updated_at=changed_at(told["info"]),
        )


class ProductWire(PsaWire):
    """A catalog item."""

    id = Id(required=True)
    identifier = Text()
    description = Text()
    price = Amount(load_default=None, allow_none=True)
    inactive_flag = flag()

    @classmethod
    def value(cls, row: object, who: str) -> Product:
        """Return the product."""
        told = cls.parse(row, who, "a product")
        return Product(
            id=told["id"],
            name=told["description"] or told["identifier"],
            identifier=told["identifier"],
            unit_price=told["price"],
            active=not told["inactive_flag"],
        )
