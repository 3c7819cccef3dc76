"""What PSA itself fills in and insists on, per kind of record."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from plugin.hosts.connectwise_psa.emulator_answers import Problem, RefusalError, invalid
from plugin.hosts.connectwise_psa.emulator_records import PARENT, Record, Records

CALLBACK_LEVELS: dict[str, tuple[str, ...]] = {
    "activity": ("owner", "status", "type", "company", "activity"),
    "agreement": ("owner", "type", "company", "agreement"),
    "company": ("owner", "status", "type", "territory", "company", "integratorTag"),
    "configuration": ("owner", "type", "status", "configuration"),
    "contact": ("owner", "type", "territory", "company", "contact"),
    "expense": ("owner", "chargeToType", "type", "class", "company", "expense"),
    "invoice": ("owner", "status", "company", "invoice"),
    "member": ("owner", "location", "securityRole", "member"),
    "opportunity": ("owner", "statusId", "company", "opportunity"),
    "productcatalog": ("owner",),
    "project": ("owner", "status", "board", "project"),
    "purchaseorder": ("owner", "status", "vendor", "company", "purchaseOrder"),
    "schedule": ("owner", "status", "type", "location", "member", "schedule"),
    "site": ("owner", "company", "site"),
    "ticket": ("owner", "board", "project", "phase", "status", "ticket", "integratorTag"),
    "time": ("owner", "company", "time"),
}
"""Types and levels of callbacks, from the vendor's list (those of ``site`` are not published)."""

_INITIAL = {
    "initialDescription": "detailDescriptionFlag",
    "initialInternalAnalysis": "internalAnalysisFlag",
    "initialResolution": "resolutionFlag",
}


@dataclass(frozen=True, slots=True)
class Act:
    """One save: the record as it is about to be, and as it was (None for a new one)."""

    records: Records
    by: str
    record: Record
    before: Record | None


@dataclass(frozen=True)
class Rule:
    """The plain rule: demand the required fields, fill in nothing."""

    required: tuple[str, ...] = ()

    def complete(self, act: Act) -> None:
        """Fill in what PSA fills in, or refuse; called before the record is kept."""

    def afterwards(self, act: Act) -> None:
        """Do what follows from a new record."""

    def removable(self, act: Act) -> None:
        """Refuse to delete a record that others need."""


class TicketRule(Rule):
    """Service tickets: board, status and type belong together; first texts become notes."""

    def complete(self, act: Act) -> None:
        """Fill in board, status, priority and the closed flag."""
        record, records = act.record, act.records
        record.setdefault("recordType", "ServiceTicket")
        if not record.get("board"):
            record["board"] = {"id": _default_of(records, "service/boards")}
        if not record.get("priority"):
            record["priority"] = {"id": _default_of(records, "service/priorities")}
        if act.before and act.before.get("board") != record["board"]:
            _leave_board(act, act.before)
        if not record.get("status"):
            record["status"] = {"id": _default_below(records, record["board"]["id"])}
        _demand_on_board(act)
        self._close(act)
        self._set_aside(record)

    def afterwards(self, act: Act) -> None:
        """Make notes of the first texts."""
        for flag, text in act.record.pop("~notes", {}).items():
            note = {"text": text, flag: True, "ticketId": act.record["id"]}
            note["createdBy"], note["dateCreated"] = act.by, act.records.stamp()
            act.records.add("service/tickets/notes", note, act.by, act.record["id"])

    def _close(self, act: Act) -> None:
        status = act.records.get("service/boards/statuses", act.record["status"]["id"]) or {}
        closed = bool(status.get("closedStatus"))
        if closed and not act.record.get("closedFlag"):
            act.record["closedDate"], act.record["closedBy"] = act.records.stamp(), act.by
        if not closed:
            act.record.pop("closedDate", None)
            act.record.pop("closedBy", None)
        act.record["closedFlag"] = closed

    def _set_aside(self, record: Record) -> None:
        texts = {flag: record.pop(name) for name, flag in _INITIAL.items() if record.get(name)}
        for name in (*_INITIAL, "initialDescriptionFrom", "contactEmailLookup"):
            record.pop(name, None)
        if texts:
            record["~notes"] = texts
        record["~silent"] = bool(record.pop("skipCallback", False))


