"""The connection check of Security Center: its steps, and what every refusal means."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from plugin.domain.contracts import WARNING, Advice, Rung
from plugin.domain.errors import EdgeError, MissingError
from plugin.domain.model import ActionKind, Workspace
from plugin.vendors.kaspersky import center_searches as searches
from plugin.vendors.kaspersky.center_form import API_PORT, CONSOLE_PORT
from plugin.vendors.kaspersky.center_found import ACCESSOR, EVENTS, KEYS, Found, Search, Way
from plugin.vendors.kaspersky.center_servers import VirtualServers
from plugin.vendors.kaspersky.center_session import Sessions
from plugin.vendors.kaspersky.center_tasks import GroupTasks
from plugin.vendors.kaspersky.center_wire_keys import KeyWire

CLOCK_TOLERANCE = timedelta(minutes=5)
LOOK_BACK = timedelta(days=30)

SIGN_IN, CLOCK, SERVERS = "Sign in", "Clock", "Virtual servers"
DEVICES, EVENTS_RUNG, LICENCES, TASKS = "Devices", "Events", "Licences", "Tasks"


class Check:
    """The steps, each a small real call; the later ones look into the first virtual server that
    has devices."""

    def __init__(
        self,
        sessions: Sessions,
        servers: VirtualServers,
        now: Callable[[], datetime],
        task_names: Mapping[ActionKind, str],
    ) -> None:
        """Check with the sessions of the adapter itself."""
        self._sessions, self._servers, self._now = sessions, servers, now
        self._task_names = task_names
        self._seen: list[Workspace] = []

    def rungs(self) -> tuple[Rung, ...]:
        """Return the steps, the cheapest first."""
        return (
            Rung(SIGN_IN, self._sign_in),
            Rung(CLOCK, self._clock),
            Rung(SERVERS, self._virtual_servers),
            Rung(DEVICES, self._devices),
            Rung(EVENTS_RUNG, self._events),
            Rung(LICENCES, self._licences),
            Rung(TASKS, self._tasks),
        )

    def _sign_in(self) -> str:
        self._sessions.call(self._servers.home, "Session.Ping")
        return "Signed in."

    def _clock(self) -> str:
        theirs = self._sessions.server_clock
        if theirs is None:
            return "The server does not show its clock."
        apart = abs(self._now() - theirs)
        if apart <= CLOCK_TOLERANCE:
            return "The server's clock agrees with ours."
        minutes = round(apart.total_seconds() / 60)
        return (
            f"{WARNING}the server's clock and ours are {minutes} minutes apart. Set both by a time "
            "server, or the times of events will be wrong."
        )

    def _virtual_servers(self) -> str:
        self._seen = list(self._servers.workspaces())
        if not self._seen:
            return (
                f"{WARNING}this user sees no virtual server. Each client has to be a virtual "
                "server, and the user needs the right to read there."
            )
        return f"Virtual servers that this user sees: {len(self._seen)}."

    def _devices(self) -> str:
        count = self._count(ACCESSOR, searches.hosts())
        if not count:
            return (
                f"{WARNING}no device is visible. Give the user the right to read in “Basic "
                "functionality” on the virtual servers, unless they are really empty."
            )
        return f"Devices on one virtual server: {count}."

    def _events(self) -> str:
        count = self._count(EVENTS, searches.events_from(self._now() - LOOK_BACK))
        if not count:
            return (
                f"{WARNING}no event of the last 30 days is visible. Give the user the right to "
                "read events, and see that the policies store events on the server."
            )
        return f"Events of the last 30 days on one virtual server: {count}."

    def _licences(self) -> str:
        count = self._count(KEYS, searches.keys(KeyWire))
        if not count:
            return (
                f"{WARNING}no licence key is listed on the virtual server, so nothing can be "
                "billed. Add the client's key to its virtual server."
            )
        return f"Licence keys on one virtual server: {count}."

    def _tasks(self) -> str:
        if not self._seen:
            return "No virtual server to look at."
        tasks = GroupTasks(self._sessions, self._servers.find(self._example()))
        missing = []
        for action, name in self._task_names.items():
            try:
                tasks.find(action, name)
            except MissingError:
                missing.append(action.value)
        if missing:
            return (
                f"{WARNING}there is no group task for: {', '.join(missing)}. That action will not "
                "work; make the task in the console, or enter its name under Advanced."
            )
        return "There are group tasks for scans and updates."

    def _count(self, way: Way, search: Search) -> int:
        if not self._seen:
            return 0
        with Found(self._sessions, self._servers.find(self._example()), way, search) as found:
            return found.count

    def _example(self) -> str:
        """Return the virtual server to look into: the first that has devices."""
        return next((each for each in self._seen if each.device_count), self._seen[0]).id


def advice(rung: str, error: EdgeError) -> Advice | None:
    """Return cause and cure of a failed step by the error's own word, or None for the default."""
    if error.code == "access_denied":
        cause, cure = RIGHTS.get(rung, RIGHTS[SERVERS])
        return Advice(cause, cure)
    return _ADVICE.get(error.code)


