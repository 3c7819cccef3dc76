"""Service tickets: our key stands in ``externalXRef``, so that sending twice is harmless."""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from plugin.domain.contracts import Field, FieldKind, OpensTickets
from plugin.domain.errors import AnswerError, EdgeError, RuleError
from plugin.domain.model import Choice, TicketDraft, TicketRef, TicketView
from plugin.domain.tickets import KEY_PREFIX
from plugin.hosts.connectwise_psa.base import Psa
from plugin.hosts.connectwise_psa.filters import (
    UnquotableError,
    begins,
    both,
    contains,
    equals,
    not_before,
    written,
)
from plugin.hosts.connectwise_psa.wire import ChoiceWire, NoteWire, TicketWire
from plugin.hosts.connectwise_psa.wire_base import Row, id_of

log = logging.getLogger(__name__)

TICKETS, BOARDS, MEMBERS = "/service/tickets", "/service/boards", "/system/info/members"
SUMMARY_LIMIT, KEY_LIMIT = 100, 100
_LIST_FIELDS = "id,summary,recordType,status,board,company,closedFlag,externalXRef,_info"
_SIMPLE = {"priority": "/service/priorities", "source": "/service/sources", "owner": MEMBERS}
_ON_BOARD = {"status": "statuses", "closed_status": "statuses", "type": "types"}

# The page of the classic client. No published document names it; not proven on a live site.
_PAGE = "/v4_6_release/services/system_io/Service/fv_sr100_request.rails"


