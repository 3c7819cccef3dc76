"""What the schemas of PSA's records are made of.

Unset fields are left out of answers, so nothing but an id may be demanded of a record.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from marshmallow import fields

from plugin.edge.wire import Instant, Text, Wire

Row = Mapping[str, Any]


class PsaWire(Wire):
    """The base of PSA's schemas: our ``names_like_this`` are its ``namesLikeThis``."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give a field the key it has on the wire, unless it says one itself."""
        first, *rest = field_name.split("_")
        if field_obj.data_key is None:
            field_obj.data_key = first + "".join(word.capitalize() for word in rest)


class Id(Text):
    """The number of a record, as text; a number written as text will do."""

    def _deserialize(self, value: object, attr: object, data: object, **kwargs: object) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if isinstance(value, float) or not (text.isascii() and text.isdigit() and len(text) < 19):
            raise self.make_error("invalid")
        return text


class Amount(fields.Field[Decimal]):
    """A number, exactly as it was written."""

    default_error_messages = {"invalid": "Not a number."}

    def _deserialize(self, value: object, attr: object, data: object, **kwargs: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self.make_error("invalid")
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            raise self.make_error("invalid") from None
        if not amount.is_finite() or abs(amount) >= Decimal(10) ** 12:
            raise self.make_error("invalid")
        whole = amount == amount.to_integral_value()
        return amount.quantize(Decimal(1)) if whole else amount.normalize()


class Keyed(PsaWire):
    """Any record."""

    id = Id(required=True)


class Reference(PsaWire):
    """A record named by another one; which of the words is there depends on the kind."""

    id = Id(load_default="")
    name = Text()
    identifier = Text()


class Info(PsaWire):
    """Who changed a record last, and when."""

    last_updated = Instant()
    updated_by = Text()


def flag() -> fields.Boolean:
    """Return a field for a switch; null and a missing key are off."""
    return fields.Boolean(load_default=False, allow_none=True, truthy={True}, falsy={False})


def reference() -> fields.Nested:
    """Return a field for a reference to another record."""
    return fields.Nested(Reference, load_default={}, allow_none=True)


def info() -> fields.Nested:
    """Return the field that says who changed the record."""
    return fields.Nested(Info, data_key="_info", load_default={}, allow_none=True)


def named(told: Row | None) -> str:
    """Return the name a reference shows, or its identifier."""
    return str((told or {}).get("name") or (told or {}).get("identifier", ""))


def id_of(told: Row | None) -> str:
    """Return the id a reference shows, or nothing."""
    return str((told or {}).get("id", ""))


def changed_at(told: Row | None) -> datetime | None:
    """Return when a record was changed last."""
    return (told or {}).get("last_updated")


def day_of(moment: datetime | None) -> date | None:
    """Return the day of a date-only idea, which PSA writes as midnight UTC."""
    return moment.astimezone(UTC).date() if moment else None