RIGHTS: Mapping[str, tuple[str, str]] = {
    SERVERS: (
        "This user may not list the virtual servers.",
        "Give it the right to read on the main server, or name its own virtual server here.",
    ),
    DEVICES: (
        "This user may not see devices.",
        "Give it the right to read in “Basic functionality” on the virtual servers.",
    ),
    EVENTS_RUNG: (
        "This user may not see events.",
        "Give it the right to read events (“Basic functionality”) on the virtual servers.",
    ),
    LICENCES: (
        "This user may not see licence keys.",
        "Give it the right to read licence keys; without it nothing can be billed.",
    ),
    TASKS: (
        "This user may not see group tasks.",
        "Give it the right to read and run group tasks, or leave scans and updates to the console.",
    ),
}

_UNREACHABLE = (
    f"See that the address is right, that the Open API's port is used ({API_PORT}; the console's "
    f"{CONSOLE_PORT} answers, but not to us) and that no firewall is between. A server in the "
    "client's own network is reached through a bridge next to it."
)

_SOMETHING_ELSE = Advice(
    "Something else than the Open API answers at this address and port.", _UNREACHABLE
)

_ADVICE: Mapping[str, Advice] = {
    "password": Advice(
        "The server does not know this user name and password.",
        "Type both again. For a user made in Security Center, Internal user must be on; for one "
        "of Windows or a domain, off.",
    ),
    "blocked": Advice(
        "The account is blocked after too many wrong passwords.",
        "Unblock it in the console (or wait until it unblocks itself), then correct the password.",
    ),
    "two_step": Advice(
        "The server wants two-step verification from this user.",
        "Add the user to the exceptions of two-step verification in the console: nobody can type "
        "in a code for a program.",
    ),
    "virtual_server": Advice(
        "The server has no virtual server of this name that this user may enter.",
        "Enter the name exactly as the console shows it, or leave the field empty to see all.",
    ),
    "other_server": Advice(
        "The server took no notice of the virtual server that was asked for.",
        "Nothing is read, so that no client's data is shown as another's. Check for a proxy that "
        "drops request headers, and tell us the server's version.",
    ),
    "certificate": Advice(
        "The server's certificate is not trusted; Security Center makes its own.",
        "Press Fetch certificate in this connection's form, compare the fingerprint with that of "
        "klserver.cer on the Administration Server, and pin it; or paste that file as PEM. If one "
        "was pinned before, the server may have a new one.",
    ),
    "address": Advice(
        "This address may not be talked to as it stands.",
        "Enter a name or an address that reaches the server. If it lies in a private network, an "
        "administrator has to allow that for this connection, or use a bridge next to it.",
    ),
    "name": Advice(
        "The server's name cannot be found.",
        "See that it is spelt rightly and is known where this program runs (or enter its number).",
    ),
    "connection": Advice("The server cannot be reached, or hangs up at once.", _UNREACHABLE),
    "timeout": Advice("The server does not answer in time.", _UNREACHABLE),
    "not_json": _SOMETHING_ELSE,
    "web_page": _SOMETHING_ELSE,
    "redirect": _SOMETHING_ELSE,
    "limit": Advice(
        "The server has reached one of its limits (sessions, as a rule).",
        "Wait a quarter of an hour for idle sessions to end, and see which other programs use it.",
    ),
    "unavailable": Advice(
        "The server is starting, stopping or under maintenance.",
        "Wait some minutes and check again.",
    ),
    "no_such_call": Advice(
        "The server's version is too old for this call.",
        "Update Security Center to version 13 or later.",
    ),
    "not_found": Advice(
        "The virtual server is gone, or this user may not see it.",
        "Look in the console whether it is still there, and check the user's rights on it.",
    ),
}
