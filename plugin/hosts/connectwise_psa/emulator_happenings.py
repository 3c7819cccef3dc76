"""What people do in the PSA: close a ticket, rename a company, end an agreement."""

from collections.abc import Callable, Mapping
from typing import Any

from plugin.edge.shelf import Table
from plugin.hosts.connectwise_psa.emulator_callbacks import FORGERIES, Callbacks
from plugin.hosts.connectwise_psa.emulator_pages import HostPages
from plugin.hosts.connectwise_psa.emulator_records import Record, Records
from plugin.hosts.connectwise_psa.emulator_shapes import Place
from plugin.hosts.connectwise_psa.emulator_writing import Writer

TECHNICIAN = "jdoe"
Details = Mapping[str, Any]
Told = dict[str, Any] | None


class Happenings:
    """Plays the people of the MSP."""

    def __init__(
        self,
        records: Records,
        table: Callable[[str], Table],
        callbacks: Callbacks,
        writer: Writer,
        pages: HostPages,
    ) -> None:
        """Change ``records`` through ``writer``, so that every rule and callback applies."""
        self._records, self._table = records, table
        self._callbacks, self._writer, self._pages = callbacks, writer, pages
        self._words: dict[str, Callable[[Details], Told]] = {
            "ticket-closed": self._ticket_closed,
            "ticket-saved": self._ticket_saved,
            "ticket-deleted": self._ticket_deleted,
            "company-renamed": self._company_renamed,
            "agreement-ended": self._agreement_ended,
            "addition-changed": self._addition_changed,
            "callback-off": self._callback_off,
            "forged-call": self._forged_call,
            "rotate-key": self._rotate_key,
            "switch": self._switch,
            "frame": self._frame,
            "member-signed-in": self._member_signed_in,
        }

    def happen(self, what: str, details: Details) -> Told:
        """Let ``what`` happen; None when the word or the record is not ours."""
        happening = self._words.get(what)
        return happening(details) if happening else None

    def _ticket_closed(self, details: Details) -> Told:
        ticket = self._ticket(details)
        if ticket is None:
            return None
        board = ticket["board"]["id"]
        closed = [
            status["id"]
            for number in self._records.below("service/boards/statuses", board)
            if (status := self._records.get("service/boards/statuses", number) or {}).get(
                "closedStatus"
            )
        ]
        return self._save_ticket(ticket, {"status": {"id": closed[-1]}}, details)

    def _ticket_saved(self, details: Details) -> Told:
        ticket = self._ticket(details)
        if ticket is None:
            return None
        changes = {name: details[name] for name in ("summary", "status") if name in details}
        return self._save_ticket(ticket, changes, details)

    def _ticket_deleted(self, details: Details) -> Told:
        ticket = self._ticket(details)
        if ticket is None:
            return None
        self._writer.delete(Place("service/tickets", "", None, ticket["id"]), _member(details))
        return {"ticket": ticket["id"]}

    def _save_ticket(self, ticket: Record, changes: Record, details: Details) -> Told:
        self._writer.change("service/tickets", ticket, changes, _member(details))
        return {"ticket": ticket["id"], "key": ticket.get("externalXRef", "")}

    def _company_renamed(self, details: Details) -> Told:
        found = self._named("company/companies", details.get("company"), "name", first=3)
        if found is None:
            return None
        name = str(details.get("name") or f"{found['name']} Holdings")
        self._writer.change("company/companies", found, {"name": name}, _member(details))
        return {"company": found["id"], "name": name}

    def _agreement_ended(self, details: Details) -> Told:
        found = self._named("finance/agreements", details.get("agreement"), "name", first=1)
        if found is None:
            return None
        today = self._records.stamp()[:10] + "T00:00:00Z"
        changes = {
            "cancelledFlag": True,
            "dateCancelled": today,
            "endDate": today,
            "noEndingDateFlag": False,
        }
        self._writer.change("finance/agreements", found, changes, _member(details))
        return {"agreement": found["id"], "company": found["company"]["id"]}

    def _addition_changed(self, details: Details) -> Told:
        collection = "finance/agreements/additions"
        found = self._named(collection, details.get("addition"), "description", first=1)
        if found is None:
            return None
        quantity = float(details.get("quantity", found["quantity"] + 1))
        self._writer.change(collection, found, {"quantity": quantity}, _member(details))
        return {"addition": found["id"], "quantity": quantity}

    def _callback_off(self, details: Details) -> Told:
        """Switch one callback off, or all of them, without a word: PSA tells nobody."""
        wanted = str(details.get("callback", ""))
        switched = []
        for entry in self._records.every("system/callbacks"):
            if wanted in {"", str(entry["id"])}:
                entry["inactiveFlag"] = True
                self._records.save("system/callbacks", entry, "system")
                switched.append(entry["id"])
        return {"callbacks": switched} if switched else None

    def _forged_call(self, details: Details) -> Told:
        """Let a stranger call as if he were PSA; ``how`` is a word of FORGERIES."""
        how = str(details.get("how") or "signature")
        if how not in FORGERIES:
            raise ValueError(f"how: {how} is none of {', '.join(FORGERIES)}")
        entry = next(self._records.every("system/callbacks"), None)
        if entry is None:
            return None
        self._callbacks.forge(entry, how)
        return {"callback": entry["id"], "how": how}

    def _rotate_key(self, details: Details) -> Told:
        name = self._callbacks.rotate(
            expire=bool(details.get("expire")), in_place=bool(details.get("in_place"))
        )
        return {"key": name}

    def _switch(self, details: Details) -> Told:
        for name, value in details.items():
            self._table("switches")[name] = {"value": value}
        return dict(details)

    def _frame(self, details: Details) -> Told:
        self._table("switches")["frame"] = {"value": str(details["url"])}
        return {"url": str(details["url"])}

    def _member_signed_in(self, details: Details) -> Told:
        """Sign a member in and tell what a hosted page of theirs would be told."""
        return self._pages.authentication(_member(details))

    def _ticket(self, details: Details) -> Record | None:
        """Return the ticket named, else the newest open one of ours, else the newest open one."""
        if details.get("ticket"):
            return self._records.get("service/tickets", int(details["ticket"]))
        newest: Record | None = None
        for number in reversed(self._records.numbers("service/tickets")):
            ticket = self._records.get("service/tickets", number) or {}
            if ticket.get("closedFlag"):
                continue
            if ticket.get("externalXRef"):
                return ticket
            newest = newest or ticket
        return newest

    def _named(
        self,
        collection: str,
        wanted: object,
        field: str,
        *,
        first: int,
    ) -> Record | None:
        """Return the record with this id or name, or without one the usual victim."""
        if not wanted:
            numbers = self._records.numbers(collection, first - 1)
            return self._records.get(collection, numbers[0]) if numbers else None
        if str(wanted).isdigit():
            return self._records.get(collection, int(str(wanted)))
        return self._records.first(collection, **{field: wanted})


def _member(details: Details) -> str:
    return str(details.get("member") or TECHNICIAN)
