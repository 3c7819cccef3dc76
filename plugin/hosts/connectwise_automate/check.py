"""The connection check: the smallest real calls in order, and what their failures mean."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from plugin.domain.contracts import WARNING, Advice, Rung
from plugin.domain.errors import AnswerError, EdgeError, MissingError, RefusedError
from plugin.hosts.connectwise_automate.api import Api, number_of
from plugin.hosts.connectwise_automate.bridges import Roles
from plugin.hosts.connectwise_automate.extra_fields import read_fields
from plugin.hosts.connectwise_automate.fields import GROUP_FIELDS, HAND_FIELDS, list_of
from plugin.hosts.connectwise_automate.signature import TOLERANCE
from plugin.hosts.connectwise_automate.wire import (
    AlertWire,
    AutomateWire,
    ClientWire,
    ComputerWire,
    ExecutionWire,
    MenuWire,
    ScriptWire,
)

SERVER, SIGN_IN, CLOCK = "Server and Client ID", "Sign-in", "Clock"
CLIENTS, COMPUTERS, BRIDGES = "Clients", "Computers", "Bridges"
FIELDS, COMMANDS, SCRIPTS = "Extra data fields", "Commands", "Scripts"
ALERTS, MENUS = "Alerts", "Menu entries"

NOT_TRIED = f"{WARNING}Not tried: the user sees no computer."


def rungs_of(api: Api) -> tuple[Rung, ...]:
    """Return the steps of the check of one connection."""
    check = _Check(api)
    return (
        Rung(SERVER, check.server),
        Rung(SIGN_IN, check.sign_in),
        Rung(CLOCK, check.clock),
        Rung(CLIENTS, check.clients),
        Rung(COMPUTERS, check.computers),
        Rung(BRIDGES, check.bridges),
        Rung(FIELDS, check.fields),
        Rung(COMMANDS, check.commands),
        Rung(SCRIPTS, check.scripts),
        Rung(ALERTS, check.alerts),
        Rung(MENUS, check.menus),
    )


class _Check:
    """The calls of the steps; each returns what it saw."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._computer = ""

    def server(self) -> str:
        """Ask how one can sign in: needs the clientId and no token."""
        answer = self._api.http.get("api/v1/apitoken", headers=self._api.sign_in.client_headers())
        if not isinstance(answer.json(), dict):
            text = "answered something else than how to sign in"
            raise AnswerError(self._api.who, text, code="shape")
        return "The server answers and knows the Client ID."

    def sign_in(self) -> str:
        """Sign in afresh."""
        self._api.sign_in.forget()
        minutes = round(self._api.sign_in.life().total_seconds() / 60)
        return f"Signed in; the token lasts {minutes} minutes and is renewed by itself."

    def clock(self) -> str:
        """Compare the server's clock with ours."""
        skew = self._api.sign_in.read_clock(self._api.sign_in.headers()).skew
        seconds = round(abs(skew).total_seconds())
        if seconds > TOLERANCE:
            way = "ahead of" if skew > timedelta() else "behind"
            text = f"is {seconds} seconds {way} our clock"
            raise RefusedError(self._api.who, text, code="clock")
        return f"The server's clock is right ({seconds} seconds off)."

    def clients(self) -> str:
        """Read one client."""
        params = {"includeFields": "Id,Name"}
        if self._api.first("api/v1/Clients", ClientWire, "clients", params) is None:
            return (
                f"{WARNING}The user sees no client: its user class is limited to none. Give the "
                "user its clients in the Control Center."
            )
        return "Clients can be read."

    def computers(self) -> str:
        """Read one computer."""
        params = {"includeFields": "Id,ComputerName"}
        first = self._api.first("api/v1/Computers", ComputerWire, "computers", params)
        if first is None:
            return (
                f"{WARNING}The user sees no computer. Give the user's class Read on computers of "
                "its clients in the Control Center."
            )
        self._computer = first["id"]
        return "Computers can be read."

    def bridges(self) -> str:
        """Look for the roles by groups and by hand; the field is the next step's."""
        api = self._api
        roles = Roles(api)
        unknown = [
            each
            for name in HAND_FIELDS
            for each in list_of(api.settings, name)
            if not self._is_there(each)
        ]
        if unknown:
            return f"{WARNING}There is no computer with the id {', '.join(unknown)}."
        used = [name for name in (*GROUP_FIELDS, *HAND_FIELDS) if api.settings.get(name)]
        by_field = bool(api.settings.get("bridge_field") and self._computer)
        if by_field:
            roles.check_field(self._computer)
        if used and not roles.count():
            return f"{WARNING}No computer holds a bridge role by group or by hand."
        if by_field and not used:
            return "The bridge field exists on computers."
        return f"{roles.count()} computers hold a bridge role." if used else "Bridges are not used."

    def fields(self) -> str:
        """Read one computer's extra data fields."""
        if not self._computer:
            return NOT_TRIED
        return self._optional(FIELDS, "extra data fields", self._read_fields)

    def commands(self) -> str:
        """Read one computer's command queue."""
        if not self._computer:
            return NOT_TRIED
        path = f"api/v1/Computers/{self._computer}/CommandExecute"
        return self._optional(COMMANDS, "commands", lambda: self._read(path, ExecutionWire))

    def scripts(self) -> str:
        """Read one script."""
        return self._optional(SCRIPTS, "scripts", lambda: self._read("api/v1/Scripts", ScriptWire))

    def alerts(self) -> str:
        """Read one alert."""
        return self._optional(ALERTS, "alerts", lambda: self._read("api/v1/Alerts", AlertWire))

    def menus(self) -> str:
        """Read one menu entry."""
        return self._optional(
            MENUS, "menu entries", lambda: self._read("api/v1/ComputerMenus", MenuWire)
        )

    def _optional(self, rung: str, what: str, call: Callable[[], str]) -> str:
        """Make a call that only some features need: a missing right is a warning."""
        try:
            return call()
        except RefusedError as error:
            if error.status != 403:
                raise
        return (
            f"{WARNING}The user has no right to {what}; what needs them stays off. To have it, "
            f"give the user's class the right {_RIGHTS[rung]}."
        )

    def _read(self, path: str, shape: type[AutomateWire]) -> str:
        found = self._api.first(path, shape, "a list")
        return "They can be read." if found else "They can be read; there are none."

    def _read_fields(self) -> str:
        found = len(read_fields(self._api, self._computer))
        if not found:
            return f"{WARNING}Computers have no extra data field that this user may see."
        return f"{found} extra data fields on computers."

    def _is_there(self, computer: str) -> bool:
        try:
            self._api.get(f"api/v1/Computers/{number_of(computer, 'computer_id')}")
        except MissingError:
            return False
        return True


