"""A stand-in for a Tigerpaw API site: REST and the SOAP service tsiWS behind one origin.

Written from the derived REST description, the proven parts of tsiWS and the vendor's help. What is
rebuilt (see the file names and switches) is no fact about the real server.
"""

from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import Happening
from plugin.edge.world import World
from plugin.hosts.tigerpaw.emulator_base import SERVICE, USUAL_SWITCHES
from plugin.hosts.tigerpaw.emulator_orders import OrdersPart
from plugin.hosts.tigerpaw.emulator_records import RecordsPart
from plugin.hosts.tigerpaw.emulator_search import Record
from plugin.hosts.tigerpaw.emulator_soap import SoapPart
from plugin.hosts.tigerpaw.emulator_world import (
    EXTERNAL_PRODUCT,
    PRIVATE_KEY,
    PUBLIC_KEY,
    REP,
    SOAP_PASSWORD,
    SOAP_USER,
    fill,
)

Told = dict[str, Any]
KEY_PREFIX = "BH-"


class TigerpawEmulator(OrdersPart, RecordsPart, SoapPart):
    """Tigerpaw, see the module's text."""

    own_faults = ("success-false", "stuck-paging", "soap-fault", "soap-server-fault", "wrong-types")

    def populate(self, world: World) -> None:
        """Fill the shelf with the MSP's accounts, agreements, price book and master tables."""
        fill(self.shelf, world)

    def connection_settings(self) -> dict[str, str]:
        """Return what an administrator types in to connect."""
        return {
            "server": self.origin or "https://tigerpaw.example",
            "public_key": PUBLIC_KEY,
            "private_key": PRIVATE_KEY,
            "soap_user": SOAP_USER,
            "soap_password": SOAP_PASSWORD,
            "taken_by": str(REP),
            "external_product": EXTERNAL_PRODUCT,
            "charges_confirmed": "true",
        }

    # -- faults ------------------------------------------------------------------------------

    def play_own(self, kind: str, request: Request) -> Response:
        """Play a fault that only this system has."""
        if kind == "success-false":
            return self.no("An error occurred.")
        if kind in {"soap-fault", "soap-server-fault"} and request.path.lower() == SERVICE:
            blame = "Client" if kind == "soap-fault" else "Server"
            new = "soap+xml" in (request.content_type or "")
            return self.fault("Object reference not set.", new=new, blame=blame)
        change = {"stuck-paging": _stuck, "wrong-types": _wrong_types}.get(kind)
        return self.rewritten(self._respond(request), change)

    # -- happenings --------------------------------------------------------------------------

    def happen(self, happening: Happening) -> Told | None:
        """Let one of the sandbox's words happen; None when word or record is not this server's."""
        action = self._actions().get(happening.what)
        return action(happening.details) if action else None

    def _actions(self) -> dict[str, Callable[[Mapping[str, Any]], Told | None]]:
        return {
            "ticket-closed": self._close,
            "ticket-reopened": self._reopen,
            "ticket-locked": lambda details: self._lock(details, rep=8),
            "ticket-unlocked": lambda details: self._lock(details, rep=0),
            "company-renamed": self._rename,
            "agreement-ended": self._end_agreement,
            "charge-changed": self._change_charge,
            "switch": self._switch,
        }

    def _close(self, details: Mapping[str, Any]) -> Told | None:
        return self._move(details, "Closed", self.server_now().timestamp())

    def _reopen(self, details: Mapping[str, Any]) -> Told | None:
        return self._move(details, "In Progress", None)

    def _move(self, details: Mapping[str, Any], status: str, closed: float | None) -> Told | None:
        number = self._order_meant(details)
        if number is None:
            return None
        record = self.table("serviceorders")[number]
        self.save_order(number, {**record, "closed": closed}, {"status": status})
        return {"ticket": number, "key": record.get("reference", "")}

    def _lock(self, details: Mapping[str, Any], *, rep: int) -> Told | None:
        number = self._order_meant(details)
        if number is None:
            return None
        record = self.table("serviceorders")[number]
        self.table("serviceorders")[number] = {**record, "locked": rep}
        return {"ticket": number, "locked": bool(rep)}

    def _order_meant(self, details: Mapping[str, Any]) -> str | None:
        """Return the service order named, else the newest of ours."""
        orders = self.table("serviceorders")
        if details.get("ticket"):
            number = str(details["ticket"])
            return number if number in orders else None
        ours = (n for n, r in orders.items() if r.get("reference", "").startswith(KEY_PREFIX))
        return max(ours, key=int, default=None)

    def _rename(self, details: Mapping[str, Any]) -> Told | None:
        accounts = self.table("accounts")
        number = str(details.get("company") or list(accounts)[-1])
        if number not in accounts:
            return None
        before = accounts[number]["name"]
        name = str(details.get("name") or f"{before} Holdings")
        accounts[number] = {**accounts[number], "name": name}
        return {"company": number, "before": before, "name": name}

    def _end_agreement(self, details: Mapping[str, Any]) -> Told | None:
        agreements = self.table("agreements")
        number = str(details.get("agreement") or next(iter(agreements)))
        if number not in agreements:
            return None
        ended = self.server_now().timestamp() - 86_400
        agreements[number] = {**agreements[number], "end": ended}
        return {"agreement": number, "company": agreements[number]["account"]}

    def _change_charge(self, details: Mapping[str, Any]) -> Told | None:
        charges = self.table("charges")
        number = str(details.get("charge") or next(iter(charges)))
        if number not in charges:
            return None
        quantity = int(details.get("quantity", charges[number]["quantity"] + 1))
        charges[number] = {**charges[number], "quantity": quantity}
        return {"charge": number, "quantity": quantity}

    def _switch(self, details: Mapping[str, Any]) -> Told:
        for name, value in details.items():
            self.set_switch(name, value)
        return dict(details)

    # -- what the sandbox shows --------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return what the server holds, as lists of JSON-ready records."""
        names = ("accounts", "externals", "serviceorders", "agreements", "charges", "pricebook")
        held: dict[str, list[Record]] = {
            name: [{"number": number, **record} for number, record in self.table(name).items()]
            for name in names
        }
        return {**held, "switches": {name: self.switch(name) for name in USUAL_SWITCHES}}


def _stuck(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Let a list promise more than it gives, and its next row stop growing."""
    if isinstance(value, dict) and "NextRow" in value:
        return {**value, "NextRow": 1, "TotalCount": value["TotalCount"] + 1}
    return value


def _wrong_types(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Put a record where a plain value stands, and something plain into an empty list."""
    if isinstance(value, dict):
        return {key: _wrong_types(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_wrong_types(each) for each in value] or [17]
    return {"wrong": True}
