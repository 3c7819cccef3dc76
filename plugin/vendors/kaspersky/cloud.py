"""Kaspersky's cloud: Endpoint Security Cloud (workspaces) and Business Hub (companies).

One adapter, two kinds. It speaks our own contract (cloud.openapi.json), because no interface of
this cloud is published; the address comes from the configuration and is never guessed.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import ClassVar
from urllib.parse import quote

from plugin.domain.contracts import (
    Advice,
    Field,
    FieldKind,
    FindsDetections,
    ReportsLicences,
    ReportsUsage,
    Rung,
    RunsActions,
    Scope,
    Vendor,
    Words,
)
from plugin.domain.errors import AnswerError, EdgeError, MissingError, RuleError
from plugin.domain.model import (
    ActionKind,
    ActionProgress,
    ActionTarget,
    Detection,
    Device,
    Licence,
    Page,
    UsageLine,
    Workspace,
)
from plugin.domain.rights import Right
from plugin.edge.link import Link
from plugin.vendors.kaspersky import cloud_values as values
from plugin.vendors.kaspersky import cloud_wire as wire
from plugin.vendors.kaspersky.cloud_check import Check, advice
from plugin.vendors.kaspersky.cloud_integrations import CloudIntegrations
from plugin.vendors.kaspersky.cloud_rights import rights
from plugin.vendors.kaspersky.cloud_session import CloudSession
from plugin.vendors.kaspersky.cloud_words import CLOUD_TITLE, HUB_TITLE, TASKS

PAGE = 500
"""Items in one answer; an answer is all that is ever in memory."""

LISTING, CHANGES = "listing", "changes"


class _Cloud(
    CloudIntegrations, Vendor, FindsDetections, ReportsLicences, ReportsUsage, RunsActions
):
    """One account at the servers of one environment."""

    tenant_kind: ClassVar[str]
    scope = Scope.WORKSPACE
    environments = True
    submit = "Sign in"
    actions = whole = frozenset(TASKS)
    notice = (
        "Kaspersky publishes no interface for programs to this product. Until Kaspersky grants a "
        "partner interface, this kind of connection works with the sandbox only."
    )
    guide = (
        "Make an account of its own for this program, with a shared mailbox's e-mail address: "
        "all administrators of an integration have equal rights, and a person's may go with them.",
        "Leave two-step verification off for this account and give it a long random password: a "
        "program cannot type the code that the second step asks for.",
        "Make it an administrator of every client that Bridgehead is to serve.",
    )
    fields = (
        Field(
            "user",
            "User name",
            FieldKind.EMAIL,
            help="The e-mail address of the account.",
        ),
        Field("password", "Password", FieldKind.SECRET),
    )
    page_size = PAGE

    def __init__(self, link: Link) -> None:
        """Keep the link; nothing is asked before the first call."""
        self._link = link
        self._session = CloudSession(link, self.title)

    def rungs(self) -> tuple[Rung, ...]:
        """Return the connection check's steps."""
        return Check(self, self._session, self.tenant_kind, self._link.now).rungs()

    def advice(self, rung: str, error: EdgeError) -> Advice | None:
        """Return cause and cure of a failed step."""
        return advice(error, self._link.environment, self.kind)

    def rights(self) -> tuple[Right, ...]:
        """Return the rights that its user needs."""
        return tuple(rights(self, self._session))

    # -- what is there -------------------------------------------------------------------------

    def workspaces(self) -> Iterator[Workspace]:
        """Yield every workspace or company that the account administers."""
        seen: set[str] = set()
        pages = _Walk(self.title)
        page: str | None = None
        while page != "":
            answer = self._session.get("/v1/tenants", limit=self.page_size, page=page)
            part = wire.TenantPageWire.parse(answer, self.title, "workspaces")
            yield from (values.workspace(row) for row in part["items"] if row["id"] not in seen)
            seen.update(row["id"] for row in part["items"])
            page = pages.step(part["next_page"])

    def devices(self, workspace_id: str, cursor: str | None) -> Iterator[Page[Device]]:
        """Yield all devices, or the changes since ``cursor``.

        Every page's cursor can be gone on from. One that is too old gives a listing again.
        """
        kind, place = _read(cursor)
        if kind == CHANGES:
            try:
                yield from self._changes(workspace_id, place[0])
            except MissingError as error:
                if error.code != "change-token-expired":
                    raise
            else:
                return
            place = ()
        yield from self._listing(workspace_id, place, whole=cursor is None)

    def _listing(
        self, workspace_id: str, place: tuple[str, ...], *, whole: bool
    ) -> Iterator[Page[Device]]:
        """Yield every device (from ``place``: a page and a change token), then where changes are.

        Changes count from the first page on, so that what changes meanwhile is not missed.
        """
        page, changes = place if len(place) == 2 else (None, "")
        pages = _Walk(self.title)
        while page != "":
            path = _tenant(workspace_id, "devices")
            part = self._device_page(path, page)
            changes = changes or part["change_token"]
            page = pages.step(part["next_page"])
            rows = tuple(values.device(row, workspace_id) for row in part["items"])
            further = _cursor(LISTING, page, changes) if page else _cursor(CHANGES, changes)
            del part  # what was answered need not be held while a page is being stored
            yield Page(rows, further, complete=whole and not page)

    def _device_page(self, path: str, page: str | None) -> values.Row:
        answer = self._session.get(path, limit=self.page_size, page=page)
        return wire.DevicePageWire.parse(answer, self.title, "devices")

    def _changes(self, workspace_id: str, token: str) -> Iterator[Page[Device]]:
        pages, more = _Walk(self.title), True
        while more:
            path = _tenant(workspace_id, "device-changes")
            answer = self._session.get(path, limit=self.page_size, since=token)
            part = wire.DeviceChangesWire.parse(answer, self.title, "changes of devices")
            token, more = part["change_token"], part["more"]
            if more:
                pages.step(token)
            rows = tuple(values.device(row, workspace_id) for row in part["items"])
            yield Page(rows, _cursor(CHANGES, token), gone=tuple(part["removed"]))

    def detections(
        self, workspace_id: str, cursor: str | None, since: datetime
    ) -> Iterator[Page[Detection]]:
        """Yield events in the order they reached the cloud; one may be older than another."""
        pages, more = _Walk(self.title), True
        start = since.astimezone(UTC).isoformat()
        while more:
            path = _tenant(workspace_id, "events")
            answer = self._session.get(path, limit=self.page_size, after=cursor, since=start)
            part = wire.EventPageWire.parse(answer, self.title, "events")
            cursor, more = part["cursor"], part["more"]
            if more:
                pages.step(cursor)
            found = (values.detection(row, workspace_id) for row in part["items"])
            rows = tuple(each for each in found if each.occurred_at >= since)
            yield Page(rows, cursor, complete=not more)

    # -- licences ------------------------------------------------------------------------------

    def licences(self, workspace_id: str) -> Iterator[Licence]:
        """Yield the keys and subscriptions of a workspace."""
        answer = self._session.get(_tenant(workspace_id, "licences"))
        for row in wire.LicencesWire.parse(answer, self.title, "licences")["items"]:
            yield values.licence(row, workspace_id)

    def usage(self, workspace_id: str, day: date) -> Iterator[UsageLine]:
        """Yield what is in use of active, unexpired commercial keys and subscriptions."""
        answer = self._session.get(_tenant(workspace_id, "usage"), day=day.isoformat())
        rows = wire.UsageWire.parse(answer, self.title, "usage")["items"]
        yield from values.usage(rows, workspace_id, day)

    # -- actions -------------------------------------------------------------------------------

    def start(self, action: ActionKind, target: ActionTarget) -> str:
        """Start a scan or an update; one that is under way on the same target is returned."""
        if action not in TASKS:
            raise RuleError("action", f"{self.title} cannot {action.value.replace('_', ' ')}.")
        body = {"kind": TASKS[action], "tenantId": target.workspace_id}
        if target.device_id:
            body["deviceId"] = target.device_id
        return str(self._task(self._session.send("POST", "/v1/tasks", body).json())["id"])

    def started(self, action: ActionKind, target: ActionTarget, since: datetime) -> Iterator[str]:
        """Yield nothing: a second start returns the task that is under way."""
        return iter(())

    def progress(self, reference: str) -> ActionProgress:
        """Tell how far a scan or an update is."""
        answer = self._session.get(f"/v1/tasks/{quote(reference, safe='')}")
        return values.progress(self._task(answer))

    def _task(self, answer: object) -> values.Row:
        return wire.TaskWire.parse(answer, self.title, "a task")


