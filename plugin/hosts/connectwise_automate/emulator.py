"""A stand-in for a ConnectWise Automate server.

Written from the published contract, from what two clients in use send and expect, and from how
the product's own searches read its role tables. What it knows beyond the published interface
(roles, the script runner) has no call; it happens by the sandbox's control words.
"""

from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import Happening
from plugin.edge.world import World
from plugin.hosts.connectwise_automate.emulator_base import USUAL_SWITCHES
from plugin.hosts.connectwise_automate.emulator_commands import CommandsPart
from plugin.hosts.connectwise_automate.emulator_fields import FieldsPart
from plugin.hosts.connectwise_automate.emulator_groups import (
    AS_DETECTED,
    BY_HAND,
    TAKEN_OFF,
    GroupsPart,
)
from plugin.hosts.connectwise_automate.emulator_pages import PagesPart
from plugin.hosts.connectwise_automate.emulator_scripts import ScriptsPart
from plugin.hosts.connectwise_automate.emulator_signin import SignInPart
from plugin.hosts.connectwise_automate.emulator_world import (
    BRIDGE_GROUP,
    CLIENT_ID,
    PASSWORD,
    ROLES,
    SERVER_GROUP,
    USER,
    WEBHOOK_SECRET,
    fill,
    own_computers,
    roles_at_first,
)

Told = dict[str, Any]
NOBODY = ""


class StrangerError(LookupError):
    """A happening names a record that is not this server's."""


