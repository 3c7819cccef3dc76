"""Creating, replacing, patching and deleting records, with the product's known oddities."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from plugin.hosts.connectwise_psa.emulator_answers import (
    Problem,
    RefusalError,
    invalid,
    no_endpoint,
    no_record,
    not_converted,
)
from plugin.hosts.connectwise_psa.emulator_records import Record, Records
from plugin.hosts.connectwise_psa.emulator_rules import RULES, Act, Rule
from plugin.hosts.connectwise_psa.emulator_shapes import Place
from plugin.hosts.connectwise_psa.emulator_values import clean, demand_required, entity_of

Saved = Callable[[str, Record, str, str], None]
"""Called with collection, record, action and member after every save."""


class Writer:
    """Changes records as the API does, and tells ``saved`` about it."""

    def __init__(self, records: Records, saved: Saved) -> None:
        """Write to ``records``."""
        self._records = records
        self._saved = saved
        self.demand_custom_fields = False
        """Refuse a PATCH that leaves out the custom fields of a record that has some."""

    def found(self, place: Place) -> Record:
        """Return the record a request points at, or refuse as the product does."""
        record = self._records.get(place.collection, place.record or 0)
        if record is None or record.get("~parent") != place.parent:
            if place.collection == "system/callbacks":  # seen so in captured traffic
                raise no_endpoint()
            raise no_record(self._entity(place.collection), place.record or 0)
        return record

    def create(self, place: Place, body: Any, by: str) -> Record:  # noqa: ANN401 - any JSON
        """Make a record and return it."""
        rule = self._rule(place.collection)
        record = clean(self._records, place.collection, _mapping(body), {})
        if place.parent is not None:
            record["~parent"] = place.parent
        self._set_custom_fields(place.collection, record, record.pop("customFields", None))
        demand_required(self._records.shapes[place.collection], record, rule.required)
        rule.complete(Act(self._records, by, record, None))
        parent = record.pop("~parent", None)
        kept = self._records.add(place.collection, record, by, parent)
        rule.afterwards(Act(self._records, by, kept, None))
        self._saved(place.collection, kept, "added", by)
        return kept

    def replace(self, place: Place, body: Any, by: str) -> Record:  # noqa: ANN401
        """Replace a record: what is left out becomes default or unset."""
        before = self.found(place)
        given = _mapping(body)
        if place.collection == "company/contacts" and given.get("communicationItems"):
            raise invalid("contact", Problem("InvalidObject", "communicationItems", "is invalid"))
        kept = {key: value for key, value in before.items() if key == "id" or key[0] in "~_"}
        kept.update({name: before[name] for name in ("customFields",) if name in before})
        changes = clean(self._records, place.collection, given, {})
        return self._change(place.collection, before, kept, changes, by)

    def patch(self, place: Place, body: Any, by: str) -> Record:  # noqa: ANN401
        """Apply operations to a record."""
        before = self.found(place)
        if not isinstance(body, list):
            raise not_converted("{", "PatchOperation[]", "")
        changed = deepcopy(before)
        self._demand_fields(before, body)
        changes: Record = {}
        for operation in body:
            self._operate(place.collection, changed, changes, _mapping(operation))
        return self._change(place.collection, before, changed, changes, by)

    def delete(self, place: Place, by: str) -> None:
        """Remove a record, or refuse because others refer to it (409)."""
        record = self.found(place)
        self._rule(place.collection).removable(Act(self._records, by, record, record))
        self._records.remove(place.collection, record["id"])
        self._saved(place.collection, record, "deleted", by)

    def change(self, collection: str, record: Record, changes: Mapping[str, Any], by: str) -> None:
        """Save a record that a person changed on the screen, with the same rules."""
        self._change(collection, record, deepcopy(record), dict(changes), by)

    # -- inside ----------------------------------------------------------------------------------

    def _change(
        self, collection: str, before: Record, record: Record, changes: Record, by: str
    ) -> Record:
        rule = self._rule(collection)
        self._set_custom_fields(collection, record, changes.pop("customFields", None))
        for name, value in changes.items():
            if value is None:
                record.pop(name, None)
            else:
                record[name] = value
        demand_required(self._records.shapes[collection], record, rule.required)
        rule.complete(Act(self._records, by, record, before))
        kept = self._records.save(collection, record, by)
        self._saved(collection, kept, "updated", by)
        return kept

    def _operate(
        self, collection: str, record: Record, changes: Record, operation: Mapping[str, Any]
    ) -> None:
        shape = self._records.shapes[collection]
        op, value = str(operation.get("op", "")).lower(), operation.get("value")
        name, *rest = str(operation.get("path", "")).removeprefix("/").split("/")
        if op not in {"add", "replace", "remove"} or name not in shape.properties:
            text = f"{entity_of(shape)} patch operation is invalid: {op} {name}"
            raise RefusalError(400, "InvalidObject", text)
        if not rest:
            given = {name: None if op == "remove" else value}
            changes.update(clean(self._records, collection, given, {**record, **changes}))
        elif isinstance(record.get(name), list) or shape.properties[name].get("type") == "array":
            _operate_inside(record.setdefault(name, []), op, rest, value)
        # A path into a reference (company/identifier) answers 200 and does nothing, as guided.

    def _demand_fields(self, before: Record, operations: list[Any]) -> None:
        paths = {str(op.get("path", "")).strip("/") for op in operations if isinstance(op, Mapping)}
        if self.demand_custom_fields and before.get("customFields") and "customFields" not in paths:
            raise RefusalError(400, "InvalidObject", "customFields are required in this patch")

    def _set_custom_fields(self, collection: str, record: Record, given: Any) -> None:  # noqa: ANN401
        """Merge by id: a field left out keeps its value, an empty array clears nothing."""
        fields = {each["id"]: each for each in record.get("customFields") or ()}
        for definition in self._records.every("system/userdefinedfields"):
            if definition.get("~collection") == collection and definition["id"] not in fields:
                fields[definition["id"]] = _empty_field(definition)
        for each in given or ():
            number = each.get("id") if isinstance(each, Mapping) else None
            if number not in fields:
                raise invalid(
                    self._entity(collection),
                    Problem("InvalidField", "customFields/id", "The custom field is invalid."),
                )
            fields[number]["value"] = each.get("value")
        if fields:
            record["customFields"] = list(fields.values())

    def _rule(self, collection: str) -> Rule:
        return RULES.get(collection) or Rule(self._records.shapes[collection].required)

    def _entity(self, collection: str) -> str:
        return entity_of(self._records.shapes[collection])


def _empty_field(definition: Mapping[str, Any]) -> Record:
    return {
        "id": definition["id"],
        "caption": definition.get("caption", ""),
        "type": definition.get("fieldTypeIdentifier", "Text"),
        "entryMethod": definition.get("entryTypeIdentifier", "EntryField"),
        "numberOfDecimals": 0,
    }


def _operate_inside(elements: list[Any], op: str, rest: list[str], value: Any) -> None:  # noqa: ANN401
    """Change one element of an array by its position (``communicationItems/1/value``)."""
    if not rest[0].isdigit() or int(rest[0]) > len(elements):
        raise RefusalError(400, "InvalidObject", "patch operation is invalid: no such element")
    at = int(rest[0])
    if len(rest) == 1 and op == "add":
        elements.insert(at, value)
    elif at == len(elements):
        raise RefusalError(400, "InvalidObject", "patch operation is invalid: no such element")
    elif len(rest) == 1 and op == "remove":
        elements.pop(at)
    elif len(rest) == 1:
        elements[at] = value
    elif op == "remove":
        elements[at].pop(rest[1], None)
    else:
        elements[at][rest[1]] = value


def _mapping(body: Any) -> Mapping[str, Any]:  # noqa: ANN401
    if not isinstance(body, Mapping):
        raise not_converted(json.dumps(body)[:20], "object", "")
    return body
