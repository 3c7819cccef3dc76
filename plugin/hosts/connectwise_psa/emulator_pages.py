"""Pages of the emulated PSA for people: sign-in, a ticket, and a page that holds ours.

The page speaks the messages of the vendor's hosted API 1.0 as the real one does; see
``emulator_hosted.js``.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.shelf import Table
from plugin.hosts.connectwise_psa.emulator_records import Record, Records

FOLDER = Path(__file__).parent
PASSWORD = "sandbox"  # noqa: S105 - everybody's password in the made-up MSP
_TICKET_PAGE = Template(
    "<!doctype html><html lang=en><meta charset=utf-8><title>Ticket $id</title>"
    "<h1>Service ticket $id</h1><p>$summary</p><dl><dt>Company<dd>$company<dt>Board<dd>$board"
    "<dt>Status<dd>$status<dt>Reference<dd>$key</dl><h2>Notes</h2>$notes"
)


class HostPages:
    """Answers the addresses outside the REST API."""

    def __init__(
        self,
        records: Records,
        table: Callable[[str], Table],
        instance: Callable[[], Mapping[str, str]],
    ) -> None:
        """Show ``records``."""
        self._records, self._table, self._instance = records, table, instance

    # -- members ---------------------------------------------------------------------------------

    def login(self, request: Request) -> Response:
        """Answer the sign-in form: ``Success`` and ``Hash``."""
        form = request.form
        company = form.get("CompanyName", "").lower() == self._instance()["company"]
        member = self._member(form.get("UserName", ""))
        if not company or member is None or form.get("Password") != PASSWORD:
            return _json_page({"Success": False, "Hash": None})
        return _json_page({"Success": True, "Hash": self.sign_in(str(member["identifier"]))})

    def sign_in(self, identifier: str) -> str:
        """Return a fresh member hash."""
        member_hash = secrets.token_urlsafe(24)
        self._table("hashes")[member_hash] = {"member": identifier}
        return member_hash

    def member_of(self, cookies: Mapping[str, str]) -> str | None:
        """Return the member whom the cookies prove, or None."""
        found = self._table("hashes").get(cookies.get("memberHash", ""))
        same_company = cookies.get("companyName", "").lower() == self._instance()["company"]
        if found is None or not same_company or cookies.get("memberContext") != "web":
            return None
        if found["member"].lower() != cookies.get("memberId", "").lower():
            return None
        member = self._member(found["member"])
        return str(found["member"]) if member else None

    def authentication(self, identifier: str) -> dict[str, Any] | None:
        """Sign a member in, and return what getMemberAuthentication tells a hosted page."""
        member = self._member(identifier)
        if member is None:
            return None
        instance = self._instance()
        return {
            "site": instance["site"],
            "companyid": instance["company"],
            "memberid": member["identifier"],
            "memberHash": self.sign_in(str(member["identifier"])),
            "memberContext": "web",
            "memberEmail": member.get("primaryEmail", ""),
            "codeBase": instance["codebase"],
        }

    def _member(self, identifier: str) -> Record | None:
        numbers = self._records.among("system/members", "identifier", identifier) or []
        member = self._records.get("system/members", numbers[0]) if numbers else None
        return None if member is None or member.get("inactiveFlag") else member

    # -- pages -----------------------------------------------------------------------------------

    def dashboard(self, request: Request) -> Response:
        """Show a page of the PSA with our page in a frame.

        Query: ``frame`` (our page; else what the happening ``frame`` set), ``member``, ``screen``
        and ``id`` (the record shown), ``as`` (pod or tab).
        """
        asked = request.args
        screen, number = asked.get("screen", "company"), asked.get("id", "3")
        frame = asked.get("frame") or self._table("switches").get("frame", {}).get("value", "")
        frame = frame.replace("[cw_id]", number).replace("[cw_screen]", screen)
        member = self._member(asked.get("member", "jdoe"))
        data = {
            "frame": frame,
            "screenObject": {"screen": screen, "id": number, "hostedAs": asked.get("as", "pod")},
            "member": self.authentication(asked.get("member", "jdoe")),
        }
        page = Template((FOLDER / "emulator_hosted.html").read_text("utf-8"))
        html = page.substitute(
            member=escape(str(member["identifier"]) if member else "nobody"),
            title=escape(f"{screen.capitalize()} {number}"),
            data=escape(json.dumps(data)),
            height="400" if asked.get("as", "pod") == "pod" else "800",
        )
        return Response(html, mimetype="text/html")

    def script(self) -> Response:
        """Give the script of that page."""
        text = (FOLDER / "emulator_hosted.js").read_text("utf-8")
        return Response(text, mimetype="text/javascript")

    def ticket(self, request: Request) -> Response:
        """Show a ticket with its notes."""
        number = request.args.get("service_recid", "")
        ticket = self._records.get("service/tickets", int(number)) if number.isdigit() else None
        if ticket is None:
            return Response("No such ticket.", 404, mimetype="text/plain")
        shown = self._records.show("service/tickets", ticket)
        notes = [
            self._records.get("service/tickets/notes", each) or {}
            for each in self._records.below("service/tickets/notes", ticket["id"])
        ]
        html = _TICKET_PAGE.substitute(
            id=ticket["id"],
            summary=escape(shown.get("summary", "")),
            company=escape(shown["company"].get("name", "")),
            board=escape(shown["board"].get("name", "")),
            status=escape(shown["status"].get("name", "")),
            key=escape(shown.get("externalXRef", "")),
            notes="".join(f"<pre>{escape(note.get('text', ''))}</pre>" for note in notes),
        )
        return Response(html, mimetype="text/html")


def _json_page(value: object) -> Response:
    return Response(json.dumps(value), mimetype="application/json")
