"""The guided set-up: one step after the other, left and taken up again at any time.

What is done is read from what exists; kept apart is only what has no other place yet: workspaces
and administrators that wait for the host connection, and which steps a person has passed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select

from plugin.domain.contracts import ManagesAdministrators
from plugin.domain.errors import RuleError
from plugin.domain.integrations import Line, read_administrators
from plugin.runtime import Runtime
from plugin.services import administrators, connections, integrations, lists
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.integrations import (
    Connection,
    ConnectionState,
    Integration,
    Preference,
    Side,
)
from plugin.store.mirror import WorkspaceRow
from plugin.store.work import SyncRun

PREFERENCE = "guided-setup"


class Step(StrEnum):
    """The steps, in their order."""

    ENVIRONMENT = "environment"
    VENDOR = "vendor"
    WORKSPACES = "workspaces"
    ADMINISTRATORS = "administrators"
    HOST = "host"
    MAPPING = "mapping"
    DRY_RUN = "dry-run"


@dataclass(frozen=True, slots=True)
class Draft:
    """What was chosen so far; ``passed`` are steps a person went on from by a button."""

    vendor_id: int = 0
    workspaces: tuple[str, ...] = ()
    administrators: tuple[tuple[str, str], ...] = ()
    integration_id: int = 0
    passed: tuple[str, ...] = ()
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """One step as it stands: ``told`` says in a few words what was chosen."""

    step: Step
    done: bool
    told: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """The whole set-up as it stands."""

    draft: Draft
    steps: tuple[Standing, ...]
    vendor: Connection | None = None
    integration: Integration | None = None

    @property
    def current(self) -> Step | None:
        """The first step that is not done."""
        return next((each.step for each in self.steps if not each.done), None)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would be written if everything were switched on now; nothing was written."""

    workspaces: int
    mapped: int
    devices: int
    tickets: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    runs_living: int = 0


# -- how it stands -----------------------------------------------------------------------------


def is_under_way() -> bool:
    """Tell whether somebody has begun and not finished."""
    row = db.session.get(Preference, PREFERENCE)
    return row is not None and not row.value.get("finished")


def look(runtime: Runtime) -> Setup:
    """Return how the set-up stands now."""
    draft = _draft(runtime)
    vendor = _living(runtime, draft.vendor_id)
    integration = _living_integration(draft.integration_id)
    if integration is not None:
        vendor = integration.vendor
    return Setup(draft, tuple(_steps(runtime, draft, vendor, integration)), vendor, integration)


def _steps(
    runtime: Runtime, draft: Draft, vendor: Connection | None, integration: Integration | None
) -> Iterable[Standing]:
    effective = runtime.environment()
    yield Standing(Step.ENVIRONMENT, Step.ENVIRONMENT in draft.passed, effective.value.value)
    works = vendor is not None and vendor.state == ConnectionState.WORKING
    yield Standing(Step.VENDOR, works, vendor.name if vendor else "")
    chosen = len(integration.links) if integration else len(draft.workspaces)
    yield Standing(Step.WORKSPACES, works and chosen > 0, f"{chosen} chosen" if chosen else "")
    if vendor is not None and manages_administrators(runtime, vendor):
        people = len(integration.administrators) if integration else len(draft.administrators)
        yield Standing(Step.ADMINISTRATORS, people > 0, f"{people} added" if people else "")
    joined = integration is not None
    yield Standing(Step.HOST, joined, integration.host.name if integration else "")
    yield Standing(Step.MAPPING, joined and _is_mapped(draft, integration), _mapped(integration))
    yield Standing(Step.DRY_RUN, joined and draft.finished)


def _is_mapped(draft: Draft, integration: Integration | None) -> bool:
    found = _coverage(integration)
    return Step.MAPPING in draft.passed or 0 < found.workspaces <= found.mapped


def _mapped(integration: Integration | None) -> str:
    found = _coverage(integration)
    return f"{found.mapped} of {found.workspaces} mapped" if integration else ""


def _coverage(integration: Integration | None) -> lists.Coverage:
    nothing = lists.Coverage(0, 0)
    return lists.coverage([integration.id]).get(integration.id, nothing) if integration else nothing


