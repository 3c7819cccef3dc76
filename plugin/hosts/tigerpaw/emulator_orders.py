"""Service orders of the emulator: created, found, noted, resolved, closed, locked."""

import json
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.hosts.tigerpaw.emulator_base import TigerpawBase, body_of
from plugin.hosts.tigerpaw.emulator_search import Record, SearchError, page_of

MOST_RESOLUTIONS = 5
_TEXTS = {
    "BriefDescription": "summary",
    "WorkRequested": "work",
    "Reference": "reference",
    "Status": "status",
    "Priority": "priority",
    "ServiceOrderType": "type",
}
_NUMBERS = {
    "TakenBy": "rep",
    "TechnicianAssigned": "technician",
    "DispatchBoardNumber": "board",
    "Severity": "severity",
}
_TABLES = {
    "status": ("serviceorders/statuses", "Status"),
    "priority": ("priorities", "Priority"),
    "type": ("serviceorders/types", "Type"),
    "rep": ("reps", "RepNumber"),
    "technician": ("reps", "RepNumber"),
    "board": ("dispatchboards", "DispatchBoardId"),
    "severity": ("severities", "ServiceOrderSeverityNumber"),
}


class OrdersPart(TigerpawBase):
    """Everything about service orders."""

    @route("POST", "/api/serviceorders")
    def create_order(self, request: Request) -> Response:
        """Create a service order; the account and who takes it are required."""
        body = body_of(request)
        account = str(body.get("AccountNumber"))
        if account not in self.table("accounts"):
            return self.no("AccountNumber is not known.")
        now = self.server_now().timestamp()
        record = {
            "account": account,
            "status": "New",
            "received": now,
            "changed": now,
            "closed": None,
            "notes": [],
            "resolutions": [],
            "locked": 0,
            "alert": "",
            **_given(body),
        }
        if not record.get("rep"):
            return self.no("TakenBy is required.")
        if problem := self._unknown_word(record):
            return self.no(problem)
        number = str(self.table("serviceorders").next_id())
        self.table("serviceorders")[number] = record
        return self._done(number)

    @route("GET", "/api/serviceorders/<int:number>")
    def order(self, request: Request, number: int) -> Response:
        """Show one service order."""
        key = str(number)
        known = key in self.table("serviceorders")
        return self.json(self._order(key)) if known else self.missing(key)

    @route("PUT", "/api/serviceorders/<int:number>")
    def update_order(self, request: Request, number: int) -> Response:
        """Change a service order, unless a rep has it open."""
        key = str(number)
        if refusal := self._untouchable(key):
            return refusal
        body, record = body_of(request), dict(self.table("serviceorders")[key])
        given = _given(body)
        if problem := self._unknown_word(given):
            return self.no(problem)
        if self.switch("ignore-updates"):
            return self._done(key)
        if "DateTimeClosed" in body:
            record["closed"] = _seconds((body["DateTimeClosed"] or {}).get("DateTime"))
        if self.switch("forgets-reference"):
            record["reference"] = ""
        self.save_order(key, record, given)
        return self._done(key)

    @route("POST", "/api/serviceorders/search")
    def search_orders(self, request: Request) -> Response:
        """Search service orders."""
        how = (_order_values, self._order)
        return self.searched(request, "serviceorders", "ServiceOrders", how)

    @route("GET", "/api/serviceorders/externalticket")
    def by_external_ticket(self, request: Request) -> Response:
        """Show the service order that carries an RMM's own ticket id."""
        wanted = request.args.get("externalTicketId", "")
        for number, record in self.table("serviceorders").items():
            if wanted and record["alert"] == wanted:
                shown = self._order(number)
                return self.json({name: shown[name] for name in _DETAIL})
        return self.missing(wanted)

    # -- notes and resolutions ---------------------------------------------------------------

    @route("GET", "/api/serviceorders/<int:number>/notes")
    def notes(self, request: Request, number: int) -> Response:
        """Show a page of a service order's notes."""
        record = self.table("serviceorders").get(str(number))
        if record is None:
            return self.missing(str(number))
        numbers = list(map(str, range(len(record["notes"]))))
        row = int(request.args.get("pageRequest.startRow", 1))
        size = int(request.args.get("pageRequest.pageSize", 25))
        try:
            part, told = page_of(numbers, row, size)
        except SearchError as error:
            return self.no(str(error))
        rows = [_note(int(each), record["notes"][int(each)]) for each in part]
        return self.json({"Notes": rows, **told})

    @route("POST", "/api/serviceorders/<int:number>/notes")
    def add_note(self, request: Request, number: int) -> Response:
        """Add a note, unless a rep has the service order open."""
        key, text = str(number), str(body_of(request).get("Note") or "")
        if refusal := self._untouchable(key):
            return refusal
        if not text:
            return self.no("Note is required.")
        record = self.table("serviceorders")[key]
        notes = [*record["notes"], text]
        self.table("serviceorders")[key] = {**record, "notes": notes}
        return self.json({"Note": _note(len(notes) - 1, text), "Success": True, "Message": ""})

    @route("POST", "/api/serviceorders/<int:number>/resolutions")
    def add_resolution(self, request: Request, number: int) -> Response:
        """Add a resolution: a word of the master table, five at most."""
        key, word = str(number), json.loads(request.get_data())
        if refusal := self._untouchable(key):
            return refusal
        record = self.table("serviceorders")[key]
        known = {each["shown"]["Value"] for each in self.table("resolutions").values()}
        if word not in known or len(record["resolutions"]) >= MOST_RESOLUTIONS:
            return self.no("The resolution is not known, or there are five already.")
        found = [*record["resolutions"], word]
        self.table("serviceorders")[key] = {**record, "resolutions": found}
        rows = [{"Resolution": each, "Index": place} for place, each in enumerate(found, 1)]
        return self.json({"ServiceOrderResolutions": rows, "Success": True, "Message": ""})

    # -- inside ------------------------------------------------------------------------------

    def save_order(self, number: str, record: Record, changes: Record) -> None:
        """Keep a service order; a new status leaves its date."""
        now = self.server_now().timestamp()
        moved = changes.get("status", record["status"]) != record["status"]
        stamp = {"changed": now} if moved else {}
        self.table("serviceorders")[number] = {**record, **changes, **stamp}

    def _untouchable(self, number: str) -> Response | None:
        record = self.table("serviceorders").get(number)
        if record is None:
            return self.missing(number)
        return self.no("The service order is locked by another rep.") if record["locked"] else None

    def _unknown_word(self, record: Record) -> str:
        """Return what is wrong with the words that master tables must know; empty when nothing."""
        for name, (table, field) in _TABLES.items():
            known = {str(each["shown"][field]).lower() for each in self.table(table).values()}
            if name in record and str(record[name]).lower() not in known:
                return f"{field} {record[name]} is not known."
        return ""

    def _done(self, number: str) -> Response:
        summary = self._order(number)
        return self.json({"ServiceOrderSummary": summary, "Success": True, "Message": ""})

    def _order(self, number: str) -> Record:
        record = self.table("serviceorders")[number]
        shown: dict[str, Any] = {
            name: record.get(kept) for name, kept in {**_TEXTS, **_NUMBERS}.items()
        }
        return {
            "ServiceOrderNumber": int(number),
            "ServiceOrder": {
                **shown,
                "AccountNumber": int(record["account"]),
                "DateTimeReceived": self.time_text(record["received"]),
                "StatusChangeDate": self.time_text(record["changed"]),
                "DateTimeClosed": self.time_text(record["closed"]),
                "ManagedServiceProviderAlertId": record["alert"],
            },
            "AccountName": self.table("accounts")[record["account"]]["name"],
            "ServiceOrderResolution": len(record["resolutions"]),
            "Notes": len(record["notes"]),
            "ServiceOrderLock": {"LockingRepNumber": record["locked"], "LockingRepName": ""},
        }


_DETAIL = ("ServiceOrderNumber", "ServiceOrder", "ServiceOrderLock")


def _given(body: Record) -> Record:
    names = {**_TEXTS, **_NUMBERS}
    return {kept: body[name] for name, kept in names.items() if body.get(name) is not None}


def _seconds(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


def _note(place: int, text: str) -> Record:
    return {"ServiceOrderNoteNumber": place + 1, "Note": text}


def _order_values(number: str, record: Record) -> dict[str, str]:
    return {
        "ServiceOrderNumber": number,
        "Reference": str(record.get("reference", "")),
        "AccountNumber": record["account"],
        "Status": record["status"],
        "Type": str(record.get("type", "")),
        "ExternalTicket": record["alert"],
    }