_NO_SERVER = Advice(
    "There is no Automate interface at this address.",
    "Type the address of the Automate server itself, as in the browser before /automate.",
)
_BY_CODE = {
    "two-factor": Advice(
        "The user has two-factor sign-in, and no passcode was given.",
        "Use an integrator or a user without two-factor sign-in, or type the setup key of its "
        "authenticator under Two-factor passcode or setup key.",
    ),
    "passcode": Advice(
        "What is stored as passcode is neither six digits nor a setup key.",
        "Type it again.",
    ),
    "clock": Advice(
        "The clock of the Automate server is wrong, or ours is.",
        "Set both by a time server. Until then the calls of scripts on it are refused, because "
        f"their time stamp may be at most {TOLERANCE} seconds off.",
    ),
    "bridge-group": Advice(
        "A group given for bridges does not exist, or the user may not see it.",
        "Type the group's name exactly as the Control Center shows it, or give the user's class "
        "the right to see the group.",
    ),
    "bridge-field": Advice(
        "Computers have no extra data field with the title given for bridges.",
        "Type the title exactly as in System > Configuration > Additional fields, or empty it.",
    ),
    "not_json": _NO_SERVER,
    "web_page": _NO_SERVER,
    "redirect": _NO_SERVER,
    "shape": _NO_SERVER,
    "certificate": Advice(
        "The server shows a certificate that is not trusted.",
        "Give the server a certificate of a public authority that matches its name.",
    ),
    "address": Advice(
        "The address is not one Bridgehead may call.",
        "Type the public https address; for a server in your own network an administrator must "
        "allow private addresses for this connection.",
    ),
}
_UNAUTHORIZED = {
    SERVER: Advice(
        "The Client ID is missing or not known to the server.",
        "Copy the clientId of your integration from developer.connectwise.com; Automate asks for "
        "it on every call since version 2020.11.",
    ),
    SIGN_IN: Advice(
        "The user name or the password is wrong, or the passcode has passed.",
        "Try them in the Control Center. A passcode serves once and for half a minute; the setup "
        "key of the authenticator does not pass. Repeated failures may lock the user.",
    ),
}
_UNAUTHORIZED_LATER = Advice(
    "The server gives a token and then does not take it.",
    "Check that the Client ID is an integration for Automate, and that nothing between us and "
    "the server removes the Authorization header.",
)
_RIGHTS: Mapping[str, str] = {
    CLOCK: "to read the server's time",
    CLIENTS: "Read on clients",
    COMPUTERS: "Read on computers",
    BRIDGES: "Read on groups and on the computers in them",
    FIELDS: "to view extra data fields on computers",
    COMMANDS: "Send Commands",
    SCRIPTS: "to view and schedule scripts",
    ALERTS: "to view alerts",
    MENUS: "to edit computer menus",
}


def advice_for(rung: str, error: EdgeError) -> Advice | None:
    """Return cause and cure of a failed step, or None for the general ones."""
    if error.status == 401 or error.code == "unauthorized":
        return _UNAUTHORIZED.get(rung, _UNAUTHORIZED_LATER)
    if error.status == 403:
        right = _RIGHTS.get(rung, "for this call")
        return Advice(
            f"The user lacks the right {right}.",
            "Give it to the user's class in the Control Center (Users > Permissions), and to the "
            "user on the clients it may see.",
        )
    if rung == SERVER and isinstance(error, MissingError):
        return _NO_SERVER
    if error.code in {"shape", "not_json", "web_page", "redirect"} and rung != SERVER:
        return None
    return _BY_CODE.get(error.code)