def manages_administrators(runtime: Runtime, vendor: Connection) -> bool:
    """Tell whether this vendor has integration administrators."""
    return issubclass(runtime.adapter_class(vendor.kind), ManagesAdministrators)


def _draft(runtime: Runtime) -> Draft:
    row = db.session.get(Preference, PREFERENCE)
    if row is None:
        return _found(runtime)
    kept: dict[str, Any] = dict(row.value)
    return Draft(
        vendor_id=kept.get("vendor_id", 0),
        workspaces=tuple(kept.get("workspaces", ())),
        administrators=tuple((email, alias) for email, alias in kept.get("administrators", ())),
        integration_id=kept.get("integration_id", 0),
        passed=tuple(kept.get("passed", ())),
        finished=kept.get("finished", False),
    )


def _found(runtime: Runtime) -> Draft:
    """Return the draft of somebody who never began: the first integration made by other ways."""
    ids = [each.id for each in connections.living(runtime)]
    query = select(Integration).where(
        Integration.deleted_at.is_(None),
        Integration.host_id.in_(ids),
        Integration.vendor_id.in_(ids),
    )
    first = db.session.scalars(query.order_by(Integration.id).limit(1)).unique().first()
    if first is None:
        return Draft()
    return Draft(first.vendor_id, integration_id=first.id, passed=(Step.ENVIRONMENT.value,))


def _living(runtime: Runtime, connection_id: int) -> Connection | None:
    found = connections.living(runtime)
    return next((each for each in found if each.id == connection_id), None)


def _living_integration(integration_id: int) -> Integration | None:
    found = db.session.get(Integration, integration_id) if integration_id else None
    return found if found is not None and found.deleted_at is None else None


# -- going on ----------------------------------------------------------------------------------


def _keep(runtime: Runtime, actor: str, step: str, **changes: Any) -> Draft:
    with writing() as session:
        draft = replace(_draft(runtime), **changes)
        row = session.get(Preference, PREFERENCE) or Preference(name=PREFERENCE)
        session.add(row)
        row.value = asdict(draft)
        row.changed_by, row.changed_at = actor, runtime.now()
        session.flush()
        audit(runtime, session, actor, "setup.step", step, after=asdict(draft))
    return draft


def begin(runtime: Runtime, actor: str, *, anew: bool = False) -> None:
    """Begin the set-up, or go on with the one that is under way unless ``anew``."""
    if anew or not is_under_way():
        fresh = asdict(Draft())
        _keep(runtime, actor, "begin", **fresh)


def go_on(runtime: Runtime, actor: str, step: Step) -> None:
    """Pass a step that a person only looks at; the last one finishes the set-up."""
    setup = look(runtime)
    if step in {Step.MAPPING, Step.DRY_RUN} and setup.integration is None:
        raise RuleError("step", "Connect the host first.")
    if step is Step.DRY_RUN:
        _keep(runtime, actor, step, finished=True)
    elif step in {Step.ENVIRONMENT, Step.MAPPING}:
        passed = tuple(dict.fromkeys((*setup.draft.passed, step.value)))
        _keep(runtime, actor, step, passed=passed)
    else:
        raise RuleError("step", "This step asks for a choice.")


def choose_vendor(runtime: Runtime, actor: str, connection_id: int) -> None:
    """Take a vendor connection that works."""
    vendor = _living(runtime, connection_id)
    if vendor is None or vendor.side != Side.VENDOR:
        raise RuleError("vendor", "Choose a vendor connection.")
    if vendor.state != ConnectionState.WORKING:
        raise RuleError("vendor", f"The check of {vendor.name} has not gone through yet.")
    draft = _draft(runtime)
    other = draft.vendor_id != connection_id
    reset = asdict(Draft(passed=draft.passed)) if other else {}
    _keep(runtime, actor, Step.VENDOR, **{**reset, "vendor_id": connection_id})


def workspaces(setup: Setup) -> list[WorkspaceRow]:
    """Return the vendor's workspaces by name."""
    if setup.vendor is None:
        return []
    mine = (WorkspaceRow.vendor_id == setup.vendor.id, WorkspaceRow.gone_at.is_(None))
    query = select(WorkspaceRow).where(*mine).order_by(WorkspaceRow.name, WorkspaceRow.id)
    return list(db.session.scalars(query))


