"""Service orders: our key stands in ``Reference``, so that sending twice is harmless."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from plugin.domain.contracts import Field, FieldKind, OpensTickets
from plugin.domain.errors import AnswerError, MissingError, RuleError, TransientError
from plugin.domain.model import Choice, TicketDraft, TicketRef, TicketView
from plugin.edge.link import Link
from plugin.hosts.tigerpaw.base import TigerpawPart
from plugin.hosts.tigerpaw.fields import CLOSED_STATUS, NEW_STATUS, words_of
from plugin.hosts.tigerpaw.polling import ORDERS, OpenOrders, Row
from plugin.hosts.tigerpaw.wire import (
    BoardWire,
    NotesWire,
    OrderAnswerWire,
    OrderSummaryWire,
    OrdersWire,
    OrderTypeWire,
    PriorityWire,
    RepWire,
    SeverityWire,
    StatusWire,
    TigerpawWire,
)

SUMMARY_LIMIT, KEY_LIMIT = 100, 50
"""Our own limits: Tigerpaw's lengths are not published."""

LOCKED, LOCK_SECONDS = "locked", 300.0
PAGE_SIZE = 100

_TABLES: dict[str, tuple[str, type[TigerpawWire]]] = {
    "status": ("serviceorders/statuses", StatusWire),
    "closed_status": ("serviceorders/statuses", StatusWire),
    "type": ("serviceOrders/types", OrderTypeWire),
    "priority": ("priorities", PriorityWire),
    "severity": ("severities", SeverityWire),
    "board": ("dispatchboards", BoardWire),
    "technician": ("reps", RepWire),
    "taken_by": ("reps", RepWire),
}
_WORDS = {"status": "Status", "type": "ServiceOrderType", "priority": "Priority"}
_NUMBERS = {
    "severity": "Severity",
    "board": "DispatchBoardNumber",
    "technician": "TechnicianAssigned",
    "taken_by": "TakenBy",
}


