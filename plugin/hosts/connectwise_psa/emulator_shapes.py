"""What kinds of records there are, read from the published contract rather than written twice."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from plugin.edge.contract import Contract, Operation

COUNT = "/count"


@dataclass(frozen=True, slots=True)
class Reference:
    """A property that names another record: where it lives and by which words it is shown."""

    collection: str
    shown: tuple[str, ...] = ("name",)
    scope: str = ""
    """The property of the same record that owns the other one (a status belongs to a board)."""

    @property
    def key(self) -> str:
        """The natural key by which it may be written instead of its id."""
        return self.shown[0]


REFERENCES: dict[str, Reference] = {
    "CompanyReference": Reference("company/companies", ("identifier", "name")),
    "CompanyStatusReference": Reference("company/companies/statuses"),
    "CompanyTypeReference": Reference("company/companies/types"),
    "SiteReference": Reference("company/companies/sites", scope="company"),
    "ContactReference": Reference("company/contacts"),
    "BoardReference": Reference("service/boards"),
    "ServiceStatusReference": Reference("service/boards/statuses", scope="board"),
    "ServiceTypeReference": Reference("service/boards/types", scope="board"),
    "ServiceSubTypeReference": Reference("service/boards/subtypes", scope="board"),
    "ServiceItemReference": Reference("service/boards/items", scope="board"),
    "ServiceTeamReference": Reference("service/boards/teams", scope="board"),
    "PriorityReference": Reference("service/priorities"),
    "ServiceSourceReference": Reference("service/sources"),
    "MemberReference": Reference("system/members", ("identifier", "name")),
    "AgreementReference": Reference("finance/agreements"),
    "AgreementTypeReference": Reference("finance/agreements/types"),
    "BillingCycleReference": Reference("finance/billingcycles"),
    "IvItemReference": Reference("procurement/catalog", ("identifier",)),
    "ProductSubCategoryReference": Reference("procurement/categories/subcategories"),
    "ProductCategoryReference": Reference("procurement/categories"),
    "ProductTypeReference": Reference("procurement/types"),
    "UnitOfMeasureReference": Reference("procurement/unitofmeasures"),
    "ConfigurationReference": Reference("company/configurations", ("deviceIdentifier",)),
    "ConfigurationTypeReference": Reference("company/configurations/types"),
    "ConfigurationStatusReference": Reference("company/configurations/statuses", ("description",)),
    "SystemLocationReference": Reference("system/locations"),
    "SystemDepartmentReference": Reference("system/info/departments"),
}

VIEWS = {
    "service/info/boards": "service/boards",
    "system/info/members": "system/members",
    "system/info/locations": "system/locations",
    "service/tickets/allnotes": "service/tickets/notes",
    "procurement/subcategories": "procurement/categories/subcategories",
}
"""Collections that show the records of another one."""


@dataclass(frozen=True)
class Shape:
    """The fields of one kind of record."""

    name: str
    properties: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]

    @cached_property
    def by_lower(self) -> Mapping[str, str]:
        """Property names by their lower-case form, because filters do not care about case."""
        return {name.lower(): name for name in self.properties}

    @cached_property
    def references(self) -> Mapping[str, Reference]:
        """The properties that name another record we keep."""
        found = {
            name: REFERENCES.get(_target(described)) for name, described in self.properties.items()
        }
        return {name: reference for name, reference in found.items() if reference is not None}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request points: a collection, perhaps a record in it, below a parent."""

    collection: str
    template: str
    parent: int | None = None
    record: int | None = None
    counts: bool = False


class Shapes:
    """All shapes of a contract, by collection (its path without ids, in lower case)."""

    def __init__(self, contract: Contract) -> None:
        """Read ``contract`` when first asked."""
        self._contract = contract

    @cached_property
    def _by_collection(self) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {}
        for operation in self._contract.operations:
            name = _listed(operation)
            if operation.method == "GET" and name:
                shapes[collection_of(operation.template)] = self._shape(name)
        return shapes

    def _shape(self, name: str) -> Shape:
        described = self._contract.description["components"]["schemas"][name]
        properties = described.get("properties", {})
        return Shape(name, properties, tuple(described.get("required", ())))

    def __contains__(self, collection: str) -> bool:
        return collection in self._by_collection

    def __getitem__(self, collection: str) -> Shape:
        return self._by_collection[collection]

    def place(self, path: str) -> Place | None:
        """Say where ``path`` (below ``apis/3.0``) points, or None when it is no address of ours."""
        for candidate in (path, path + "/", path.rstrip("/")):
            for operation in self._contract.operations:
                if operation.pattern.fullmatch(candidate):
                    return _place(operation.template, candidate)
        return None


def collection_of(template: str) -> str:
    """Return the collection a path template belongs to.

    >>> collection_of("/service/boards/{parentId}/statuses/{id}")
    'service/boards/statuses'
    """
    bare = template.removesuffix(COUNT)
    return "/".join(part for part in re.sub(r"\{[^}]*\}", "", bare).split("/") if part).lower()


def _place(template: str, path: str) -> Place | None:
    numbers: dict[str, int] = {}
    for part, given in zip(template.split("/"), path.split("/"), strict=True):
        if part in {"{id}", "{parentId}"}:
            if not re.fullmatch(r"[0-9]{1,9}", given):
                return None
            numbers[part] = int(given)
    return Place(
        collection=collection_of(template),
        template=template,
        parent=numbers.get("{parentId}"),
        record=numbers.get("{id}"),
        counts=template.endswith(COUNT),
    )


def _listed(operation: Operation) -> str:
    content = operation.described["responses"].get("200", {}).get("content", {})
    for described in content.values():
        schema = described.get("schema", {})
        if schema.get("type") == "array":
            return _target(schema["items"])
    return ""


def _target(described: Mapping[str, Any]) -> str:
    return str(described.get("$ref", "")).rpartition("/")[2]
