"""Kaspersky Security Center: an Administration Server of the customer's own, through its Open API.

A workspace is a virtual server. Everything about one is asked in a session that is logged in to
it, so that no answer can show another client's data.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime

from plugin.domain.contracts import (
    Advice,
    FindsDetections,
    ListsWorkspaceGroups,
    ReportsLicences,
    ReportsUsage,
    Rung,
    RunsActions,
    Scope,
    Vendor,
    Words,
)
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.model import (
    ActionKind,
    ActionProgress,
    ActionState,
    ActionTarget,
    Detection,
    Device,
    Group,
    Licence,
    Page,
    UsageLine,
    Workspace,
)
from plugin.domain.rights import Right
from plugin.edge.link import Link
from plugin.vendors.kaspersky import center_licences
from plugin.vendors.kaspersky import center_searches as searches
from plugin.vendors.kaspersky import center_wire as wire
from plugin.vendors.kaspersky.center_agent import DeviceTasks
from plugin.vendors.kaspersky.center_check import Check, advice
from plugin.vendors.kaspersky.center_events import EventWalk, Place
from plugin.vendors.kaspersky.center_form import FIELDS, GUIDE, address_of, validate
from plugin.vendors.kaspersky.center_found import ACCESSOR, Found, Search, restarted
from plugin.vendors.kaspersky.center_rights import Rights
from plugin.vendors.kaspersky.center_servers import VirtualServers
from plugin.vendors.kaspersky.center_session import Sessions
from plugin.vendors.kaspersky.center_tasks import GroupTasks, Run
from plugin.vendors.kaspersky.center_words import CONDITIONS, TITLE

PAGE = 500
"""Devices or events in one part; a part is all that is ever in memory."""


class SecurityCenter(
    Vendor, FindsDetections, ReportsLicences, ReportsUsage, ListsWorkspaceGroups, RunsActions
):
    """One account at one Administration Server."""

    kind = "kaspersky_ksc"
    title = TITLE
    words = Words(product=TITLE, workspace="virtual server", computer="device")
    scope = Scope.WORKSPACE
    conditions = CONDITIONS
    fields = FIELDS
    guide = GUIDE
    actions = whole = frozenset({ActionKind.SCAN, ActionKind.UPDATE})
    page_size = PAGE

    def __init__(self, link: Link) -> None:
        """Keep the link; nothing is asked before the first call."""
        self._link = link
        self._sessions = Sessions(link, TITLE)
        self._servers = VirtualServers(
            self._sessions, link.settings.get("virtual_server", "").strip()
        )

    @classmethod
    def validate(cls, settings: Mapping[str, str]) -> tuple[RuleError, ...]:
        """Return what is wrong with the settings beyond each field's own rule."""
        return validate(settings)

    @classmethod
    def certificate_server(cls, settings: Mapping[str, str]) -> str:
        """Return the address of the Open API, once a server is named."""
        return address_of(settings) if settings.get("server") else ""

    def rungs(self) -> tuple[Rung, ...]:
        """Return the connection check's steps."""
        names = {action: self._task_name(action) for action in sorted(self.actions)}
        return Check(self._sessions, self._servers, self._link.now, names).rungs()

    def advice(self, rung: str, error: EdgeError) -> Advice | None:
        """Return cause and cure of a failed step."""
        return advice(rung, error)

    def rights(self) -> tuple[Right, ...]:
        """Return the rights that its user needs."""
        return tuple(Rights(self._sessions, self._servers, self._link.now).all())

    # -- what is there -------------------------------------------------------------------------

    def workspaces(self) -> Iterator[Workspace]:
        """Yield the virtual servers this account can see (only the one it is tied to, if any)."""
        yield from self._servers.workspaces()

    def devices(self, workspace_id: str, cursor: str | None) -> Iterator[Page[Device]]:
        """Yield every device of a virtual server; the server tells no changes, only all."""
        yield from restarted(lambda: self._device_pages(workspace_id, searches.hosts()))

    def detections(
        self, workspace_id: str, cursor: str | None, since: datetime
    ) -> Iterator[Page[Detection]]:
        """Yield events by their number, those above the cursor's; one may be older than another."""
        where = (workspace_id, self._servers.find(workspace_id))
        walk = EventWalk(self._sessions, where, Place.read(cursor))
        yield from restarted(lambda: walk.incidents(since, self.page_size))
        yield from restarted(lambda: walk.events(since, self._link.now(), self.page_size))

    def workspace_groups(self, workspace_id: str) -> Iterator[Group]:
        """Yield the administration groups of a virtual server."""
        yield from restarted(lambda: self._groups_of(workspace_id))

    # -- licences ------------------------------------------------------------------------------

    def licences(self, workspace_id: str) -> Iterator[Licence]:
        """Yield the keys and subscriptions listed on a virtual server."""
        where = (workspace_id, self._servers.find(workspace_id))
        yield from center_licences.licences(self._sessions, where, self._link.now())

    def usage(self, workspace_id: str, day: date) -> Iterator[UsageLine]:
        """Yield devices per product and class that use an unexpired commercial key now.

        Counted three ways: ``assigned``, ``active`` (seen in the last 30 days) and ``ordered``.
        The server keeps no history, so ``day`` only labels the lines and dates the keys.
        """
        server = self._servers.find(workspace_id)
        held = list(self.licences(workspace_id))
        devices = {
            device.id: device for page in self.devices(workspace_id, None) for device in page.rows
        }
        users = {key.id: center_licences.users(self._sessions, server, key.id) for key in held}
        yield from center_licences.usage(held, devices, users, day)

    # -- actions -------------------------------------------------------------------------------

    def start(self, action: ActionKind, target: ActionTarget) -> str:
        """Start the scan or update task of a virtual server, or of one device that is on.

        MissingError (code ``no_task``) when nobody has made such a task; TransientError (code
        ``device_away``) when the device is not reached.
        """
        server, wanted = self._servers.find(target.workspace_id), self._task_name(action)
        if target.device_id:
            device = DeviceTasks(self._sessions, server, target.device_id)
            own = device.find(action, wanted)
            device.start(own)
            return self._run(target, own.id, own.product).text()
        tasks = GroupTasks(self._sessions, server)
        number = tasks.number(tasks.find(action, wanted))
        return replace(self._run(target, number), after=tasks.start(number)).text()

    def started(self, action: ActionKind, target: ActionTarget, since: datetime) -> Iterator[str]:
        """Yield the task's run if it runs just now; the server keeps no list of who started it."""
        server, wanted = self._servers.find(target.workspace_id), self._task_name(action)
        if target.device_id:
            own = DeviceTasks(self._sessions, server, target.device_id).find(action, wanted)
            run = self._run(target, own.id, own.product)
        else:
            tasks = GroupTasks(self._sessions, server)
            run = self._run(target, tasks.number(tasks.find(action, wanted)))
        if self.progress(run.text()).state is ActionState.RUNNING:
            yield run.text()

    def progress(self, reference: str) -> ActionProgress:
        """Tell how far a started task is."""
        run = Run.read(reference)
        server = self._servers.find(run.workspace)
        if run.device:
            return DeviceTasks(self._sessions, server, run.device).progress(run.product, run.task)
        return GroupTasks(self._sessions, server).progress(run, self._link.now())

    def _task_name(self, action: ActionKind) -> str:
        return self._link.settings.get(f"{action.value}_task", "")

    def _run(self, target: ActionTarget, task: str, product: str = "") -> Run:
        at = self._link.now().isoformat()
        return Run(target.workspace_id, task, target.device_id, product, 0, at)

    # -- reading -------------------------------------------------------------------------------

    def _device_pages(self, workspace_id: str, search: Search) -> Iterator[Page[Device]]:
        server = self._servers.find(workspace_id)
        with Found(self._sessions, server, ACCESSOR, search) as found:
            for rows, last in found.parts(self.page_size):
                yield Page(wire.devices(rows, workspace_id), complete=last)

    def _groups_of(self, workspace_id: str) -> Iterator[Group]:
        server = self._servers.find(workspace_id)
        with Found(self._sessions, server, ACCESSOR, searches.groups()) as found:
            rows = [row for part, _ in found.parts(self.page_size) for row in part]
        yield from wire.groups(rows, workspace_id)
