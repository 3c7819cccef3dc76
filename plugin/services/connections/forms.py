"""What was typed in for a connection: judged field by field, the secret apart from the rest."""

import re
from collections.abc import Mapping

from sqlalchemy import func, select

from plugin.domain.contracts import Adapter, Field, FieldKind
from plugin.domain.errors import FormError, RuleError
from plugin.services import signing
from plugin.store.base import db
from plugin.store.integrations import Connection

HIDDEN = "••••••••"
"""What a form shows in place of a saved secret; sent back untouched it keeps the old value."""


def sorted_out(
    adapter: type[Adapter], name: str, values: Mapping[str, str], old: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields that may be seen and the secret ones; FormError with every fault."""
    given = {}
    for field in adapter.fields:
        value = str(values.get(field.name, "") or "")
        if field.secret and value in {"", HIDDEN}:
            value = old.get(field.name, "")
        given[field.name] = value if field.secret else value.strip()
    given |= signing.made_up(adapter, given)
    faults = _faults(adapter, name.strip(), given)
    if faults:
        raise FormError(faults)
    hidden = secrets_of(adapter, given)
    return {key: value for key, value in given.items() if key not in hidden}, hidden


def _faults(adapter: type[Adapter], name: str, given: Mapping[str, str]) -> list[RuleError]:
    """Return each field's own fault, or what the vendor's rules say of it."""
    blank = [] if name else [RuleError("name", f"{adapter.name_label} must not be blank.")]
    own = [_fault(field, given[field.name]) for field in adapter.fields]
    found = blank + [each for each in own if each is not None]
    named = {each.field for each in found}
    more = [each for each in adapter.validate({**given, "name": name}) if each.field not in named]
    return found + [RuleError(each.field, _sentence(each.message)) for each in more]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".") + "."


def secrets_of(adapter: type[Adapter], values: Mapping[str, str]) -> dict[str, str]:
    """Return the secret ones of an adapter's fields."""
    return {each.name: values.get(each.name, "") for each in adapter.fields if each.secret}


def _fault(field: Field, value: str) -> RuleError | None:
    if not value.strip():
        needed = field.required and field.default is None
        return RuleError(field.name, f"{field.label} must not be blank.") if needed else None
    if field.choices and value not in {each.value for each in field.choices}:
        allowed = ", ".join(each.label for each in field.choices)
        return RuleError(field.name, f"{field.label} must be one of: {allowed}.")
    if field.kind is FieldKind.NUMBER and not value.isdecimal():
        return RuleError(field.name, f"{field.label} must be a number.")
    if field.kind is FieldKind.EMAIL and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return RuleError(field.name, f"{field.label} must be an e-mail address.")
    if field.pattern and not re.fullmatch(field.pattern, value):
        return RuleError(field.name, field.pattern_says or f"{field.label} has an odd form.")
    return None


def free_name(name: str, own_id: int | None) -> None:
    """Refuse a name that another connection has, whatever its letter case."""
    other = db.session.scalar(
        select(Connection.id).where(func.lower(Connection.name) == name.strip().lower())
    )
    if other is not None and other != own_id:
        raise RuleError("name", "Another connection has this name already.")
