"""The field an administrator names for the protection state: chosen, looked at, switched on.

What a person has written into it is listed, and overwritten once or left as an administrator says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from plugin.domain.contracts import KeepsExtraFields
from plugin.domain.errors import ConflictError, RuleError
from plugin.domain.host_writing import why_unfit
from plugin.domain.model import ExtraField
from plugin.runtime import Runtime
from plugin.services import host_writing
from plugin.services.host_targets import SURE
from plugin.services.integrations import begin_change
from plugin.services.journal import audit
from plugin.services.lists import Ask, Listing
from plugin.store.base import db, writing
from plugin.store.device_matching import DeviceMatch
from plugin.store.host_writes import HostWrite, StateField, WriteState
from plugin.store.integrations import Integration, WorkspaceLink
from plugin.store.work import Job, JobState


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """A field of the host's computers and why it cannot be used, if so."""

    field: ExtraField
    unfit: str


def field_of(integration: Integration) -> StateField | None:
    """Return the field that was chosen, if one was."""
    return db.session.get(StateField, integration.id)


def choices(runtime: Runtime, integration: Integration) -> Sequence[FieldChoice]:
    """Ask the host for the fields, those that can be used first.

    No interface lists fields, so a matched computer is looked at. RuleError when none is matched;
    EdgeError when the host does not tell.
    """
    host = runtime.host(integration.host)
    if not isinstance(host, KeepsExtraFields):
        raise RuleError("field", f"{host.title} has no field for this")
    query = select(DeviceMatch.computer_id).where(*_matched(integration)).limit(1)
    computer = db.session.scalar(query.order_by(DeviceMatch.device_name))
    if computer is None:
        raise RuleError("field", "no device is matched yet; match devices first")
    db.session.commit()
    found = [FieldChoice(each, why_unfit(each)) for each in host.extra_fields(computer)]
    return sorted(found, key=lambda each: (bool(each.unfit), each.field.title.casefold()))


def choose(
    runtime: Runtime, actor: str, integration: Integration, field_id: str, version: int | None
) -> None:
    """Name the field; writing goes off, and what it would do is looked at anew.

    RuleError when the field cannot be used, or outside production; what stands in another field
    stays there.
    """
    _demand_production(integration)
    chosen = next((e for e in choices(runtime, integration) if e.field.id == field_id), None)
    if chosen is None:
        raise RuleError("field", "choose one of the fields that the host has")
    if chosen.unfit:
        raise RuleError("field", f"{chosen.field.title} cannot be used: {chosen.unfit}")
    with writing() as session:
        begin_change(integration, version)
        row = session.get(StateField, integration.id)
        before = row.title if row else None
        row = row or StateField(integration_id=integration.id)
        row.field_id, row.title = field_id, chosen.field.title[:200]
        row.options = list(chosen.field.options)
        row.asked_at, row.looked_at, row.problem = runtime.now(), None, ""
        session.add(row)
        integration.writes_extra_fields = False
        audit(
            runtime,
            session,
            actor,
            "field.choose",
            integration.name,
            before=before,
            after=row.title,
        )
        host_writing.wish(runtime, session, integration)
    runtime.wake(host_writing.lane_of(integration))


def _demand_production(integration: Integration) -> None:
    if why := host_writing.why_barred(integration):
        raise RuleError("environment", why)


def look_again(runtime: Runtime, actor: str, integration: Integration) -> None:
    """Have every computer's field looked at anew."""
    with writing() as session:
        _chosen(integration).asked_at = runtime.now()
        audit(runtime, session, actor, "field.look", integration.name)
        host_writing.wish(runtime, session, integration)
    runtime.wake(host_writing.lane_of(integration))


def switch(
    runtime: Runtime, actor: str, integration: Integration, *, on: bool, version: int | None
) -> None:
    """Let the protection state be written, or stop it; what was written stays.

    RuleError when nobody could look at what it would do yet, or outside production.
    """
    if on:
        _demand_production(integration)
    with writing() as session:
        begin_change(integration, version)
        if on and _chosen(integration).looked_at is None:
            text = "what it would do is still being looked at; switch it on when that is done"
            raise RuleError("on", text)
        integration.writes_extra_fields = on
        audit(runtime, session, actor, "integration.writes_field", integration.name, after=on)
        if on:
            host_writing.wish(runtime, session, integration)
    runtime.wake(host_writing.lane_of(integration))