def choose_workspaces(runtime: Runtime, actor: str, chosen: Iterable[str]) -> None:
    """Keep which workspaces the integration is to serve; nothing is fetched before it exists."""
    setup = look(runtime)
    known = {row.workspace_id for row in workspaces(setup)}
    wanted = sorted(set(chosen) & known)
    if not wanted:
        raise RuleError("workspaces", "Choose at least one.")
    if setup.integration is not None:
        integrations.choose_workspaces(runtime, actor, setup.integration, wanted)
    _keep(runtime, actor, Step.WORKSPACES, workspaces=tuple(wanted))


def choose_administrators(runtime: Runtime, actor: str, text: str) -> list[Line]:
    """Keep the integration administrators, one ``email;alias`` per line.

    Returns the lines as read; with a fault in any of them nothing is kept. EdgeError when the
    vendor cannot be asked who is registered there.
    """
    setup = look(runtime)
    if setup.vendor is None:
        raise RuleError("administrators", "Sign in to the vendor first.")
    vendor = runtime.vendor(setup.vendor)
    db.session.commit()
    if not isinstance(vendor, ManagesAdministrators):
        raise RuleError("administrators", "This vendor has no integration administrators.")
    lines = read_administrators(text, vendor.known)
    if not lines:
        raise RuleError("administrators", "Add at least one integration administrator.")
    read = [each.administrator for each in lines if each.administrator is not None]
    if len(read) == len(lines):
        pairs = tuple((each.email, each.alias) for each in read)
        draft = _keep(runtime, actor, Step.ADMINISTRATORS, administrators=pairs)
        if setup.integration is not None:
            _add_administrators(runtime, actor, setup.integration, draft)
    return lines


def choose_host(runtime: Runtime, actor: str, connection_id: int) -> Integration:
    """Take a host connection and make the integration, with what was chosen before.

    RuleError on ``workspaces`` when another integration of this platform has one of them: then
    the integration stays as a draft without any; on ``administrators`` when the vendor knows one
    of them no longer: then that step asks again.
    """
    setup, host = look(runtime), _living(runtime, connection_id)
    if host is None or host.side != Side.HOST:
        raise RuleError("host", "Choose a host connection.")
    if host.state != ConnectionState.WORKING:
        raise RuleError("host", f"The check of {host.name} has not gone through yet.")
    if setup.vendor is None or not setup.draft.workspaces:
        raise RuleError("host", "Choose the vendor and its workspaces first.")
    if setup.integration is not None:
        raise RuleError("host", f"{setup.integration.host.name} is connected already.")
    name = integrations.default_name(runtime, host)
    made = integrations.create(runtime, actor, host, setup.vendor, name)
    _keep(runtime, actor, Step.HOST, integration_id=made.id)
    integrations.choose_workspaces(runtime, actor, made, setup.draft.workspaces)
    _add_administrators(runtime, actor, made, setup.draft)
    return made


def _add_administrators(runtime: Runtime, actor: str, made: Integration, draft: Draft) -> None:
    """Add who was chosen; the vendor is asked once more, since days may lie between."""
    if draft.administrators:
        lines = "\n".join(f"{email};{alias}" for email, alias in draft.administrators)
        administrators.add(runtime, actor, made, lines)


def dry_run(runtime: Runtime, integration: Integration) -> DryRun:
    """Count what would be written if every rule were on; nothing is written anywhere."""
    found, preview = _coverage(integration), lists.ticket_preview(runtime, integration, all_on=True)
    ids = [link.workspace_id for link in integration.links]
    devices = select(func.coalesce(func.sum(WorkspaceRow.devices), 0)).where(
        WorkspaceRow.vendor_id == integration.vendor_id, WorkspaceRow.workspace_id.in_(ids)
    )
    sides = SyncRun.connection_id.in_([integration.host_id, integration.vendor_id])
    living = select(func.count(SyncRun.id)).where(sides, SyncRun.living.is_not(None))
    return DryRun(
        workspaces=found.workspaces,
        mapped=found.mapped,
        devices=int(db.session.scalar(devices) or 0),
        tickets=preview.made,
        reasons=preview.reasons,
        runs_living=int(db.session.scalar(living) or 0),
    )
