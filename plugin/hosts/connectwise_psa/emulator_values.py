"""Reading what a caller writes: types, lengths, references, as the product's JSON reader does."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from plugin.hosts.connectwise_psa.emulator_answers import Problem, invalid, not_converted
from plugin.hosts.connectwise_psa.emulator_records import Record, Records
from plugin.hosts.connectwise_psa.emulator_shapes import Reference, Shape

LIMITS: dict[str, dict[str, int]] = {
    "service/tickets": {"summary": 100, "externalXRef": 100},
    "system/callbacks": {"description": 100},
    "company/configurations": {"deviceIdentifier": 100, "managementLink": 1000},
    "procurement/catalog": {"identifier": 75, "description": 60, "customerDescription": 6000},
    "system/connectwisehostedsetups": {
        "description": 50,
        "url": 1024,
        "clientId": 36,
        "origin": 100,
        "toolbarButtonText": 50,
        "toolbarButtonToolTip": 50,
    },
}
"""Longest texts, from the vendor's file; that of externalXRef is taken from its sister fields."""

READ_ONLY: dict[str, frozenset[str]] = {
    "service/tickets": frozenset({"closedFlag", "closedDate", "closedBy", "recordType"}),
    "system/callbacks": frozenset({"memberId", "connectWiseID"}),
    "finance/agreements/additions": frozenset(
        {"billedQuantity", "extPrice", "extCost", "margin", "agreementId", "agreementStatus"}
    ),
    "finance/agreements": frozenset({"agreementStatus"}),
}
_MARKED_UP = frozenset({"text", "initialDescription", "initialInternalAnalysis"})
_BLANKS = str.maketrans("\n\r\b\f", "    ")


def entity_of(shape: Shape) -> str:
    """Return the word by which refusals call a kind of record."""
    return shape.name.rpartition(".")[2].removesuffix("Entry").lower()


def clean(
    records: Records, collection: str, body: Mapping[str, Any], before: Mapping[str, Any]
) -> Record:
    """Return the known, writable properties of ``body`` as they are kept.

    Unknown properties are dropped, as the product does. ``before`` is the record being changed; a
    property that is null comes back as None.
    """
    shape = records.shapes[collection]
    fixed = READ_ONLY.get(collection, frozenset()) | {"id", "_info"}
    kept: Record = {}
    for name, value in body.items():
        if name in shape.properties and name not in fixed:
            described = shape.properties[name]
            kept[name] = None if value is None else _convert(described, value, name)
    for name, reference in shape.references.items():
        if kept.get(name) is not None:
            whole = {**before, **{key: kept[key] for key in kept if kept[key] is not None}}
            kept[name] = {"id": _resolve(records, shape, name, reference, whole)}
    _demand_lengths(collection, shape, kept)
    return kept


def demand_required(shape: Shape, record: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuse a record that lacks one of the required fields."""
    lacking = [name for name in names if record.get(name) in (None, "", {})]
    if lacking:
        entity = entity_of(shape)
        raise invalid(
            entity,
            *(Problem("MissingRequiredField", name, f"{name} is required.") for name in lacking),
        )


def _demand_lengths(collection: str, shape: Shape, kept: Mapping[str, Any]) -> None:
    for name, limit in LIMITS.get(collection, {}).items():
        value = kept.get(name)
        if isinstance(value, str) and len(value) > limit:
            text = f"The length of {name} must be {limit} characters or fewer."
            raise invalid(entity_of(shape), Problem("InvalidField", name, text))


def _resolve(
    records: Records, shape: Shape, name: str, reference: Reference, whole: Mapping[str, Any]
) -> int:
    """Return the id that a reference means: given as such, or by its natural key."""
    given = whole[name]
    scope = (whole.get(reference.scope) or {}).get("id") if reference.scope else None
    found: Record | None = None
    if given.get("id") is not None:
        found = records.get(reference.collection, int(given["id"]))
        field = f"{name}/id"
    else:
        field = f"{name}/{reference.key}"
        found = _by_key(records, reference, str(given.get(reference.key, "")), scope)
    if found is None:
        text = f"The {field} field is invalid."
        raise invalid(entity_of(shape), Problem("InvalidField", field, text))
    return int(found["id"])


def _by_key(records: Records, reference: Reference, key: str, scope: int | None) -> Record | None:
    if not key:
        return None
    path = reference.key
    numbers = records.among(reference.collection, path.lower(), key)
    if numbers is None:
        numbers = (
            records.below(reference.collection, scope)
            if scope is not None
            else records.numbers(reference.collection)
        )
    for number in numbers:
        record = records.get(reference.collection, number)
        if record is not None and str(record.get(path, "")).lower() == key.lower():
            return record
    return None


def _convert(described: Mapping[str, Any], value: Any, path: str) -> Any:  # noqa: ANN401
    if "$ref" in described or described.get("type") == "object":
        if "$ref" in described and not isinstance(value, Mapping):
            raise not_converted(value, described["$ref"].rpartition("/")[2], path)
        return value
    converter = _CONVERTERS.get(described.get("type", ""))
    return converter(described, value, path) if converter else value


def _integer(described: Mapping[str, Any], value: Any, path: str) -> int:  # noqa: ANN401
    number = _number(described, value, path)
    if number != int(number) or abs(number) > 2**31:
        raise not_converted(value, "System.Int32", path)
    return int(number)


def _number(described: Mapping[str, Any], value: Any, path: str) -> float:  # noqa: ANN401
    if isinstance(value, bool):
        raise not_converted(value, "System.Double", path)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise not_converted(value, "System.Double", path) from None
    return number


def _boolean(described: Mapping[str, Any], value: Any, path: str) -> bool:  # noqa: ANN401
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    raise not_converted(value, "System.Boolean", path)


def _string(described: Mapping[str, Any], value: Any, path: str) -> str:  # noqa: ANN401
    if isinstance(value, Mapping | list):
        raise not_converted("{", "System.String", path)
    text = str(value)
    if described.get("enum"):
        found = next((word for word in described["enum"] if word.lower() == text.lower()), None)
        if found is None:
            raise not_converted(text, path, path)
        return str(found)
    if described.get("format") == "date-time":
        return _moment(text, path)
    return text if path in _MARKED_UP else text.translate(_BLANKS)


def _moment(text: str, path: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise not_converted(text, "System.DateTime", path) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _array(described: Mapping[str, Any], value: Any, path: str) -> list[Any]:  # noqa: ANN401
    if not isinstance(value, list):
        raise not_converted(value, "System.Collections.Generic.List", path)
    return value


_CONVERTERS = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
    "array": _array,
}
