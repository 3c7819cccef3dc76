"""The REST API of the emulated PSA: finds the record a call is about and does what it asks."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Contract
from plugin.hosts.connectwise_psa.emulator_answers import (
    RefusalError,
    answer,
    missing_field,
    no_endpoint,
    no_record,
    nothing,
)
from plugin.hosts.connectwise_psa.emulator_documents import DOCUMENTS, Documents
from plugin.hosts.connectwise_psa.emulator_lists import Lists, Query
from plugin.hosts.connectwise_psa.emulator_records import Record, Records, singular
from plugin.hosts.connectwise_psa.emulator_shapes import VIEWS, Place
from plugin.hosts.connectwise_psa.emulator_writing import Saved, Writer

LINKED = {
    "service/tickets/configurations": "service/tickets",
    "finance/agreements/configurations": "finance/agreements",
}
"""Lists of references to configurations that hang on another record."""

_ALL: frozenset[str] = frozenset()

Special = Callable[[Request, Place, str], Response]


class Api:
    """Answers calls below ``apis/3.0``."""

    def __init__(
        self, records: Records, saved: Saved, contract: Contract, link_base: Callable[[], str]
    ) -> None:
        """Answer from ``records``."""
        self._records = records
        self._contract = contract
        self.writer = Writer(records, saved)
        self._documents = Documents(records)
        self.lists = Lists(records, self._show, link_base)
        self.hidden = False
        self._place = lru_cache(maxsize=4096)(records.shapes.place)
        self._special: dict[str, Special] = {
            "/service/tickets/search": self._search,
            "/service/tickets/{parentId}/attachChildren": self._attach_children,
            "/company/configurations/bulk": self._bulk,
            "/system/bundles": self._bundle,
            "/system/documents/{id}/download": self._download,
        }

    def contract_path(self, path: str) -> str:
        """Return ``path`` as the contract writes it: its slips with the last slash are its own."""
        for candidate in (path, path + "/", path.rstrip("/")):
            if self._contract.knows_path(candidate):
                return candidate
        return path

    def answer(self, request: Request, path: str, by: str) -> Response:
        """Answer one admitted call by the member ``by``."""
        place = self._place(path)
        if place is None or "{reportName}" in place.template:
            raise no_endpoint()
        if self._contract.operation(request.method, self.contract_path(path)) is None:
            text = f"The requested resource does not support http method '{request.method}'."
            raise RefusalError(405, "MethodNotAllowed", text)
        special = self._special.get(place.template)
        if special is not None:
            return special(request, place, by)
        if place.collection not in self._records.shapes:
            raise no_endpoint()
        self._demand_parent(place)
        if place.collection in LINKED:
            return self._linked(request, place)
        return self._plain(request, place, path, by)

    # -- plain records ---------------------------------------------------------------------------

    def _plain(self, request: Request, place: Place, path: str, by: str) -> Response:
        if request.method == "GET":
            return self._read(request, place, path)
        if request.method == "DELETE":
            self.writer.delete(place, by)
            return nothing()
        if place.collection == DOCUMENTS and request.method == "POST":
            return self._documents.answer_upload(request, by)
        body = _json_of(request)
        if request.method == "POST":
            kept = self.writer.create(_home(place, body), body, by)
            return answer(self._show(place.collection, kept), 201)
        change = self.writer.patch if request.method == "PATCH" else self.writer.replace
        return answer(self._show(place.collection, change(place, body, by)))

    def _read(self, request: Request, place: Place, path: str) -> Response:
        query = _query(request, place, path)
        if place.record is not None:
            return self.lists.one(query, self._show(place.collection, self.writer.found(place)))
        if self.hidden and not place.collection.startswith("system/"):
            return answer({"count": 0} if place.counts else [])
        return self.lists.count(query) if place.counts else self.lists.page(query)

    def _show(self, collection: str, record: Record, names: frozenset[str] = _ALL) -> Record:
        shown = self._records.show(collection, record, names)
        if collection == "system/info/members":
            shown["fullName"] = f"{record.get('firstName', '')} {record.get('lastName', '')}"
            shown["defaultEmail"] = record.get("primaryEmail", "")
        known = self._records.shapes[collection].properties
        return {name: value for name, value in shown.items() if name in known}

    def _demand_parent(self, place: Place) -> None:
        if place.parent is None:
            return
        owner = place.collection.rpartition("/")[0]
        owner = {"system/menuentries/locations": "system/menuentries"}.get(place.collection, owner)
        if owner in self._records.shapes and self._records.get(owner, place.parent) is None:
            raise no_record(singular(owner), place.parent)

    # -- what is not plain -----------------------------------------------------------------------

    def _search(self, request: Request, place: Place, by: str) -> Response:
        body = _json_of(request)
        if not isinstance(body, Mapping):
            raise RefusalError(400, "InvalidObject", "The search is invalid")
        given = {**request.args, **{k: str(v) for k, v in body.items() if v is not None}}
        arguments = {name.lower(): value for name, value in given.items()}
        return self.lists.page(Query("service/tickets", "/service/tickets", None, arguments))

    def _linked(self, request: Request, place: Place) -> Response:
        owner = self._records.get(LINKED[place.collection], place.parent or 0) or {}
        linked: list[int] = owner.setdefault("~configurations", [])
        if request.method == "GET":
            shown = [self._configuration(number) for number in linked]
            return answer({"count": len(shown)} if place.counts else shown)
        number = place.record or _number_in(_json_of(request))
        if self._records.get("company/configurations", number) is None:
            raise no_record("configuration", number)
        if request.method == "POST":
            linked += [number] if number not in linked else []
        elif number in linked:
            linked.remove(number)
        self._records.save(LINKED[place.collection], owner, owner["_info"]["updatedBy"])
        return answer(self._configuration(number), 201) if request.method == "POST" else nothing()

    def _configuration(self, number: int) -> Record:
        found = self._records.get("company/configurations", number) or {}
        return {"id": number, "deviceIdentifier": found.get("deviceIdentifier", "")}

    def _attach_children(self, request: Request, place: Place, by: str) -> Response:
        self.writer.found(Place("service/tickets", "", None, place.parent))
        for number in _json_of(request).get("childTicketIds", []):
            child = self.writer.found(Place("service/tickets", "", None, number))
            self.writer.change("service/tickets", child, {"parentTicketId": place.parent}, by)
        return answer({"success": True, "message": ""}, 200)

    def _bulk(self, request: Request, place: Place, by: str) -> Response:
        """Create, replace or delete several configurations; each has its own result."""
        body = _json_of(request)
        if not isinstance(body, list):
            raise RefusalError(400, "InvalidObject", "A list is expected")
        results = [
            self._bulk_one(request.method, each, index, by) for index, each in enumerate(body)
        ]
        return answer({"payload": results}, 207)

    def _bulk_one(self, method: str, each: Any, index: int, by: str) -> Record:  # noqa: ANN401
        try:
            number = each.get("id") if isinstance(each, Mapping) else each
            place = Place("company/configurations", "", None, number)
            if method == "DELETE":
                self.writer.delete(place, by)
                return {"success": True, "originalIndex": index, "statusCode": 204}
            write = self.writer.create if method == "POST" else self.writer.replace
            shown = self._show("company/configurations", write(place, each, by))
        except RefusalError as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            status = refusal.status
            return {"success": False, "originalIndex": index, "statusCode": status, "error": error}
        status = 201 if method == "POST" else 200
        return {"success": True, "originalIndex": index, "statusCode": status, "data": shown}

    def _download(self, request: Request, place: Place, by: str) -> Response:
        return self._documents.download(place.record or 0)

    def _bundle(self, request: Request, place: Place, by: str) -> Response:
        """Answer several list requests at once (the resource words are those seen in clients)."""
        requests = _json_of(request).get("requests", [])
        return answer({"results": [self._bundled(each) for each in requests]})

    def _bundled(self, each: Mapping[str, Any]) -> Record:
        kind = str(each.get("resourceType", ""))
        told = {"sequenceNumber": each.get("sequenceNumber", 0), "resourceType": kind}
        collection = BUNDLED.get(kind.lower())
        if collection is None:
            error = {"code": "InvalidObject", "message": f"{kind} is not a resource type"}
            return {**told, "success": False, "statusCode": 400, "error": error}
        wanted = each.get("apiRequest") or {}
        arguments = {**(wanted.get("filters") or {}), **(wanted.get("page") or {})}
        query = Query(
            collection,
            "",
            wanted.get("parentId"),
            {name.lower(): str(value) for name, value in arguments.items() if value is not None},
        )
        found = json.loads(self.lists.page(query).get_data())
        return {**told, "success": True, "statusCode": 200, "entities": found, "count": len(found)}


BUNDLED = {
    "ticket": "service/tickets",
    "company": "company/companies",
    "configuration": "company/configurations",
    "agreement": "finance/agreements",
    "addition": "finance/agreements/additions",
}


def _query(request: Request, place: Place, path: str) -> Query:
    arguments = {name.lower(): value for name, value in request.args.items()}
    forward = request.headers.get("pagination-type", "").lower() == "forward-only"
    return Query(place.collection, path, place.parent, arguments, forward)


def _home(place: Place, body: Any) -> Place:  # noqa: ANN401 - any JSON
    """Return where a new record belongs; a flat view of child records says the parent inside."""
    if place.collection != "procurement/subcategories":
        return place
    category = body.get("category") if isinstance(body, Mapping) else None
    if not isinstance(category, Mapping) or "id" not in category:
        raise missing_field("subcategory", "category")
    return Place(VIEWS[place.collection], place.template, int(category["id"]))


def _number_in(body: Any) -> int:  # noqa: ANN401
    number = body.get("id") if isinstance(body, Mapping) else None
    if not isinstance(number, int):
        raise missing_field("configuration", "id")
    return number


def _json_of(request: Request) -> Any:  # noqa: ANN401
    if "json" not in (request.content_type or ""):
        raise RefusalError(415, "UnsupportedMediaType", "The request's media type is unsupported.")
    try:
        return json.loads(request.get_data())
    except ValueError:
        raise RefusalError(400, "InvalidObject", "The request is not valid JSON.") from None