class Tickets(TigerpawPart, OpensTickets):
    """Opens and follows service orders."""

    summary_limit = SUMMARY_LIMIT
    ticket_fields = (
        Field("type", "Service order type", FieldKind.CHOICE, required=False),
        Field("status", "Status of a new service order", FieldKind.CHOICE, required=False),
        Field("priority", "Priority", FieldKind.CHOICE, required=False),
        Field("severity", "Severity", FieldKind.CHOICE, required=False),
        Field("board", "Dispatch board", FieldKind.CHOICE, required=False),
        Field("technician", "Technician", FieldKind.CHOICE, required=False),
        Field("taken_by", "Taken by", FieldKind.CHOICE, required=False),
        Field("closed_status", "Status of a closed service order", FieldKind.CHOICE, False),
    )

    def __init__(self, link: Link) -> None:
        """Open the doors to the server; nothing is called yet."""
        super().__init__(link)
        self._open = OpenOrders(self._api, self._is_settled)

    def ticket_choices(self, field: str) -> tuple[Choice, ...]:
        """Return the words of one field from its master table; inactive reps are left out."""
        if field not in _TABLES:
            return ()
        name, shape = _TABLES[field]
        return tuple(
            Choice(row["value"], row.get("label") or row["value"], default=row.get("usual", False))
            for row in self._api.table(name, shape)
            if not row.get("inactive")
        )

    def find_ticket(self, key: str) -> TicketView | None:
        """Return the newest service order whose reference is exactly ``key``."""
        found = self._api.search(f"{ORDERS}/search", OrdersWire, [("Reference", "Equal", key)])
        ours = [row for row in found if row["order"]["reference"] == key]
        newest = max(ours, key=lambda row: int(row["number"]), default=None)
        return self._view(newest) if newest else None

    def open_ticket(self, draft: TicketDraft, key: str) -> TicketRef:
        """Create the service order; TransientError means it may exist: search by ``key`` first.

        RuleError on ``taken_by`` when neither the rule nor the connection names a rep.
        """
        if len(key) > KEY_LIMIT:
            raise RuleError("key", f"a ticket key has at most {KEY_LIMIT} characters")
        record = {
            "AccountNumber": self._number(draft.company_id, "account"),
            "BriefDescription": draft.summary[:SUMMARY_LIMIT],
            "WorkRequested": draft.body,
            "Reference": key,
            **self._routing(draft),
        }
        if draft.due_at is not None:
            due = _written(draft.due_at)
            record["DateTimeRequested"] = {"Date": due, "Time": due}
        answer = self._api.write("POST", "api/ServiceOrders", record)
        made = OrderAnswerWire.parse(answer, self.title, "a new service order")["made"]
        return TicketRef(made["number"])

    def ticket(self, ticket_id: str) -> TicketView:
        """Return the service order as it is now."""
        return self._view(self._read(ticket_id))

    def add_note(self, ticket_id: str, text: str, marker: str) -> None:
        """Append a note, unless one with ``marker`` is there.

        TransientError (code ``locked``) while a rep has the service order open.
        """
        row = self._unlocked(ticket_id)
        whole = text if marker in text else f"{text}\n{marker}"
        self._note(row["number"], whole, marker)

    def close_ticket(self, ticket_id: str, resolution: str, status: str) -> None:
        """Note the resolution and close the service order, if it is not closed already.

        TransientError (code ``locked``) while a rep has it open; AnswerError when Tigerpaw took
        the change and does not show it.
        """
        row = self._read(ticket_id)
        if self._is_closed(row):
            return
        self._demand_unlocked(row)
        if resolution:
            self._note(row["number"], resolution, resolution)
        self._resolve(row)
        wanted = status or words_of(self._api.settings, "closed_status", CLOSED_STATUS)[0]
        change = {
            "Status": wanted,
            "DateTimeClosed": {"DateTime": _written(self._api.now())},
            "CompleteOpenTasks": self._api.settings.get("complete_tasks") == "true",
        }
        self._change(row, change)

    def reopen_ticket(self, ticket_id: str, note: str, status: str) -> None:
        """Open a closed service order again and say why; the same failures as for closing."""
        row = self._read(ticket_id)
        if self._is_closed(row):
            self._demand_unlocked(row)
            wanted = status or self._api.settings.get("new_status") or NEW_STATUS
            self._change(row, {"Status": wanted, "DateTimeClosed": {"DateTime": None}})
        if note:
            self.add_note(ticket_id, note, note)

    def tickets_changed(self, since: datetime) -> Iterator[TicketView]:
        """Yield our service orders whose status changed at or after ``since``.

        Tigerpaw calls nobody and has no search by date of change, so the ones that we hold open
        are asked for, and all of ours once a day.
        """
        for row in self._open.poll(since):
            view = self._view(row)
            if view.updated_at is None or view.updated_at >= since:
                yield view

    # -- inside ------------------------------------------------------------------------------

    def _read(self, ticket_id: str) -> Row:
        number = self._number(ticket_id, "service order")
        found = self._api.get(f"{ORDERS}/{number}")
        if not found or not found.get("ServiceOrderNumber"):
            raise MissingError(self.title, f"has no service order {number}")
        return OrderSummaryWire.parse(found, self.title, "a service order")

    def _unlocked(self, ticket_id: str) -> Row:
        row = self._read(ticket_id)
        self._demand_unlocked(row)
        return row

    def _demand_unlocked(self, row: Row) -> None:
        """Raise when somebody edits the record: what is written now, their saving could undo."""
        lock = row["lock"]
        if lock and lock["rep"] not in {"", "0"}:
            text = f"has service order {row['number']} open on a rep's screen; it is tried again"
            raise TransientError(self.title, text, code=LOCKED, retry_after=LOCK_SECONDS)

    def _is_closed(self, row: Row) -> bool:
        """Tell whether an order is done: by one of the closed statuses, or by its closing date."""
        order = row["order"]
        closed = words_of(self._api.settings, "closed_status", CLOSED_STATUS)
        return order["closed"] is not None or order["status"].casefold() in {
            each.casefold() for each in closed
        }

    def _is_settled(self, row: Row, since: datetime) -> bool:
        view = self._view(row)
        return view.closed and (view.updated_at is None or view.updated_at < since)

    def _view(self, row: Row) -> TicketView:
        order = row["order"]
        return TicketView(
            id=row["number"],
            summary=order["summary"],
            status=order["status"],
            closed=self._is_closed(row),
            company_id=order["account"],
            key=order["reference"],
            updated_at=self._api.instant(order["changed"] or order["received"]),
        )

    def _note(self, number: str, text: str, marker: str) -> None:
        if any(marker in each for each in self._notes(number)):
            return
        record: dict[str, Any] = {"Note": text}
        if self._api.settings.get("taken_by"):
            record["RepNumber"] = int(self._api.settings["taken_by"])
        self._api.write("POST", f"{ORDERS}/{number}/notes", record)

    def _notes(self, number: str) -> Iterator[str]:
        row, read = 1, 0
        while True:
            asked = {"pageRequest.pageSize": PAGE_SIZE, "pageRequest.startRow": row}
            answer = self._api.get(f"{ORDERS}/{number}/notes", asked)
            page = NotesWire.parse(answer, self.title, "a list of notes")
            yield from (each["text"] for each in page["rows"])
            read += len(page["rows"])
            if read >= page["total"] or page["next_row"] <= row or not page["rows"]:
                return
            row = page["next_row"]

    def _resolve(self, row: Row) -> None:
        """Add the connection's resolution word, where one is set and none is there."""
        word = self._api.settings.get("resolution", "").strip()
        if word and not row["resolutions"]:
            self._api.write("POST", f"{ORDERS}/{row['number']}/resolutions", word)

    def _change(self, row: Row, change: dict[str, Any]) -> None:
        """Change an order and read it back: whether a change takes effect is not documented."""
        number = row["number"]
        self._api.write("PUT", f"{ORDERS}/{number}", change)
        after = self._read(number)
        wanted = change["Status"].casefold()
        if after["order"]["status"].casefold() != wanted or (
            self._is_closed(after) is self._is_closed(row)
        ):
            text = f"took the new status of service order {number}, but it did not take effect"
            raise AnswerError(self.title, text, code="not-confirmed")
        if after["order"]["reference"] != row["order"]["reference"]:
            text = f"lost our key on service order {number} when its status was changed"
            raise AnswerError(self.title, text, code="key-lost")

    def _routing(self, draft: TicketDraft) -> dict[str, Any]:
        """Return the routing words: the rule's, else the connection's."""
        settings = self._api.settings
        usual = {
            "status": settings.get("new_status") or NEW_STATUS,
            "taken_by": settings.get("taken_by", ""),
        }
        chosen = {**usual, **{name: value for name, value in draft.fields if value}}
        if not chosen["taken_by"]:
            text = "Choose the rep that service orders name as taken by: Tigerpaw requires one."
            raise RuleError("taken_by", text)
        words = {_WORDS[name]: value for name, value in chosen.items() if name in _WORDS}
        return {
            **words,
            **{_NUMBERS[name]: _whole(name, chosen[name]) for name in _NUMBERS if chosen.get(name)},
        }


def _whole(field: str, value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise RuleError(field, "Choose one of the listed entries: Tigerpaw takes its number.")
    return int(value)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
