"""EsetProtect: ESET PROTECT through ESET Connect, with MSP Administrator as a second slot.

PROTECT knows groups, devices and what is found on them; MSP Administrator knows customers,
licences and use. A client is a group of PROTECT; a person joins a customer to it.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, ClassVar

from plugin.domain.contracts import (
    Advice,
    FindsDetections,
    JoinsCustomers,
    ListsGroups,
    MakesInstallers,
    ReportsLicences,
    ReportsUsage,
    ResolvesDetections,
    Rung,
    RunsActions,
    Scope,
    Vendor,
    Words,
)
from plugin.domain.errors import EdgeError, RefusedError, RuleError
from plugin.domain.figures import Fact
from plugin.domain.model import (
    ActionKind,
    ActionProgress,
    ActionTarget,
    CustomerPair,
    Detection,
    Device,
    Group,
    Licence,
    Page,
    UsageLine,
    Workspace,
)
from plugin.domain.rights import Recipe, Right
from plugin.edge.http import Answer
from plugin.edge.link import Link
from plugin.vendors.eset import findings, form, installers
from plugin.vendors.eset.actions import ACTIONS, is_ours, progress_of, task
from plugin.vendors.eset.check import Check
from plugin.vendors.eset.connect import Connect, part
from plugin.vendors.eset.devices import Book
from plugin.vendors.eset.fleet import Fleet
from plugin.vendors.eset.guide import STEPS
from plugin.vendors.eset.licensing import CUSTOMER, Licensing
from plugin.vendors.eset.msp import Msp
from plugin.vendors.eset.pairs import Named, propose_pairs, read_pairs
from plugin.vendors.eset.refusals import ADVICE, CORE, judge_connect
from plugin.vendors.eset.rights import Rights
from plugin.vendors.eset.values import device_from
from plugin.vendors.eset.wire import RunPageWire, TaskMadeWire, TaskPageWire

AUTOMATION = "automation"
RUNS_A_PAGE = 1000


class EsetProtect(
    Vendor,
    FindsDetections,
    ReportsLicences,
    ReportsUsage,
    JoinsCustomers,
    ListsGroups,
    ResolvesDetections,
    RunsActions,
    MakesInstallers,
):
    """One PROTECT instance, its clients as workspaces, one cursor for all of them."""

    kind = "eset_protect"
    title = "ESET PROTECT"
    fields = form.FIELDS
    words = Words(product="ESET", workspace="customer", company="customer", item="solution")
    untold = frozenset({Fact.DATABASES})
    notice = form.NOTICE
    name_label = "ESET PROTECT Connection Name"
    menu_path = ("Connection Settings", "ESET PROTECT Connections")
    guide = tuple(step.text for step in STEPS)
    recipes = STEPS
    scope = Scope.CONNECTION
    actions = ACTIONS
    whole = frozenset({ActionKind.SCAN})
    installer_arguments = installers.SILENT
    installer_signer = installers.SIGNER
    pairs_field: ClassVar[str] = "customer_pairs"
    pairs_words: ClassVar[tuple[str, str]] = ("PROTECT group", "MSP Administrator customer")

    def __init__(self, link: Link) -> None:
        """Take the link; nothing is called before the first question."""
        self._link, self._now = link, link.now
        self._connect = Connect(link, self.title)
        self._fleet = Fleet(self._connect)
        named = link.settings.get("msp_email") and link.settings.get("msp_password")
        self._msp = Msp(link, "ESET MSP Administrator") if named else None

    @classmethod
    def validate(cls, settings: Mapping[str, str]) -> tuple[RuleError, ...]:
        """Return what is wrong with a form; ``name`` is the connection's own name."""
        return tuple(form.faults(settings))

    @classmethod
    def certificate_server(cls, settings: Mapping[str, str]) -> str:
        """Return the address of a console On-Prem; ESET's own servers need no pin."""
        on_premises = settings.get("type") == form.ON_PREM
        return settings.get("server", "") if on_premises else ""

    def rungs(self) -> tuple[Rung, ...]:
        """Return the connection check's steps."""
        return Check(self._connect, self._msp).rungs()

    def advice(self, rung: str, error: EdgeError) -> Advice | None:
        """Return cause and cure of a refusal, or None for the default."""
        return ADVICE.get(error.code)

    def rights(self) -> tuple[Right, ...]:
        """Return the rights that both users need, those of actions where these are meant."""
        acts = self.recipe(self._link.settings) is Recipe.WITH_ACTIONS
        return tuple(Rights(self._connect, self._msp, acts=acts).all())

    @classmethod
    def recipe(cls, settings: Mapping[str, str]) -> Recipe:
        """Return the chosen recipe; without a choice, as the form shows it: read only."""
        chosen = settings.get("recipe")
        return Recipe.WITH_ACTIONS if chosen == Recipe.WITH_ACTIONS else Recipe.READ_ONLY

    @classmethod
    def permitted(cls, settings: Mapping[str, str]) -> frozenset[ActionKind]:
        """Return no action for a user that is made to read only."""
        return cls.actions if cls.recipe(settings) is Recipe.WITH_ACTIONS else frozenset()

    @staticmethod
    def classify(answer: Answer) -> EdgeError | None:
        """Return what an answer of device management means; other services add their own."""
        return judge_connect(answer, CORE)

    # -- clients, groups and devices -----------------------------------------------------------

    def workspaces(self) -> Iterator[Workspace]:
        """Yield the clients' groups, then the customers that no person has joined to one."""
        tree = self._fleet.tree()
        for node in tree.clients():
            above = tree.client_of(node.parent)
            yield Workspace(node.id, node.name[:300], parent_id=above or None)
        joined = set(self._pairs().values())
        for row in self._msp.customers() if self._msp else ():
            if row["id"] not in joined:
                yield Workspace(CUSTOMER + row["id"], row["name"][:300])

    def devices(self, workspace_id: str, cursor: str | None) -> Iterator[Page[Device]]:
        """Yield all devices; ESET lists no changes, so a cursor only goes on with a listing.

        A device outside every client's group names no workspace.
        """
        tree, today = self._fleet.tree(), self._now().date()
        for rows, token, complete in self._fleet.devices(cursor):
            found = (device_from(row, tree.client_of(row["group"]), today) for row in rows)
            yield Page(tuple(found), token or None, complete=complete)

    def groups(self) -> Iterator[Group]:
        """Yield static and dynamic groups."""
        return self._fleet.tree().groups()

    def members(self, group_id: str) -> Iterator[str]:
        """Yield who is in a group now; its subgroups are groups of their own."""
        return self._fleet.members(group_id)

    # -- detections --------------------------------------------------------------------------

    def detections(
        self, workspace_id: str, cursor: str | None, since: datetime
    ) -> Iterator[Page[Detection]]:
        """Yield detections of both versions and incidents since the cursor.

        MissingError when this instance offers none of the three.
        """
        book = Book(self._connect, self._fleet.tree, self.title)
        return findings.Findings(self._connect, book, self._now).walk(cursor, since)

    def resolve(self, detection_id: str, note: str) -> None:
        """Mark a detection as dealt with, or close an incident, with the note.

        RefusedError (code ``read_only``), before any call, where the user is made to read only.
        """
        if self.recipe(self._link.settings) is Recipe.READ_ONLY:
            text = "is connected with a user that may only read"
            raise RefusedError(self.title, text, code="read_only")
        findings.resolve(self._connect, detection_id, note)

    # -- actions and installers ----------------------------------------------------------------

    def start(self, action: ActionKind, target: ActionTarget) -> str:
        """Make a task for a device or a client's whole group; the reference is the task's id."""
        if action not in self.actions:
            raise RuleError("action", f"ESET PROTECT has no action {action.value!r}")
        body = task(action, _targets(target), self._now())
        made = self._connect.post(AUTOMATION, "/v1/device_tasks", body)
        row: dict[str, Any] = TaskMadeWire.parse(made, self.title, "a task")["task"]
        return str(row["id"])

    def started(self, action: ActionKind, target: ActionTarget, since: datetime) -> Iterator[str]:
        """Yield the tasks of ours for this action and target that were made since then."""
        pages = self._connect.pages(AUTOMATION, "/v1/device_tasks", TaskPageWire, {"pageSize": 100})
        for page in pages:
            for row in page["rows"] or ():
                if is_ours(row, action, _targets(target), since):
                    yield str(row["id"])

    def progress(self, reference: str) -> ActionProgress:
        """Tell how far a task's runs are, the last one of each device."""
        path = f"/v1/device_tasks/{part(reference)}/runs"
        params = {"listOnlyLastRuns": "true", "pageSize": RUNS_A_PAGE}
        pages = self._connect.pages(AUTOMATION, path, RunPageWire, params)
        return progress_of(row["state"] for page in pages for row in page["rows"] or ())

    def installer(self, workspace_id: str, group_id: str) -> str:
        """Return the address of a Windows installer for the group or the client."""
        group = group_id or _group_of(workspace_id)
        return installers.installer(self._connect, group, self._now)

    # -- customers, licences and usage -----------------------------------------------------------

    def licences(self, workspace_id: str) -> Iterator[Licence]:
        """Yield the licences of a client, or of all; none without MSP Administrator."""
        return self._licensing(self._msp).licences(workspace_id) if self._msp else iter(())

    def usage(self, workspace_id: str, day: date) -> Iterator[UsageLine]:
        """Yield ordered and activated units of a client (or of all) on a day, by product."""
        return self._licensing(self._msp).usage(workspace_id, day) if self._msp else iter(())

    def propose_pairs(self) -> tuple[CustomerPair, ...]:
        """Return which groups and customers that nobody has joined look like one client."""
        if self._msp is None:
            return ()
        pairs, tree = self._pairs(), self._fleet.tree()
        joined = set(pairs.values())
        groups = [Named(n.id, tree.path_of(n.id)) for n in tree.clients() if n.id not in pairs]
        rows = (row for row in self._msp.customers() if row["id"] not in joined)
        return propose_pairs(groups, [Named(row["id"], row["path"]) for row in rows])

    def _licensing(self, msp: Msp) -> Licensing:
        return Licensing(msp, self._pairs())

    def _pairs(self) -> dict[str, str]:
        try:
            return read_pairs(self._link.settings.get(self.pairs_field, ""))
        except ValueError as error:
            raise RuleError(self.pairs_field, str(error)) from None


def _targets(target: ActionTarget) -> dict[str, list[str]]:
    if target.device_id:
        return {"devicesUuids": [target.device_id]}
    return {"deviceGroupsUuids": [_group_of(target.workspace_id)]}


def _group_of(workspace_id: str) -> str:
    """Return the group behind a workspace; RuleError for a customer without one."""
    if not workspace_id or workspace_id.startswith(CUSTOMER):
        raise RuleError("workspace", "this customer has no group in ESET PROTECT yet; join them")
    return workspace_id