class NoteRule(Rule):
    """Notes of tickets: a text, and one of the three flags."""

    def complete(self, act: Act) -> None:
        """Demand a flag and note the author."""
        flags = ("detailDescriptionFlag", "internalAnalysisFlag", "resolutionFlag")
        if not any(act.record.get(flag) for flag in flags):
            problem = Problem("InvalidField", "detailDescriptionFlag", "One flag must be set.")
            raise invalid("ticketnote", problem)
        if act.before is None:
            act.record["ticketId"] = act.record.get(PARENT)
            act.record["createdBy"], act.record["dateCreated"] = act.by, act.records.stamp()


class CallbackRule(Rule):
    """Callback entries: known type and level, a real address, nothing twice."""

    def complete(self, act: Act) -> None:
        """Check the entry as the product was seen to."""
        record = act.record
        record["objectId"] = record.get("objectId") or 1
        record["type"] = str(record["type"]).lower()
        for name in ("inactiveFlag", "isSoapCallbackFlag", "isSelfSuppressedFlag"):
            record.setdefault(name, False)
        record.setdefault("payloadVersion", "3.0.0")
        member = act.records.first("system/members", identifier=act.by)
        record.setdefault("memberId", member["id"] if member else 1)
        problem = _callback_problem(act)
        if problem:
            raise invalid("callback", problem)


class CompanyRule(Rule):
    """Companies: one per identifier; not deleted while something belongs to them."""

    def complete(self, act: Act) -> None:
        """Fill in the status and refuse a second one with the same identifier."""
        record = act.record
        record.setdefault("status", {"id": _default_of(act.records, "company/companies/statuses")})
        record.setdefault("deletedFlag", False)
        others = act.records.among("company/companies", "identifier", record["identifier"]) or []
        if any(number != record.get("id") for number in others):
            text = f"A company with the identifier {record['identifier']} already exists."
            raise invalid("company", Problem("ObjectExists", "identifier", text))

    def removable(self, act: Act) -> None:
        """Refuse while tickets, agreements or configurations belong to it."""
        for collection in ("service/tickets", "finance/agreements", "company/configurations"):
            if act.records.among(collection, "company/id", act.record["id"]):
                text = f"Company {act.record['id']} is in use and cannot be deleted."
                raise RefusalError(409, "Conflict", text)


class AgreementRule(Rule):
    """Agreements: their status follows from dates and the cancelled flag."""

    def complete(self, act: Act) -> None:
        """Work out the status."""
        record = act.record
        if record.get("cancelledFlag"):
            record["agreementStatus"] = "Cancelled"
        elif not record.get("noEndingDateFlag") and _past(act, record.get("endDate")):
            record["agreementStatus"] = "Expired"
        else:
            record["agreementStatus"] = "Active"


class AdditionRule(Rule):
    """Additions: what is not said comes from the catalog; amounts are worked out."""

    def complete(self, act: Act) -> None:
        """Fill in description, prices and amounts."""
        record = act.record
        product = act.records.get("procurement/catalog", record["product"]["id"]) or {}
        record.setdefault("description", product.get("description", ""))
        record.setdefault("quantity", 1.0)
        record.setdefault("lessIncluded", 0.0)
        record.setdefault("unitPrice", product.get("price", 0.0))
        record.setdefault("unitCost", product.get("cost", 0.0))
        record.setdefault("effectiveDate", act.records.stamp()[:10] + "T00:00:00Z")
        record["agreementId"] = record.get("agreementId") or record.get(PARENT)
        record["billedQuantity"] = max(0.0, record["quantity"] - record["lessIncluded"])
        record["extPrice"] = round(record["billedQuantity"] * record["unitPrice"], 2)
        record["extCost"] = round(record["billedQuantity"] * record["unitCost"], 2)