class KasperskyCloud(_Cloud):
    """Kaspersky Endpoint Security Cloud, whose unit for a client is the workspace."""

    kind = "kaspersky_cloud"
    title = CLOUD_TITLE
    words = Words(product=CLOUD_TITLE, workspace="workspace", computer="device")
    administered_hosts = frozenset({"connectwise_automate"})
    tenant_kind = "workspace"


class KasperskyHub(_Cloud):
    """Kaspersky Business Hub, whose unit for a client is the company."""

    kind = "kaspersky_hub"
    title = HUB_TITLE
    words = Words(product=HUB_TITLE, workspace="company", computer="device")
    tenant_kind = "company"


class _Walk:
    """Goes from page to page, and not in circles."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._been: set[str] = set()

    def step(self, token: str) -> str:
        """Return ``token``; AnswerError when the walk has been there."""
        if token in self._been:
            raise AnswerError(self._who, "leads from page to page in a circle", code="circle")
        self._been.add(token)
        return token


def _tenant(workspace_id: str, what: str) -> str:
    return f"/v1/tenants/{quote(workspace_id, safe='')}/{what}"


def _cursor(kind: str, *place: str) -> str:
    return json.dumps([kind, *place])


def _read(cursor: str | None) -> tuple[str, tuple[str, ...]]:
    """Return what a stored cursor says; one that cannot be read starts a listing."""
    try:
        kind, *place = json.loads(cursor or "[]")
    except (ValueError, TypeError):
        return LISTING, ()
    if kind == CHANGES and len(place) == 1:
        return CHANGES, (str(place[0]),)
    return LISTING, tuple(map(str, place)) if len(place) == 2 else ()
