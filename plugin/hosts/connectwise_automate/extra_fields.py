"""Extra data fields: what stands on a computer, and how one is set.

A field is a text, a check box or a drop-down, and shows exactly one kind of settings. It is set by
a PATCH of one operation on that kind's value (published contract; spelling as clients send it).
"""

from collections.abc import Mapping
from typing import Any

from plugin.domain.errors import RuleError
from plugin.domain.model import ExtraField
from plugin.hosts.connectwise_automate.api import Api, number_of
from plugin.hosts.connectwise_automate.wire import ExtraFieldWire

TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
_PATHS = {
    "text": "/TextFieldSettings/Value",
    "checkbox": "/CheckboxSettings/IsChecked",
    "dropdown": "/DropdownSettings/SelectedValue",
}


def read_fields(api: Api, computer_id: str) -> tuple[ExtraField, ...]:
    """Return a computer's fields with their values; a check box says ``true`` or ``false``."""
    return tuple(_field(row) for row in _rows(api, computer_id))


def write_field(api: Api, computer_id: str, field_id: str, value: str) -> ExtraField:
    """Set a field and return it as read back; RuleError when it cannot hold ``value``."""
    present = _one(api, computer_id, field_id)
    operation = {"op": "replace", "path": _path(present), "value": _wire_value(present, value)}
    api.send("PATCH", f"{_base(computer_id)}/{number_of(field_id, 'field_id')}", json=[operation])
    return _field(_one(api, computer_id, field_id))


def _base(computer_id: str) -> str:
    return f"api/v1/Computers/{number_of(computer_id, 'computer_id')}/ExtraFields"


def _rows(api: Api, computer_id: str) -> list[dict[str, Any]]:
    # One call: list options are not obeyed here, so a second page would be the first again.
    answer = api.get(_base(computer_id))
    return ExtraFieldWire.parse_many(answer.json(), api.who, "extra data fields")


def _one(api: Api, computer_id: str, field_id: str) -> dict[str, Any]:
    for row in _rows(api, computer_id):
        if row["id"] == field_id:
            return row
    raise RuleError("field_id", "Computers have no such extra data field in Automate.")


def _field(row: Mapping[str, Any]) -> ExtraField:
    kind = _kind(row)
    value = row[kind]["value"] if kind else ""
    return ExtraField(
        id=row["id"],
        title=row["title"],
        value=("true" if value else "false") if kind == "checkbox" else value,
        options=_options(row),
        read_only=bool(row["read_only"]) or not kind,
        untouched=bool(row["is_default"]),
    )


def _kind(row: Mapping[str, Any]) -> str:
    return next((kind for kind in _PATHS if row[kind] is not None), "")


def _options(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a drop-down offers: published as an object, its keys are what is stored."""
    if row["checkbox"] is not None:
        return ("false", "true")
    given = (row["dropdown"] or {}).get("options") or ()
    if not isinstance(given, dict | list | tuple):
        return ()
    return tuple(str(each) for each in given if isinstance(each, str | int))


def _path(row: Mapping[str, Any]) -> str:
    kind = _kind(row)
    if not kind or row["read_only"]:
        raise RuleError("field_id", f"The extra data field {row['title']} is read-only.")
    return _PATHS[kind]


def _wire_value(row: Mapping[str, Any], value: str) -> str | bool:
    kind, options = _kind(row), _options(row)
    if kind == "checkbox":
        if value.strip().casefold() not in TRUTHS:
            raise RuleError("value", f"The extra data field {row['title']} is a check box.")
        return TRUTHS[value.strip().casefold()]
    if kind == "dropdown" and options and value not in options:
        raise RuleError("value", f"The extra data field {row['title']} does not offer this value.")
    return value
