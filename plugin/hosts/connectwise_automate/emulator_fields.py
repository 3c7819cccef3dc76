"""Extra data fields of the Automate emulator, on computers, clients and locations.

As on the real server, no call lists or makes definitions, and list options are not obeyed here.
"""

import re
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.hosts.connectwise_automate.emulator_base import AutomateBase, body_of
from plugin.hosts.connectwise_automate.emulator_lists import Record

TABLES = {"computers": "computers", "clients": "clients", "locations": "locations"}
_PATHS = {
    "text": "/textfieldsettings/value",
    "dropdown": "/dropdownsettings/selectedvalue",
    "checkbox": "/checkboxsettings/ischecked",
}


class FieldsPart(AutomateBase):
    """The calls about extra data fields."""

    @route("GET", "/cwa/api/v1/computers/<number>/extrafields")
    def computer_fields(self, request: Request, number: str) -> Response:
        """List a computer's fields with their values."""
        return self._fields("computers", number)

    @route("GET", "/cwa/api/v1/clients/<number>/extrafields")
    def client_fields(self, request: Request, number: str) -> Response:
        """List a client's fields with their values."""
        return self._fields("clients", number)

    @route("GET", "/cwa/api/v1/locations/<number>/extrafields")
    def location_fields(self, request: Request, number: str) -> Response:
        """List a location's fields with their values."""
        return self._fields("locations", number)

    @route("PATCH", "/cwa/api/v1/computers/<number>/extrafields/<field>")
    def set_computer_field(self, request: Request, number: str, field: str) -> Response:
        """Set one field of a computer."""
        return self._set(request, "computers", number, field)

    @route("PATCH", "/cwa/api/v1/clients/<number>/extrafields/<field>")
    def set_client_field(self, request: Request, number: str, field: str) -> Response:
        """Set one field of a client."""
        return self._set(request, "clients", number, field)

    @route("PATCH", "/cwa/api/v1/locations/<number>/extrafields/<field>")
    def set_location_field(self, request: Request, number: str, field: str) -> Response:
        """Set one field of a location."""
        return self._set(request, "locations", number, field)

    def field_value(self, kind: str, number: str, field: str) -> Any:  # noqa: ANN401
        """Return a field's value: what was set, or the definition's default."""
        kept = self.table("field_values").get(f"{kind}:{number}:{field}")
        return self.table("fields")[field]["default"] if kept is None else kept["value"]

    def put_field_value(self, kind: str, number: str, title: str, value: object) -> None:
        """Set the field called ``title``, as a person at the Control Center does."""
        fields = self.table("fields").items()
        field = next(each for each, one in fields if one["on"] == kind and one["title"] == title)
        self.table("field_values")[f"{kind}:{number}:{field}"] = {"value": value}

    def _fields(self, kind: str, number: str) -> Response:
        if number not in self.table(TABLES[kind]):
            return self.missing(kind.removesuffix("s").title(), number)
        fields = self.table("fields").items()
        return self.json(
            [self._show(kind, number, field) for field, one in fields if one["on"] == kind]
        )

    def _show(self, kind: str, number: str, field: str) -> Record:
        definition = self.table("fields")[field]
        value = self.field_value(kind, number, field)
        shown: Record = {
            "TargetId": int(number),
            "ExtraFieldDefinitionId": int(field),
            "Title": definition["title"],
            "Section": "Security",
            "Tooltip": "",
            "IsReadOnly": definition["read_only"],
            "IsEncrypted": False,
            "IsDefaultValue": value == definition["default"],
        }
        if definition["kind"] == "text":
            shown["TextFieldSettings"] = {"IsMasked": False, "Value": value}
        elif definition["kind"] == "checkbox":
            shown["CheckboxSettings"] = {"IsChecked": value}
        else:
            options = {each: each for each in definition["options"]}
            shown["DropdownSettings"] = {"AvailableOptions": options, "SelectedValue": value}
        return shown

    def _set(self, request: Request, kind: str, number: str, field: str) -> Response:
        definition = self.table("fields").get(field)
        if number not in self.table(TABLES[kind]) or definition is None or definition["on"] != kind:
            return self.missing("Extra field", field)
        body = body_of(request)
        if not isinstance(body, list) or len(body) != 1 or not isinstance(body[0], dict):
            return self.error(400, "One patch operation is expected.", "BadRequest")
        problem = _problem(definition, body[0])
        if problem:
            return self.error(400, problem, "BadRequest")
        value = body[0].get("value")
        kept = value if definition["kind"] == "checkbox" else "" if value is None else str(value)
        self.table("field_values")[f"{kind}:{number}:{field}"] = {"value": kept}
        return self.json(self._show(kind, number, field))


def _problem(definition: Record, operation: Record) -> str:
    """Return why a patch operation is not taken, or nothing."""
    if definition["read_only"]:
        return "The field is read-only."
    if str(operation.get("op")).lower() not in {"replace", "add"}:
        return "Only replace is supported."
    if str(operation.get("path")).lower() != _PATHS[definition["kind"]]:
        return "The path does not exist on this field."
    value = operation.get("value")
    if definition["kind"] == "checkbox" and not isinstance(value, bool):
        return "The value must be true or false."
    if definition["kind"] == "dropdown" and value not in definition["options"]:
        return "The value is not among the options."
    if definition["kind"] == "text" and re.search(r"[\x00-\x08]", str(value)):
        return "The value holds characters that are not allowed."
    return ""