def settle(
    runtime: Runtime,
    actor: str,
    integration: Integration,
    computer_id: str,
    shown: str,
    *,
    overwrite: bool,
) -> None:
    """Let a person's value be overwritten once, or leave it.

    ``shown`` is the value that was looked at: ConflictError when another one stands there by now.
    """
    with writing() as session:
        row = session.scalar(
            select(HostWrite).where(*_of(integration), HostWrite.computer_id == computer_id)
        )
        if row is None or row.state not in {WriteState.PERSON, WriteState.LEFT}:
            raise RuleError("computer", "no person's value stands there (any more)")
        if _lines(row.theirs or "") != _lines(shown):
            text = f"another value stands at {row.computer_name} by now; look at it again"
            raise ConflictError("computer", text)
        row.allowed = row.theirs if overwrite else None
        row.state = WriteState.PERSON if overwrite else WriteState.LEFT
        row.decided_by = actor[:254]
        audit(
            runtime,
            session,
            actor,
            "field.overwrite" if overwrite else "field.leave",
            row.computer_name,
            before=row.theirs,
            after=row.wanted if overwrite else row.theirs,
        )
        host_writing.wish(runtime, session, integration)
    runtime.wake(host_writing.lane_of(integration))


def _lines(text: str) -> list[str]:
    """Return a text without the kinds of line ends, which a browser's form changes."""
    return text.splitlines()


def forget(integration: Integration) -> None:
    """Forget the field of a platform that the integration leaves, in the caller's transaction.

    The values that were written there are remembered, for the case that it comes back.
    """
    row = field_of(integration)
    if row is not None:
        db.session.delete(row)


# -- what a person sees --------------------------------------------------------------------------


def is_under_way(integration: Integration) -> bool:
    """Tell whether a pass is being made or about to be."""
    query = select(Job.id).where(
        Job.kind == host_writing.RUN,
        Job.subject == str(integration.id),
        Job.state == JobState.DUE,
    )
    return db.session.scalar(query) is not None


def matched(integration: Integration) -> int:
    """Count the devices that surely are one of the host's computers."""
    query = select(func.count()).select_from(DeviceMatch).where(*_matched(integration))
    return db.session.scalar(query) or 0


def counts(integration: Integration) -> dict[str, int]:
    """Count the computers by what is known of their field."""
    query = select(HostWrite.state, func.count()).where(*_of(integration))
    found: dict[str, int] = dict(db.session.execute(query.group_by(HostWrite.state)).all())
    return {each.value: found.get(each.value, 0) for each in WriteState}


def listed(integration: Integration, asked: Ask, state: str) -> Listing[HostWrite]:
    """Return a page of the computers whose field is in ``state``, the last written first."""
    query = select(HostWrite).where(*_of(integration), HostWrite.state == state)
    if asked.q:
        name = HostWrite.computer_name.icontains(asked.q, autoescape=True)
        query = query.where(name | HostWrite.device_name.icontains(asked.q, autoescape=True))
    total = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(
        HostWrite.written_at.desc().nulls_last(), HostWrite.computer_name, HostWrite.id
    )
    rows = db.session.scalars(ordered.offset(asked.offset).limit(asked.page_size)).all()
    return Listing(tuple(rows), total, asked.page, asked.page_size)


def _chosen(integration: Integration) -> StateField:
    found = field_of(integration)
    if found is None:
        raise RuleError("field", "choose the field first")
    return found


def _of(integration: Integration) -> tuple[Any, ...]:
    """Return the conditions of the rows of the field as it is chosen now."""
    chosen = select(StateField.field_id).where(StateField.integration_id == integration.id)
    return (
        HostWrite.integration_id == integration.id,
        HostWrite.host_id == integration.host_id,
        HostWrite.field_id == chosen.scalar_subquery(),
    )


def _matched(integration: Integration) -> tuple[Any, ...]:
    served = select(WorkspaceLink.workspace_id).where(
        WorkspaceLink.integration_id == integration.id
    )
    return (
        DeviceMatch.host_id == integration.host_id,
        DeviceMatch.vendor_id == integration.vendor_id,
        DeviceMatch.workspace_id.in_(served),
        DeviceMatch.state.in_(SURE),
    )