class AutomateEmulator(SignInPart, FieldsPart, GroupsPart, CommandsPart, ScriptsPart, PagesPart):
    """ConnectWise Automate, see the module's text."""

    own_faults = ("expired-token", "aspnet-error", "odd-letters", "same-page", "wrong-types")

    def populate(self, world: World) -> None:
        """Fill the shelf with the MSP's clients, computers, groups and fields."""
        fill(self.shelf, world)
        for computer, role, kind, detected in roles_at_first(self.shelf):
            self.set_role(computer, role, kind, detected=detected)

    def connection_settings(self) -> dict[str, str]:
        """Return what an administrator types in to connect."""
        return {
            "server": self.origin or "automate.example",
            "user": USER,
            "password": PASSWORD,
            "client_id": CLIENT_ID,
            "webhook_secret": WEBHOOK_SECRET,
            "bridge_group": BRIDGE_GROUP,
            "admin_server_group": SERVER_GROUP,
        }

    # -- faults ------------------------------------------------------------------------------

    def play_own(self, kind: str, request: Request) -> Response:
        """Play a fault that only this system has."""
        if kind == "expired-token":
            self.end_tokens()
            return self._respond(request)
        if kind == "aspnet-error":
            return self.json({"Message": "An error has occurred."}, 500)
        if kind == "same-page" and request.method == "GET":
            first = {**request.environ, "QUERY_STRING": "pageSize=1000"}
            return self._respond(Request(first))
        change = {"odd-letters": _small_letters, "wrong-types": _wrong_types}.get(kind)
        return self.rewritten(self._respond(request), change)

    # -- happenings --------------------------------------------------------------------------

    def happen(self, happening: Happening) -> Told | None:
        """Let one of the sandbox's words happen; None when word or record is not this server's."""
        action = self._actions().get(happening.what)
        try:
            return action(happening.details) if action else None
        except StrangerError:
            return None

    def _actions(self) -> dict[str, Callable[[Mapping[str, Any]], Told]]:
        return {
            "computer-offline": lambda details: self._come_or_go(details, online=False),
            "computer-online": lambda details: self._come_or_go(details, online=True),
            "role-gained": lambda details: self._role(details, gained=True),
            "role-lost": lambda details: self._role(details, gained=False),
            "company-renamed": self._rename,
            "alert-raised": self._raise_alert,
            "alert-cleared": self._clear_alert,
            "bridge-result": self._bridge_result,
            "field-set": self._set_field,
            "script-runner": self._runner,
            "switch": self._switch,
        }

    def _come_or_go(self, details: Mapping[str, Any], *, online: bool) -> Told:
        computer = self._computer_named(details)
        self.set_online(computer, online=online)
        event = "computer_online" if online else "computer_offline"
        return self._told(computer, message_id=self.report(event, computer, {}))

    def _role(self, details: Mapping[str, Any], *, gained: bool) -> Told:
        """Detection finds or loses a role; ``by: hand`` is a person at the Control Center."""
        names = {name.lower(): number for number, name in ROLES.items()}
        role = names[str(details.get("role", ROLES["1"])).lower()]
        usual = self._without_role() if gained else self._only_with(role)
        computer = self._named(self.table("computers"), details.get("computer"), usual=usual)
        if details.get("by") == "hand":
            self.set_role(computer, role, BY_HAND if gained else TAKEN_OFF, detected=False)
        else:
            self.set_role(computer, role, AS_DETECTED, detected=gained)
        return self._told(computer, role=ROLES[role])

    def _without_role(self) -> str:
        """Return the first of the MSP's own computers that holds no role."""
        holders = set().union(*map(self.holders, ROLES))
        free = (number for number, _ in own_computers(self.shelf) if number not in holders)
        return next(free, NOBODY)

    def _only_with(self, role: str) -> str:
        """Return the newest computer that holds this role and no other."""
        others = set().union(*(self.holders(each) for each in ROLES if each != role))
        return max(self.holders(role) - others, key=int, default=NOBODY)

    def _rename(self, details: Mapping[str, Any]) -> Told:
        clients = self.table("clients")
        number = self._named(clients, details.get("company"), usual="2")
        before = clients[number]["name"]
        name = str(details.get("name") or f"{before} (renamed)")
        clients[number] = {**clients[number], "name": name}
        return {"company": number, "before": before, "name": name}

    def _raise_alert(self, details: Mapping[str, Any]) -> Told:
        computer = self._computer_named(details)
        number = str(self.table("alerts").next_id())
        self.table("alerts")[number] = {
            "computer": computer,
            "message": str(details.get("message", "Protection is not running")),
            "severity": 3,
            "source": "Bridgehead protection check",
            "at": int(self.now_seconds()),
        }
        message = self.report("alert_raised", computer, {"alert_id": number})
        return self._told(computer, alert=number, message_id=message)

    def _clear_alert(self, details: Mapping[str, Any]) -> Told:
        alerts = self.table("alerts")
        number = str(details.get("alert") or next(reversed(list(alerts))))
        computer = alerts.pop(number)["computer"]
        message = self.report("alert_cleared", computer, {"alert_id": number})
        return self._told(computer, alert=number, message_id=message)

    def _bridge_result(self, details: Mapping[str, Any]) -> Told:
        computer = self._computer_named(details)
        code = str(details.get("exit_code", 0))
        return self._told(
            computer, message_id=self.report("bridge_result", computer, {"exit_code": code})
        )

    def _set_field(self, details: Mapping[str, Any]) -> Told:
        computer = self._computer_named(details)
        self.put_field_value("computers", computer, str(details["title"]), details["value"])
        return self._told(computer, title=details["title"])

    def _runner(self, details: Mapping[str, Any]) -> Told:
        secret = str(details.get("secret", WEBHOOK_SECRET))
        self.set_runner(str(details["url"]), secret, str(details.get("key_id", "server")))
        return {"url": details["url"]}

    def _switch(self, details: Mapping[str, Any]) -> Told:
        for name, value in details.items():
            self.set_switch(name, value)
        return dict(details)

    def _computer_named(self, details: Mapping[str, Any]) -> str:
        first, _ = next(own_computers(self.shelf))
        return self._named(self.table("computers"), details.get("computer"), usual=first)

    def _named(self, records: Mapping[str, Any], wanted: object, *, usual: str) -> str:
        """Return the number of the record with this number or name."""
        wanted = usual if wanted is None else wanted
        if str(wanted) in records:
            return str(wanted)
        folded = str(wanted).casefold()
        for number, record in records.items():
            if record["name"].casefold() == folded:
                return number
        raise StrangerError(wanted)

    def _told(self, computer: str, **more: object) -> Told:
        return {"computer": computer, "name": self.table("computers")[computer]["name"], **more}

    # -- what the sandbox shows --------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return what the server holds, as lists of JSON-ready records."""
        plain = (
            "clients",
            "locations",
            "computers",
            "groups",
            "group_computers",
            "computerroledefinitions",
            "field_values",
            "commands",
            "alerts",
            "menus",
            "script_runs",
            "calls",
        )
        held = {
            name: [{"id": number, **record} for number, record in self.table(name).items()]
            for name in plain
        }
        return {**held, "switches": {name: self.switch(name) for name in USUAL_SWITCHES}}


def _small_letters(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Write the first letter of every key small, as some answers of the real server do."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _small_letters(each) for key, each in value.items()}
    return [_small_letters(each) for each in value] if isinstance(value, list) else value


def _wrong_types(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Put a record where a plain value stands, and something plain into an empty list."""
    if isinstance(value, dict):
        return {key: _wrong_types(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_wrong_types(each) for each in value] or [17]
    return {"wrong": True}