class Tickets(Psa, OpensTickets):
    """Opens and follows service tickets."""

    summary_limit = SUMMARY_LIMIT
    ticket_fields = (
        Field("board", "Service board", FieldKind.CHOICE, required=False),
        Field("status", "Status of a new ticket", FieldKind.CHOICE, required=False),
        Field("type", "Type", FieldKind.CHOICE, required=False),
        Field("priority", "Priority", FieldKind.CHOICE, required=False),
        Field("source", "Source", FieldKind.CHOICE, required=False),
        Field("owner", "Assigned to", FieldKind.CHOICE, required=False),
        Field("closed_status", "Status of a closed ticket", FieldKind.CHOICE, required=False),
    )

    def ticket_choices(self, field: str) -> tuple[Choice, ...]:
        """Return the words of one field; statuses and types have their board as parent."""
        if field == "board":
            return tuple(map(ChoiceWire.choice, self._boards()))
        if field in _SIMPLE:
            return tuple(map(ChoiceWire.choice, self._options(_SIMPLE[field])))
        if field not in _ON_BOARD:
            return ()
        return tuple(
            ChoiceWire.choice(told, board["id"])
            for board in self._boards()
            for told in self._options(f"{BOARDS}/{board['id']}/{_ON_BOARD[field]}")
            if _fits(field, told)
        )

    def find_ticket(self, key: str) -> TicketView | None:
        """Return the newest service ticket that carries ``key`` exactly."""
        found = self._api.first(TICKETS, equals("externalXRef", key), orderBy="id desc")
        for told in TicketWire.parse_many(found, self.title, "a list of tickets"):
            if told["key"] == key and TicketWire.is_service(told):  # PSA ignores letter case
                return self._view(told)
        return None

    def open_ticket(self, draft: TicketDraft, key: str) -> TicketRef:
        """Create the ticket; TransientError means it may exist: search by ``key`` first."""
        if len(key) > KEY_LIMIT:
            raise RuleError("key", f"a ticket key has at most {KEY_LIMIT} characters")
        record = {
            "summary": draft.summary[:SUMMARY_LIMIT],
            "company": {"id": self._number(draft.company_id)},
            "externalXRef": key,
            "initialDescription": draft.body,
            **_routing(draft),
        }
        if draft.due_at is not None:
            record["requiredDate"] = written(draft.due_at)
        made = self._api.create(TICKETS, record)
        ticket_id = str(made["id"])
        if draft.configuration_id:
            self._attach(ticket_id, draft.configuration_id)
        return TicketRef(ticket_id, self._page(ticket_id))

    def ticket(self, ticket_id: str) -> TicketView:
        """Return the ticket as it is now."""
        return self._view(self._read(ticket_id)[1])

    def add_note(self, ticket_id: str, text: str, marker: str) -> None:
        """Append an internal note (it mails nobody), unless one with ``marker`` is there."""
        if not any(marker in note["text"] for note in self._notes(ticket_id, marker)):
            whole = text if marker in text else f"{text}\n{marker}"
            self._note(ticket_id, whole, "internalAnalysisFlag")

    def close_ticket(self, ticket_id: str, resolution: str, status: str) -> None:
        """Write the resolution and close the ticket, each only if it is not so already."""
        row, told = self._read(ticket_id)
        wanted = None if told["closed_flag"] else self._status(told, status, closed=True)
        if resolution and not any(
            note["text"].strip() == resolution.strip() for note in self._notes(ticket_id, "")
        ):
            self._note(ticket_id, resolution, "resolutionFlag")
        if wanted is not None:
            self._set_status(ticket_id, row, wanted, closed=True)

    def reopen_ticket(self, ticket_id: str, note: str, status: str) -> None:
        """Open a closed ticket again and say why."""
        row, told = self._read(ticket_id)
        if told["closed_flag"]:
            wanted = self._status(told, status, closed=False)
            self._set_status(ticket_id, row, wanted, closed=False)
        if note:
            self.add_note(ticket_id, note, note)

    def tickets_changed(self, since: datetime) -> Iterator[TicketView]:
        """Yield our tickets that changed at or after ``since``."""
        conditions = both(not_before("lastUpdated", since), begins("externalXRef", KEY_PREFIX))
        for row in self._api.rows(TICKETS, conditions, _LIST_FIELDS):
            told = TicketWire.parse(row, self.title, "a ticket")
            if told["key"].startswith(KEY_PREFIX) and TicketWire.is_service(told):
                yield self._view(told)

    # -- inside ----------------------------------------------------------------------------------

    def _boards(self) -> list[Row]:
        return self._options(BOARDS)

    def _options(self, path: str) -> list[Row]:
        return ChoiceWire.options(list(self._api.rows(path)), self.title)

    def _read(self, ticket_id: str) -> tuple[Row, Row]:
        """Return the ticket as it came, and parsed."""
        row = self._api.one(f"{TICKETS}/{self._number(ticket_id)}")
        return row, TicketWire.parse(row, self.title, "a ticket")

    def _view(self, told: Row) -> TicketView:
        return TicketWire.value(told, self._page(told["id"]))

    def _page(self, ticket_id: str) -> str:
        company = quote(self._api.login_company, safe="")
        query = f"service_recid={ticket_id}&companyName={company}"
        return f"{self._api.site.origin}{_PAGE}?{query}"

    def _notes(self, ticket_id: str, marker: str) -> list[Row]:
        """Return the notes that may have ``marker`` in them."""
        path = f"{TICKETS}/{self._number(ticket_id)}/notes"
        try:
            conditions = contains("text", marker) if marker else ""
        except UnquotableError:
            conditions = ""  # then every note is looked at
        rows = list(self._api.rows(path, conditions))
        return list(NoteWire.parse_many(rows, self.title, "a list of notes"))

    def _note(self, ticket_id: str, text: str, flag: str) -> None:
        path = f"{TICKETS}/{self._number(ticket_id)}/notes"
        self._api.create(path, {"text": text, flag: True})

    def _status(self, ticket: Row, wanted: str, *, closed: bool) -> Row:
        """Return the status meant, or the board's usual one; RuleError when it does not fit."""
        board = self._number(id_of(ticket["board"]))
        options = self._options(f"{BOARDS}/{board}/statuses")
        fitting = [told for told in options if bool(told["closed_status"]) is closed]
        if wanted:
            named = [told for told in fitting if wanted in {told["id"], told["name"]}]
            if not named:
                kind = "closed" if closed else "open"
                text = f"the ticket's board has no {kind} status {wanted!r}"
                raise RuleError("closed_status" if closed else "status", text)
            return named[0]
        if not fitting:
            raise RuleError("closed_status", "the ticket's board has no such status")
        usual = [told for told in fitting if told["default_flag"] or _is_plainly_closed(told)]
        return (usual or fitting)[0]

    def _set_status(self, ticket_id: str, row: Row, status: Row, *, closed: bool) -> None:
        """Change the status and read it back: PSA can answer 200 and do nothing."""
        path = f"{TICKETS}/{self._number(ticket_id)}"
        self._api.patch(path, {"status": {"id": int(status["id"])}}, row)
        told = self._read(ticket_id)[1]
        if bool(told["closed_flag"]) is not closed:
            raise AnswerError(
                self.title, f"took the new status of ticket {ticket_id}, but it did not take effect"
            )

    def _attach(self, ticket_id: str, configuration_id: str) -> None:
        """Name the device on the ticket; the ticket is there already and must not be sent again."""
        path = f"{TICKETS}/{ticket_id}/configurations"
        try:
            self._api.send("POST", path, {"id": self._number(configuration_id)})
        except EdgeError as error:
            log.warning("ticket %s has no configuration attached: %s", ticket_id, error)


def _fits(field: str, told: Row) -> bool:
    if field == "type":
        return True
    return bool(told["closed_status"]) is (field == "closed_status")


def _is_plainly_closed(told: Row) -> bool:
    """Prefer "Closed" (PSA's own has a sign in front) among several closed statuses."""
    return bool(told["name"].strip(" ><").casefold() == "closed")


def _routing(draft: TicketDraft) -> dict[str, Any]:
    """Return the routing words as references: by number, else by their natural key."""
    references: dict[str, Any] = {}
    for name, value in draft.fields:
        if value and name in _SETTABLE:
            key = "identifier" if name == "owner" else "name"
            references[name] = {"id": int(value)} if value.isdigit() else {key: value}
    return references


_SETTABLE = frozenset({"board", "status", "type", "priority", "source", "owner"})