class ConfigurationRule(Rule):
    """Configurations: active unless their status is a closed one."""

    def complete(self, act: Act) -> None:
        """Fill in the status and the active flag."""
        record = act.record
        collection = "company/configurations/statuses"
        record.setdefault("status", {"id": _default_of(act.records, collection)})
        status = act.records.get(collection, record["status"]["id"]) or {}
        record["activeFlag"] = not status.get("closedFlag", False)


class HostedSetupRule(Rule):
    """Hosted set-ups: the screen must exist."""

    def complete(self, act: Act) -> None:
        """Check the screen and note who made it."""
        if act.records.get("system/connectwisehostedscreens", act.record["screenId"]) is None:
            problem = Problem("InvalidField", "screenId", "The screenId field is invalid.")
            raise invalid("connectwisehostedsetup", problem)
        act.record.setdefault("disabledFlag", False)
        act.record.setdefault("createdBy", act.by)
        act.record.setdefault("dateCreated", act.records.stamp())


RULES: dict[str, Rule] = {
    "service/tickets": TicketRule(("summary", "company")),
    "service/tickets/notes": NoteRule(("text",)),
    "system/callbacks": CallbackRule(("url", "type", "level")),
    "company/companies": CompanyRule(("identifier", "name")),
    "finance/agreements": AgreementRule(("name", "type", "company", "contact")),
    "finance/agreements/additions": AdditionRule(("product", "billCustomer")),
    "company/configurations": ConfigurationRule(("name", "type", "company")),
    "system/connectwisehostedsetups": HostedSetupRule(("screenId", "description", "url", "type")),
}


def _callback_problem(act: Act) -> Problem | None:
    record = act.record
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", record["url"]):
        return Problem("InvalidField", "url", "Invalid URL")
    if record["level"].lower() not in map(str.lower, CALLBACK_LEVELS.get(record["type"], ())):
        text = f"Unrecognized level for type {record['type']}: {record['level']}"
        return Problem("InvalidField", "level", text)
    same = ("url", "type", "level", "objectId")
    for other in act.records.every("system/callbacks"):
        if other["id"] != record.get("id") and all(other[key] == record[key] for key in same):
            text = "A matching callback entry already exists"
            return Problem("ObjectExists", "objectId", text)
    return None


def _leave_board(act: Act, before: Record) -> None:
    """Drop what belongs to the old board, unless it was changed along with the board."""
    for name in ("status", "type", "subType", "item", "team"):
        if act.record.get(name) == before.get(name):
            act.record.pop(name, None)


def _demand_on_board(act: Act) -> None:
    board = act.record["board"]["id"]
    for name, collection in (
        ("status", "service/boards/statuses"),
        ("type", "service/boards/types"),
        ("subType", "service/boards/subtypes"),
        ("item", "service/boards/items"),
        ("team", "service/boards/teams"),
    ):
        given = act.record.get(name)
        found = act.records.get(collection, given["id"]) if given else None
        if given and (found is None or found.get(PARENT) != board):
            text = f"The {name} does not belong to the board of the ticket."
            raise invalid("ticket", Problem("InvalidField", f"{name}/id", text))


def _default_of(records: Records, collection: str) -> int:
    marked = records.first(collection, defaultFlag=True)
    return int(marked["id"]) if marked else records.numbers(collection)[0]


def _default_below(records: Records, board: int) -> int:
    numbers = records.below("service/boards/statuses", board)
    statuses = [records.get("service/boards/statuses", number) or {} for number in numbers]
    marked = [status["id"] for status in statuses if status.get("defaultFlag")]
    if not numbers:
        problem = Problem("InvalidField", "status/id", "The board has no statuses.")
        raise invalid("ticket", problem)
    return int(marked[0] if marked else numbers[0])


def _past(act: Act, moment: Any) -> bool:  # noqa: ANN401
    if not moment:
        return False
    return bool(datetime.fromisoformat(moment) < datetime.fromisoformat(act.records.stamp()))
