"""The rights that the user of Security Center needs, each tried by a small reading.

Public integrations ask for Read in "Basic functionality" for hosts and events; which right listing
virtual servers, keys and tasks needs is not published, so the cure names what the console shows.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta

from plugin.domain.contracts import WARNING
from plugin.domain.errors import RefusedError
from plugin.domain.model import Workspace
from plugin.domain.rights import Access, Right
from plugin.vendors.kaspersky import center_searches as searches
from plugin.vendors.kaspersky.center_check import DEVICES as DEVICES_STEP
from plugin.vendors.kaspersky.center_check import EVENTS_RUNG as EVENTS_STEP
from plugin.vendors.kaspersky.center_check import LICENCES as LICENCES_STEP
from plugin.vendors.kaspersky.center_check import RIGHTS, SIGN_IN
from plugin.vendors.kaspersky.center_check import SERVERS as SERVERS_STEP
from plugin.vendors.kaspersky.center_check import TASKS as TASKS_STEP
from plugin.vendors.kaspersky.center_found import ACCESSOR, EVENTS, KEYS, Found, Search, Way
from plugin.vendors.kaspersky.center_servers import VirtualServers
from plugin.vendors.kaspersky.center_session import Sessions
from plugin.vendors.kaspersky.center_tasks import GroupTasks
from plugin.vendors.kaspersky.center_wire_keys import KeyWire

LOOK_BACK = timedelta(days=30)
UNPUBLISHED = "Which right this needs is not published."
NO_SERVER = f"{WARNING}not tried: the user sees no virtual server"


class Rights:
    """Makes the list; what lies on a virtual server is looked for on the first with devices."""

    def __init__(
        self, sessions: Sessions, servers: VirtualServers, now: Callable[[], datetime]
    ) -> None:
        """Try with the sessions of the adapter itself."""
        self._sessions, self._servers, self._now = sessions, servers, now

    def all(self) -> Iterator[Right]:
        """Yield the rights to read, then the one that only an action could try."""
        yield self._right(
            SERVERS_STEP, "List virtual servers: Read", "Clients, each one virtual server.",
            "No client is seen.", self._list, UNPUBLISHED,
        )  # fmt: skip
        yield self._right(
            DEVICES_STEP, "Basic functionality: Read (devices)", "Devices with their state.",
            "No device is shown.", self._counting(ACCESSOR, searches.hosts),
        )  # fmt: skip
        yield self._right(
            EVENTS_STEP, "Basic functionality: Read (events)", "Tickets made from events.",
            "No ticket is made from events.", self._counting(EVENTS, self._events),
        )  # fmt: skip
        yield self._right(
            LICENCES_STEP, "Licence keys: Read", "Counting what is in use.",
            "Nothing can be billed.", self._counting(KEYS, lambda: searches.keys(KeyWire)),
            UNPUBLISHED,
        )  # fmt: skip
        yield self._right(
            TASKS_STEP, "Group tasks: Read", "Finding the tasks for scans and updates.",
            "Scans and updates cannot be started.", self._tasks, UNPUBLISHED,
        )  # fmt: skip
        yield Right(
            "Group tasks: Run",
            Access.WRITE,
            "Starting scans and updates.",
            "Scans and updates are refused; everything that only reads goes on.",
            cure=RIGHTS[TASKS_STEP][1],
            unproven="Cannot be checked: only a real task would try it, and it would run.",
            unsure=UNPUBLISHED,
        )

    def _right(
        self, step: str, name: str, needed_for: str, without: str, look: Callable[[], str],
        unsure: str = "",
    ) -> Right:  # fmt: skip
        def prove() -> str:
            try:
                return look()
            except RefusedError as error:
                if error.code == "access_denied":
                    raise
                return f"{WARNING}{error.message}"

        cure = RIGHTS[step][1]
        return Right(
            name, Access.READ, needed_for, without, cure, prove, after=SIGN_IN, unsure=unsure
        )

    # -- proofs --------------------------------------------------------------------------------

    def _list(self) -> str:
        seen = len(list(self._servers.workspaces()))
        return f"virtual servers that this user sees: {seen}" if seen else NO_SERVER

    def _events(self) -> Search:
        return searches.events_from(self._now() - LOOK_BACK)

    def _counting(self, way: Way, search: Callable[[], Search]) -> Callable[[], str]:
        def look() -> str:
            example = self._example()
            if example is None:
                return NO_SERVER
            where = self._servers.find(example.id)
            with Found(self._sessions, where, way, search()) as found:
                return f"{found.count} can be seen on {example.name}"

        return look

    def _tasks(self) -> str:
        example = self._example()
        if example is None:
            return NO_SERVER
        tasks = GroupTasks(self._sessions, self._servers.find(example.id))
        with closing(tasks.tasks()) as found:
            seen = next(found, None) is not None
        return f"{'group tasks' if seen else 'no group task, but their list,'} can be seen"

    def _example(self) -> Workspace | None:
        """Return the virtual server to look into; None when none can be seen."""
        try:
            seen = list(self._servers.workspaces())
        except RefusedError:
            return None
        return next((each for each in seen if each.device_count), seen[0] if seen else None)
